/* to_thread.c: a function on another thread, awaited. */
#include "core/alloc.h"
#include "task/loop.h"

struct work {
    struct rnli_job job;
    struct rnl_allocator allocator; /* the default one: it is freed in any thread */
    struct rnli_waitlist waiting;
    rnl_task_fn *fn;
    void *arg;
    void (*free_arg)(void *arg);
    int result;
};

static void do_work(struct rnli_job *job)
{
    struct work *w = RNLI_CONTAINER(job, struct work, job);

    w->result = w->fn(w->arg);
}

static void work_done(struct rnli_job *job)
{
    rnli_wake_all(&RNLI_CONTAINER(job, struct work, job)->waiting, RNL_OK);
}

static void free_work(struct work *w)
{
    struct rnl_allocator a = w->allocator;

    rnli_free(&a, w, sizeof *w);
}

static void dispose(struct rnli_job *job)
{
    struct work *w = RNLI_CONTAINER(job, struct work, job);

    if (w->free_arg)
        w->free_arg(w->arg);
    free_work(w);
}

/* Without a way to free the argument the caller's memory is in use until the work
 * ends: a cancel is noted, and answered then. Between a cancel and the task's turn the
 * work may have ended, and woken nobody. */
static int await_work(struct work *w)
{
    bool cancelled = false;
    int code = RNL_OK;

    while (!code && !w->job.finished) {
        code = rnli_wait(&w->waiting, "to_thread");
        if (code == RNL_ECANCELED && !w->free_arg) {
            cancelled = true;
            code = RNL_OK;
        }
    }
    return cancelled && code == RNL_OK ? RNL_ECANCELED : code;
}

static struct work *new_work(rnl_task_fn *fn, void *arg, void (*free_arg)(void *arg))
{
    const struct rnl_allocator *a = rnli_default_allocator();
    struct work *w = rnli_zalloc(a, sizeof *w);

    if (!w)
        return NULL;
    w->job.share = RNLI_SHARE_WORK;
    w->job.work = do_work;
    w->job.done = work_done;
    w->job.dispose = dispose;
    w->allocator = *a;
    w->fn = fn;
    w->arg = arg;
    w->free_arg = free_arg;
    rnli_waitlist_init(&w->waiting);
    return w;
}

int rnl_to_thread(rnl_task_fn *fn, void *arg, void (*free_arg)(void *arg), int *result)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct work *w;
    int code = fn ? rnli_checkpoint_keeping_cancel() : RNL_EINVAL;

    if (code)
        return code;
    w = new_work(fn, arg, free_arg);
    if (!w)
        return RNL_ENOMEM;
    code = rnli_job_start(loop, &w->job);
    if (code) {
        free_work(w);
        return code;
    }
    code = await_work(w);
    if (code == RNL_ECANCELED && free_arg) {
        rnli_job_orphan(loop, &w->job);
        return code;
    }
    if (result)
        *result = w->result;
    free_work(w);
    return code;
}
