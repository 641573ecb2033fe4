/* loop.h: the loop and its tasks, for the files of this room. */
#ifndef RNLI_TASK_LOOP_H
#define RNLI_TASK_LOOP_H

#include "task/sched.h"
#include "task/stack.h"
#include "task/switch.h"
#include "task/threads.h"

enum task_state { TASK_READY, TASK_RUNNING, TASK_WAITING, TASK_DONE };

struct rnl_task {
    struct rnli_list node;    /* in the ready queue, or in a wait list */
    struct rnli_list all;     /* in the loop's tasks, or its handles */
    struct rnli_list in_group;
    struct rnl_loop *loop;
    struct rnl_group *group;  /* NULL: none */
    struct rnli_stack *stack; /* NULL once it has ended */
    struct rnli_context context;
    struct rnli_timer timer;  /* of the wait it is in */
    struct rnli_waitlist joiners;
    struct rnli_list watchers; /* of rnl_task_wait_first */
    struct rnli_local_value *locals;
    struct scope *scopes;     /* of time (timeout.c), the innermost; NULL: none */
    struct rnl_task *joining; /* a cancel is passed on to it */
    rnl_task_fn *fn;
    void *arg, *user;
    rnli_any_fn *entry;       /* the program's function: fn, or what it wraps */
    const void *spawned_at;   /* the code behind the call that spawned it; NULL: the library */
    const char *what;         /* it waits for; static */
    int64_t since;            /* it waits */
    int64_t deadline;         /* INT64_MAX: none */
    unsigned refs;            /* handles, and 1 while it lives */
    unsigned place;           /* its spawner's: see rnl_backend_ops.enter */
    unsigned cancelling, shields;
    int wake_code, result;
    enum task_state state;
    bool cancel_pending, join_cancelled, joined, quiet;
    char name[32];
};

struct rnl_loop {
    struct rnli_loop_face face;
    struct rnli_context context;    /* the loop's own stack */
    struct rnli_stacks *stacks;
    struct rnli_list ready;
    struct rnli_list tasks;
    size_t ntasks;
    struct rnli_list handles;       /* tasks that ended, but for somebody's handle */
    struct rnli_list free_tasks;    /* structs to use again */
    size_t nfree_tasks;
    struct rnli_list flushes, soons;
    struct rnli_list laters;        /* rnl_call_later */
    struct rnli_waitlist yielders;  /* in rnl_yield */
    struct rnli_waitlist spent;     /* sent round by rnli_checkpoint */
    struct rnli_waitlist signals;   /* in rnl_wait_signal */
    uint64_t signals_seen;
    int dump_signal;                /* 0: none */
    unsigned dumps_seen;
    struct rnli_timerq timers;
    int64_t time;                   /* ns, as of this turn */
    size_t ops;                     /* in flight */
    size_t outside;                 /* thread jobs: they will post */
    struct rnli_list simulated;     /* those that a simulator's clock stands in for */
    struct rnl_loop_ref *ref;       /* the loop's own */
    void (*report)(void *user, const struct rnl_report *report);
    void *report_user;
    rnl_resolve_fn *resolve;        /* the program's; NULL: none */
    void *resolve_user;
    bool reporting;                 /* inside the hook */
    bool closing, main_done;
    bool forsaken;                  /* tasks were given up: none runs any more */
    bool ended;                     /* no task is left: the program can start nothing */
    bool stepped;                   /* driven by somebody else's loop: embed.c */
    bool in_turn;
    int64_t lag, max_lag;           /* of timers, ns */
    int main_result;
    size_t colour;
};

/* The loop of this thread. */
struct rnl_loop *rnli_loop_get(void);
void rnli_loop_set(struct rnl_loop *loop);

/* loop.c, for embed.c: as rnl_run makes and ends one. */
int rnli_loop_open(struct rnl_loop **out, const struct rnl_run_options *options);
void rnli_loop_close(struct rnl_loop *loop);
int rnli_loop_turn(struct rnl_loop *loop);
/* Until when nothing is to be done here, in ns: 0: now, -1: for ever. */
int64_t rnli_loop_rest(struct rnl_loop *loop);

/* task.c */
void rnli_task_run(struct rnl_task *task);
void rnli_task_ready(struct rnl_task *task, int code);
void rnli_task_wake(struct rnl_task *task, int code); /* out of its wait list */
void rnli_task_unref(struct rnl_task *task);
/* For calls whose answer to a cancel is more than the code: it stays pending, for
 * the wait that comes next. */
int rnli_checkpoint_keeping_cancel(void);
void rnli_tasks_free_cache(struct rnl_loop *loop);
/* At the end: tasks that were given up, with all that they have in the library. */
void rnli_tasks_free_forsaken(struct rnl_loop *loop);
/* timeout.c: its scopes end nothing any more: they lie on its stack. */
void rnli_scopes_stop(struct rnl_task *task);
/* At the end: handles that the program kept are dead with the loop, and told of. */
void rnli_tasks_free_handles(struct rnl_loop *loop);
/* first.c: the task has ended. */
void rnli_task_tell_watchers(struct rnl_task *task);
/* local.c: values for a new task (RNL_OK or RNL_ENOMEM), and the end of them. */
int rnli_locals_inherit(struct rnl_task *task, const struct rnl_task *from);
void rnli_locals_drop(struct rnl_task *task);
/* timer.c: what rnl_call_later left. */
void rnli_timers_free(struct rnl_loop *loop);
/* group.c: a task of the group has ended. */
void rnli_group_child_done(struct rnl_task *task);

/* post.c */
int rnli_ref_open(struct rnl_loop *loop);
void rnli_ref_close(struct rnl_loop *loop);
void rnli_posts_run(struct rnl_loop *loop);
bool rnli_posts_waiting(struct rnl_loop *loop);
/* Other references than the loop's own: somebody may still post. */
bool rnli_ref_shared(struct rnl_loop *loop);

/* signal.c */
void rnli_signals_check(struct rnl_loop *loop);
/* When its wait, or the first of the scopes that it is in, runs out; INT64_MAX: never. */
int64_t rnli_task_deadline(const struct rnl_task *task);
/* For the loop's life: its tasks are dumped whenever that signal comes; 0: none. */
int rnli_signals_open(struct rnl_loop *loop, int dump_signal);
void rnli_signals_close(struct rnl_loop *loop);

/* dump.c: a line for each task to the report hook. */
void rnli_dump_tasks(struct rnl_loop *loop, enum rnl_report_level level);

#endif
