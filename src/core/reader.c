/* reader.c: reads of so many bytes.
 *
 * The reads are asyncio.StreamReader's without the waiting: where asyncio waits
 * they answer RNL_EAGAIN, and asking again goes on. The order of checks is
 * asyncio's, step for step, because it shows: the stored error, then zero bytes,
 * then what is buffered, then the end of the input.
 *
 * A pause ends when a read has taken bytes and at most `limit` are left, or when
 * a read has to wait (else readexactly of more than 2 x limit would wait for ever).
 * It does not end on RNL_EINCOMPLETE or RNL_ELIMIT.
 *
 * read(RNL_ALL) departs: it takes nothing until it has everything, so that it
 * loses nothing when it is given up. */
#include "core/reader_parts.h"

static int read_all(struct rnl_core_reader *r, struct rnl_bytes *out)
{
    if (!r->eof) {
        rnli_reader_forget_search(r);
        r->memo_kind = RNLI_MEMO_ALL;
        r->searched = rnli_reader_unread(r);
        return rnli_not_yet(r);
    }
    rnli_take(r, rnli_reader_unread(r), out);
    rnli_maybe_resume(r);
    return RNL_OK;
}

int rnl_core_read(struct rnl_core_reader *r, size_t n, struct rnl_bytes *out)
{
    size_t unread;
    int err;

    RNLI_GIVEN(r);
    RNLI_GIVEN(out);
    err = rnli_begin_read(r);
    *out = (struct rnl_bytes){NULL, 0};
    if (err || n == 0)
        return err;
    if (n == RNL_ALL)
        return read_all(r, out);
    unread = rnli_reader_unread(r);
    if (unread == 0 && !r->eof) {
        rnli_reader_forget_search(r);
        return rnli_not_yet(r);
    }
    rnli_take(r, n < unread ? n : unread, out);
    rnli_maybe_resume(r);
    return RNL_OK;
}

int rnl_core_readexactly(struct rnl_core_reader *r, size_t n, struct rnl_bytes *out)
{
    size_t unread;
    int err;

    RNLI_GIVEN(r);
    RNLI_GIVEN(out);
    err = rnli_begin_read(r);
    *out = (struct rnl_bytes){NULL, 0};
    if (err || n == 0)
        return err;
    unread = rnli_reader_unread(r);
    if (unread >= n) {
        rnli_take(r, n, out);
        rnli_maybe_resume(r);
        return RNL_OK;
    }
    if (r->eof) {
        rnli_take(r, unread, out);
        return RNL_EINCOMPLETE;
    }
    rnli_reader_forget_search(r);
    return rnli_not_yet(r);
}
