/* match.c: Knuth, Morris and Pratt's search, which can stop after any byte.
 *
 *      bytes      . . . a a b a a | c        matched = 5 of "aabaab"
 *      separator        a a b a a   b        'c' is no 'b': try the border,
 *                             a a   b        matched = border[5] = 2, and so on
 *
 * What it has to keep between two pieces is one number, and that number is
 * exactly how many of the last bytes may be the separator's beginning. Each byte
 * is looked at at most twice, whatever it is. While nothing is matched, memchr
 * looks for the first byte.
 *
 * Two-Way (find.c) needs no table, but cannot stop in the middle of the
 * separator without looking at its beginning again. */
#include "core/match.h"

#include <string.h>

#include "core/work.h"

void rnli_match_init(struct rnli_match *match)
{
    const unsigned char *sep = match->sep;
    size_t border = 0;

    match->matched = 0;
    if (match->len > 1)
        match->border[1] = 0;
    for (size_t i = 2; i < match->len; i++) {
        RNLI_WORK(2);
        while (border > 0 && sep[border] != sep[i - 1])
            border = match->border[border];
        if (sep[border] == sep[i - 1])
            border++;
        match->border[i] = border;
    }
}

static void feed_byte(struct rnli_match *match, unsigned char byte)
{
    RNLI_WORK(1);
    while (match->matched > 0 && match->sep[match->matched] != byte) {
        RNLI_WORK(1);
        match->matched = match->border[match->matched];
    }
    if (match->sep[match->matched] == byte)
        match->matched++;
}

size_t rnli_match_feed(struct rnli_match *match, const unsigned char *data, size_t from, size_t to)
{
    size_t i = from;

    while (i < to) {
        if (match->matched == 0) {
            const unsigned char *at = memchr(data + i, match->sep[0], to - i);

            RNLI_WORK((at ? (size_t)(at - data) : to) - i);
            if (!at)
                break;
            i = (size_t)(at - data);
        }
        feed_byte(match, data[i++]);
        if (match->matched == match->len)
            return i;
    }
    return to + 1;
}
