/* match.h: looking for one separator in bytes that come in pieces. */
#ifndef RNLI_CORE_MATCH_H
#define RNLI_CORE_MATCH_H

#include <stddef.h>

/* `len` is at least 1; `border[i]`, for i from 1 to len - 1, is how long the
 * longest proper beginning of the first i bytes is that also ends them. */
struct rnli_match {
    const unsigned char *sep;
    size_t len;
    size_t *border;
    size_t matched; /* how many bytes of `sep` the bytes so far end with */
};

/* Fills in `border`, room for len numbers. */
void rnli_match_init(struct rnli_match *match);

/* Goes on over data[from .. to). The offset behind the separator's first end,
 * or `to` + 1 if it does not end there. */
size_t rnli_match_feed(struct rnli_match *match, const unsigned char *data, size_t from, size_t to);

#endif
