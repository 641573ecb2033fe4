/* writer.c: the queue of bytes on their way out.
 *
 *      head                                   tail
 *      +------------+   +----------------+   +------------------+
 *      |sent|xxxxxxx|-->|xxxxxxxxxxxxxxxx|-->|xxxxxxxxx|  room  |
 *      +------------+   +----------------+   +------------------+
 *           begin  end                       begin     end     size
 *
 * A write first fills the room behind the tail, and what is left goes into one
 * new chunk: a block of the pool if it fits, else an allocation of exactly its
 * size. So a write needs at most one allocation, made before anything changes
 * (all or nothing), every chunk but the tail is full, and a queued byte is
 * copied once. A chunk is never moved: the views that peek gave out are of
 * bytes before `end`, and later writes go behind it. An empty queue has no chunk.
 *
 * A ring buffer lost: it must move its bytes to grow, while a kernel may be
 * reading them; and a list of the pieces as written (asyncio's deque) lost, since
 * it costs an allocation and an iovec for each small write. */
#include "core/writer.h"

#include <string.h>

#include "core/alloc.h"
#include "core/rules.h"

/* What rnl_core_writer_open makes: a writer that carries its allocator. */
struct opened {
    struct rnl_core_writer writer;
    struct rnl_allocator allocator;
};

#define DEFAULT_HIGH ((size_t)65536)
#define BLOCK_SIZE   ((size_t)8192) /* of a gathering chunk without a pool, header included */

/* ---- Chunks ------------------------------------------------------------ */

/* `size` is at most half of what a size_t holds: rnli_writer_allows. */
static struct rnli_chunk *chunk_from_allocator(struct rnl_core_writer *w, size_t size)
{
    struct rnli_chunk *c = rnli_alloc(w->allocator, sizeof *c + size);

    if (c) {
        c->size = size;
        c->pooled = false;
    }
    return c;
}

static struct rnli_chunk *chunk_from_pool(struct rnl_core_writer *w)
{
    struct rnli_chunk *c = rnli_pool_get(w->pool);

    if (c) {
        c->size = w->pool->block_size - sizeof *c;
        c->pooled = true;
    }
    return c;
}

/* A chunk for at least `need` bytes. */
static struct rnli_chunk *chunk_new(struct rnl_core_writer *w, size_t need)
{
    size_t gather = (w->pool ? w->pool->block_size : BLOCK_SIZE) - sizeof(struct rnli_chunk);
    struct rnli_chunk *c;

    if (need > gather)
        c = chunk_from_allocator(w, need);
    else if (w->pool)
        c = chunk_from_pool(w);
    else
        c = chunk_from_allocator(w, gather);
    if (c) {
        c->next = NULL;
        c->begin = c->end = 0;
    }
    return c;
}

static void chunk_free(struct rnl_core_writer *w, struct rnli_chunk *c)
{
    if (c->pooled)
        rnli_pool_put(w->pool, c);
    else
        rnli_free(w->allocator, c, sizeof *c + c->size);
}

static void chunks_free(struct rnl_core_writer *w, struct rnli_chunk *c)
{
    while (c) {
        struct rnli_chunk *next = c->next;

        chunk_free(w, c);
        c = next;
    }
}

static size_t room(const struct rnl_core_writer *w)
{
    return w->tail ? w->tail->size - w->tail->end : 0;
}

static void append(struct rnl_core_writer *w, struct rnli_chunk *c)
{
    if (w->tail)
        w->tail->next = c;
    else
        w->head = c;
    w->tail = c;
}

/* ---- Making and ending ------------------------------------------------- */

static void set_quick(struct rnl_core_writer *w)
{
    w->quick = w->high < w->cap ? w->high : w->cap;
    if (w->eof)
        w->quick = 0;
}

void rnli_writer_init(struct rnl_core_writer *w, const struct rnl_allocator *allocator,
                      struct rnli_pool *pool)
{
    memset(w, 0, sizeof *w);
    w->allocator = allocator;
    w->pool = pool;
    w->high = DEFAULT_HIGH;
    w->low = DEFAULT_HIGH / 4;
    w->cap = RNL_ALL;
    set_quick(w);
}

void rnli_writer_destroy(struct rnl_core_writer *w)
{
    chunks_free(w, w->head);
    chunks_free(w, w->kept);
    memset(w, 0, sizeof *w);
}

void rnli_writer_set_cap(struct rnl_core_writer *w, size_t cap)
{
    w->cap = cap ? cap : RNL_ALL;
    set_quick(w);
}

/* Takes over as much as the caller's struct has; the rest stays at its default. */
static int options_read(struct rnl_core_writer_options *o,
                        const struct rnl_core_writer_options *given)
{
    const struct rnl_allocator *a;

    if (!given)
        return RNL_OK;
    if (given->size < sizeof given->size || given->size > sizeof *o)
        return RNL_EINVAL;
    memcpy(o, given, given->size);
    a = o->allocator;
    return !a || (a->alloc && a->realloc && a->free) ? RNL_OK : RNL_EINVAL;
}

int rnl_core_writer_open(struct rnl_core_writer **out, const struct rnl_core_writer_options *given)
{
    struct rnl_core_writer_options o = RNL_CORE_WRITER_OPTIONS_INIT;
    const struct rnl_allocator *allocator;
    struct opened *made;
    size_t high, low;

    RNLI_GIVEN(out);
    if (options_read(&o, given))
        return RNL_EINVAL;
    high = o.high_water ? o.high_water : DEFAULT_HIGH;
    low = o.low_water ? o.low_water : high / 4;
    if (o.low_water == RNL_ALL)
        low = 0;
    if (low > high)
        return RNL_EINVAL;
    allocator = o.allocator ? o.allocator : rnli_default_allocator();
    made = rnli_alloc(allocator, sizeof *made);
    if (!made)
        return RNL_ENOMEM;
    made->allocator = *allocator;
    rnli_writer_init(&made->writer, &made->allocator, NULL);
    made->writer.high = high;
    made->writer.low = low;
    rnli_writer_set_cap(&made->writer, o.cap);
    *out = &made->writer;
    return RNL_OK;
}

void rnl_core_writer_free(struct rnl_core_writer *w)
{
    struct opened *made = (struct opened *)w; /* the writer is its first member */
    struct rnl_allocator allocator;

    if (!w)
        return;
    allocator = made->allocator;
    rnli_writer_destroy(w);
    rnli_free(&allocator, made, sizeof *made);
}

/* ---- Writing ----------------------------------------------------------- */

int rnli_writer_allows(const struct rnl_core_writer *w, size_t len)
{
    if (w->eof)
        return RNL_EINVAL;
    /* The cap may have been set below what is queued already. No object is larger than
     * half of what a size_t holds: that is a negative number, taken for a length. */
    if (len > SIZE_MAX / 2 || (len && (w->queued > w->cap || len > w->cap - w->queued)))
        return w->cap == RNL_ALL ? RNL_ENOMEM : RNL_ENOBUFS;
    return RNL_OK;
}

/* Makes room for `len` bytes more. */
static int reserve(struct rnl_core_writer *w, size_t len, struct rnli_chunk **more)
{
    int rc = rnli_writer_allows(w, len);

    *more = NULL;
    if (rc || len <= room(w))
        return rc;
    *more = chunk_new(w, len - room(w));
    return *more ? RNL_OK : RNL_ENOMEM;
}

/* Copies bytes for which there is room: in the tail, then in `more`. */
static void put(struct rnl_core_writer *w, const unsigned char *data, size_t len,
                struct rnli_chunk **more)
{
    RNLI_GIVEN_IF(len, data);
    while (len) {
        size_t n = room(w);

        if (n == 0) {
            append(w, *more);
            *more = NULL;
            continue;
        }
        n = n < len ? n : len;
        memcpy(w->tail->data + w->tail->end, data, n);
        w->tail->end += n;
        w->queued += n;
        data += n;
        len -= n;
    }
}

static void maybe_pause(struct rnl_core_writer *w)
{
    if (w->queued > w->high)
        w->paused = true;
}

void rnli_writer_judge(struct rnl_core_writer *w)
{
    w->paused = w->queued > w->high;
}

int rnl_core_writelines(struct rnl_core_writer *w, const struct rnl_bytes *pieces, size_t count)
{
    struct rnli_chunk *more;
    size_t total = 0;
    int rc;

    RNLI_GIVEN(w);
    RNLI_GIVEN_IF(count, pieces);
    for (size_t i = 0; i < count; i++) {
        size_t left = SIZE_MAX - total;

        total += pieces[i].len < left ? pieces[i].len : left;
    }
    rc = reserve(w, total, &more);
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++)
        put(w, pieces[i].data, pieces[i].len, &more);
    maybe_pause(w);
    return RNL_OK;
}

int rnl_core_write(struct rnl_core_writer *w, const void *data, size_t len)
{
    struct rnl_bytes piece = {data, len};

    return rnl_core_writelines(w, &piece, 1);
}

void rnl_core_write_eof(struct rnl_core_writer *w)
{
    RNLI_GIVEN(w);
    w->eof = true;
    set_quick(w);
}

bool rnl_core_eof_due(const struct rnl_core_writer *w)
{
    RNLI_GIVEN(w);
    return w->eof && w->queued == 0;
}

/* ---- Sending ----------------------------------------------------------- */

size_t rnl_core_peek(struct rnl_core_writer *w, struct rnl_bytes *pieces, size_t max)
{
    size_t count = 0;

    RNLI_GIVEN(w);
    RNLI_GIVEN_IF(max, pieces);
    for (struct rnli_chunk *c = w->head; c && count < max; c = c->next) {
        pieces[count].data = c->data + c->begin;
        pieces[count].len = c->end - c->begin;
        count++;
        w->peeked = c;
    }
    return count;
}

/* The views are dead: nobody reads the chunks that were kept for them. */
static void forget_views(struct rnl_core_writer *w)
{
    chunks_free(w, w->kept);
    w->kept = NULL;
    w->peeked = NULL;
}

static void shift(struct rnl_core_writer *w)
{
    struct rnli_chunk *c = w->head;

    w->head = c->next;
    if (!w->head)
        w->tail = NULL;
    chunk_free(w, c);
}

void rnl_core_sent(struct rnl_core_writer *w, size_t len)
{
    RNLI_GIVEN(w);
    RNLI_RULE(len <= w->queued, "more bytes went out than were queued");
    forget_views(w);
    w->queued -= len;
    while (w->head && len >= w->head->end - w->head->begin) {
        len -= w->head->end - w->head->begin;
        shift(w);
    }
    if (len)
        w->head->begin += len;
    if (w->queued <= w->low)
        w->paused = false;
}

void rnl_core_drop(struct rnl_core_writer *w)
{
    struct rnli_chunk *dead;

    RNLI_GIVEN(w);
    dead = w->head;
    if (w->peeked) {
        dead = w->peeked->next;
        w->peeked->next = w->kept;
        w->kept = w->head;
    }
    chunks_free(w, dead);
    w->head = w->tail = w->peeked = NULL;
    w->queued = 0;
    w->paused = false;
}

/* ---- Marks ------------------------------------------------------------- */

size_t rnl_core_queued(const struct rnl_core_writer *w)
{
    RNLI_GIVEN(w);
    return w->queued;
}

bool rnl_core_write_paused(const struct rnl_core_writer *w)
{
    RNLI_GIVEN(w);
    return w->paused;
}

/* As in asyncio, new marks can pause at once, but resuming waits for the next
 * bytes sent; what is paused has bytes queued, so those will come. */
int rnl_core_set_water_marks(struct rnl_core_writer *w, size_t high, size_t low)
{
    RNLI_GIVEN(w);
    if (high == RNL_ALL)
        high = low == RNL_ALL ? DEFAULT_HIGH : low > RNL_ALL / 4 ? RNL_ALL : low * 4;
    if (low == RNL_ALL)
        low = high / 4;
    if (low > high)
        return RNL_EINVAL;
    w->high = high;
    w->low = low;
    set_quick(w);
    maybe_pause(w);
    return RNL_OK;
}

/* ---- The invariants ---------------------------------------------------- */

bool rnli_writer_check(const struct rnl_core_writer *w)
{
    const struct rnli_chunk *last = NULL;
    bool ok = true, peeked = !w->peeked;
    size_t sum = 0;

    for (const struct rnli_chunk *c = w->head; c; c = c->next) {
        ok &= c->begin < c->end;
        ok &= c->end <= c->size;
        ok &= (c == w->tail) | (c->end == c->size); /* only the tail has room */
        ok &= (w->pool != NULL) | !c->pooled;
        peeked |= c == w->peeked;
        sum += c->end - c->begin;
        last = c;
    }
    ok &= last == w->tail;
    ok &= peeked;
    ok &= sum == w->queued;
    ok &= w->low <= w->high;
    ok &= (w->quick <= w->high) & (w->quick <= w->cap) & ((w->quick == 0) | !w->eof);
    ok &= (w->queued <= w->high) | w->paused;
    ok &= (w->queued > 0) | !w->paused;
    return ok;
}
