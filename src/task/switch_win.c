/* switch_win.c: from one stack to another, by fibers.
 *
 *      loop's fiber --SwitchToFiber--> task's fiber: run: fn(arg) ... leave
 *                   <--SwitchToFiber--------------------------------'
 *
 * SwitchToFiber is as fast as a switch of our own, and keeps what Windows looks for
 * in a thread: the bounds of its stack, for exceptions and for growth. A thread that
 * is a fiber already stays one; else it becomes one for as long as the loop runs.
 *
 * A task that leaves for good returns from rnli_context_leave when its fiber is
 * given to the next, and so comes back to `run`, which begins that one. */
#include "backend/sys.h"

#include "task/switch.h"

#include "task/stack_win.h"

enum { FIRST_COMMIT = 8 * 1024, GRANULE = 64 * 1024 };

static void CALLBACK run(void *arg)
{
    struct rnli_fiber *fiber = arg;

    fiber->stack.low = rnli_fiber_low();
    for (;;)
        fiber->fn(fiber->arg);
}

/* The guard's pages and those that are kept for a handler come on top. */
void *rnli_fiber_create(struct rnli_fiber *fiber, size_t size)
{
    if (rnli_fault_code("mmap"))
        return NULL;
    return CreateFiberEx(FIRST_COMMIT, size + GRANULE, FIBER_FLAG_FLOAT_SWITCH, run, fiber);
}

void rnli_fiber_delete(void *fiber)
{
    DeleteFiber(fiber);
}

unsigned char *rnli_fiber_low(void)
{
    ULONG_PTR low, high;

    GetCurrentThreadStackLimits(&low, &high);
    return (unsigned char *)low;
}

/* context->home: whether the thread was made a fiber by us. */
void rnli_context_init_thread(struct rnli_context *context)
{
    *context = (struct rnli_context){.home = 0};
    if (IsThreadAFiber()) {
        context->sp = GetCurrentFiber();
        return;
    }
    context->sp = ConvertThreadToFiberEx(NULL, FIBER_FLAG_FLOAT_SWITCH);
    context->home = 1;
}

void rnli_context_destroy_thread(struct rnli_context *context)
{
    if (context->home)
        ConvertFiberToThread();
    context->sp = NULL;
}

int rnli_context_init(struct rnli_context *context, const struct rnli_stack *stack,
                      void (*fn)(void *arg), void *arg, size_t colour)
{
    struct rnli_fiber *fiber = rnli_fiber_of(stack);

    (void)colour; /* the system places a fiber's stack */
    *context = (struct rnli_context){.stack = stack, .sp = fiber->fiber};
    fiber->fn = fn;
    fiber->arg = arg;
    return RNL_OK;
}

void rnli_context_destroy(struct rnli_context *context)
{
    context->sp = NULL;
}

void rnli_context_switch(struct rnli_context *from, struct rnli_context *to)
{
    (void)from; /* the system knows where it is */
    SwitchToFiber(to->sp);
}

void rnli_context_leave(struct rnli_context *from, struct rnli_context *to)
{
    (void)from;
    SwitchToFiber(to->sp);
}
