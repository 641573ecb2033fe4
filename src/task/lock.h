/* lock.h: the inside of a lock, for the condition. */
#ifndef RNLI_TASK_LOCK_H
#define RNLI_TASK_LOCK_H

#include <runnel/sync.h>
#include "task/loop.h"

struct rnl_lock {
    struct rnl_loop *loop;
    struct rnl_task *owner; /* NULL: free; compared only */
    struct rnli_waitlist waiting;
    unsigned pins; /* tasks inside acquire, or to come back to it */
    bool freed;
};

/* rnl_lock_acquire; one that is freed, but pinned, answers RNL_ECLOSED. */
int rnli_lock_take(struct rnl_lock *lock);
/* Gives it to the next. */
void rnli_lock_pass_on(struct rnl_lock *lock);

/* Around what may wait: the memory stays. */
static inline void rnli_lock_pin(struct rnl_lock *lock)
{
    lock->pins++;
}
void rnli_lock_unpin(struct rnl_lock *lock);

#endif
