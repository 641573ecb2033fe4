/* timerq.c: any sequence of calls on the timer queue, against a list that is
 * searched from end to end. */
#include "fuzz.h"

#include <string.h>

#include "core/timerq.h"

#define TIMERS 64

static struct rnli_timerq queue;
static struct rnli_timer timers[TIMERS];

static struct {
    int64_t when;
    unsigned pushed; /* the number of the push */
} model[TIMERS];

static unsigned char list[TIMERS]; /* of the timers that are queued, in no order */
static unsigned pushes, count;
static int first; /* the one that must come next, or -1 */

static void find_first(void)
{
    first = -1;
    for (unsigned k = 0; k < count; k++) {
        int i = list[k];

        if (first < 0 || model[i].when < model[first].when ||
            (model[i].when == model[first].when && model[i].pushed < model[first].pushed))
            first = i;
    }
}

static void take_out(int i)
{
    for (unsigned k = 0; k < count; k++) {
        if (list[k] == i) {
            list[k] = list[--count];
            return;
        }
    }
}

/* Small numbers, with the ends of the range among them. */
static int64_t moment(struct input *in)
{
    unsigned b = input_byte(in);

    if (b == 255)
        return INT64_MAX;
    if (b == 254)
        return INT64_MIN;
    return (int64_t)b - 8;
}

static void do_push(int i, int64_t when)
{
    size_t failed = fuzz_memory.failed;
    int rc;

    if (memchr(list, i, count))
        return;
    rc = rnli_timerq_push(&queue, &timers[i], when);
    CHECK(rc == (fuzz_memory.failed > failed ? RNL_ENOMEM : RNL_OK));
    if (rc)
        return;
    model[i].when = when;
    model[i].pushed = pushes++;
    list[count++] = (unsigned char)i;
}

static void do_remove(int i)
{
    rnli_timerq_remove(&queue, &timers[i]);
    take_out(i);
}

static void do_due(int64_t now)
{
    struct rnli_timer *got = rnli_timerq_due(&queue, now);

    if (first < 0 || model[first].when > now) {
        CHECK(!got);
        return;
    }
    CHECK(got == &timers[first]);
    take_out(first);
}

static void do_time(struct input *in)
{
    int64_t now = moment(in), delay = moment(in), sum = rnli_time_after(now, delay);

    CHECK(sum >= now);
    if (delay <= 0)
        CHECK(sum == now);
    else if (now <= INT64_MAX - delay)
        CHECK(sum == now + delay);
    else
        CHECK(sum == INT64_MAX);
}

/* `before`: each timer's place in the heap before the step. At most two paths of the
 * heap may differ. */
static void check_places(const size_t *before)
{
    size_t moved = 0, queued = 0;

    for (int i = 0; i < TIMERS; i++) {
        moved += before[i] != timers[i].index;
        queued += timers[i].index > 0;
    }
    CHECK(moved <= 8); /* log2 of 64, and the ends */
    CHECK(queued == count);
    for (unsigned k = 0; k < count; k++)
        CHECK(timers[list[k]].index > 0);
}

static void check(const size_t *before)
{
    find_first();
    CHECK(rnli_timerq_check(&queue));
    CHECK(queue.count == count);
    CHECK(rnli_timerq_first(&queue) == (first < 0 ? NULL : &timers[first]));
    check_places(before);
    /* Mostly empty, it shrinks, unless it was refused the smaller block. */
    CHECK(queue.capacity <= 16 || queue.capacity < count * 4 || fuzz_memory.failed > 0);
}

static void step(struct input *in)
{
    unsigned op = input_byte(in), arg = input_byte(in);
    size_t before[TIMERS];

    for (int i = 0; i < TIMERS; i++)
        before[i] = timers[i].index;
    switch (op % 5) {
    case 0:
        do_push((int)(arg % TIMERS), moment(in));
        break;
    case 1:
        do_remove((int)(arg % TIMERS));
        break;
    case 2:
        do_due(moment(in));
        break;
    case 3:
        fuzz_memory.fail_in = arg % 4;
        break;
    case 4:
        do_time(in);
        break;
    }
    check(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};

    fuzz_memory_reset();
    for (int i = 0; i < TIMERS; i++)
        timers[i].index = 0;
    pushes = count = 0;
    first = -1;
    rnli_timerq_init(&queue, fuzz_allocator());
    while (input_left(&in))
        step(&in);
    rnli_timerq_destroy(&queue);
    CHECK(fuzz_memory.live == 0);
    return 0;
}
