/* newlines.h: where the newlines of 64 bytes are, as bits.
 *
 * Short lines are found two or three at once this way, at a third of the price
 * of a memchr each. SSE2 is part of x86-64; elsewhere eight bytes at a time are
 * compared in a register, which is the same answer a little later. */
#ifndef RNLI_CORE_NEWLINES_H
#define RNLI_CORE_NEWLINES_H

#include <stddef.h>
#include <stdint.h>

#include "core/compiler.h"

enum { RNLI_NEWLINES_SPAN = 64 };

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>

static inline uint64_t rnli_newlines_16(const unsigned char *data)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)data);

    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')));
}

/* Bit i: data[i] is a newline. */
static inline uint64_t rnli_newlines(const unsigned char *data)
{
    return rnli_newlines_16(data) | rnli_newlines_16(data + 16) << 16 |
           rnli_newlines_16(data + 32) << 32 | rnli_newlines_16(data + 48) << 48;
}
#define RNLI_NEWLINES_BY_16
#endif

#if !defined(RNLI_NEWLINES_BY_16) || defined(RNLI_NEWLINES_BOTH) /* the tests see both */
/* The first byte is the lowest, on every machine. */
static inline uint64_t rnli_load_8(const unsigned char *data)
{
    uint64_t word = 0;

    for (int i = 0; i < 8; i++)
        word |= (uint64_t)data[i] << (8 * i);
    return word;
}

static inline uint64_t rnli_newlines_8(const unsigned char *data)
{
    const uint64_t low = UINT64_C(0x7F7F7F7F7F7F7F7F);
    uint64_t x = rnli_load_8(data) ^ UINT64_C(0x0A0A0A0A0A0A0A0A);
    uint64_t zeroes = ~(((x & low) + low) | x | low); /* the top bit of each byte that is 0 */

    return (zeroes >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static inline uint64_t rnli_newlines_portable(const unsigned char *data)
{
    uint64_t bits = 0;

    for (int i = 0; i < RNLI_NEWLINES_SPAN / 8; i++)
        bits |= rnli_newlines_8(data + 8 * i) << (8 * i);
    return bits;
}
#endif

#ifndef RNLI_NEWLINES_BY_16
static inline uint64_t rnli_newlines(const unsigned char *data)
{
    return rnli_newlines_portable(data);
}
#endif

#endif
