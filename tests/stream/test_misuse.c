/* Bugs of a program's that a debug build ends with a sentence: a handle used after it
 * was given up, and one used in a thread or a loop that it does not belong to. */
#include "stream/helper_net.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef NDEBUG

/* ---- A process for each ------------------------------------------------ */

/* Memory that was given up stays as it was left: what finds a dead handle must not
 * depend on luck. The process ends soon. */
static void *keep_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void *keep_realloc(void *user, void *old, size_t old_size, size_t size)
{
    void *ptr = malloc(size);

    (void)user;
    if (ptr && old)
        memcpy(ptr, old, old_size < size ? old_size : size);
    return ptr;
}

static void keep_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)ptr;
    (void)size;
}

struct case_of {
    net_body *misuse;
    struct net net;
};

static int run_case(void *arg)
{
    struct case_of *c = arg;

    net_open(&c->net);
    c->misuse(&c->net);
    return RNL_OK;
}

static void in_child(net_body *misuse, int errors)
{
    static const struct rnl_allocator keeping = {keep_alloc, keep_realloc, keep_free, NULL};
    struct rnl_server_options server = RNL_SERVER_OPTIONS_INIT;
    struct rnl_connect_options client = RNL_CONNECT_OPTIONS_INIT;
    struct case_of c = {.misuse = misuse,
                        .net = {.kind = NET_TCP, .options = server, .client = client}};
    struct rnl_run_options o = RNL_RUN_OPTIONS_INIT;
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    dup2(errors, STDERR_FILENO);
    o.allocator = &keeping;
    (void)!rnl_run(run_case, &c, &o);
    _exit(0);
}

/* It aborts, and says so: which call, and why. */
static void dies(net_body *misuse, const char *call, const char *why)
{
    char said[4096];
    size_t len = 0;
    ssize_t got;
    int fds[2], status = 0;
    pid_t child;

    IS(pipe(fds), 0);
    fflush(NULL);
    child = fork();
    if (child == 0)
        in_child(misuse, fds[1]);
    close(fds[1]);
    while (len < sizeof said - 1 && (got = read(fds[0], said + len, sizeof said - 1 - len)) > 0)
        len += (size_t)got;
    said[len] = '\0';
    close(fds[0]);
    IS(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CU_ASSERT(strstr(said, call) && strstr(said, why));
}

/* ---- Dead handles ------------------------------------------------------ */

static void reads_freed(struct net *n)
{
    struct rnl_bytes b;

    rnl_stream_free(n->r, n->w);
    (void)!rnl_read(n->r, 1, &b);
}

static void writes_gone(struct net *n)
{
    rnl_stream_free(n->r, n->w);
    turns(10); /* not even the memory is there */
    (void)rnl_write_str(n->w, "x");
}

static void frees_twice(struct net *n)
{
    rnl_stream_free(n->r, n->w);
    rnl_stream_free(n->r, n->w);
}

static void frees_server_twice(struct net *n)
{
    rnl_server_free(n->server);
    rnl_server_free(n->server);
}

static void frees_event_twice(struct net *n)
{
    rnl_event_free(n->accepted);
    rnl_event_free(n->accepted);
}

static void gets_from_freed(struct net *n)
{
    struct rnl_queue *queue;
    void *item;

    (void)n;
    OK(rnl_queue_open(&queue, 1));
    rnl_queue_free(queue);
    (void)!rnl_queue_try_get(queue, &item);
}

static int ends(void *arg)
{
    (void)arg;
    return RNL_OK;
}

static void joins_freed(struct net *n)
{
    struct rnl_task *task = start(ends, NULL);

    (void)n;
    turns(2);
    rnl_task_free(task);
    (void)!rnl_task_join(task, NULL);
}

static void acquires_freed(struct net *n)
{
    struct rnl_lock *lock;

    (void)n;
    OK(rnl_lock_open(&lock));
    rnl_lock_free(lock);
    (void)!rnl_lock_acquire(lock);
}

static void releases_freed(struct net *n)
{
    struct rnl_semaphore *semaphore;

    (void)n;
    OK(rnl_semaphore_open(&semaphore, 1));
    rnl_semaphore_free(semaphore);
    (void)rnl_semaphore_release(semaphore);
}

static void notifies_freed(struct net *n)
{
    struct rnl_lock *lock;
    struct rnl_condition *condition;

    (void)n;
    OK(rnl_lock_open(&lock));
    OK(rnl_condition_open(&condition, lock));
    rnl_condition_free(condition);
    (void)rnl_condition_notify(condition, 1);
}

static void frees_barrier_twice(struct net *n)
{
    struct rnl_barrier *barrier;

    (void)n;
    OK(rnl_barrier_open(&barrier, 2));
    rnl_barrier_free(barrier);
    rnl_barrier_free(barrier);
}

static void pauses_freed(struct net *n)
{
    rnl_stream_free(n->r, n->w);
    rnl_pause_reading(n->r);
}

static void dead_handles(void)
{
    static const char why[] = "has been freed";

    dies(reads_freed, "rnl_read:", why);
    dies(writes_gone, "rnl_write:", why);
    dies(frees_twice, "rnl_stream_free:", why);
    dies(frees_server_twice, "rnl_server_free:", why);
    dies(frees_event_twice, "rnl_event_free:", why);
    dies(gets_from_freed, "rnl_queue_try_get:", why);
    dies(joins_freed, "rnl_task_join:", why);
    dies(acquires_freed, "rnl_lock_acquire:", why);
    dies(releases_freed, "rnl_semaphore_release:", why);
    dies(notifies_freed, "rnl_condition_notify:", why);
    dies(frees_barrier_twice, "rnl_barrier_free:", why);
    dies(pauses_freed, "rnl_pause_reading:", why);
}

/* ---- Ends of two connections ------------------------------------------- */

static void frees_mixed(struct net *n)
{
    rnl_stream_free(n->r, n->pw);
}

static void refs_mixed(struct net *n)
{
    rnl_stream_ref(n->pr, n->w);
}

static void mixed_ends(void)
{
    static const char why[] = "the reader and the writer are of two connections";

    dies(frees_mixed, "rnl_stream_free:", why);
    dies(refs_mixed, "rnl_stream_ref:", why);
}

/* ---- Another thread, another loop -------------------------------------- */

static void *sets_event(void *arg)
{
    rnl_event_set(arg);
    return NULL;
}

static void *writes(void *arg)
{
    (void)rnl_write_str(arg, "x");
    return NULL;
}

static void *cancels(void *arg)
{
    (void)rnl_task_cancel(arg);
    return NULL;
}

static void on_thread(void *(*fn)(void *arg), void *arg)
{
    pthread_t thread;

    IS(pthread_create(&thread, NULL, fn, arg), 0);
    pthread_join(thread, NULL);
}

static void sets_elsewhere(struct net *n)
{
    on_thread(sets_event, n->accepted);
}

static void writes_elsewhere(struct net *n)
{
    on_thread(writes, n->w);
}

static void cancels_elsewhere(struct net *n)
{
    (void)n;
    on_thread(cancels, rnl_task_current());
}

static int drains(void *arg)
{
    return rnl_drain(arg);
}

static void *loops(void *arg)
{
    (void)!rnl_run(drains, arg, NULL);
    return NULL;
}

static void drains_in_another_loop(struct net *n)
{
    on_thread(loops, n->w);
}

static int closes_on_pool(void *arg)
{
    rnl_server_close(arg);
    return RNL_OK;
}

static void closes_in_work(struct net *n)
{
    (void)!rnl_to_thread(closes_on_pool, n->server, NULL, NULL);
}

/* What of runnel/sync.h, of time limits and of flow.h a thread could lay hands on. */
struct tools {
    struct rnl_lock *lock;
    struct rnl_semaphore *semaphore;
    struct rnl_condition *condition;
    struct rnl_barrier *barrier;
    struct rnl_timeout scope;
    struct rnl_reader *reader;
    struct rnl_writer *writer;
};

#define CALL(name, call)                                                                           \
    static void *name(void *arg)                                                                   \
    {                                                                                              \
        struct tools *t = arg;                                                                     \
                                                                                                   \
        (void)!(call);                                                                             \
        return NULL;                                                                               \
    }
CALL(lock_acquire, rnl_lock_acquire(t->lock))
CALL(lock_try_acquire, rnl_lock_try_acquire(t->lock))
CALL(lock_release, rnl_lock_release(t->lock))
CALL(lock_is_held, rnl_lock_is_held(t->lock))
CALL(lock_free, (rnl_lock_free(t->lock), 0))
CALL(semaphore_acquire, rnl_semaphore_acquire(t->semaphore))
CALL(semaphore_try_acquire, rnl_semaphore_try_acquire(t->semaphore))
CALL(semaphore_release, rnl_semaphore_release(t->semaphore))
CALL(semaphore_limit, (rnl_semaphore_limit(t->semaphore, 1), 0))
CALL(semaphore_count, rnl_semaphore_count(t->semaphore))
CALL(semaphore_free, (rnl_semaphore_free(t->semaphore), 0))
CALL(condition_wait, rnl_condition_wait(t->condition))
CALL(condition_notify, rnl_condition_notify(t->condition, 1))
CALL(condition_free, (rnl_condition_free(t->condition), 0))
CALL(barrier_wait, rnl_barrier_wait(t->barrier, NULL))
CALL(barrier_waiting, rnl_barrier_waiting(t->barrier))
CALL(barrier_reset, (rnl_barrier_reset(t->barrier), 0))
CALL(barrier_break, (rnl_barrier_break(t->barrier), 0))
CALL(barrier_free, (rnl_barrier_free(t->barrier), 0))
CALL(timeout_reset, rnl_timeout_reset(&t->scope, RNL_SECOND))
CALL(timeout_end, rnl_timeout_end(&t->scope, RNL_OK))
CALL(timeout_expired, rnl_timeout_expired(&t->scope))
CALL(pause_reading, (rnl_pause_reading(t->reader), 0))
CALL(resume_reading, (rnl_resume_reading(t->reader), 0))
CALL(reading_paused, rnl_reading_paused(t->reader))
CALL(set_limit, rnl_set_limit(t->reader, 1))
CALL(wait_peer_closed, rnl_wait_peer_closed(t->reader))
CALL(wait_flushed, rnl_wait_flushed(t->writer))
CALL(set_write_cap, (rnl_set_write_cap(t->writer, 1), 0))
CALL(start_tls, rnl_start_tls(t->writer, NULL))

static const struct {
    const char *name;
    void *(*call)(void *tools);
} calls[] = {
    {"rnl_lock_acquire:", lock_acquire},
    {"rnl_lock_try_acquire:", lock_try_acquire},
    {"rnl_lock_release:", lock_release},
    {"rnl_lock_is_held:", lock_is_held},
    {"rnl_lock_free:", lock_free},
    {"rnl_semaphore_acquire:", semaphore_acquire},
    {"rnl_semaphore_try_acquire:", semaphore_try_acquire},
    {"rnl_semaphore_release:", semaphore_release},
    {"rnl_semaphore_limit:", semaphore_limit},
    {"rnl_semaphore_count:", semaphore_count},
    {"rnl_semaphore_free:", semaphore_free},
    {"rnl_condition_wait:", condition_wait},
    {"rnl_condition_notify:", condition_notify},
    {"rnl_condition_free:", condition_free},
    {"rnl_barrier_wait:", barrier_wait},
    {"rnl_barrier_waiting:", barrier_waiting},
    {"rnl_barrier_reset:", barrier_reset},
    {"rnl_barrier_break:", barrier_break},
    {"rnl_barrier_free:", barrier_free},
    {"rnl_timeout_reset:", timeout_reset},
    {"rnl_timeout_end:", timeout_end},
    {"rnl_timeout_expired:", timeout_expired},
    {"rnl_pause_reading:", pause_reading},
    {"rnl_resume_reading:", resume_reading},
    {"rnl_reading_paused:", reading_paused},
    {"rnl_set_limit:", set_limit},
    {"rnl_wait_peer_closed:", wait_peer_closed},
    {"rnl_wait_flushed:", wait_flushed},
    {"rnl_set_write_cap:", set_write_cap},
    {"rnl_start_tls:", start_tls},
};
static size_t tried; /* of these; a child has its own */

static void calls_elsewhere(struct net *n)
{
    static struct tools tools;

    OK(rnl_lock_open(&tools.lock));
    OK(rnl_semaphore_open(&tools.semaphore, 1));
    OK(rnl_condition_open(&tools.condition, tools.lock));
    OK(rnl_barrier_open(&tools.barrier, 2));
    OK(rnl_timeout_begin(&tools.scope, RNL_OFF));
    tools.reader = n->r;
    tools.writer = n->w;
    on_thread(calls[tried].call, &tools);
}

/* ---- No handle --------------------------------------------------------- */

static void reads_null(struct net *n)
{
    struct rnl_bytes b;

    (void)n;
    (void)!rnl_read(NULL, 1, &b);
}

static void writes_null(struct net *n)
{
    (void)n;
    (void)rnl_write_str(NULL, "x");
}

static void joins_null(struct net *n)
{
    (void)n;
    (void)!rnl_task_join(NULL, NULL);
}

static void closes_null_server(struct net *n)
{
    (void)n;
    rnl_server_close(NULL);
}

static void closes_null_group(struct net *n)
{
    (void)n;
    (void)!rnl_group_close(NULL, 0);
}

static void acquires_null(struct net *n)
{
    (void)n;
    (void)!rnl_semaphore_acquire(NULL);
}

static void ends_null(struct net *n)
{
    (void)n;
    (void)!rnl_timeout_end(NULL, RNL_OK);
}

static void pauses_null(struct net *n)
{
    (void)n;
    rnl_pause_reading(NULL);
}

static void no_handles(void)
{
    static const char why[] = "what it was called on is NULL";

    dies(reads_null, "rnl_read:", why);
    dies(writes_null, "rnl_write:", why);
    dies(joins_null, "rnl_task_join:", why);
    dies(closes_null_server, "rnl_server_close:", why);
    dies(closes_null_group, "rnl_group_close:", why);
    dies(acquires_null, "rnl_semaphore_acquire:", why);
    dies(ends_null, "rnl_timeout_end:", why);
    dies(pauses_null, "rnl_pause_reading:", why);
}

static void wrong_threads(void)
{
    static const char why[] = "belongs to a loop of another thread";

    dies(sets_elsewhere, "rnl_event_set:", why);
    dies(writes_elsewhere, "rnl_write:", why);
    dies(cancels_elsewhere, "rnl_task_cancel:", why);
    dies(closes_in_work, "rnl_server_close:", why);
    for (tried = 0; tried < sizeof calls / sizeof *calls; tried++)
        dies(calls_elsewhere, calls[tried].name, why);
}

static void wrong_loops(void)
{
    dies(drains_in_another_loop, "rnl_drain:", "belongs to a loop of another thread");
}
#else

/* A release build looks at nothing of this. */
static void no_handles(void)
{
}

static void dead_handles(void)
{
}

static void mixed_ends(void)
{
}

static void wrong_threads(void)
{
}

static void wrong_loops(void)
{
}
#endif

SUITE("misuse", {"no handle at all, in debug builds", no_handles},
      {"P5 a dead handle, in debug builds", dead_handles},
      {"ends of two connections, in debug builds", mixed_ends},
      {"N4 a call from another thread, in debug builds", wrong_threads},
      {"P4 an object of another loop, in debug builds", wrong_loops})
