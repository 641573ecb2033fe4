#include <runnel/core.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"

static size_t naive(const unsigned char *data, size_t len, const unsigned char *sep, size_t n)
{
    for (size_t i = 0; i + n <= len; i++) {
        if (memcmp(data + i, sep, n) == 0)
            return i;
    }
    return RNL_ALL;
}

/* The bits of `word` as letters. */
static void spell(unsigned char *out, size_t len, unsigned word)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)('a' + ((word >> i) & 1));
}

static size_t mismatches(size_t len, size_t n)
{
    unsigned char data[16], sep[8];
    size_t wrong = 0;

    for (unsigned x = 0; x < 1u << len; x++) {
        spell(data, len, x);
        for (unsigned y = 0; y < 1u << n; y++) {
            spell(sep, n, y);
            wrong += rnl_core_find(data, len, sep, n) != naive(data, len, sep, n);
        }
    }
    return wrong;
}

static void exhaustive(void)
{
    for (size_t len = 1; len <= 11; len++) {
        for (size_t n = 1; n <= 5; n++)
            CU_ASSERT_EQUAL(mismatches(len, n), 0);
    }
}

static void edges(void)
{
    CU_ASSERT_EQUAL(rnl_core_find("abc", 3, "", 0), 0);
    CU_ASSERT_EQUAL(rnl_core_find(NULL, 0, "", 0), 0);
    CU_ASSERT_EQUAL(rnl_core_find(NULL, 0, "a", 1), RNL_ALL);
    CU_ASSERT_EQUAL(rnl_core_find("abc", 3, "abcd", 4), RNL_ALL);
    CU_ASSERT_EQUAL(rnl_core_find("abc", 3, "abc", 3), 0);
    CU_ASSERT_EQUAL(rnl_core_find("abc", 3, "c", 1), 2);
    CU_ASSERT_EQUAL(rnl_core_find("a\0b\0c", 5, "\0c", 2), 3);
    CU_ASSERT_EQUAL(rnl_core_find("\xff\xfe\xff\xff", 4, "\xff\xff", 2), 2);
}

/* Long separators of few letters make the quick way give up; Fibonacci words,
 * powers and their neighbours try each case of the slow one. */
static void periodic(const char *unit, size_t times, const char *tail)
{
    static unsigned char sep[600], data[6000];
    size_t u = strlen(unit), n = 0, len = 0;

    for (size_t i = 0; i < times; i++, n += u)
        memcpy(sep + n, unit, u);
    memcpy(sep + n, tail, strlen(tail));
    n += strlen(tail);
    for (size_t i = 0; i < 40 && len + 2 * n < sizeof data; i++) {
        memcpy(data + len, sep, n);
        data[len + (i * 7) % n] ^= 1; /* almost */
        len += n - i % u;
    }
    CU_ASSERT_EQUAL(rnl_core_find(data, len, sep, n), naive(data, len, sep, n));
    memcpy(data + len, sep, n);
    CU_ASSERT_EQUAL(rnl_core_find(data, len + n, sep, n), naive(data, len + n, sep, n));
}

static void periodic_separators(void)
{
    static const char *units[] = {"a", "ab", "aab", "aba", "abb", "abaababa", "aaaaaab", "baaaaaa"};
    static const char *tails[] = {"", "a", "b", "ab", "ba", "c"};

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        for (size_t j = 0; j < sizeof tails / sizeof *tails; j++) {
            periodic(units[i], 3, tails[j]);
            periodic(units[i], 20, tails[j]);
        }
    }
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16;
}

/* The separator is a piece of the data, perhaps changed in one place. */
static void random_pieces(void)
{
    unsigned char data[400], sep[100];
    unsigned seed = 7;

    for (int round = 0; round < 20000; round++) {
        size_t len = 1 + next_random(&seed) % sizeof data;
        size_t n = 1 + next_random(&seed) % (len < sizeof sep ? len : sizeof sep);

        for (size_t i = 0; i < len; i++)
            data[i] = (unsigned char)('a' + (next_random(&seed) % 8 == 0));
        memcpy(sep, data + next_random(&seed) % (len - n + 1), n);
        if (round & 1)
            sep[next_random(&seed) % n] ^= 3;
        if (rnl_core_find(data, len, sep, n) != naive(data, len, sep, n)) {
            CU_FAIL("find differs from the naive search");
            return;
        }
    }
}

/* The bytes stand at the end of their memory, for AddressSanitizer and Valgrind. */
static void reads_nothing_beyond(void)
{
    for (size_t len = 1; len < 40; len++) {
        unsigned char *data = malloc(len), *sep = malloc(len);

        CU_ASSERT_PTR_NOT_NULL_FATAL(data);
        CU_ASSERT_PTR_NOT_NULL_FATAL(sep);
        memset(data, 'a', len);
        memset(sep, 'a', len);
        CU_ASSERT_EQUAL(rnl_core_find(data, len, sep, len), 0);
        sep[0] = 'b';
        CU_ASSERT_EQUAL(rnl_core_find(data, len, sep, len), RNL_ALL);
        CU_ASSERT_EQUAL(rnl_core_find(data, len, sep, (len + 1) / 2), RNL_ALL);
        free(data);
        free(sep);
    }
}

SUITE("find", {"every short string in every other", exhaustive}, {"edges", edges},
      {"G3 periodic separators", periodic_separators}, {"random pieces", random_pieces},
      {"reads nothing beyond the ends", reads_nothing_beyond})
