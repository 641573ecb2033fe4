/* Newlines as bits, against a look at each byte: with what the machine has, and the
 * way that works everywhere. */
#define RNLI_NEWLINES_BOTH
#include "core/newlines.h"

#include <CUnit/CUnit.h>
#include <string.h>

#include "support/suite.h"

static uint64_t naive(const unsigned char *data)
{
    uint64_t bits = 0;

    for (int i = 0; i < RNLI_NEWLINES_SPAN; i++)
        bits |= (uint64_t)(data[i] == '\n') << i;
    return bits;
}

static void compare(const unsigned char *data)
{
    CU_ASSERT_EQUAL(rnli_newlines(data), naive(data));
    CU_ASSERT_EQUAL(rnli_newlines_portable(data), naive(data));
}

/* Each byte at each place, among newlines and among its neighbours in value. */
static void every_byte(void)
{
    static const unsigned char among[] = {'\n', '\n' - 1, '\n' + 1, '\n' ^ 0x80, 0, 0xFF};
    unsigned char data[RNLI_NEWLINES_SPAN];

    for (size_t a = 0; a < sizeof among; a++)
        for (int at = 0; at < RNLI_NEWLINES_SPAN; at++)
            for (int byte = 0; byte < 256; byte++) {
                memset(data, among[a], sizeof data);
                data[at] = (unsigned char)byte;
                compare(data);
            }
}

static void random_bytes(void)
{
    unsigned char data[RNLI_NEWLINES_SPAN + 16];
    unsigned seed = 1;

    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof data; i++) {
            seed = seed * 1103515245u + 12345u;
            data[i] = (unsigned char)('\n' - 1 + (seed >> 16) % 3);
        }
        compare(data + round % 16); /* at every alignment */
    }
}

static void lowest_bits(void)
{
    for (unsigned i = 0; i < 64; i++) {
        CU_ASSERT_EQUAL(rnli_lowest_bit(UINT64_C(1) << i), i);
        CU_ASSERT_EQUAL(rnli_lowest_bit(~UINT64_C(0) << i), i);
    }
}

SUITE("newlines", {"every byte", every_byte}, {"random bytes", random_bytes},
      {"the lowest bit", lowest_bits})
