/* reader_until.c: reads up to a separator.
 *
 * asyncio's order of checks, in which the limit comes before the end of input:
 *
 *      found:      over the limit?  RNL_ELIMIT : take it
 *      not found:  over the limit?  RNL_ELIMIT : input ended? RNL_EINCOMPLETE : wait
 *
 * so a tail longer than the limit is RNL_ELIMIT, and stays, also at the end of
 * the input. "Over the limit" counts, where a separator was found, the bytes
 * before it; else those that cannot be part of one (of the longest).
 *
 * readline departs: it keeps a line that is too long (with compat: drops it, as
 * asyncio does). It is also the read to be fast at: one memchr a line. */
#include <string.h>

#include "core/reader_parts.h"
#include "core/work.h"

static const struct rnl_bytes newline = {(const unsigned char *)"\n", 1};

static int take_found(struct rnl_core_reader *r, const struct rnli_found *found, size_t limit,
                      struct rnl_bytes *out)
{
    if (found->start > limit) {
        rnli_reader_forget_search(r);
        rnli_show(r, found->start, out);
        return RNL_ELIMIT;
    }
    rnli_take(r, found->end, out);
    rnli_maybe_resume(r);
    return RNL_OK;
}

static int not_found(struct rnl_core_reader *r, const struct rnl_bytes *seps, size_t nseps,
                     size_t limit, struct rnl_bytes *out)
{
    size_t unread = rnli_reader_unread(r);
    size_t longest = rnli_longest(seps, nseps);
    int err;

    if (unread >= longest && unread - longest + 1 > limit) {
        rnli_reader_forget_search(r);
        rnli_show(r, unread - longest + 1, out);
        return RNL_ELIMIT;
    }
    if (r->eof) {
        rnli_take(r, unread, out);
        return RNL_EINCOMPLETE;
    }
    err = rnli_reader_remember(r, seps, nseps);
    return err ? err : rnli_not_yet(r);
}

/* After rnli_begin_read. `which` may be NULL. */
static int until(struct rnl_core_reader *r, const struct rnl_bytes *seps, size_t nseps,
                 size_t limit, struct rnl_bytes *out, size_t *which)
{
    struct rnli_found found;

    if (!rnli_reader_search(r, seps, nseps, &found))
        return not_found(r, seps, nseps, limit, out);
    if (which)
        *which = found.which;
    return take_found(r, &found, limit, out);
}

int rnl_core_readuntil(struct rnl_core_reader *r, const void *sep, size_t sep_len, size_t limit,
                       struct rnl_bytes *out)
{
    struct rnl_bytes one = {sep, sep_len};

    return rnl_core_readuntil_any(r, &one, 1, limit, out, NULL);
}

int rnl_core_readuntil_any(struct rnl_core_reader *r, const struct rnl_bytes *seps, size_t nseps,
                           size_t limit, struct rnl_bytes *out, size_t *which)
{
    bool any_empty = nseps == 0;
    int err;

    RNLI_GIVEN(r);
    RNLI_GIVEN(out);
    RNLI_GIVEN_IF(nseps, seps);
    for (size_t i = 0; i < nseps; i++) {
        RNLI_GIVEN_IF(seps[i].len, seps[i].data);
        any_empty |= seps[i].len == 0;
    }
    *out = (struct rnl_bytes){NULL, 0};
    if (any_empty)
        return RNL_EINVAL;
    err = rnli_begin_read(r);
    return err ? err : until(r, seps, nseps, limit ? limit : r->limit, out, which);
}

/* asyncio's way with a line that is too long: it is dropped where its end was
 * found, else all that is buffered is. */
static void drop_line(struct rnl_core_reader *r, struct rnl_bytes *out)
{
    size_t unread = rnli_reader_unread(r);

    if (out->len < unread)
        r->begin += out->len + newline.len;
    else
        r->begin = r->end;
    *out = (struct rnl_bytes){NULL, 0};
    rnli_reader_forget_view(r);
    rnli_maybe_resume(r);
}

bool rnli_reader_find_line(struct rnl_core_reader *r, struct rnl_bytes *out)
{
    const unsigned char *data, *at;

    if (rnli_reader_next_line(r, out))
        return true;
    if (r->exception || r->memo_kind != RNLI_MEMO_NONE || r->retired || r->paused ||
        r->begin == r->end)
        return false;
    r->by_lines = r->limit >= RNLI_NEWLINES_SPAN;
    data = rnli_reader_data(r);
    at = memchr(data, '\n', rnli_reader_unread(r));
    if (!at || (size_t)(at - data) > r->limit)
        return false;
    RNLI_WORK((size_t)(at - data) + 1);
    rnli_reader_give_line(r, (size_t)(at - data) + 1, out);
    return true;
}

int rnl_core_readline(struct rnl_core_reader *r, size_t limit, struct rnl_bytes *out)
{
    int err;

    RNLI_GIVEN(r);
    RNLI_GIVEN(out);
    if (limit == 0 && rnli_reader_find_line(r, out))
        return RNL_OK;
    err = rnli_begin_read(r);
    *out = (struct rnl_bytes){NULL, 0};
    if (err)
        return err;
    if (limit == 0)
        limit = r->limit;
    err = until(r, &newline, 1, limit, out, NULL);
    if (err == RNL_EINCOMPLETE)
        return RNL_OK;
    if (err == RNL_ELIMIT && r->compat)
        drop_line(r, out);
    return err;
}
