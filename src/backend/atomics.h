/* atomics.h: atomics of int and pointer width, and thread-locals.
 *
 * Behind one header of our own: C11's where the compiler has them; for MSVC, whose
 * <stdatomic.h> is an experiment, the same names by the Interlocked functions, as far as
 * files use them that are built for Windows. All of them order everything.
 * -DRNLI_INTERLOCKED takes that way where C11 could be had, to try it. */
#ifndef RNLI_BACKEND_ATOMICS_H
#define RNLI_BACKEND_ATOMICS_H

#include <stdbool.h>

#if defined(_MSC_VER) && !defined(__clang__)
#define RNLI_INTERLOCKED 1
#endif

#ifdef _MSC_VER
#define RNLI_THREAD_LOCAL __declspec(thread)
#else
#define RNLI_THREAD_LOCAL _Thread_local
#endif

#ifndef RNLI_INTERLOCKED
#include <stdatomic.h>

/* A pointer to `type`, set and read by these. */
#define RNLI_ATOMIC_POINTER(type)          _Atomic(type *)
#define rnli_atomic_pointer_get(at)        atomic_load(at)
#define rnli_atomic_pointer_set(at, value) atomic_store(at, value)

#else
#include <intrin.h>
#include <stddef.h>

#define RNLI_ATOMIC_POINTER(type)          struct { void *volatile value; }
#define rnli_atomic_pointer_get(at)        _InterlockedCompareExchangePointer(&(at)->value, NULL, NULL)
#define rnli_atomic_pointer_set(at, new)   ((void)_InterlockedExchangePointer(&(at)->value, new))

/* One type for all of them: 32 bits are an int there, and a long. */
struct rnli_atomic {
    volatile long value;
};
typedef struct rnli_atomic atomic_int, atomic_uint, atomic_bool;

#define atomic_init(at, new)      ((void)((at)->value = (long)(new)))
#define atomic_load(at)           _InterlockedOr(&(at)->value, 0)
#define atomic_store(at, new)     ((void)_InterlockedExchange(&(at)->value, (long)(new)))
#define atomic_exchange(at, new)  _InterlockedExchange(&(at)->value, (long)(new))
#define atomic_fetch_add(at, by)  _InterlockedExchangeAdd(&(at)->value, (long)(by))
#define atomic_fetch_sub(at, by)  _InterlockedExchangeAdd(&(at)->value, -(long)(by))

static inline bool atomic_compare_exchange_strong(struct rnli_atomic *at, int *expected, int wanted)
{
    long found = _InterlockedCompareExchange(&at->value, wanted, *expected);
    bool same = found == *expected;

    *expected = (int)found;
    return same;
}
#endif

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
