/* atomics.h: atomics of int and pointer width, and thread-locals.
 *
 * Behind one header of our own, so that a compiler without <stdatomic.h> changes
 * one place. */
#ifndef RNLI_BACKEND_ATOMICS_H
#define RNLI_BACKEND_ATOMICS_H

#include <stdatomic.h>
#include <stdbool.h>

#define RNLI_THREAD_LOCAL _Thread_local

/* A flag that one side raises and the other takes down. */
struct rnli_flag {
    atomic_int raised;
};

static inline void rnli_flag_init(struct rnli_flag *flag)
{
    atomic_init(&flag->raised, 0);
}

/* Whether it was raised before. What was written before `raise` is seen by whoever
 * takes the flag down. */
static inline bool rnli_flag_raise(struct rnli_flag *flag)
{
    return atomic_exchange(&flag->raised, 1) != 0;
}

static inline bool rnli_flag_lower(struct rnli_flag *flag)
{
    return atomic_exchange(&flag->raised, 0) != 0;
}

#endif
