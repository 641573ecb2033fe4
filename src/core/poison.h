/* poison.h: makes dead bytes visible.
 *
 * In debug builds (no NDEBUG), or with RNLI_POISON, dead bytes become 0xDD, so
 * that a view read after its death shows. Under AddressSanitizer reading them
 * is reported at once. In release builds all of this is nothing. */
#ifndef RNLI_CORE_POISON_H
#define RNLI_CORE_POISON_H

#include <stddef.h>
#include <string.h>

#include "core/compiler.h"

#if !defined(NDEBUG) && !defined(RNLI_POISON)
#define RNLI_POISON 1
#endif

#define RNLI_POISON_BYTE 0xDD

#if defined(RNLI_POISON) || defined(RNLI_ASAN)
#define RNLI_POISONS 1
#else
#define RNLI_POISONS 0
#endif

#ifdef RNLI_POISON
static inline void rnli_poison_fill(void *data, size_t len)
{
    memset(data, RNLI_POISON_BYTE, len);
}
#else
static inline void rnli_poison_fill(void *data, size_t len)
{
    (void)data;
    (void)len;
}
#endif

#ifdef RNLI_ASAN
void __asan_poison_memory_region(void const volatile *addr, size_t size);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);

static inline void rnli_poison_shut(void *data, size_t len)
{
    __asan_poison_memory_region(data, len);
}

static inline void rnli_poison_open(void *data, size_t len)
{
    __asan_unpoison_memory_region(data, len);
}
#else
static inline void rnli_poison_shut(void *data, size_t len)
{
    (void)data;
    (void)len;
}

static inline void rnli_poison_open(void *data, size_t len)
{
    (void)data;
    (void)len;
}
#endif

/* The bytes are dead until rnli_poison_open. */
static inline void rnli_poison(void *data, size_t len)
{
    rnli_poison_fill(data, len);
    rnli_poison_shut(data, len);
}

#endif
