/* lock.h: the inside of a lock, for the condition. */
#ifndef RNLI_TASK_LOCK_H
#define RNLI_TASK_LOCK_H

#include <runnel/sync.h>
#include "task/loop.h"

struct rnl_lock {
    struct rnl_loop *loop;
    struct rnl_task *owner; /* NULL: free; compared only */
    struct rnli_waitlist waiting;
};

/* Gives it to the next. */
void rnli_lock_pass_on(struct rnl_lock *lock);

#endif
