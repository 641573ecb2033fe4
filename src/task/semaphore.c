/* semaphore.c: a count of permits.
 *
 * A release with tasks waiting hands its permit to the first of them and leaves
 * the count alone: see lock.c. So the count is above 0 only while nobody waits,
 * and nobody can jump the line. */
#include <runnel/sync.h>

#include "core/alloc.h"
#include "task/loop.h"
#include "task/misuse.h"

struct rnl_semaphore {
    struct rnl_loop *loop;
    struct rnli_waitlist waiting;
    size_t count;
    size_t limit;  /* SIZE_MAX: none */
    unsigned pins; /* tasks inside acquire */
    bool freed;
};

int rnl_semaphore_open(struct rnl_semaphore **out, size_t count)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_semaphore *semaphore;

    if (!loop)
        return RNL_EINVAL;
    semaphore = rnli_zalloc(&loop->face.allocator, sizeof *semaphore);
    if (!semaphore)
        return RNL_ENOMEM;
    semaphore->loop = loop;
    semaphore->count = count;
    semaphore->limit = SIZE_MAX;
    rnli_waitlist_init(&semaphore->waiting);
    *out = semaphore;
    return RNL_OK;
}

static void free_if_unused(struct rnl_semaphore *semaphore)
{
    if (semaphore->freed && semaphore->pins == 0)
        rnli_free(&semaphore->loop->face.allocator, semaphore, sizeof *semaphore);
}

void rnl_semaphore_free(struct rnl_semaphore *semaphore)
{
    if (!semaphore)
        return;
    RNLI_CHECK(semaphore, !semaphore->freed, semaphore->loop);
    semaphore->freed = true;
    rnli_wake_all(&semaphore->waiting, RNL_ECLOSED);
    free_if_unused(semaphore);
}

void rnl_semaphore_limit(struct rnl_semaphore *semaphore, size_t limit)
{
    RNLI_CHECK(semaphore, !semaphore->freed, semaphore->loop);
    semaphore->limit = limit ? limit : SIZE_MAX;
}

static int try_take(struct rnl_semaphore *semaphore)
{
    if (semaphore->count == 0)
        return RNL_EAGAIN;
    semaphore->count--;
    return RNL_OK;
}

int rnl_semaphore_try_acquire(struct rnl_semaphore *semaphore)
{
    RNLI_CHECK(semaphore, !semaphore->freed, semaphore->loop);
    return try_take(semaphore);
}

int rnl_semaphore_acquire(struct rnl_semaphore *semaphore)
{
    int code;

    RNLI_CHECK(semaphore, !semaphore->freed, semaphore->loop);
    semaphore->pins++; /* the checkpoint may wait, and the semaphore be freed meanwhile */
    code = rnli_checkpoint();
    if (!code)
        code = semaphore->freed ? RNL_ECLOSED : try_take(semaphore);
    if (code == RNL_EAGAIN)
        code = rnli_wait(&semaphore->waiting, "semaphore");
    if (!code && semaphore->freed) /* given to us, and freed before we ran */
        code = RNL_ECLOSED;
    semaphore->pins--;
    free_if_unused(semaphore);
    return code;
}

int rnl_semaphore_release(struct rnl_semaphore *semaphore)
{
    RNLI_CHECK(semaphore, !semaphore->freed, semaphore->loop);
    if (semaphore->count >= semaphore->limit)
        return RNL_EINVAL;
    if (!rnli_wake_one(&semaphore->waiting, RNL_OK))
        semaphore->count++;
    return RNL_OK;
}

size_t rnl_semaphore_count(const struct rnl_semaphore *semaphore)
{
    RNLI_CHECK(semaphore, !semaphore->freed, semaphore->loop);
    return semaphore->count;
}
