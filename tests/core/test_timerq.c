/* The timer queue: order, cost, memory. */
#include "core/timerq.h"
#include "core/fake_alloc.h"
#include "support/suite.h"

#define MANY 4096

static struct fake_alloc fake;
static struct rnli_timerq q;
static struct rnli_timer timers[MANY];
static uint32_t dice;

static void begin(void)
{
    struct rnl_allocator a = fake_allocator(&fake);

    rnli_timerq_init(&q, &a);
    memset(timers, 0, sizeof timers);
    dice = 1;
}

static void end(void)
{
    CU_ASSERT(rnli_timerq_check(&q));
    rnli_timerq_destroy(&q);
    CU_ASSERT_EQUAL(fake.live, 0);
    CU_ASSERT_EQUAL(fake.wrong, 0);
}

static uint32_t roll(uint32_t sides)
{
    dice = dice * 1664525 + 1013904223;
    return (dice >> 8) % sides;
}

static void empty(void)
{
    begin();
    CU_ASSERT_PTR_NULL(rnli_timerq_first(&q));
    CU_ASSERT_PTR_NULL(rnli_timerq_due(&q, INT64_MAX));
    rnli_timerq_remove(&q, &timers[0]);
    CU_ASSERT_EQUAL(fake.calls, 0);
    end();
}

static void due_at_its_time(void)
{
    begin();
    CU_ASSERT_EQUAL(rnli_timerq_push(&q, &timers[0], 100), RNL_OK);
    CU_ASSERT_PTR_NULL(rnli_timerq_due(&q, 99));
    CU_ASSERT_PTR_EQUAL(rnli_timerq_first(&q), &timers[0]);
    CU_ASSERT_PTR_EQUAL(rnli_timerq_due(&q, 100), &timers[0]);
    CU_ASSERT_EQUAL(timers[0].index, 0);
    CU_ASSERT_PTR_NULL(rnli_timerq_due(&q, 100));
    end();
}

static void times_of_any_sign(void)
{
    static const int64_t when[] = {INT64_MAX, 0, INT64_MIN, -1, 1};
    static const int order[] = {2, 3, 1, 4, 0};

    begin();
    for (int i = 0; i < 5; i++)
        rnli_timerq_push(&q, &timers[i], when[i]);
    for (int i = 0; i < 5; i++)
        CU_ASSERT_PTR_EQUAL(rnli_timerq_due(&q, INT64_MAX), &timers[order[i]]);
    end();
}

/* Few different times, many timers, some removed: what is left comes out by
 * time, then by the order of pushing. */
static void equal_times_in_order(void)
{
    const struct rnli_timer *before = NULL;
    struct rnli_timer *t;
    size_t left = MANY;

    begin();
    for (size_t i = 0; i < MANY; i++)
        CU_ASSERT_EQUAL(rnli_timerq_push(&q, &timers[i], roll(7)), RNL_OK);
    for (size_t i = 0; i < MANY; i++) {
        if (roll(3) == 0) {
            rnli_timerq_remove(&q, &timers[i]);
            left--;
        }
    }
    CU_ASSERT(rnli_timerq_check(&q));
    while ((t = rnli_timerq_due(&q, 6)) != NULL) {
        if (before)
            CU_ASSERT(before->when_ns < t->when_ns ||
                      (before->when_ns == t->when_ns && before < t));
        before = t;
        left--;
    }
    CU_ASSERT_EQUAL(left, 0);
    end();
}

static void any_order_of_calls(void)
{
    begin();
    for (int step = 0; step < 40000; step++) {
        struct rnli_timer *t = &timers[roll(200)];

        if (t->index)
            rnli_timerq_remove(&q, t);
        else
            CU_ASSERT_EQUAL(rnli_timerq_push(&q, t, roll(50)), RNL_OK);
        if (step % 16 == 0)
            CU_ASSERT(rnli_timerq_check(&q));
        if (t->index)
            CU_ASSERT(rnli_timerq_first(&q)->when_ns <= t->when_ns);
    }
    end();
}

/* A server that sets a time limit on each read and removes it, a million times,
 * while others stay: nothing piles up, and nothing is allocated. */
static void a_million_cancelled(void)
{
    size_t baseline, calls;
    bool good = true;

    begin();
    for (size_t i = 0; i < 10; i++)
        rnli_timerq_push(&q, &timers[i], (int64_t)i);
    baseline = fake.bytes;
    calls = fake.calls;
    for (int i = 0; i < 1000000; i++) {
        good &= rnli_timerq_push(&q, &timers[11], i) == RNL_OK;
        rnli_timerq_remove(&q, &timers[11]);
    }
    CU_ASSERT(good);
    CU_ASSERT_EQUAL(fake.calls, calls);
    for (size_t i = 10; i < MANY; i++)
        rnli_timerq_push(&q, &timers[i], roll(1000));
    CU_ASSERT(fake.bytes > baseline);
    for (size_t i = 10; i < MANY; i++)
        rnli_timerq_remove(&q, &timers[i]);
    CU_ASSERT(fake.bytes <= 2 * baseline);
    end();
}

/* How many places a removal touches: the timers whose index changed. */
static size_t moved_by_removing(struct rnli_timer *victim)
{
    static size_t was[MANY];
    size_t moved = 0;

    for (size_t i = 0; i < MANY; i++)
        was[i] = timers[i].index;
    rnli_timerq_remove(&q, victim);
    for (size_t i = 0; i < MANY; i++)
        moved += was[i] != timers[i].index;
    return moved;
}

static void the_work_is_logarithmic(void)
{
    begin();
    for (size_t i = 0; i < MANY; i++)
        rnli_timerq_push(&q, &timers[i], roll(1000000));
    for (size_t i = 0; i < 200; i++)
        CU_ASSERT(moved_by_removing(&timers[i * 7]) <= 14);
    CU_ASSERT(moved_by_removing(rnli_timerq_first(&q)) <= 14);
    end();
}

static void no_memory(void)
{
    begin();
    fake.fail_from = 1;
    CU_ASSERT_EQUAL(rnli_timerq_push(&q, &timers[0], 1), RNL_ENOMEM);
    CU_ASSERT_EQUAL(timers[0].index, 0);
    fake.fail_from = 0;
    for (size_t i = 0; i < 16; i++)
        CU_ASSERT_EQUAL(rnli_timerq_push(&q, &timers[i], (int64_t)i), RNL_OK);
    fake.fail_from = fake.calls + 1;
    CU_ASSERT_EQUAL(rnli_timerq_push(&q, &timers[16], 0), RNL_ENOMEM);
    CU_ASSERT_EQUAL(q.count, 16);
    CU_ASSERT_PTR_EQUAL(rnli_timerq_first(&q), &timers[0]);
    end();
}

static void a_failed_shrinking_is_no_error(void)
{
    begin();
    for (size_t i = 0; i < 1000; i++)
        rnli_timerq_push(&q, &timers[i], (int64_t)i);
    fake.fail_from = fake.calls + 1;
    for (size_t i = 0; i < 999; i++)
        CU_ASSERT_PTR_EQUAL(rnli_timerq_due(&q, 1000), &timers[i]);
    CU_ASSERT_PTR_EQUAL(rnli_timerq_first(&q), &timers[999]);
    end();
}

/* A queue that says it is this large already: the sizes must not wrap. */
static void growth_cannot_wrap(void)
{
    struct rnli_timerq full;

    begin();
    full = q;
    full.count = full.capacity = SIZE_MAX / sizeof(void *);
    CU_ASSERT_EQUAL(rnli_timerq_push(&full, &timers[0], 1), RNL_ENOMEM);
    full.count = full.capacity = SIZE_MAX / 2 + 1;
    CU_ASSERT_EQUAL(rnli_timerq_push(&full, &timers[0], 1), RNL_ENOMEM);
    CU_ASSERT_EQUAL(fake.calls, 0);
    CU_ASSERT_EQUAL(timers[0].index, 0);
    end();
}

static void destroying_lets_timers_go(void)
{
    begin();
    rnli_timerq_push(&q, &timers[0], 1);
    rnli_timerq_push(&q, &timers[1], 1);
    rnli_timerq_destroy(&q);
    CU_ASSERT_EQUAL(timers[0].index, 0);
    CU_ASSERT_EQUAL(timers[1].index, 0);
    rnli_timerq_remove(&q, &timers[0]);
    end();
}

static void time_after_saturates(void)
{
    CU_ASSERT_EQUAL(rnli_time_after(100, 5), 105);
    CU_ASSERT_EQUAL(rnli_time_after(100, 0), 100);
    CU_ASSERT_EQUAL(rnli_time_after(100, -5), 100);
    CU_ASSERT_EQUAL(rnli_time_after(100, INT64_MIN), 100);
    CU_ASSERT_EQUAL(rnli_time_after(0, INT64_MAX), INT64_MAX);
    CU_ASSERT_EQUAL(rnli_time_after(1, INT64_MAX), INT64_MAX);
    CU_ASSERT_EQUAL(rnli_time_after(INT64_MAX, 1), INT64_MAX);
    CU_ASSERT_EQUAL(rnli_time_after(INT64_MAX - 5, 5), INT64_MAX);
    CU_ASSERT_EQUAL(rnli_time_after(INT64_MAX - 5, 4), INT64_MAX - 1);
    CU_ASSERT_EQUAL(rnli_time_after(INT64_MIN, INT64_MAX), -1);
    CU_ASSERT_EQUAL(rnli_time_after(-7, 5), -2);
}

/* The checker of the invariants must see what is wrong, or it proves nothing. */
static void the_checker_sees(void)
{
    begin();
    for (size_t i = 0; i < 10; i++)
        rnli_timerq_push(&q, &timers[i], (int64_t)i);
    CU_ASSERT_TRUE(rnli_timerq_check(&q));
    timers[3].index++;
    CU_ASSERT_FALSE(rnli_timerq_check(&q));
    timers[3].index--;
    timers[9].when_ns = -1;
    CU_ASSERT_FALSE(rnli_timerq_check(&q));
    timers[9].when_ns = 9;
    timers[2].seq = 10;
    CU_ASSERT_FALSE(rnli_timerq_check(&q));
    timers[2].seq = 2;
    q.capacity = 9;
    CU_ASSERT_FALSE(rnli_timerq_check(&q));
    q.capacity = 16;
    end();
}

SUITE("core.timerq",
      {"an empty queue", empty},
      {"due at its time, not before", due_at_its_time},
      {"times of any sign", times_of_any_sign},
      {"K7 equal times come out in order", equal_times_in_order},
      {"any order of calls", any_order_of_calls},
      {"K5 a million timers cancelled", a_million_cancelled},
      {"K5 the work is logarithmic", the_work_is_logarithmic},
      {"M1 no memory", no_memory},
      {"M1 a failed shrinking is no error", a_failed_shrinking_is_no_error},
      {"M3 growth cannot wrap", growth_cannot_wrap},
      {"destroying lets timers go", destroying_lets_timers_go},
      {"K1 time after saturates", time_after_saturates},
      {"the checker sees what is wrong", the_checker_sees})
