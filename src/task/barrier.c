/* barrier.c: tasks that go on together.
 *
 * Who waits is in the list and nowhere else: a cancelled task leaves it at once,
 * and is not counted though it has not run yet. The last to come wakes all, so
 * there is no time of draining, as asyncio has it, in which newcomers must wait:
 * they are the next round. */
#include <runnel/sync.h>

#include "core/alloc.h"
#include "task/loop.h"
#include "task/misuse.h"

struct rnl_barrier {
    struct rnl_loop *loop;
    struct rnli_waitlist waiting;
    size_t parties;
    unsigned pins; /* tasks inside wait */
    bool broken, freed;
};

int rnl_barrier_open(struct rnl_barrier **out, size_t parties)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_barrier *barrier;

    if (!loop || parties == 0)
        return RNL_EINVAL;
    barrier = rnli_zalloc(&loop->face.allocator, sizeof *barrier);
    if (!barrier)
        return RNL_ENOMEM;
    barrier->loop = loop;
    barrier->parties = parties;
    rnli_waitlist_init(&barrier->waiting);
    *out = barrier;
    return RNL_OK;
}

static void free_if_unused(struct rnl_barrier *barrier)
{
    if (barrier->freed && barrier->pins == 0)
        rnli_free(&barrier->loop->face.allocator, barrier, sizeof *barrier);
}

void rnl_barrier_free(struct rnl_barrier *barrier)
{
    if (!barrier)
        return;
    RNLI_CHECK(barrier, !barrier->freed, barrier->loop);
    rnl_barrier_break(barrier);
    barrier->freed = true;
    free_if_unused(barrier);
}

static size_t count_waiting(const struct rnl_barrier *barrier)
{
    const struct rnli_list *list = &barrier->waiting.waiters;
    size_t count = 0;

    for (const struct rnli_list *node = list->next; node != list; node = node->next)
        count++;
    return count;
}

size_t rnl_barrier_waiting(const struct rnl_barrier *barrier)
{
    RNLI_CHECK(barrier, !barrier->freed, barrier->loop);
    return count_waiting(barrier);
}

/* The tasks in the list pass; a code of 0 or more is an index. */
static void pass(struct rnl_barrier *barrier)
{
    int index = 0;

    while (rnli_wake_one(&barrier->waiting, index))
        index++;
}

/* The caller's index, or an error. */
static int come(struct rnl_barrier *barrier)
{
    int code = rnli_checkpoint();

    if (code || barrier->broken)
        return code ? code : RNL_ECLOSED;
    if (count_waiting(barrier) + 1 < barrier->parties)
        return rnli_wait(&barrier->waiting, "barrier");
    pass(barrier);
    return (int)(barrier->parties - 1);
}

int rnl_barrier_wait(struct rnl_barrier *barrier, size_t *index)
{
    int code;

    RNLI_CHECK(barrier, !barrier->freed, barrier->loop);
    barrier->pins++; /* the checkpoint may wait, and the barrier be freed meanwhile */
    code = come(barrier);
    barrier->pins--;
    free_if_unused(barrier);
    if (code < 0)
        return code;
    if (index)
        *index = (size_t)code;
    return RNL_OK;
}

void rnl_barrier_reset(struct rnl_barrier *barrier)
{
    RNLI_CHECK(barrier, !barrier->freed, barrier->loop);
    barrier->broken = false;
    rnli_wake_all(&barrier->waiting, RNL_ECLOSED);
}

void rnl_barrier_break(struct rnl_barrier *barrier)
{
    RNLI_CHECK(barrier, !barrier->freed, barrier->loop);
    barrier->broken = true;
    rnli_wake_all(&barrier->waiting, RNL_ECLOSED);
}
