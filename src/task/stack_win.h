/* stack_win.h: what stack_win.c and switch_win.c know of a stack: it is a fiber. */
#ifndef RNLI_TASK_STACK_WIN_H
#define RNLI_TASK_STACK_WIN_H

#include "task/stack.h"

/* The fiber waits here between two tasks; switch_win.c runs in it. */
struct rnli_fiber {
    struct rnli_stack stack; /* first; low and size as asked for */
    void *fiber;
    struct rnli_fiber *next; /* in the list of idle ones */
    void (*fn)(void *arg);   /* what the next task runs */
    void *arg;
};

static inline struct rnli_fiber *rnli_fiber_of(const struct rnli_stack *stack)
{
    return (struct rnli_fiber *)(uintptr_t)stack;
}

/* What a new fiber begins with; `arg` is its struct rnli_fiber. switch_win.c. */
void *rnli_fiber_create(struct rnli_fiber *fiber, size_t size);
void rnli_fiber_delete(void *fiber);
/* The lowest byte of the stack of the fiber that runs. */
unsigned char *rnli_fiber_low(void);

#endif
