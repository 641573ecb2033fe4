/* find.c: the separator search against a naive one.
 *
 * Input: one byte, the separator's length; the separator; the text. It is
 * searched as it is, from each of its first 64 places, and once more behind a run
 * of near misses: the separator with one byte changed, over and over. That is
 * what a search that begins with a guess has to survive without becoming slow. */
#include "fuzz.h"

#include <runnel/core.h>
#include <string.h>

#define MISSES 8

static size_t naive_find(const uint8_t *data, size_t len, const uint8_t *sep, size_t sep_len)
{
    for (size_t i = 0; sep_len <= len && i <= len - sep_len; i++) {
        size_t k = 0;

        while (k < sep_len && data[i + k] == sep[k])
            k++;
        if (k == sep_len)
            return i;
    }
    return RNL_ALL;
}

static void compare(const uint8_t *data, size_t len, const uint8_t *sep, size_t sep_len)
{
    size_t before = fuzz_work.looked;
    unsigned long long told = rnli_work;

    CHECK(rnl_core_find(data, len, sep, sep_len) == naive_find(data, len, sep, sep_len));
    CHECK(fuzz_work.looked - before <= 8 * (len + sep_len) + 64);
    CHECK(rnli_work - told <= 8 * len + 16 * sep_len + 64); /* with the loops of its own */
}

static void behind_misses(struct rnl_bytes sep, const uint8_t *data, size_t len)
{
    static uint8_t text[MISSES * 256 + 2048];
    size_t used = 0;

    if (sep.len < 3 || len > 2048)
        return;
    for (size_t i = 0; i < MISSES; i++) {
        memcpy(text + used, sep.data, sep.len);
        text[used + sep.len / 2] ^= 1;
        used += sep.len;
    }
    memcpy(text + used, data, len);
    compare(text, used + len, sep.data, sep.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct rnl_bytes sep;

    fuzz_memory_reset();
    sep = input_bytes(&in, input_byte(&in));
    compare(in.at, input_left(&in), sep.data, sep.len);
    for (size_t i = 0; i < input_left(&in) && i < 64; i++)
        compare(in.at + i, input_left(&in) - i, sep.data, sep.len);
    behind_misses(sep, in.at, input_left(&in));
    return 0;
}
