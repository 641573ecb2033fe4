/* reader.h: the core's reader, for those who embed it.
 *
 * The functions are those of runnel/core.h; here is the struct, and how a
 * connection shares a pool of blocks with the others of its loop. */
#ifndef RNLI_CORE_READER_H
#define RNLI_CORE_READER_H

#include <runnel/core.h>
#include <string.h>

#include "core/newlines.h"
#include "core/poison.h"
#include "core/pool.h"
#include "core/work.h"

/* What the read that answered RNL_EAGAIN last has learnt about the bytes that
 * are buffered (reader_search.c). */
enum rnli_memo_kind {
    RNLI_MEMO_NONE = 0,
    RNLI_MEMO_ALL,   /* read(RNL_ALL) waits: to asyncio they are out of the buffer */
    RNLI_MEMO_SHORT, /* no separator of `key` ends in them */
    RNLI_MEMO_LONG   /* the same for those of `search` */
};

#define RNLI_MEMO_KEY 16

struct rnli_search; /* separators that are being looked for, and how far */

/* What `view` is when no view lives in the block. */
#define RNLI_NO_VIEW ((size_t)-1)

/*      block                                                 capacity
 *      | dead | the last read's view | unread     | free     |
 *             view                   begin        end
 *
 * The fields are reader_buffer.c's (blocks), reader_search.c's (memo) and
 * reader.c's (the rest). */
struct rnl_core_reader {
    const struct rnl_allocator *allocator;
    struct rnli_pool *pool; /* NULL: blocks come from the allocator */
    unsigned char *block;   /* NULL: nothing buffered, no view; the pool's if it is of its size */
    size_t capacity;        /* bytes of `block`; 0 without one */
    size_t begin, end;      /* unread bytes of `block` */
    size_t view;            /* where a view that lives in `block` begins, or RNLI_NO_VIEW */
    unsigned char *retired; /* the block that the last read's view lives in, or NULL */
    size_t retired_capacity;
    size_t limit; /* bytes, at least 1 */
    union {
        unsigned char key[RNLI_MEMO_KEY]; /* RNLI_MEMO_SHORT */
        struct rnli_search *search;       /* RNLI_MEMO_LONG, owned */
    } memo;
    size_t searched;         /* unread bytes that the memo speaks of */
    uint64_t lines; /* bit i: unread byte i is a newline, and no other is below the highest bit
                     * that is set. 0: not known */
    bool by_lines;  /* nothing but lines has been read since all else was looked at */
    int exception;           /* RNL_OK: none */
    unsigned char memo_kind; /* enum rnli_memo_kind */
    bool eof, paused, compat;
};

/* `pool` may be NULL: blocks then come from the allocator as they are needed
 * and are given back when the buffer is drained. `allocator` must outlive it.
 * limit 0: the default. */
void rnli_reader_init(struct rnl_core_reader *reader, size_t limit, bool compat,
                      const struct rnl_allocator *allocator, struct rnli_pool *pool);
void rnli_reader_destroy(struct rnl_core_reader *reader);

/* Ends the last view where the caller knows it is dead (a handler that ended,
 * start_tls): gives empty blocks back. */
void rnli_reader_forget_view(struct rnl_core_reader *reader);

/* The next line is to go the long way round. */
static inline void rnli_reader_forget_lines(struct rnl_core_reader *r)
{
    r->lines = 0;
    r->by_lines = false;
}

static inline void rnli_reader_give_line(struct rnl_core_reader *r, size_t len,
                                         struct rnl_bytes *out)
{
    if (r->view != RNLI_NO_VIEW)
        rnli_poison(r->block + r->view, r->begin - r->view);
    r->view = r->begin;
    out->data = r->block + r->begin;
    out->len = len;
    r->begin += len;
}

/* Another line right behind the last, found among the next bytes. False: ask
 * rnli_reader_find_line. */
static inline bool rnli_reader_next_line(struct rnl_core_reader *r, struct rnl_bytes *out)
{
    unsigned last;

    if (r->lines == 0) {
        if (!r->by_lines || r->end - r->begin < RNLI_NEWLINES_SPAN)
            return false;
        RNLI_WORK(RNLI_NEWLINES_SPAN);
        r->lines = rnli_newlines(r->block + r->begin);
        if (r->lines == 0)
            return false;
    }
    last = rnli_lowest_bit(r->lines);
    r->lines = r->lines >> last >> 1;
    rnli_reader_give_line(r, (size_t)last + 1, out);
    return true;
}

/* The short way of rnl_core_readline. False: no line is there whole, or the reader is in
 * a state that is to be looked at. */
bool rnli_reader_find_line(struct rnl_core_reader *r, struct rnl_bytes *out);

/* Whether the struct is what it can be; for tests and fuzzers, after every step. */
bool rnli_reader_check(const struct rnl_core_reader *reader);

#endif
