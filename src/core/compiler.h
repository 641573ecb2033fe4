/* compiler.h: what one compiler spells differently from another. */
#ifndef RNLI_CORE_COMPILER_H
#define RNLI_CORE_COMPILER_H

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

/* Has `len` bytes brought near while something else is done. A message of one among
 * thousands of connections is, but for the kernel, the wait for its lines. */
static inline void rnli_prefetch(const void *at, unsigned len)
{
    for (unsigned i = 0; i < len; i += 64)
        RNLI_PREFETCH_LINE((const char *)at + i);
}

#endif
