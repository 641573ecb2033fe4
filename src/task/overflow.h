/* overflow.h: naming the task whose stack ran over. See rnl_report_overflows. */
#ifndef RNLI_TASK_OVERFLOW_H
#define RNLI_TASK_OVERFLOW_H

#include <runnel/base.h>
#include "task/stack.h"

/* A loop begins and ends in this thread: with reports on, the thread gets a
 * stack for the handler, unless it has one. RNL_OK or RNL_ENOMEM. */
int rnli_overflow_thread_init(void);
void rnli_overflow_thread_exit(void);

/* The running task's stack and name, false outside tasks. From task.c, for the
 * handler: safe in a signal handler of this thread. */
bool rnli_current_stack(const struct rnli_stack **stack, const char **name);

#endif
