/* find.c: the first place of a separator, in linear time without memory.
 *
 * The common case runs at memchr's speed: look for the separator's last byte,
 * then compare the first byte, then all. Each failed comparison is charged with
 * the separator's length; when the charges outgrow the bytes passed, the rest
 * is searched by Two-Way (Crochemore and Perrin 1991), linear for any input:
 *
 *      separator:  l e f t | r i g h t      cut at a critical position:
 *                          --->             compare the right half forwards,
 *                  <-------                 then the left half backwards;
 *      a mismatch on the right moves by what matched there, one on the left by
 *      the separator's period (and `known` bytes need not be compared again).
 *
 * memmem lost: it is not everywhere, and quadratic in some C libraries. */
#include <runnel/core.h>

#include <string.h>

#include "core/rules.h"
#include "core/work.h"

struct separator {
    const unsigned char *bytes;
    size_t len;
    size_t cut;    /* where the right half begins */
    size_t shift;  /* how far a mismatch on the left moves */
    size_t repeat; /* bytes known to match after that: 0 unless periodic */
};

/* Where the maximal suffix begins, in the order of bytes or in its reverse, and
 * the suffix's period. */
static size_t maximal_suffix(const unsigned char *s, size_t len, bool reverse, size_t *period)
{
    size_t begin = 0, other = 1, k = 0, p = 1;

    while (other + k < len) {
        unsigned char a = s[other + k], b = s[begin + k];

        RNLI_WORK(1);
        if (a == b) {
            if (++k == p) {
                other += p;
                k = 0;
            }
        } else if ((a < b) != reverse) {
            other += k + 1;
            k = 0;
            p = other - begin;
        } else {
            begin = other++;
            k = 0;
            p = 1;
        }
    }
    *period = p;
    return begin;
}

static void factorize(struct separator *sep)
{
    size_t p, q;
    size_t a = maximal_suffix(sep->bytes, sep->len, false, &p);
    size_t b = maximal_suffix(sep->bytes, sep->len, true, &q);

    sep->cut = a > b ? a : b;
    sep->shift = a > b ? p : q;
    RNLI_WORK(sep->cut);
    if (memcmp(sep->bytes, sep->bytes + sep->shift, sep->cut) == 0) {
        sep->repeat = sep->len - sep->shift;
    } else {
        size_t right = sep->len - sep->cut;

        sep->shift = (sep->cut > right ? sep->cut : right) + 1;
        sep->repeat = 0;
    }
}

/* How many bytes of the right half match at `at`, counted from the front. */
static size_t match_right(const struct separator *sep, const unsigned char *at, size_t known)
{
    size_t i = sep->cut > known ? sep->cut : known;

    while (i < sep->len && sep->bytes[i] == at[i]) {
        RNLI_WORK(1);
        i++;
    }
    RNLI_WORK(1);
    return i;
}

/* Whether the left half matches, of which the first `known` bytes do. */
static bool match_left(const struct separator *sep, const unsigned char *at, size_t known)
{
    size_t i = sep->cut;

    while (i > known && sep->bytes[i - 1] == at[i - 1]) {
        RNLI_WORK(1);
        i--;
    }
    RNLI_WORK(1);
    return i <= known;
}

static size_t find_two_way(const unsigned char *data, size_t len, const unsigned char *bytes,
                           size_t sep_len)
{
    struct separator sep = {bytes, sep_len, 0, 0, 0};
    size_t pos = 0, known = 0;

    factorize(&sep);
    while (len - pos >= sep_len) {
        size_t i = match_right(&sep, data + pos, known);

        if (i < sep_len) {
            pos += i - sep.cut + 1;
            known = 0;
        } else if (match_left(&sep, data + pos, known)) {
            return pos;
        } else {
            pos += sep.shift;
            known = sep.repeat;
        }
    }
    return RNL_ALL;
}

/* The offset of `byte` in `data`; `len` if it is not there. */
static size_t find_byte(const unsigned char *data, size_t len, unsigned char byte)
{
    const unsigned char *at = memchr(data, byte, len);
    size_t offset = at ? (size_t)(at - data) : len;

    RNLI_WORK(offset + (at ? 1 : 0));
    return offset;
}

/* Both are at least 1, and `sep` is no longer than `data`. */
static size_t find(const unsigned char *data, size_t len, const unsigned char *sep, size_t sep_len)
{
    size_t places = len - sep_len + 1;
    size_t charged = 0;
    size_t pos = 0;

    while (pos < places) {
        pos += find_byte(data + pos + sep_len - 1, places - pos, sep[sep_len - 1]);
        if (pos == places)
            break;
        if (data[pos] == sep[0]) {
            RNLI_WORK(sep_len);
            if (memcmp(data + pos, sep, sep_len) == 0)
                return pos;
            charged += sep_len;
        }
        pos++;
        if (charged > 4 * sep_len + pos) {
            size_t rest = find_two_way(data + pos, len - pos, sep, sep_len);

            return rest == RNL_ALL ? rest : pos + rest;
        }
    }
    return RNL_ALL;
}

size_t rnl_core_find(const void *data, size_t len, const void *sep, size_t sep_len)
{
    RNLI_GIVEN_IF(len, data);
    RNLI_GIVEN_IF(sep_len, sep);
    if (sep_len == 0)
        return 0;
    if (sep_len > len)
        return RNL_ALL;
    return find(data, len, sep, sep_len);
}
