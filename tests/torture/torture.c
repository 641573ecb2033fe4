/* torture.c: each scenario with one thing going wrong, for every place where it can.
 *
 *     torture [POINTS [SEED]]     so many points of each kind and scenario; 0: all of them
 *     torture -v SCENARIO         one scenario, every point, with a line for each
 *
 *     allocations   the n-th fails, once or from then on
 *     system calls  the n-th of a name fails, with each errno that it may answer
 *     cancels       in the n-th turn the scenario's task (or the handler's) is cancelled; it
 *                   unwinds, or takes the cancel back and goes on and must end right
 *     time limits   in the n-th turn the time is up
 *     ends          in the n-th turn one end, or both, is closed or aborted
 *
 * After each point: no memory, no descriptor, and the same loop still serves. The table
 * of the backend is wrapped: a turn is a wait, and time that nobody uses is skipped, so
 * that a pause of a second costs two milliseconds. */
#include "backend/sys.h"

#include "torture/torture.h"

#include <runnel/sim.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/backends.h"
#include "torture/errors.h"
#include "torture/scenarios.h"

enum { POINTS_MAX = 2000, CALLS_MAX = 64, BACKENDS_MAX = 8, MODELS = 3, HANG_S = 3 };

enum kind { ALLOCATIONS, CALLS, CANCELS, LIMITS, ENDS, KINDS };

static const char *const kind_names[KINDS] = {"allocations", "system calls", "cancels",
                                              "time limits", "ends"};

enum action {
    NOTHING,
    CANCEL_TASK,
    CANCEL_AND_GO_ON,
    CANCEL_HANDLER,
    TIME_UP,
    CLOSE_CLIENT,
    CLOSE_SERVER,
    ABORT_CLIENT,
    ABORT_SERVER,
    CLOSE_BOTH,
    ABORT_BOTH,
    CLOSE_AND_ABORT,
    ABORT_AND_CLOSE
};

/* One thing that goes wrong. */
struct point {
    enum kind kind;
    long n;
    bool forever;     /* ALLOCATIONS: from then on */
    const char *call; /* CALLS */
    int err;
    enum action action;
};

/* The run. */
static struct {
    const struct scenario *scenario;
    const char *backend;
    const struct rnl_backend_ops *base;
    enum rnl_sim_model model; /* of the simulator */
    struct point point;
    atomic_bool armed, fired; /* the hooks are called from threads, too */
    bool again, hung, simulated;
    const char *wrong;
    int result;
    int64_t skipped_ns;
    struct rnl_task *victim, *handler;
    struct rnl_writer *pair[2];
    struct rnl_timeout limit;
    long turns;
} run;

enum over torture_over;

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* run.point, calls */
static atomic_long allocations, live;
static struct {
    const char *name;
    long count;
} calls[CALLS_MAX];
static int ncalls;
static uint64_t luck;
static bool verbose;

static struct {
    unsigned long points[KINDS], fired[KINDS], wrong;
    unsigned long pairs;
} totals;

/* ---- What scenarios ask -------------------------------------------------- */

void torture_wrong(const char *what)
{
    if (!run.wrong)
        run.wrong = what;
}

bool torture_again(int err)
{
    if (err != RNL_ECANCELED || run.point.action != CANCEL_AND_GO_ON || !run.fired || run.again ||
        rnl_task_current() != run.victim)
        return false;
    run.again = true;
    (void)rnl_task_uncancel(rnl_task_current());
    return true;
}

void torture_pair(int end, struct rnl_writer *writer)
{
    run.pair[end] = writer;
    if (end == 1)
        run.handler = writer ? rnl_task_current() : NULL;
}

/* ---- Memory and calls that fail ----------------------------------------- */

static bool allocation_fails(void)
{
    const struct point *p = &run.point;
    long n = atomic_fetch_add(&allocations, 1) + 1;
    bool fails;

    if (!run.armed)
        return false;
    pthread_mutex_lock(&gate);
    fails = p->kind == ALLOCATIONS && (n == p->n || (n > p->n && p->forever));
    pthread_mutex_unlock(&gate);
    if (fails)
        run.fired = true;
    return fails;
}

static void *torture_alloc(void *user, size_t size)
{
    void *ptr = allocation_fails() ? NULL : malloc(size);

    (void)user;
    if (ptr)
        atomic_fetch_add(&live, 1);
    return ptr;
}

static void *torture_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    void *moved = allocation_fails() ? NULL : realloc(ptr, size);

    (void)user;
    (void)old_size;
    if (moved && !ptr)
        atomic_fetch_add(&live, 1);
    return moved;
}

static void torture_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    if (ptr)
        atomic_fetch_sub(&live, 1);
    free(ptr);
}

static const struct rnl_allocator memory = {torture_alloc, torture_realloc, torture_free, NULL};

#ifdef RNLI_FAULTS
/* The calls of one run, by name, in the order of their first appearance. */
static int call_index(const char *name)
{
    for (int i = 0; i < ncalls; i++)
        if (strcmp(calls[i].name, name) == 0)
            return i;
    if (ncalls == CALLS_MAX)
        return -1;
    calls[ncalls].name = name;
    return ncalls++;
}

static int call_fails(const char *name)
{
    int i, err = 0;
    long n;

    pthread_mutex_lock(&gate);
    i = call_index(name);
    n = i < 0 ? 0 : ++calls[i].count;
    if (run.armed && run.point.kind == CALLS && n == run.point.n &&
        strcmp(name, run.point.call) == 0)
        err = run.point.err;
    pthread_mutex_unlock(&gate);
    if (err)
        run.fired = true;
    return err;
}

static void install(void)
{
    rnli_fault = call_fails;
}
#else
static void install(void)
{
    puts("a build without RUNNEL_FAULTS: no system call will fail");
}
#endif

/* ---- Turns ------------------------------------------------------------- */

static void end_one(int end, bool aborts)
{
    if (!run.pair[end])
        return;
    if (aborts)
        rnl_abort(run.pair[end]);
    else
        rnl_close(run.pair[end]);
}

static void act(void)
{
    enum action a = run.point.action;

    run.fired = true;
    if (a == CANCEL_TASK || a == CANCEL_AND_GO_ON)
        (void)rnl_task_cancel(run.victim);
    else if (a == CANCEL_HANDLER && run.handler)
        (void)rnl_task_cancel(run.handler);
    else if (a == TIME_UP)
        (void)rnl_timeout_reset(&run.limit, 0);
    if (a == CLOSE_CLIENT || a == CLOSE_BOTH || a == CLOSE_AND_ABORT)
        end_one(0, false);
    if (a == ABORT_CLIENT || a == ABORT_BOTH || a == ABORT_AND_CLOSE)
        end_one(0, true);
    if (a == CLOSE_SERVER || a == CLOSE_BOTH || a == ABORT_AND_CLOSE)
        end_one(1, false);
    if (a == ABORT_SERVER || a == ABORT_BOTH || a == CLOSE_AND_ABORT)
        end_one(1, true);
}

static int64_t torture_now(struct rnl_backend *backend)
{
    return run.base->now(backend) + run.skipped_ns;
}

/* Loopback answers at once, so time in which nothing came for 2 ms is skipped. */
static int skip_wait(struct rnl_backend *backend, int64_t timeout_ns, struct rnl_entry *entries,
                     int max)
{
    int64_t longest = timeout_ns < 0 ? HANG_S * RNL_SECOND : 2 * RNL_MILLISECOND;
    int64_t real = timeout_ns < 0 || timeout_ns > longest ? longest : timeout_ns;
    int64_t before = run.base->now(backend), spent;
    int n = run.base->wait(backend, real, entries, max);

    spent = run.base->now(backend) - before;
    if (n != 0 || spent < real)
        return n;
    if (timeout_ns < 0) {
        run.hung = true;
        return RNL_EDEADLOCK;
    }
    if (timeout_ns > spent)
        run.skipped_ns += timeout_ns - spent;
    return 0;
}

static int torture_wait(struct rnl_backend *backend, int64_t timeout_ns, struct rnl_entry *entries,
                        int max)
{
    run.turns++;
    if (run.armed && run.point.action && run.victim && !run.fired && run.turns >= run.point.n) {
        act();
        timeout_ns = 0;
    }
    if (run.simulated || timeout_ns == 0)
        return run.base->wait(backend, timeout_ns, entries, max);
    return skip_wait(backend, timeout_ns, entries, max);
}

/* ---- One run ----------------------------------------------------------- */

static int victim(void *arg)
{
    int err;

    (void)arg;
    (void)rnl_timeout_begin(&run.limit, RNL_OFF);
    err = rnl_timeout_end(&run.limit, run.scenario->fn(NULL));
    torture_pair(0, NULL);
    return err;
}

static int reply(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes line;
    int err = rnl_readline(reader, &line);

    (void)arg;
    return err ? err : rnl_write(writer, line.data, line.len);
}

/* The loop still serves. */
static int control(void)
{
    struct rnl_server *server;
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes line;
    struct rnl_address address;
    int err = rnl_start_server(reply, NULL, "127.0.0.1", 0, NULL, &server);

    if (err)
        return err;
    err = rnl_server_address(server, 0, &address);
    if (!err)
        err = rnl_open_connection("127.0.0.1", address.port, NULL, &r, &w);
    if (!err) {
        err = rnl_write_str(w, "still there?\n");
        if (!err)
            err = rnl_readline(r, &line);
        if (!err && (line.len != 13 || memcmp(line.data, "still there?\n", 13) != 0))
            err = RNL_EPROTO;
        rnl_stream_free(r, w);
    }
    rnl_server_free(server);
    return err;
}

static int run_main(void *arg)
{
    int err = rnl_task_spawn(&run.victim, victim, NULL, NULL);

    (void)arg;
    run.result = err;
    if (err)
        return err;
    err = rnl_task_wait(run.victim, &run.result);
    rnl_task_free(run.victim);
    run.victim = NULL;
    if (err)
        return err;
    if (run.armed && !run.fired)
        return RNL_OK; /* perhaps at the loop's end */
    run.armed = false;
    err = control();
    if (err && !run.wrong) {
        run.result = err;
        run.wrong = "the loop serves no more";
    }
    return RNL_OK;
}

static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* A thread that was left behind may still hold something, for a moment. */
static bool memory_is_back(long before)
{
    int64_t since = rnli_sys_monotonic();

    while (atomic_load(&live) != before && rnli_sys_monotonic() - since < 2 * RNL_SECOND)
        continue;
    return atomic_load(&live) == before;
}

static void quiet(void *user, const struct rnl_report *report)
{
    (void)user;
    (void)report;
}

static void reset_run(const struct point *point)
{
    pthread_mutex_lock(&gate);
    run.point = *point;
    for (int i = 0; i < ncalls; i++)
        calls[i].count = 0;
    pthread_mutex_unlock(&gate);
    run.armed = true;
    run.fired = false;
    run.again = run.hung = false;
    run.wrong = NULL;
    run.turns = 0;
    run.skipped_ns = 0;
    run.victim = run.handler = NULL;
    run.pair[0] = run.pair[1] = NULL;
    atomic_store(&allocations, 0);
}

static void judge(int code, long memory_before, int descriptors_before)
{
    if (run.wrong)
        return;
    if (run.hung || code == RNL_EDEADLOCK)
        run.wrong = "it hangs";
    else if (!memory_is_back(memory_before))
        run.wrong = "memory is left";
    else if (open_descriptors() != descriptors_before)
        run.wrong = "descriptors are left";
    else if (run.result > 0 || rnl_error_name(run.result)[0] == 'u')
        run.wrong = "an answer that is none";
    else if (run.again && run.result != RNL_OK)
        run.wrong = "a cancel that was taken back did harm";
    else if (!run.fired && run.result != RNL_OK)
        run.wrong = "it fails untouched";
}

static void run_point(const struct point *point)
{
    static struct rnl_backend_ops wrapped;
    struct rnl_sim_config config = RNL_SIM_CONFIG_INIT;
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    int descriptors = open_descriptors(), code;
    long before = atomic_load(&live);

    reset_run(point);
    wrapped = *run.base;
    wrapped.wait = torture_wait;
    wrapped.now = torture_now;
    options.backend_ops = &wrapped;
    config.model = run.model;
    options.backend_config = run.simulated ? &config : NULL;
    options.allocator = &memory;
    options.report = quiet;
    run.result = RNL_OK;
    alarm(20);
    code = rnl_run(run_main, NULL, &options);
    alarm(0);
    run.armed = false;
    if (run.result == RNL_OK && code != RNL_OK)
        run.result = code;
    judge(code, before, descriptors);
}

/* ---- Points ------------------------------------------------------------ */

static void describe(char *out, size_t size)
{
    const struct point *p = &run.point;

    snprintf(out, size, "%s over %s on %s, %s %ld%s%s errno %d action %d", run.scenario->name,
             torture_over == OVER_UNIX ? "Unix" : "TCP", run.backend, kind_names[p->kind], p->n,
             p->forever ? " and on " : " ", p->call ? p->call : "", p->err, (int)p->action);
}

static void on_alarm(int number)
{
    static const char text[] = "torture: a run that does not end: ";
    char line[300];

    (void)number;
    describe(line, sizeof line);
    (void)!write(2, text, sizeof text - 1);
    (void)!write(2, line, strlen(line));
    (void)!write(2, "\n", 1);
    _exit(3);
}

static bool try_point(const struct point *point)
{
    char line[300];

    run_point(point);
    totals.points[point->kind]++;
    totals.fired[point->kind] += run.fired;
    totals.wrong += run.wrong != NULL;
    if (run.wrong || verbose) {
        describe(line, sizeof line);
        printf("%s: %s: %s%s\n", run.wrong ? "WRONG" : "fine", line, run.wrong ? run.wrong : "",
               run.wrong ? "" : rnl_error_name(run.result));
        if (run.wrong)
            printf("       it answered %s\n", rnl_error_name(run.result));
    }
    return run.fired;
}

static uint32_t draw(uint32_t bound)
{
    luck = luck * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return bound ? (uint32_t)(((luck >> 32) * bound) >> 32) : 0;
}

/* `count` places with `variants` each: all of them, or `points` that are drawn. */
static void each_place(struct point *point, long count, int variants, long points,
                       void (*set)(struct point *, int))
{
    long all = count * variants, limit = points ? points : POINTS_MAX;

    for (long i = 0; i < limit && i < all; i++) {
        long at = all > limit ? (long)draw((uint32_t)all) : i;

        point->n = at / variants + 1;
        set(point, (int)(at % variants));
        (void)try_point(point);
    }
}

static void set_allocation(struct point *point, int variant)
{
    point->forever = variant == 1;
}

static void set_cancel(struct point *point, int variant)
{
    point->action = (enum action)(CANCEL_TASK + variant);
}

static void set_limit(struct point *point, int variant)
{
    (void)variant;
    point->action = TIME_UP;
}

static void set_end(struct point *point, int variant)
{
    point->action = (enum action)(CLOSE_CLIENT + variant);
}

static void set_call(struct point *point, int variant)
{
    point->err = errors_of(point->call)[variant];
}

/* Shared out among the names, each with what it had in the untouched run. */
static void each_call(long points)
{
    struct {
        const char *name;
        long count;
    } seen[CALLS_MAX];
    int n, used = 0;

    pthread_mutex_lock(&gate);
    n = ncalls;
    for (int i = 0; i < n; i++) {
        seen[i].name = calls[i].name;
        seen[i].count = calls[i].count;
        used += seen[i].count > 0 && errors_count(seen[i].name) > 0;
    }
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < n; i++) {
        struct point point = {.kind = CALLS, .call = seen[i].name};
        int variants = errors_count(seen[i].name);

        if (seen[i].count > 0 && variants > 0)
            each_place(&point, seen[i].count, variants, points ? (points + used - 1) / used : 0,
                       set_call);
    }
}

/* The simulator comes in three models. */
static enum rnl_sim_model model_of(const char *backend)
{
    if (strcmp(backend, "sim edges") == 0)
        return RNL_SIM_EDGES;
    return strcmp(backend, "sim levels") == 0 ? RNL_SIM_LEVELS : RNL_SIM_COMPLETIONS;
}

static bool is_simulated(const char *backend)
{
    return strncmp(backend, "sim", 3) == 0;
}

static void torture_scenario(const struct scenario *s, const char *backend, long points)
{
    struct point none = {.kind = ALLOCATIONS, .n = -1};
    struct point point[KINDS];
    long count, turns;

    run.scenario = s;
    run.backend = backend;
    run.simulated = is_simulated(backend);
    run.base = rnli_backend_find(run.simulated ? "sim" : backend);
    run.model = model_of(backend);
    none.n = 1000000000;
    run_point(&none);
    if (run.wrong) {
        printf("WRONG: %s untouched on %s: %s, %s\n", s->name, backend, run.wrong,
               rnl_error_name(run.result));
        totals.wrong++;
        return;
    }
    count = atomic_load(&allocations);
    turns = run.turns;
    if (!run.simulated)
        each_call(points);
    memset(point, 0, sizeof point);
    for (int i = 0; i < KINDS; i++)
        point[i].kind = (enum kind)i;
    each_place(&point[ALLOCATIONS], count, 2, points, set_allocation);
    each_place(&point[CANCELS], turns, 3, points, set_cancel);
    each_place(&point[LIMITS], turns, 1, points, set_limit);
    if (s->over != OVER_NOTHING)
        each_place(&point[ENDS], turns, 8, points, set_end);
}

/* Those of the system, then the simulator's models. How many there are. */
static size_t list_backends(const char *names[BACKENDS_MAX])
{
    static const char *const simulated[MODELS] = {"sim", "sim edges", "sim levels"};
    size_t n = 0;

    for (const char *const *name = rnl_backend_names(); *name; name++)
        if (!is_simulated(*name))
            names[n++] = *name;
    for (int i = 0; i < MODELS; i++)
        names[n++] = simulated[i];
    return n;
}

/* The models share one turn between them. */
static bool has_turn(size_t backend, size_t next, size_t nbackends)
{
    size_t system = nbackends - MODELS, turns = system + 1;

    if (next % turns < system)
        return backend == next % turns;
    return backend == system + next / turns % MODELS;
}

/* Over each kind of socket; on each backend, or in turn on one of them. */
static void torture_all(const char *only, long points)
{
    const char *names[BACKENDS_MAX];
    size_t nbackends = list_backends(names), next = 0;
    int programs = 0;

    for (size_t i = 0; i < nscenarios; i++) {
        if (only && strcmp(scenarios[i].name, only) != 0)
            continue;
        for (int over = OVER_TCP; over <= OVER_NOTHING; over *= 2) {
            if (!(scenarios[i].over & over))
                continue;
            torture_over = (enum over)over;
            programs++;
            for (size_t b = 0; b < nbackends; b++) {
                bool wanted = points == 0 || has_turn(b, next, nbackends);

                if (wanted && !(scenarios[i].system && is_simulated(names[b])))
                    torture_scenario(&scenarios[i], names[b], points);
            }
            next++;
        }
    }
    printf("%d programs, %zu backends\n", programs, nbackends);
}

static int tell(void)
{
    unsigned long points = 0;

    for (int i = 0; i < KINDS; i++) {
        printf("%-14s %7lu points, %7lu of them met\n", kind_names[i], totals.points[i],
               totals.fired[i]);
        points += totals.points[i];
    }
    printf("%lu points in all, %lu wrong; %d system calls with %d errors between them\n", points,
           totals.wrong, errors_calls(), errors_pairs());
    return totals.wrong > 0;
}

static bool is_scenario(const char *name)
{
    for (size_t i = 0; i < nscenarios; i++) {
        if (strcmp(scenarios[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool is_number(const char *text)
{
    return text[0] && strspn(text, "0123456789") == strlen(text) && strlen(text) < 10;
}

int main(int argc, char **argv)
{
    const char *only = argc == 3 && strcmp(argv[1], "-v") == 0 ? argv[2] : NULL;
    long points = argc > 1 && !only ? atol(argv[1]) : 25;

    if (only ? !is_scenario(only) : argc > 1 && !is_number(argv[1])) {
        fprintf(stderr, "%s: %s \"%s\"\n", argv[0],
                only ? "no scenario is called" : "not a number of points:", only ? only : argv[1]);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGALRM, on_alarm);
    luck = argc > 2 && !only ? strtoull(argv[2], NULL, 0) : 1;
    verbose = only != NULL;
    secure_init();
    if (rnl_set_default_allocator(&memory))
        return 2;
    install();
    torture_all(only, only ? 0 : points);
    return tell();
}
