/* arch.h: what each architecture's file provides. */
#ifndef RNLI_TASK_ARCH_H
#define RNLI_TASK_ARCH_H

/* Hidden, as the assembly says: in position-independent code of i386 the caller of a
 * function that may be elsewhere keeps a register for that. */
#define RNLI_ARCH __attribute__((visibility("hidden")))

/* Saves what a call must preserve, and the stack pointer in *save; goes on at `to`. */
RNLI_ARCH void rnli_arch_switch(void **save, void *to);

/* Makes the first switch to the returned value call fn(arg) on the stack from
 * `low` to `top`. fn must not return. NULL: it cannot. */
RNLI_ARCH void *rnli_arch_prepare(void *low, void *top, void (*fn)(void *), void *arg);

#endif
