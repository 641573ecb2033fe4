/* writer.h: the core's writer, for those who embed it. See runnel/core.h. */
#ifndef RNLI_CORE_WRITER_H
#define RNLI_CORE_WRITER_H

#include <runnel/core.h>
#include <string.h>

#include "core/pool.h"

/* A piece of the queue; see writer.c. */
struct rnli_chunk {
    struct rnli_chunk *next;
    size_t begin, end; /* unsent bytes are data[begin .. end) */
    size_t size;       /* bytes that data can hold */
    bool pooled;       /* came from the pool */
    unsigned char data[];
};

/* The fields are writer.c's; the struct is here so that it can be embedded. */
struct rnl_core_writer {
    const struct rnl_allocator *allocator; /* outlives the writer */
    struct rnli_pool *pool;                /* or NULL */
    struct rnli_chunk *head, *tail;        /* the queue; both NULL: empty */
    struct rnli_chunk *peeked;             /* the last one a view was given of; or NULL */
    struct rnli_chunk *kept;               /* dropped, but perhaps still being read */
    size_t queued, high, low, cap;         /* bytes; a cap of RNL_ALL is none */
    size_t quick;                          /* up to here a write only appends; 0 after eof */
    bool paused, eof;
};

/* A queue of chunks: small writes are gathered into blocks of the pool (NULL: of
 * the allocator), large ones get a chunk of their own size. `allocator` and
 * `pool` must outlive the writer. */
void rnli_writer_init(struct rnl_core_writer *writer, const struct rnl_allocator *allocator,
                      struct rnli_pool *pool);
void rnli_writer_destroy(struct rnl_core_writer *writer);

/* Whether a write of `len` bytes more is allowed now: RNL_OK, RNL_EINVAL after
 * eof, RNL_ENOBUFS beyond the cap. */
int rnli_writer_allows(const struct rnl_core_writer *writer, size_t len);

/* Sets the most bytes that may be queued; 0 or RNL_ALL: no cap. */
void rnli_writer_set_cap(struct rnl_core_writer *writer, size_t cap);

/* The common case of a write, without a call: bytes that fit behind others that
 * are queued, below every mark. False, also for no bytes: use rnl_core_write. */
static inline bool rnli_writer_append(struct rnl_core_writer *w, const void *data, size_t len)
{
    struct rnli_chunk *tail = w->tail;

    /* Its room is small, so the sum cannot overflow. */
    if (!tail || len - 1 >= tail->size - tail->end || w->queued + len > w->quick)
        return false;
    memcpy(tail->data + tail->end, data, len);
    tail->end += len;
    w->queued += len;
    return true;
}

/* For tests and fuzzers: whether the writer is what writer.c says it is. Walks
 * the whole queue. */
bool rnli_writer_check(const struct rnl_core_writer *writer);

/* rnl_core_drop throws away all chunks, but those that rnl_core_peek handed out
 * stay readable until the next rnl_core_sent (0 is fine; the bytes dropped do not
 * count) or destroy: a kernel may still read them. */

/* What the kernel takes at once was never queued for asyncio, so it does not count
 * for the high mark. To be called after a flush of bytes that were only gathered:
 * paused or not, by what is left. */
void rnli_writer_judge(struct rnl_core_writer *writer);

#endif
