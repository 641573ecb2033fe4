/* reader_parts.h: what the reader's own files need of each other.
 *
 *      reader_buffer.c   blocks: room for bytes, views, giving memory back
 *      reader_search.c   looking for separators, and remembering how far
 *      reader_feed.c     bytes, the end and errors come in; pausing
 *      reader.c          read and readexactly
 *      reader_until.c    readuntil, readuntil_any, readline
 *      reader_part.c     messages larger than memory, and skipping them */
#ifndef RNLI_CORE_READER_PARTS_H
#define RNLI_CORE_READER_PARTS_H

#include "core/poison.h"
#include "core/reader.h"
#include "core/rules.h"

/* ---- reader_buffer.c --------------------------------------------------- */

static inline size_t rnli_reader_unread(const struct rnl_core_reader *r)
{
    return r->end - r->begin;
}

/* The unread bytes, of which there is at least one. */
static inline const unsigned char *rnli_reader_data(const struct rnl_core_reader *r)
{
    return r->block + r->begin;
}

/* Makes room for `want` (at least 1) bytes behind the unread ones. RNL_OK or
 * RNL_ENOMEM, with everything as it was. */
int rnli_reader_reserve(struct rnl_core_reader *r, size_t want);

/* Gives the block back if nothing is in it and no view lives there. */
void rnli_reader_release_empty(struct rnl_core_reader *r);

/* ---- reader_search.c --------------------------------------------------- */

/* Where a separator was found, counted from the first unread byte. */
struct rnli_found {
    size_t start; /* of the separator */
    size_t end;   /* one behind it */
    size_t which;
};

/* Looks for the separator that ends first (the shortest on a tie), not looking
 * again at bytes that the memo has. */
bool rnli_reader_search(struct rnl_core_reader *r, const struct rnl_bytes *seps, size_t nseps,
                        struct rnli_found *found);

/* After a search that found nothing: notes that, for the same search to go on
 * when more bytes have come. RNL_OK or RNL_ENOMEM. */
int rnli_reader_remember(struct rnl_core_reader *r, const struct rnl_bytes *seps, size_t nseps);

/* After a search for one separator that found nothing: how many of the last
 * unread bytes may be its beginning. RNL_OK or RNL_ENOMEM. */
int rnli_reader_hold(struct rnl_core_reader *r, const struct rnl_bytes *sep, size_t *hold);

/* The longest separator has this many bytes. */
size_t rnli_longest(const struct rnl_bytes *seps, size_t nseps);

/* Drops what the memo knows. */
void rnli_reader_forget_search(struct rnl_core_reader *r);

/* ---- Steps that the reads share ---------------------------------------- */

/* Begins a read: the stored error, or the death of the last read's view. */
static inline int rnli_begin_read(struct rnl_core_reader *r)
{
    rnli_reader_forget_lines(r);
    if (r->exception)
        return r->exception;
    if (r->retired || r->begin == r->end) {
        rnli_reader_forget_view(r);
    } else if (r->view != RNLI_NO_VIEW) {
        rnli_poison(r->block + r->view, r->begin - r->view);
        r->view = RNLI_NO_VIEW;
    }
    return RNL_OK;
}

/* Hands out the first `len` unread bytes and keeps them. */
static inline void rnli_show(struct rnl_core_reader *r, size_t len, struct rnl_bytes *out)
{
    if (len == 0)
        return;
    out->data = rnli_reader_data(r);
    out->len = len;
    r->view = r->begin;
}

/* Hands them out and takes them. */
static inline void rnli_take(struct rnl_core_reader *r, size_t len, struct rnl_bytes *out)
{
    rnli_show(r, len, out);
    r->begin += len;
    if (r->memo_kind != RNLI_MEMO_NONE)
        rnli_reader_forget_search(r);
}

static inline void rnli_maybe_resume(struct rnl_core_reader *r)
{
    if (r->paused && rnli_reader_unread(r) <= r->limit)
        r->paused = false;
}

/* Ends a read that has to wait. */
static inline int rnli_not_yet(struct rnl_core_reader *r)
{
    r->paused = false;
    return RNL_EAGAIN;
}

#endif
