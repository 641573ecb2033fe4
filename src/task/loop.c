/* loop.c: the loop: its turn, its beginning and its end.
 *
 * See the turn in sched.h. Whatever a step makes ready is run by the last step
 * of the same turn; whatever that step makes ready, by the next turn, so tasks
 * that wake each other cannot keep the network waiting.
 *
 * The end: the main task is over; the other tasks are cancelled and awaited,
 * then streams and servers are aborted, then the operations in flight awaited.
 * Work on threads is orphaned, never waited for. */
#include "task/loop.h"

#include "backend/backends.h"
#include "core/alloc.h"
#include "core/compiler.h"
#include "core/options.h"
#include "task/atomic.h"
#include "task/overflow.h"
#include "task/probes.h"
#include "task/resolve_os.h"

enum {
    ENTRIES = 48,            /* taken from the backend at once: their blocks stay hot */
    BLOCK_SIZE = 64 * 1024,  /* read buffers */
    CHUNK_SIZE = 16 * 1024,  /* gathered writes */
    BLOCKS_KEPT = 64,
    CHUNKS_KEPT = 256,
    BUSY_TURNS = 8,          /* turns of busy tasks for each look at the system */
    GATHER_TURNS = 64,       /* turns that busy tasks gather writes for */
    FAILED_TURNS = 64,       /* of a backend that fails, for tasks to end in */
    FRAMES = 512             /* bytes of a stack that a parked task comes back to */
};

#define PATIENCE  (5 * RNL_SECOND)
#define SLOW_TURN (100 * RNL_MILLISECOND)

static RNLI_THREAD_LOCAL struct rnl_loop *this_loop;

struct rnl_loop *rnli_loop_get(void)
{
    return this_loop;
}

void rnli_loop_set(struct rnl_loop *loop)
{
    this_loop = loop;
}

struct rnl_loop *rnl_loop_current(void)
{
    return this_loop;
}

const char *rnl_loop_backend(const struct rnl_loop *loop)
{
    return loop->face.ops->name;
}

int64_t rnl_now(void)
{
    struct rnl_loop *loop = this_loop;

    return loop ? loop->face.ops->now(loop->face.backend) : 0;
}

int64_t rnli_loop_time(struct rnl_loop *loop)
{
    return loop->time;
}

/* ---- Operations -------------------------------------------------------- */

int rnli_submit(struct rnl_loop *loop, struct rnl_op *op)
{
    int code = loop->face.ops->submit(loop->face.backend, op);

    if (!code)
        loop->ops++;
    return code;
}

void rnli_cancel(struct rnl_loop *loop, struct rnl_op *op)
{
    loop->face.ops->cancel(loop->face.backend, op);
}

void rnli_flush_add(struct rnl_loop *loop, struct rnli_flush *flush)
{
    if (!rnli_list_empty(&flush->node))
        return;
    flush->since = loop->face.turns;
    rnli_list_push(&loop->flushes, &flush->node);
}

void rnli_soon_add(struct rnl_loop *loop, struct rnli_soon *soon)
{
    if (rnli_list_empty(&soon->node))
        rnli_list_push(&loop->soons, &soon->node);
}

/* ---- The turn ---------------------------------------------------------- */

static bool has_work(struct rnl_loop *loop)
{
    return !rnli_list_empty(&loop->ready) || !rnli_list_empty(&loop->soons) ||
           !rnli_waitlist_empty(&loop->yielders) || !rnli_waitlist_empty(&loop->spent) ||
           rnli_posts_waiting(loop);
}

/* Tasks that have only used up their turn, and are likely to write more. */
static bool only_spent(struct rnl_loop *loop)
{
    return !rnli_waitlist_empty(&loop->spent) && rnli_list_empty(&loop->ready) &&
           rnli_list_empty(&loop->soons) && rnli_waitlist_empty(&loop->yielders);
}

static void run_flushes(struct rnl_loop *loop)
{
    bool gather = only_spent(loop);

    while (!rnli_list_empty(&loop->flushes)) {
        struct rnli_flush *flush = RNLI_CONTAINER(loop->flushes.next, struct rnli_flush, node);

        if (gather && loop->face.turns - flush->since < GATHER_TURNS)
            return;
        rnli_list_remove(&flush->node);
        flush->fn(flush);
    }
}

int64_t rnli_loop_rest(struct rnl_loop *loop)
{
    const struct rnli_timer *first = rnli_timerq_first(&loop->timers);
    int64_t now;

    if (has_work(loop))
        return 0;
    if (!first)
        return -1;
    now = loop->face.ops->now(loop->face.backend);
    return first->when_ns > now ? first->when_ns - now : 0;
}

static int take_entries(struct rnl_loop *loop, int64_t timeout)
{
    struct rnl_entry entries[ENTRIES];
    int n = loop->face.ops->wait(loop->face.backend, timeout, entries, ENTRIES);

    loop->time = loop->face.ops->now(loop->face.backend); /* when the entries came */
    for (int i = 0; i < n; i++) {
        if (!entries[i].more)
            loop->ops--;
        loop->face.place = entries[i].place;
        entries[i].op->done(entries[i].op, &entries[i]);
    }
    return n < 0 ? n : RNL_OK;
}

static void note_lag(struct rnl_loop *loop, int64_t lag)
{
    loop->lag = lag;
    if (lag > loop->max_lag)
        loop->max_lag = lag;
}

/* Those that are due now; a timer started by one of them waits for the next turn. */
static void run_timers(struct rnl_loop *loop)
{
    uint64_t seq = loop->timers.seq;
    struct rnli_timer *timer;

    while ((timer = rnli_timerq_first(&loop->timers)) != NULL && timer->when_ns <= loop->time &&
           timer->seq < seq) {
        rnli_timerq_remove(&loop->timers, timer);
        rnli_enter(loop, RNL_STEP_TIMER, 0, NULL);
        note_lag(loop, loop->time - timer->when_ns);
        timer->fire(timer);
    }
}

static void run_soons(struct rnl_loop *loop)
{
    struct rnli_list batch;
    struct rnli_list *node;

    rnli_list_init(&batch);
    rnli_list_splice(&batch, &loop->soons);
    while ((node = rnli_list_shift(&batch)) != NULL) {
        struct rnli_soon *soon = RNLI_CONTAINER(node, struct rnli_soon, node);

        soon->fn(soon);
    }
}

static void check_slow(struct rnl_loop *loop, int64_t started, const char *name)
{
    if (rnl_now() - started > SLOW_TURN)
        rnli_report(loop, RNL_REPORT_WARNING, RNL_OK, 0, name,
                    "a task ran for over 100 ms without waiting");
}

static void run_task(struct rnl_loop *loop, struct rnl_task *task)
{
    rnli_enter(loop, RNL_STEP_TASK, task->place, task->name);
    if (loop->face.debug) {
        int64_t started = rnl_now();
        char name[sizeof task->name];

        for (size_t i = 0; i < sizeof name; i++)
            name[i] = task->name[i];
        rnli_task_run(task);
        check_slow(loop, started, name);
    } else {
        rnli_task_run(task);
    }
}

/* The next task's frames, and the task behind it; `node` may be the list itself. */
static void prefetch_tasks(const struct rnli_list *list, const struct rnli_list *node)
{
    if (node == list)
        return;
    rnli_prefetch(RNLI_CONTAINER(node, const struct rnl_task, node)->context.sp, FRAMES);
    rnli_prefetch(node->next, sizeof(struct rnl_task));
}

static void run_ready(struct rnl_loop *loop)
{
    struct rnli_list batch;
    struct rnli_list *node;

    if (loop->forsaken)
        return; /* what they would touch may be freed */
    rnli_wake_all(&loop->yielders, RNL_OK);
    rnli_wake_all(&loop->spent, RNL_OK);
    rnli_list_init(&batch);
    rnli_list_splice(&batch, &loop->ready);
    while ((node = rnli_list_shift(&batch)) != NULL) {
        prefetch_tasks(&batch, batch.next);
        run_task(loop, RNLI_CONTAINER(node, struct rnl_task, node));
    }
}

/* Nothing can wake a task any more. */
static bool is_deadlocked(struct rnl_loop *loop)
{
    return loop->ntasks > 0 && loop->ops == 0 && loop->outside == 0 && !has_work(loop) &&
           !rnli_timerq_first(&loop->timers) && rnli_waitlist_empty(&loop->signals) &&
           !rnli_ref_shared(loop);
}

int rnli_loop_turn(struct rnl_loop *loop)
{
    int code;

    loop->face.turns++;
    if (only_spent(loop) && loop->face.turns % BUSY_TURNS != 0) {
        run_ready(loop); /* 64 calls take a microsecond; a look takes as much */
        return RNL_OK;
    }
    run_flushes(loop);
    if (!loop->stepped && is_deadlocked(loop))
        return RNL_EDEADLOCK;
    code = take_entries(loop, loop->stepped ? 0 : rnli_loop_rest(loop));
    RNLI_PROBE(loop__turn, loop, loop->time);
    rnli_posts_run(loop);
    rnli_signals_check(loop);
    run_soons(loop);
    run_timers(loop);
    run_ready(loop); /* also when the backend has failed: tasks can still end */
    return code;
}

/* ---- The beginning ----------------------------------------------------- */

static void say_unknown(struct rnl_loop *loop, const char *name)
{
    char text[256] = "";
    size_t len = 0;
    const char *parts[32] = {"unknown backend \"", name, "\"; there are:"};
    size_t count = 3;

    for (const char *const *n = rnl_backend_names(); *n && count + 2 <= 32; n++) {
        parts[count++] = " ";
        parts[count++] = *n;
    }
    for (size_t i = 0; i < count; i++)
        for (const char *p = parts[i]; *p && len < sizeof text - 1; p++)
            text[len++] = *p;
    text[len] = '\0';
    rnli_report(loop, RNL_REPORT_ERROR, RNL_EINVAL, 0, NULL, text);
}

static int pick_backend(struct rnl_loop *loop, const struct rnl_run_options *o)
{
    const char *name = o->backend ? o->backend : rnli_env("RUNNEL_BACKEND");

    if (o->backend_ops) {
        loop->face.ops = o->backend_ops;
        return o->backend_ops->version == RNL_BACKEND_VERSION &&
                       o->backend_ops->size >= sizeof(struct rnl_backend_ops)
                   ? RNL_OK
                   : RNL_ENOTSUP;
    }
    loop->face.ops = rnli_backend_find(name && *name ? name : NULL);
    if (loop->face.ops)
        return RNL_OK;
    say_unknown(loop, name);
    return RNL_EINVAL;
}

static int open_backend(struct rnl_loop *loop, const struct rnl_run_options *o)
{
    struct rnl_backend_config config = {sizeof config, &loop->face.allocator, o->backend_config};
    int code = pick_backend(loop, o);

    if (!code)
        code = rnli_simulated_check(loop, o->backend_config);
    return code ? code : loop->face.ops->open(&config, &loop->face.backend);
}

static bool debug_wanted(const struct rnl_run_options *o)
{
    const char *text = rnli_env("RUNNEL_DEBUG");

    if (o->debug != RNL_DEFAULT)
        return o->debug == RNL_YES;
    return text && text[0] == '1';
}

static void init(struct rnl_loop *loop, const struct rnl_allocator *a,
                 const struct rnl_run_options *o)
{
    loop->face.allocator = *a;
    loop->face.debug = debug_wanted(o);
    loop->report = o->report ? o->report : rnl_report_to_stderr;
    loop->report_user = o->report_user;
    loop->resolve = o->resolve;
    loop->resolve_user = o->resolve_user;
    rnli_list_init(&loop->face.streams);
    rnli_list_init(&loop->face.servers);
    rnli_list_init(&loop->ready);
    rnli_list_init(&loop->tasks);
    rnli_list_init(&loop->handles);
    rnli_list_init(&loop->free_tasks);
    rnli_list_init(&loop->flushes);
    rnli_list_init(&loop->soons);
    rnli_list_init(&loop->laters);
    rnli_list_init(&loop->simulated);
    rnli_waitlist_init(&loop->yielders);
    rnli_waitlist_init(&loop->spent);
    rnli_waitlist_init(&loop->signals);
    rnli_timerq_init(&loop->timers, &loop->face.allocator);
    rnli_pool_init(&loop->face.blocks, &loop->face.allocator, BLOCK_SIZE, BLOCKS_KEPT);
    rnli_pool_init(&loop->face.chunks, &loop->face.allocator, CHUNK_SIZE, CHUNKS_KEPT);
    rnli_context_init_thread(&loop->context);
}

static void destroy(struct rnl_loop *loop)
{
    struct rnl_allocator a = loop->face.allocator;

    rnli_context_destroy_thread(&loop->context);
    rnli_tasks_free_cache(loop);
    rnli_pool_destroy(&loop->face.chunks);
    rnli_pool_destroy(&loop->face.blocks);
    rnli_timerq_destroy(&loop->timers);
    rnli_free(&a, loop, sizeof *loop);
}

int rnli_loop_open(struct rnl_loop **out, const struct rnl_run_options *o)
{
    const struct rnl_allocator *a = o->allocator ? o->allocator : rnli_default_allocator();
    struct rnl_loop *loop;
    int code;

    if (!a->alloc || !a->realloc || !a->free)
        return RNL_EINVAL;
    loop = rnli_zalloc(a, sizeof *loop);
    if (!loop)
        return RNL_ENOMEM;
    init(loop, a, o);
    code = open_backend(loop, o);
    if (code)
        goto free_loop;
    code = rnli_stacks_open(&loop->stacks, &loop->face.allocator, o->stack_size);
    if (code)
        goto close_backend;
    code = rnli_ref_open(loop);
    if (code)
        goto close_stacks;
    code = rnli_overflow_thread_init();
    if (code)
        goto close_ref;
    rnli_threads_enter();
    loop->time = loop->face.ops->now(loop->face.backend);
    code = rnli_signals_open(loop, o->dump_signal);
    if (code)
        goto leave_threads;
    *out = loop;
    return RNL_OK;
leave_threads:
    rnli_threads_leave();
    rnli_overflow_thread_exit();
close_ref:
    rnli_ref_close(loop);
close_stacks:
    rnli_stacks_close(loop->stacks);
close_backend:
    loop->face.ops->close(loop->face.backend);
free_loop:
    destroy(loop);
    return code;
}

/* ---- The end ----------------------------------------------------------- */

static void cancel_all(struct rnl_loop *loop)
{
    for (struct rnli_list *node = loop->tasks.next; node != &loop->tasks; node = node->next)
        (void)rnl_task_cancel(RNLI_CONTAINER(node, struct rnl_task, all));
}

struct patience {
    struct rnli_timer timer;
    struct rnl_loop *loop;
};

static void impatient(struct rnli_timer *timer)
{
    struct patience *p = RNLI_CONTAINER(timer, struct patience, timer);

    rnli_report(p->loop, RNL_REPORT_WARNING, RNL_OK, 0, NULL,
                "tasks do not end though cancelled; cancelling again");
    rnli_dump_tasks(p->loop, RNL_REPORT_WARNING);
    cancel_all(p->loop);
    (void)rnli_timer_start(p->loop, timer, PATIENCE);
}

/* Where the backend cannot wait any more (in a child, after a fork), tasks get some
 * turns to end in, and are given up then. */
static void end_tasks(struct rnl_loop *loop)
{
    struct patience patience = {.loop = loop};
    int failures = 0;

    loop->closing = true;
    cancel_all(loop);
    patience.timer.fire = impatient;
    (void)rnli_timer_start(loop, &patience.timer, PATIENCE);
    while (loop->ntasks > 0 && failures < FAILED_TURNS)
        failures += rnli_loop_turn(loop) != RNL_OK;
    rnli_timer_stop(loop, &patience.timer);
    loop->forsaken = loop->ntasks > 0;
}

/* A backend that cannot wait any more (a child after fork) is given up. */
static void end_streams(struct rnl_loop *loop)
{
    int code = RNL_OK;

    loop->ended = true;
    rnli_streams_shutdown(loop);
    while (!code && (loop->ops > 0 || !rnli_list_empty(&loop->soons)))
        code = rnli_loop_turn(loop);
}

void rnli_loop_close(struct rnl_loop *loop)
{
    end_tasks(loop);
    end_streams(loop);
    rnli_tasks_free_forsaken(loop);
    rnli_signals_close(loop);
    rnli_timers_free(loop);
    rnli_simulated_free(loop);
    rnli_tasks_free_handles(loop);
    rnli_ref_close(loop);
    loop->face.ops->close(loop->face.backend);
    rnli_stacks_close(loop->stacks);
    rnli_overflow_thread_exit();
    destroy(loop);
    rnli_threads_leave();
}

/* ---- Running ----------------------------------------------------------- */

struct first {
    rnl_task_fn *fn;
    void *arg;
    struct rnl_loop *loop;
};

static int first_task(void *arg)
{
    struct first *first = arg;
    struct rnl_loop *loop = first->loop;

    loop->main_result = first->fn(first->arg);
    loop->main_done = true;
    return RNL_OK;
}

static int run(struct rnl_loop *loop)
{
    int code = RNL_OK;

    while (!loop->main_done && !code)
        code = rnli_loop_turn(loop);
    if (code == RNL_EDEADLOCK) {
        rnli_report(loop, RNL_REPORT_ERROR, code, 0, NULL,
                    "every task waits, and nothing can wake one");
        rnli_dump_tasks(loop, RNL_REPORT_ERROR);
    }
    return code;
}

int rnl_run(rnl_task_fn *main_fn, void *arg, const struct rnl_run_options *options)
{
    struct rnl_task_options main_options = RNL_TASK_OPTIONS_INIT;
    struct rnl_run_options o;
    struct rnl_loop *loop;
    struct first first = {main_fn, arg, NULL};
    struct rnli_origin origin = {RNLI_CALLER, (rnli_any_fn *)main_fn};
    int code = main_fn && !this_loop ? rnli_options_read(&o, sizeof o, options) : RNL_EINVAL;

    if (!code)
        code = rnli_loop_open(&loop, &o);
    if (code)
        return code;
    this_loop = loop;
    first.loop = loop;
    main_options.name = "main";
    code = rnli_spawn(loop, NULL, first_task, &first, &main_options, origin);
    if (!code) {
        code = run(loop);
        if (!code)
            code = loop->main_result;
    }
    rnli_loop_close(loop);
    this_loop = NULL;
    return code;
}
