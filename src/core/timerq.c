/* timerq.c: points in time, the earliest first.
 *
 * A binary heap in an array of pointers: the timer at place p (places count from
 * 1, heap[p - 1]) is not later than those at 2p and 2p + 1. Each timer knows its
 * place, so that one can be taken out of the middle in O(log n): the last one
 * moves into the gap, then up or down. `seq`, the number of the push, decides
 * between equal times.
 *
 * The array doubles when it is full and halves when three quarters of it are
 * empty; a failed halving is no error. Marking removed timers and skipping them
 * later (asyncio's way) lost: a server that sets a time limit on each read and
 * removes it would keep a heap of the dead. A timer wheel lost too: it rounds. */
#include "core/timerq.h"

#include <string.h>

#include "core/alloc.h"

#define MIN_CAPACITY ((size_t)16)

static bool earlier(const struct rnli_timer *a, const struct rnli_timer *b)
{
    if (a->when_ns != b->when_ns)
        return a->when_ns < b->when_ns;
    return a->seq < b->seq;
}

static void place(struct rnli_timerq *q, struct rnli_timer *timer, size_t p)
{
    q->heap[p - 1] = timer;
    timer->index = p;
}

static struct rnli_timer *at(const struct rnli_timerq *q, size_t p)
{
    return q->heap[p - 1];
}

/* The first's parent is itself. */
static struct rnli_timer *parent(const struct rnli_timerq *q, size_t p)
{
    return at(q, p > 1 ? p / 2 : 1);
}

/* Puts `timer` at place `p` or above it, moving later ones down. */
static void up(struct rnli_timerq *q, struct rnli_timer *timer, size_t p)
{
    while (p > 1 && earlier(timer, parent(q, p))) {
        place(q, parent(q, p), p);
        p /= 2;
    }
    place(q, timer, p);
}

/* Puts `timer` at place `p` or below it, moving earlier ones up. */
static void down(struct rnli_timerq *q, struct rnli_timer *timer, size_t p)
{
    /* p <= count / 2 says that 2p is a place, without overflow. */
    while (p <= q->count / 2) {
        size_t child = 2 * p;

        if (child < q->count && earlier(at(q, child + 1), at(q, child)))
            child++;
        if (!earlier(at(q, child), timer))
            break;
        place(q, at(q, child), p);
        p = child;
    }
    place(q, timer, p);
}

static int resize(struct rnli_timerq *q, size_t capacity)
{
    struct rnli_timer **heap;

    if (capacity > SIZE_MAX / sizeof *heap)
        return RNL_ENOMEM;
    heap =
        rnli_realloc(&q->allocator, q->heap, q->capacity * sizeof *heap, capacity * sizeof *heap);
    if (!heap)
        return RNL_ENOMEM;
    q->heap = heap;
    q->capacity = capacity;
    return RNL_OK;
}

static int grow(struct rnli_timerq *q)
{
    if (q->count < q->capacity)
        return RNL_OK;
    if (q->capacity > SIZE_MAX / 2)
        return RNL_ENOMEM;
    return resize(q, q->capacity ? q->capacity * 2 : MIN_CAPACITY);
}

static void shrink(struct rnli_timerq *q)
{
    if (q->capacity > MIN_CAPACITY && q->count <= q->capacity / 4)
        (void)resize(q, q->capacity / 2);
}

void rnli_timerq_init(struct rnli_timerq *q, const struct rnl_allocator *allocator)
{
    memset(q, 0, sizeof *q);
    q->allocator = *allocator;
}

void rnli_timerq_destroy(struct rnli_timerq *q)
{
    for (size_t p = 1; p <= q->count; p++)
        at(q, p)->index = 0;
    rnli_free(&q->allocator, q->heap, q->capacity * sizeof(struct rnli_timer *));
    q->heap = NULL;
    q->count = q->capacity = 0;
}

int rnli_timerq_push(struct rnli_timerq *q, struct rnli_timer *timer, int64_t when_ns)
{
    int rc = grow(q);

    if (rc)
        return rc;
    timer->when_ns = when_ns;
    timer->seq = q->seq++;
    q->count++;
    up(q, timer, q->count);
    return RNL_OK;
}

void rnli_timerq_remove(struct rnli_timerq *q, struct rnli_timer *timer)
{
    struct rnli_timer *last;
    size_t p = timer->index;

    if (p == 0)
        return;
    last = at(q, q->count);
    q->count--;
    timer->index = 0;
    if (last != timer) {
        if (earlier(last, parent(q, p))) /* never at the top: `timer` is the earliest */
            up(q, last, p);
        else
            down(q, last, p);
    }
    shrink(q);
}

struct rnli_timer *rnli_timerq_first(const struct rnli_timerq *q)
{
    return q->count ? at(q, 1) : NULL;
}

struct rnli_timer *rnli_timerq_due(struct rnli_timerq *q, int64_t now_ns)
{
    struct rnli_timer *first = rnli_timerq_first(q);

    if (!first || first->when_ns > now_ns)
        return NULL;
    rnli_timerq_remove(q, first);
    return first;
}

int64_t rnli_time_after(int64_t now_ns, int64_t delay_ns)
{
    if (delay_ns <= 0)
        return now_ns;
    return now_ns > INT64_MAX - delay_ns ? INT64_MAX : now_ns + delay_ns;
}

bool rnli_timerq_check(const struct rnli_timerq *q)
{
    bool ok = q->count <= q->capacity;

    for (size_t p = 1; p <= q->count; p++) {
        ok &= at(q, p)->index == p;
        ok &= at(q, p)->seq < q->seq;
        ok &= !earlier(at(q, p), parent(q, p));
    }
    return ok;
}
