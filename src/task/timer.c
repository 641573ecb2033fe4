/* timer.c: sleeping, and calls at a time. */
#include "core/alloc.h"
#include "task/loop.h"
#include "task/misuse.h"

/* What rnl_call_later hands out. It is freed when both the program has given it
 * up and it has happened. */
struct rnl_timer {
    struct rnli_timer timer;
    struct rnli_list node; /* in the loop's later calls */
    struct rnl_loop *loop;
    rnl_callback_fn *fn;
    void *arg;
    unsigned place;        /* the caller's */
    bool held;             /* the program has a handle */
    bool waiting;
};

int rnli_timer_start(struct rnl_loop *loop, struct rnli_timer *timer, int64_t delay_ns)
{
    return rnli_timerq_push(&loop->timers, timer,
                            rnli_time_after(loop->face.ops->now(loop->face.backend), delay_ns));
}

void rnli_timer_stop(struct rnl_loop *loop, struct rnli_timer *timer)
{
    rnli_timerq_remove(&loop->timers, timer);
}

int rnl_sleep(int64_t ns)
{
    struct rnli_waitlist nobody;
    int code;

    if (ns <= 0)
        return rnl_yield();
    rnli_waitlist_init(&nobody);
    code = rnli_wait_until(&nobody, rnli_time_after(rnl_now(), ns), "sleep");
    return code == RNL_ETIMEDOUT ? RNL_OK : code;
}

static void free_timer(struct rnl_timer *t)
{
    rnli_list_remove(&t->node);
    rnli_free(&t->loop->face.allocator, t, sizeof *t);
}

static void fire(struct rnli_timer *timer)
{
    struct rnl_timer *t = RNLI_CONTAINER(timer, struct rnl_timer, timer);
    rnl_callback_fn *fn = t->fn;
    void *arg = t->arg;

    t->waiting = false;
    rnli_enter(t->loop, RNL_STEP_CALL, t->place, NULL);
    if (!t->held)
        free_timer(t);
    fn(arg);
}

int rnl_call_later(struct rnl_timer **out, int64_t ns, rnl_callback_fn *fn, void *arg)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_timer *t;
    int code;

    if (!loop || !fn)
        return RNL_EINVAL;
    if (loop->ended)
        return RNL_ECLOSED;
    t = rnli_zalloc(&loop->face.allocator, sizeof *t);
    if (!t)
        return RNL_ENOMEM;
    t->timer.fire = fire;
    t->loop = loop;
    t->fn = fn;
    t->arg = arg;
    t->place = loop->face.place;
    t->held = out != NULL;
    t->waiting = true;
    rnli_list_init(&t->node);
    code = rnli_timer_start(loop, &t->timer, ns);
    if (code) {
        free_timer(t);
        return code;
    }
    rnli_list_push(&loop->laters, &t->node);
    if (out)
        *out = t;
    return RNL_OK;
}

void rnl_timer_free(struct rnl_timer *timer)
{
    if (!timer)
        return;
    RNLI_CHECK(timer, true, timer->loop);
    rnli_timer_stop(timer->loop, &timer->timer);
    free_timer(timer);
}

/* Handles that the program kept are dead with the loop. */
void rnli_timers_free(struct rnl_loop *loop)
{
    while (!rnli_list_empty(&loop->laters))
        rnl_timer_free(RNLI_CONTAINER(loop->laters.next, struct rnl_timer, node));
}
