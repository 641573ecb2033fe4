/* tsan_posix.c: switches as ThreadSanitizer is to see them, also behind a fork.
 *
 * Where a task forks, TSan has the child's one fiber ignored from then on, so its
 * switches no longer order anything, and the fiber that is switched to is told of
 * races with it. That one is to be ignored too.
 *
 * TSan keeps the handler of a signal for the fiber that it came on, until that fiber
 * makes a call that TSan knows. One that is left would sleep with it, and one that
 * ends would take it along; so none comes while fibers change. */
#include "backend/sys.h"

#include "task/sanitize.h"

#ifdef RNLI_TSAN

void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);

static _Thread_local sigset_t mask; /* of the thread, while no signal comes */

static void hold_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
}

static void let_signals(void)
{
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

int rnli_tsan_home(void)
{
    return getpid();
}

void *rnli_tsan_create(void)
{
    void *fiber;

    hold_signals();
    fiber = __tsan_create_fiber(0);
    let_signals();
    return fiber;
}

void rnli_tsan_destroy(void *fiber)
{
    hold_signals();
    __tsan_destroy_fiber(fiber);
    let_signals();
}

void rnli_tsan_leave(void)
{
    hold_signals();
}

void rnli_tsan_arrived(int home)
{
    let_signals();
    if (getpid() == home)
        return;
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}
#endif
