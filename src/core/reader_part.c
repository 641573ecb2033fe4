/* reader_part.c: messages larger than memory, piece by piece.
 *
 * A piece is all that is buffered less the longest end of it that may be the
 * beginning of the separator; so never more than one byte less than the
 * separator stays behind, and a piece never holds a part of the separator
 * except the last, which holds all of it. No limit applies. */
#include "core/reader_parts.h"

/* The next piece of a message: *len bytes, which are there. RNL_OK with the last
 * one, RNL_EAGAIN where the separator has not come, RNL_EINCOMPLETE. */
static int next_piece(struct rnl_core_reader *r, const struct rnl_bytes *sep, size_t *len)
{
    struct rnli_found found;
    size_t hold;
    int err;

    *len = rnli_reader_unread(r);
    if (rnli_reader_search(r, sep, 1, &found)) {
        *len = found.end;
        return RNL_OK;
    }
    if (r->eof)
        return RNL_EINCOMPLETE;
    err = rnli_reader_hold(r, sep, &hold);
    if (err)
        return err;
    *len -= hold;
    return RNL_EAGAIN;
}

/* Takes a piece that is not the last, and keeps the memo of what is left. */
static void take_piece(struct rnl_core_reader *r, size_t len, struct rnl_bytes *out)
{
    rnli_show(r, len, out);
    r->begin += len;
    r->searched -= len;
    rnli_maybe_resume(r);
}

int rnl_core_readuntil_part(struct rnl_core_reader *r, const void *sep, size_t sep_len,
                            struct rnl_bytes *out, bool *done)
{
    struct rnl_bytes one = {sep, sep_len};
    size_t len;
    int err;

    RNLI_GIVEN(r);
    RNLI_GIVEN(out);
    RNLI_GIVEN_IF(sep_len, sep);
    *out = (struct rnl_bytes){NULL, 0};
    if (sep_len == 0 || !done) /* without it, nobody could tell the last piece */
        return RNL_EINVAL;
    *done = false;
    err = rnli_begin_read(r);
    if (err)
        return err;
    err = next_piece(r, &one, &len);
    if (err == RNL_EAGAIN) {
        if (len == 0)
            return rnli_not_yet(r);
        take_piece(r, len, out);
        return RNL_OK;
    }
    if (err == RNL_ENOMEM)
        return err;
    rnli_take(r, len, out);
    *done = err == RNL_OK;
    if (*done)
        rnli_maybe_resume(r);
    return err;
}

int rnl_core_discard_until(struct rnl_core_reader *r, const void *sep, size_t sep_len,
                           uint64_t *skipped)
{
    struct rnl_bytes one = {sep, sep_len};
    struct rnl_bytes dropped = {NULL, 0};
    size_t len;
    int err;

    RNLI_GIVEN(r);
    RNLI_GIVEN_IF(sep_len, sep);
    if (sep_len == 0)
        return RNL_EINVAL;
    err = rnli_begin_read(r);
    if (err)
        return err;
    err = next_piece(r, &one, &len);
    if (err == RNL_ENOMEM)
        return err;
    if (err == RNL_EAGAIN)
        take_piece(r, len, &dropped);
    else
        rnli_take(r, len, &dropped);
    rnli_reader_forget_view(r);
    rnli_maybe_resume(r);
    if (skipped)
        *skipped += len;
    return err == RNL_EAGAIN ? rnli_not_yet(r) : err;
}
