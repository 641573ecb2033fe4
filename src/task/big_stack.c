/* big_stack.c: a deep call of a task, on another stack.
 *
 *      the task's stack          a big one
 *      ... rnl_on_big_stack -->  deep_main: fn(arg), which may wait
 *                           <--
 *
 * The task's context is that of the stack it runs on: while `fn` runs it is the
 * big one's, so a wait parks and wakes it as always; where to go back to is kept
 * in the frame of the call. The way that lost: a task of its own that is joined.
 * It costs two turns, and `fn` would be somebody else: another name, other
 * locals, other scopes of time. */
#include <runnel/sync.h>

#include "task/loop.h"

enum { BIG = 1024 * 1024 };

struct deep_call {
    struct rnl_task *task;
    rnl_task_fn *fn;
    void *arg;
    int result;
    struct rnli_context back;
};

static void deep_main(void *arg)
{
    struct deep_call *call = arg;

    call->result = call->fn(call->arg);
    rnli_context_leave(&call->task->context, &call->back);
}

static int go(struct deep_call *call, struct rnli_stack *stack)
{
    struct rnl_task *task = call->task;
    struct rnli_stack *own = task->stack;
    int code;

    call->back = task->context;
    code = rnli_context_init(&task->context, stack, deep_main, call, 0);
    if (!code) {
        task->stack = stack;
        rnli_context_switch(&call->back, &task->context);
        rnli_context_destroy(&task->context);
        task->stack = own;
    }
    task->context = call->back;
    return code;
}

int rnl_on_big_stack(rnl_task_fn *fn, void *arg, size_t stack_size, int *result)
{
    struct deep_call call = {.task = rnl_task_current(), .fn = fn, .arg = arg};
    struct rnli_stacks *stacks;
    struct rnli_stack *stack;
    int code;

    if (!call.task || !fn)
        return RNL_EINVAL;
    stacks = call.task->loop->stacks;
    code = rnli_stack_get(stacks, stack_size ? stack_size : BIG, &stack, NULL);
    if (code)
        return code;
    code = go(&call, stack);
    rnli_stack_put(stacks, stack);
    if (!code && result)
        *result = call.result;
    return code;
}
