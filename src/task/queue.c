/* queue.c: a queue of pointers between tasks.
 *
 * A ring of items. A wake hands nothing over: the woken task takes its item when
 * it runs, so a get that is cancelled has taken none. A woken task whose item
 * was taken meanwhile waits again, at the end of the line; and one that was woken
 * but leaves without taking passes the wake on. */
#include <string.h>

#include "core/alloc.h"
#include "task/loop.h"
#include "task/misuse.h"

struct rnl_queue {
    struct rnl_loop *loop;
    void **ring;
    size_t first, count, room; /* places of the ring */
    size_t capacity;           /* SIZE_MAX: no bound */
    struct rnli_waitlist getters, putters;
    unsigned pins;             /* tasks inside get or put */
    bool closed, freed;
};

int rnl_queue_open(struct rnl_queue **out, size_t capacity)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_queue *queue;

    if (!loop)
        return RNL_EINVAL;
    queue = rnli_zalloc(&loop->face.allocator, sizeof *queue);
    if (!queue)
        return RNL_ENOMEM;
    queue->loop = loop;
    queue->capacity = capacity ? capacity : SIZE_MAX;
    rnli_waitlist_init(&queue->getters);
    rnli_waitlist_init(&queue->putters);
    *out = queue;
    return RNL_OK;
}

static void free_if_unused(struct rnl_queue *queue)
{
    const struct rnl_allocator *a = &queue->loop->face.allocator;

    if (!queue->freed || queue->pins > 0)
        return;
    rnli_free(a, queue->ring, queue->room * sizeof *queue->ring);
    rnli_free(a, queue, sizeof *queue);
}

static void unpin(struct rnl_queue *queue)
{
    queue->pins--;
    free_if_unused(queue);
}

void rnl_queue_free(struct rnl_queue *queue)
{
    if (!queue)
        return;
    RNLI_CHECK(queue, !queue->freed, queue->loop);
    queue->count = 0;
    rnl_queue_close(queue);
    queue->freed = true;
    free_if_unused(queue);
}

void rnl_queue_close(struct rnl_queue *queue)
{
    RNLI_CHECK(queue, !queue->freed, queue->loop);
    queue->closed = true;
    rnli_wake_all(&queue->getters, RNL_OK);
    rnli_wake_all(&queue->putters, RNL_OK);
}

static int grow(struct rnl_queue *queue)
{
    size_t room = queue->room ? 2 * queue->room : 16;
    void **ring = rnli_alloc(&queue->loop->face.allocator, room * sizeof *ring);

    if (!ring)
        return RNL_ENOMEM;
    for (size_t i = 0; i < queue->count; i++)
        ring[i] = queue->ring[(queue->first + i) % queue->room];
    rnli_free(&queue->loop->face.allocator, queue->ring, queue->room * sizeof *ring);
    queue->ring = ring;
    queue->room = room;
    queue->first = 0;
    return RNL_OK;
}

static int try_put(struct rnl_queue *queue, void *item)
{
    if (queue->closed)
        return RNL_ECLOSED;
    if (queue->count >= queue->capacity)
        return RNL_EAGAIN;
    if (queue->count == queue->room && grow(queue))
        return RNL_ENOMEM;
    queue->ring[(queue->first + queue->count++) % queue->room] = item;
    rnli_wake_one(&queue->getters, RNL_OK);
    return RNL_OK;
}

static int try_get(struct rnl_queue *queue, void **item)
{
    if (queue->count == 0)
        return queue->closed ? RNL_ECLOSED : RNL_EAGAIN;
    *item = queue->ring[queue->first];
    queue->first = (queue->first + 1) % queue->room;
    queue->count--;
    rnli_wake_one(&queue->putters, RNL_OK);
    return RNL_OK;
}

int rnl_queue_try_put(struct rnl_queue *queue, void *item)
{
    RNLI_CHECK(queue, !queue->freed, queue->loop);
    return try_put(queue, item);
}

int rnl_queue_try_get(struct rnl_queue *queue, void **item)
{
    RNLI_CHECK(queue, !queue->freed, queue->loop);
    return try_get(queue, item);
}

int rnl_queue_put(struct rnl_queue *queue, void *item)
{
    int code;

    RNLI_CHECK(queue, !queue->freed, queue->loop);
    queue->pins++; /* the checkpoint may wait, and the queue be freed meanwhile */
    code = rnli_checkpoint();
    while (!code && (code = try_put(queue, item)) == RNL_EAGAIN)
        code = rnli_wait(&queue->putters, "queue put");
    if (code && queue->count < queue->capacity)
        rnli_wake_one(&queue->putters, RNL_OK);
    unpin(queue);
    return code;
}

int rnl_queue_get(struct rnl_queue *queue, void **item)
{
    int code;

    RNLI_CHECK(queue, !queue->freed, queue->loop);
    queue->pins++; /* the checkpoint may wait, and the queue be freed meanwhile */
    code = rnli_checkpoint();
    while (!code && (code = try_get(queue, item)) == RNL_EAGAIN)
        code = rnli_wait(&queue->getters, "queue get");
    if (code && queue->count > 0)
        rnli_wake_one(&queue->getters, RNL_OK);
    unpin(queue);
    return code;
}

size_t rnl_queue_count(const struct rnl_queue *queue)
{
    return queue->count;
}
