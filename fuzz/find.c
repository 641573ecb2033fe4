/* find.c: the separator search against a naive one.
 *
 * Input: one byte, the separator's length; the separator; the text. It is
 * searched as it is, from each of its first 64 places, and once more behind a run
 * of near misses: the separator with one byte changed, over and over. That is
 * what a search that begins with a guess has to survive without becoming slow. */
#include "fuzz.h"

#include <runnel/core.h>
#include <string.h>

enum { MISSES = 8, MOST = 65536 };

/* Of each place, where the next separator begins: looked for once for all places. */
static size_t next_match[MOST + 1];

static void naive_find(const uint8_t *data, size_t len, const uint8_t *sep, size_t sep_len)
{
    size_t next = RNL_ALL;

    for (size_t i = len + 1; i-- > 0;) {
        if (sep_len <= len - i && fuzz_equal(data + i, sep, sep_len))
            next = i;
        next_match[i] = next;
    }
}

/* The search from place `from`. */
static void compare(const uint8_t *data, size_t len, size_t from, struct rnl_bytes sep)
{
    size_t before = fuzz_work.looked, left = len - from, next = next_match[from];
    unsigned long long told = rnli_work;

    CHECK(rnl_core_find(data + from, left, sep.data, sep.len) ==
          (next == RNL_ALL ? RNL_ALL : next - from));
    CHECK(fuzz_work.looked - before <= 8 * (left + sep.len) + 64);
    CHECK(rnli_work - told <= 8 * left + 16 * sep.len + 64); /* with the loops of its own */
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
    naive_find(text, used + len, sep.data, sep.len);
    compare(text, used + len, 0, sep);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + (size < MOST ? size : MOST)};
    struct rnl_bytes sep;

    fuzz_memory_reset();
    sep = input_bytes(&in, input_byte(&in));
    naive_find(in.at, input_left(&in), sep.data, sep.len);
    for (size_t i = 0; i <= input_left(&in) && i <= 64; i++)
        compare(in.at, input_left(&in), i, sep);
    behind_misses(sep, in.at, input_left(&in));
    return 0;
}
