/* switch.h: from one stack to another.
 *
 * One implementation per architecture (switch_x86_64.S, switch_aarch64.S,
 * switch_ucontext.c); this header and switch.c wrap it, and tell ASan, TSan and
 * Valgrind of every switch. */
#ifndef RNLI_TASK_SWITCH_H
#define RNLI_TASK_SWITCH_H

#include <runnel/base.h>
#include "task/stack.h"

/* Where something that is not running left off. */
struct rnli_context {
    void *sp;                 /* or the ucontext */
    const struct rnli_stack *stack; /* NULL: the thread's own */
    void *asan_fake;          /* sanitizers' */
    const void *asan_low;
    size_t asan_size;
    void *tsan;
    struct rnli_context *came_from; /* at the last switch to here */
    int home;                 /* the process that made it; told to TSan */
};

/* The thread's own stack, before the first switch; and at the end. */
void rnli_context_init_thread(struct rnli_context *context);
void rnli_context_destroy_thread(struct rnli_context *context);

/* `fn(arg)` will run on `stack` at the first switch to it. It must not return:
 * it ends with rnli_context_leave. `colour` spreads stack tops over cache sets. */
int rnli_context_init(struct rnli_context *context, const struct rnli_stack *stack,
                      void (*fn)(void *arg), void *arg, size_t colour);
void rnli_context_destroy(struct rnli_context *context);

/* Saves where we are in `from` and goes on in `to`. */
void rnli_context_switch(struct rnli_context *from, struct rnli_context *to);
/* The same for good: `from` will never be switched to again. */
void rnli_context_leave(struct rnli_context *from, struct rnli_context *to);

#endif
