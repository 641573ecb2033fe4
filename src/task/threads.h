/* threads.h: work on other threads. */
#ifndef RNLI_TASK_THREADS_H
#define RNLI_TASK_THREADS_H

#include <runnel/loop.h>
#include "core/list.h"
#include "core/timerq.h"

/* A call into a loop's thread, in memory of the caller's. */
struct rnli_post {
    struct rnli_list node;
    void (*fn)(struct rnli_post *post);
};

/* RNL_OK: it will be called; RNL_ECLOSED: the loop has ended. Any thread. */
int rnli_post(struct rnl_loop_ref *ref, struct rnli_post *post);
/* One more reference. Any thread. */
struct rnl_loop_ref *rnli_ref_again(struct rnl_loop_ref *ref);

enum rnli_share { RNLI_SHARE_WORK, RNLI_SHARE_RESOLVE, RNLI_SHARES };

/* A job. It owns what it touches; whoever waits for it may go away. */
struct rnli_job {
    struct rnli_list node;
    struct rnli_post post;
    struct rnl_loop_ref *ref;
    struct rnli_timer timer; /* stands in for the thread in a simulator */
    enum rnli_share share;
    void (*work)(struct rnli_job *job);    /* on a thread */
    void (*done)(struct rnli_job *job);    /* in the loop's thread, unless orphaned */
    void (*dispose)(struct rnli_job *job); /* frees it, in any thread */
    bool orphaned;                         /* under the pool's mutex */
    bool finished;                         /* `done` was called; the loop's */
};

/* Starts a job of the running loop. RNL_OK; RNL_EAGAIN: no thread; RNL_ENOMEM. */
int rnli_job_start(struct rnl_loop *loop, struct rnli_job *job);
/* Nobody waits any more: it disposes of itself when the work ends. */
void rnli_job_orphan(struct rnl_loop *loop, struct rnli_job *job);
/* The same where a simulator's clock stands in for threads (simulated.c). */
int rnli_job_simulate(struct rnl_loop *loop, struct rnli_job *job);
void rnli_simulated_free(struct rnl_loop *loop);
/* Reports what makes no sense in a simulator's config, or in the environment. */
int rnli_simulated_check(struct rnl_loop *loop, const void *config);
/* A loop begins, ends: with the last one the idle threads go. */
void rnli_threads_enter(void);
void rnli_threads_leave(void);

#endif
