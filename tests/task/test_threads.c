/* Posts from other threads, work on threads, names, loops in several threads. */
#include "task/helper_loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "task/sched.h"

/* ---- Posts ------------------------------------------------------------- */

enum { POSTERS = 4, POSTS = 500 };

static struct rnl_loop_ref *refs[POSTERS];
static atomic_int accepted, refused;
static int called;

static void on_call(void *arg)
{
    (void)arg;
    called++;
}

static void *post_many(void *arg)
{
    struct rnl_loop_ref *ref = arg;

    for (int i = 0; i < POSTS; i++) {
        if (rnl_call_soon_threadsafe(ref, on_call, NULL) == RNL_OK)
            atomic_fetch_add(&accepted, 1);
        else
            atomic_fetch_add(&refused, 1);
    }
    rnl_loop_unref(ref);
    return NULL;
}

static pthread_t posters[POSTERS];

static void start_posters(void)
{
    for (int i = 0; i < POSTERS; i++) {
        OK(rnl_loop_ref(&refs[i]));
        IS(pthread_create(&posters[i], NULL, post_many, refs[i]), 0);
    }
    turns(2); /* and the loop closes under them */
}

/* Every post ran, or was refused: none is lost, none runs late. */
static void posts_and_close(void)
{
    for (int round = 0; round < 50; round++) {
        atomic_store(&accepted, 0);
        atomic_store(&refused, 0);
        called = 0;
        OK(run_body(NULL, start_posters));
        for (int i = 0; i < POSTERS; i++)
            pthread_join(posters[i], NULL);
        IS(called, atomic_load(&accepted));
        IS(atomic_load(&accepted) + atomic_load(&refused), POSTERS * POSTS);
    }
}

/* ---- Work on threads --------------------------------------------------- */

static int add(void *arg)
{
    return ++*(int *)arg;
}

static void works(void)
{
    int n = 41, result = 0;

    OK(rnl_to_thread(add, &n, NULL, &result));
    IS(result, 42);
    IS(rnl_to_thread(NULL, NULL, NULL, NULL), RNL_EINVAL);
}
EACH(works)

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool open, freed;
};

static struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};

static int wait_gate(void *arg)
{
    struct gate *g = arg;

    pthread_mutex_lock(&g->mutex);
    while (!g->open)
        pthread_cond_wait(&g->cond, &g->mutex);
    pthread_mutex_unlock(&g->mutex);
    return 5;
}

static void set_gate(bool *flag, bool value)
{
    pthread_mutex_lock(&gate.mutex);
    *flag = value;
    pthread_cond_broadcast(&gate.cond);
    pthread_mutex_unlock(&gate.mutex);
}

static void free_gate(void *arg)
{
    (void)arg;
    set_gate(&gate.freed, true);
}

static int work_kept(void *arg)
{
    int result = 0, err = rnl_to_thread(wait_gate, &gate, NULL, &result);

    (void)arg;
    IS(result, 5);
    return err;
}

static int work_left(void *arg)
{
    (void)arg;
    return rnl_to_thread(wait_gate, &gate, free_gate, NULL);
}

static void cancelled_work(void)
{
    struct rnl_task *task;

    gate.open = gate.freed = false;
    task = start(work_kept, NULL);
    turns(3);
    CU_ASSERT(rnl_task_cancel(task));
    turns(3);
    CU_ASSERT(!rnl_task_done(task)); /* its memory is in use */
    set_gate(&gate.open, true);
    IS(join(task), RNL_ECANCELED);
    set_gate(&gate.open, false);
    task = start(work_left, NULL);
    turns(3);
    CU_ASSERT(rnl_task_cancel(task));
    IS(join(task), RNL_ECANCELED); /* at once */
    set_gate(&gate.open, true);
    pthread_mutex_lock(&gate.mutex);
    while (!gate.freed)
        pthread_cond_wait(&gate.cond, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
}
EACH_SYSTEM(cancelled_work)

/* The loop ends while its work goes on: it is not waited for. */
static void leaves_work(void)
{
    gate.open = gate.freed = false;
    OK(rnl_task_spawn(NULL, work_left, NULL, NULL));
    turns(3);
}

static void work_outlives_the_loop(void)
{
    OK(run_body(NULL, leaves_work));
    set_gate(&gate.open, true);
    pthread_mutex_lock(&gate.mutex);
    while (!gate.freed)
        pthread_cond_wait(&gate.cond, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
}

/* Much work in all shares leaves the loop, and names, alone. */
static void a_full_pool(void)
{
    struct rnl_task *tasks[20];
    struct rnl_address *found;
    size_t count;
    int n = 0;

    gate.open = gate.freed = false;
    for (int i = 0; i < 20; i++)
        tasks[i] = start(work_left, NULL);
    turns(3);
    OK(rnli_resolve("localhost", NULL, 80, RNL_UNSPEC, 0, &found, &count));
    CU_ASSERT(count >= 1 && found[0].port == 80);
    rnli_face(rnl_loop_current())->allocator.free(NULL, found, count * sizeof *found);
    OK(rnl_sleep(RNL_MILLISECOND));
    set_gate(&gate.open, true);
    for (int i = 0; i < 20; i++)
        OK(join(tasks[i]));
    OK(rnl_to_thread(add, &n, NULL, NULL));
}
EACH_SYSTEM(a_full_pool)

static int resolve_it(void *arg)
{
    struct rnl_address *found;
    size_t count;
    int err = rnli_resolve(arg, NULL, 1, RNL_UNSPEC, 0, &found, &count);

    if (!err)
        rnli_face(rnl_loop_current())->allocator.free(NULL, found, count * sizeof *found);
    return err;
}

static void names(void)
{
    struct rnl_task *task;

    OK(resolve_it((void *)(uintptr_t) "127.0.0.1"));
    OK(resolve_it((void *)(uintptr_t) "::1"));
    IS(resolve_it((void *)(uintptr_t) ""), RNL_ENONAME);
    for (int after = 0; after < 6; after++) { /* cancelled, and the loop ends meanwhile */
        task = start(resolve_it, (void *)(uintptr_t) "localhost");
        turns(after);
        (void)rnl_task_cancel(task);
        (void)join(task);
    }
    OK(rnl_task_spawn(NULL, resolve_it, (void *)(uintptr_t) "localhost", NULL));
    turns(1);
}
EACH(names)

/* ---- A resolver of the program's ------------------------------------------ */

enum { RUNS = 8 };
static atomic_int asked[RUNS]; /* of each loop: what is left behind may still run */
static atomic_int given_code, odd;

/* "far": two addresses, with one between that no stream can go to; more than fit of
 * "many"; nothing of "none". */
static int resolver(void *user, const struct rnl_resolve_query *query, struct rnl_address *out,
                    size_t max, size_t *count)
{
    ++*(atomic_int *)user;
    odd += query->service || query->passive; /* CUnit is not for threads */
    *count = strcmp(query->host, "far") == 0 ? 3 : strcmp(query->host, "many") == 0 ? max + 9 : 0;
    for (size_t i = 0; i < *count && i < max; i++) {
        out[i].family = i == 1 ? RNL_UNIX : RNL_INET;
        out[i].ip[3] = (unsigned char)i;
    }
    return given_code;
}

static void finds(const char *host, size_t want)
{
    struct rnl_address *found;
    size_t count = 0;

    OK(rnli_resolve(host, NULL, 81, RNL_UNSPEC, 0, &found, &count));
    IS(count, want);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT(found[i].family != RNL_UNIX && found[i].port == 81);
    rnli_face(rnl_loop_current())->allocator.free(NULL, found, count * sizeof *found);
}

static int asks_resolver(void *arg)
{
    atomic_int *count = arg;
    struct rnl_task *task;

    finds("far", 2);
    finds("many", 63);
    IS(*count, 2);
    finds("127.0.0.1", 1); /* no name */
    IS(resolve_it((void *)(uintptr_t) "none"), RNL_ENONAME);
    given_code = RNL_ENAMEAGAIN;
    IS(resolve_it((void *)(uintptr_t) "far"), RNL_ENAMEAGAIN);
    given_code = 5; /* no code of ours */
    IS(resolve_it((void *)(uintptr_t) "far"), RNL_ENAMEFAIL);
    IS(*count, 5);
    given_code = RNL_OK;
    for (int after = 0; after < 4; after++) { /* cancelled anywhere */
        task = start(resolve_it, (void *)(uintptr_t) "far");
        turns(after);
        (void)rnl_task_cancel(task);
        (void)join(task);
    }
    return rnl_task_spawn(NULL, resolve_it, (void *)(uintptr_t) "far", NULL);
}

static void own_resolver(void)
{
    struct rnl_run_options o = RNL_RUN_OPTIONS_INIT;

    o.resolve = resolver;
    for (int i = 0; i < RUNS && rnl_backend_names()[i]; i++) {
        o.resolve_user = &asked[i];
        o.backend = rnl_backend_names()[i];
        OK(rnl_run(asks_resolver, &asked[i], &o));
    }
    IS(odd, 0);
}

/* ---- Loops --------------------------------------------------- */

static int short_sleep(void *arg)
{
    (void)arg;
    return rnl_sleep(100 * RNL_MICROSECOND);
}

static int busy_loop(void *arg)
{
    struct rnl_group *group;
    int err = rnl_group_open(&group), n = 0;

    (void)arg;
    for (int i = 0; i < 50 && !err; i++)
        err = rnl_group_spawn(group, short_sleep, NULL, NULL);
    if (!err)
        err = rnl_group_close(group, err);
    if (!err)
        err = rnl_to_thread(add, &n, NULL, NULL);
    return err;
}

static void *loop_thread(void *arg)
{
    int *result = arg;

    for (int i = 0; i < 10 && *result == RNL_OK; i++)
        *result = rnl_run(busy_loop, NULL, NULL);
    return NULL;
}

static void four_loops(void)
{
    pthread_t threads[4];
    int results[4] = {0};

    for (int i = 0; i < 4; i++)
        IS(pthread_create(&threads[i], NULL, loop_thread, &results[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        OK(results[i]);
    }
}

static int loop_in_loop(void *arg)
{
    (void)arg;
    return rnl_run(short_sleep, NULL, NULL);
}

static void *no_alloc(void *user, size_t size)
{
    (void)user;
    (void)size;
    return NULL;
}

static void *no_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    (void)user;
    (void)ptr;
    (void)old_size;
    (void)size;
    return NULL;
}

static void loops(void)
{
    static const struct rnl_allocator without_free = {no_alloc, no_realloc, NULL, NULL};
    struct rnl_run_options o = RNL_RUN_OPTIONS_INIT;

    IS(rnl_run(loop_in_loop, NULL, NULL), RNL_EINVAL);
    IS(rnl_run(NULL, NULL, NULL), RNL_EINVAL);
    CU_ASSERT(rnl_loop_current() == NULL);
    o.allocator = &without_free;
    IS(rnl_run(short_sleep, NULL, &o), RNL_EINVAL);
}

static void suspending_callback(void *arg)
{
    *(int *)arg = rnl_sleep(1);
}

static void callbacks_cannot_wait(void)
{
    int code = 0;

    OK(rnl_call_soon(suspending_callback, &code));
    turns(2);
    IS(code, RNL_EINVAL);
}
EACH(callbacks_cannot_wait)

SUITE("threads", {"N1 N2 posts while the loop closes", posts_and_close}, {"work", works_each},
      {"cancelled work", cancelled_work_each}, {"N3 E11 work outlives the loop", work_outlives_the_loop},
      {"E10 a full pool keeps names and the loop going", a_full_pool_each},
      {"E11 names, cancelled at each turn", names_each},
      {"E11 a resolver of the program's", own_resolver},
      {"N11 loops in four threads", four_loops}, {"loops that cannot be", loops},
      {"callbacks cannot wait", callbacks_cannot_wait_each})
