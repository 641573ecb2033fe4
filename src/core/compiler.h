/* compiler.h: what one compiler spells differently from another. */
#ifndef RNLI_CORE_COMPILER_H
#define RNLI_CORE_COMPILER_H

#include <stddef.h>
#include <stdint.h>

/* The sanitizers that need to be told something. */
#if defined(__SANITIZE_ADDRESS__)
#define RNLI_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RNLI_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define RNLI_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RNLI_TSAN 1
#endif
#endif

/* A rare way out of a hot function: kept out of it, so that the hot part needs no
 * stack frame. */
#if defined(__GNUC__)
#define RNLI_RARE __attribute__((noinline))
#define RNLI_PREFETCH_LINE(at) __builtin_prefetch(at)
#else
#define RNLI_RARE
#define RNLI_PREFETCH_LINE(at) ((void)(at))
#endif

/* The code that the running function answers to. */
#if defined(__GNUC__)
#define RNLI_CALLER __builtin_return_address(0)
#elif defined(_MSC_VER)
void *_ReturnAddress(void);
#pragma intrinsic(_ReturnAddress)
#define RNLI_CALLER _ReturnAddress()
#else
#define RNLI_CALLER NULL
#endif

/* A word that threads may read and set at any time, and that orders nothing. (What orders
 * is in backend/atomics.h.) */
#if defined(__GNUC__)
#define RNLI_RELAXED_SET(at, value) __atomic_store_n(at, value, __ATOMIC_RELAXED)
#define RNLI_RELAXED_GET(at)        __atomic_load_n(at, __ATOMIC_RELAXED)
#else /* aligned and volatile is as much for MSVC */
#define RNLI_RELAXED_SET(at, value) ((void)(*(volatile int *)(at) = (value)))
#define RNLI_RELAXED_GET(at)        (*(volatile int *)(at))
#endif

/* Memory that is read as another type than it was declared with. MSVC assumes nothing. */
#if defined(__GNUC__)
#define RNLI_MAY_ALIAS __attribute__((may_alias))
#else
#define RNLI_MAY_ALIAS
#endif

/* Has `len` bytes brought near while something else is done. A message of one among
 * thousands of connections is, but for the kernel, the wait for its lines. */
static inline void rnli_prefetch(const void *at, unsigned len)
{
    for (unsigned i = 0; i < len; i += 64)
        RNLI_PREFETCH_LINE((const char *)at + i);
}

/* The number of the lowest bit that is set; there is one. */
#if defined(__GNUC__)
static inline unsigned rnli_lowest_bit(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}
#elif defined(_MSC_VER) && (defined(_M_X64) || defined(_M_ARM64))
unsigned char _BitScanForward64(unsigned long *at, unsigned long long bits);
#pragma intrinsic(_BitScanForward64)

static inline unsigned rnli_lowest_bit(uint64_t bits)
{
    unsigned long at;

    _BitScanForward64(&at, bits);
    return at;
}
#else
static inline unsigned rnli_lowest_bit(uint64_t bits)
{
    unsigned at = 0;

    for (; (bits & 1) == 0; bits >>= 1)
        at++;
    return at;
}
#endif

#endif
