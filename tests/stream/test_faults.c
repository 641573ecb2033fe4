/* Every allocation, and every system call, of an exchange fails in turn. Whatever
 * becomes of the exchange, it ends, and nothing is left over. */
#include "stream/helper_net.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ---- What fails -------------------------------------------------------- */

static atomic_long live;
static atomic_long allocs_to_go; /* until the one that fails; 0: none does */

/* Threads allocate and call too. */
static bool fails(atomic_long *to_go)
{
    return atomic_fetch_sub(to_go, 1) == 1;
}

static void *maybe_alloc(void *user, size_t size)
{
    void *ptr = fails(&allocs_to_go) ? NULL : malloc(size);

    (void)user;
    atomic_fetch_add(&live, ptr != NULL);
    return ptr;
}

static void *maybe_realloc(void *user, void *old, size_t old_size, size_t size)
{
    void *ptr = fails(&allocs_to_go) ? NULL : realloc(old, size);

    (void)user;
    (void)old_size;
    atomic_fetch_add(&live, ptr != NULL && !old);
    return ptr;
}

static void count_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    atomic_fetch_sub(&live, ptr != NULL);
    free(ptr);
}

static const struct rnl_allocator failing = {maybe_alloc, maybe_realloc, count_free, NULL};

/* ---- An exchange ------------------------------------------------------- */

enum { BIG = 200000 };

static char big[BIG];

static void quiet(void *user, const struct rnl_report *report)
{
    (void)user;
    (void)report;
}

static int serves(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    struct rnl_bytes b;
    int err = rnl_readexactly(r, BIG, &b);

    (void)arg;
    if (!err)
        err = rnl_write(w, b.data, b.len);
    if (!err)
        err = rnl_drain(w);
    while (!err && !(err = rnl_readline(r, &b)) && b.len > 0)
        err = rnl_write(w, b.data, b.len);
    return err;
}

static int talk(struct rnl_reader *r, struct rnl_writer *w)
{
    struct rnl_bytes b = {NULL, 0};
    int err = rnl_write(w, big, BIG);

    if (!err)
        err = rnl_drain(w);
    if (!err)
        err = rnl_readexactly(r, BIG, &b);
    if (!err)
        err = rnl_write_str(w, "one line\nand another\n");
    if (!err)
        err = rnl_readuntil(r, "another", 7, &b);
    if (!err)
        err = rnl_write_eof(w);
    if (!err)
        err = rnl_read(r, RNL_ALL, &b);
    if (!err && !same(&b, "\n"))
        err = RNL_EINCOMPLETE;
    if (err)
        return err;
    rnl_close(w);
    return rnl_wait_closed(w);
}

static int open_server(struct net *n)
{
    struct rnl_address address;
    int err;

    if (n->kind == NET_UNIX)
        err = rnl_start_unix_server(serves, n, n->path, RNL_ALL, NULL, &n->server);
    else
        err = rnl_start_server(serves, n, "127.0.0.1", 0, NULL, &n->server);
    if (err)
        return err;
    err = rnl_server_address(n->server, 0, &address);
    n->port = err ? 0 : address.port;
    return RNL_OK;
}

static int open_client(struct net *n)
{
    if (n->kind == NET_UNIX)
        return rnl_open_unix_connection(n->path, RNL_ALL, NULL, &n->r, &n->w);
    return rnl_open_connection("localhost", n->port, NULL, &n->r, &n->w);
}

static int exchange(void *arg)
{
    struct net *n = arg;
    struct rnl_timeout limit;
    int err = open_server(n);

    if (err)
        return err;
    err = rnl_timeout_begin(&limit, 20 * RNL_SECOND);
    if (!err) {
        err = open_client(n);
        if (!err) {
            err = talk(n->r, n->w);
            rnl_stream_free(n->r, n->w);
        }
        rnl_server_close(n->server);
        if (!err)
            err = rnl_server_wait_closed(n->server);
        err = rnl_timeout_end(&limit, err);
    }
    rnl_server_free(n->server);
    return err;
}

/* A name that is being resolved as the loop ends is left to a thread, which frees
 * what it has a little later. */
static void await_threads(void)
{
    time_t end = time(NULL) + 20;

    while (atomic_load(&live) != 0 && time(NULL) < end)
        sched_yield();
}

/* What rnl_run answers, and whether there was one to fail. */
static int run_one(const char *backend, enum net_kind kind, atomic_long *to_go, bool *failed)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    struct net n = {.kind = kind};
    int before = descriptors_at_rest(), code;

    snprintf(n.path, sizeof n.path, "/tmp/runnel-faults-%ld.sock", (long)getpid());
    options.backend = backend;
    options.allocator = &failing;
    options.report = quiet;
    code = rnl_run(exchange, &n, &options);
    *failed = atomic_exchange(to_go, 0) <= 0;
    CU_ASSERT(code <= RNL_OK && code != RNL_ETIMEDOUT && code != RNL_EDEADLOCK);
    await_threads();
    IS(atomic_load(&live), 0);
    IS(descriptors_left(before), before);
    unlink(n.path); /* that call may be the one that has failed */
    return code;
}

/* The first, the second ... until an exchange has no more of them. */
static void each_in_turn(atomic_long *to_go)
{
    for (const char *const *name = rnl_backend_names(); *name; name++) {
        if (strcmp(*name, "sim") == 0)
            continue; /* it makes no calls, and has a torture of its own */
        for (int kind = NET_TCP; kind <= NET_UNIX; kind++) {
            int n = 0, failures = 0, code;
            bool failed;

            do {
                atomic_store(to_go, ++n);
                code = run_one(*name, (enum net_kind)kind, to_go, &failed);
                failures += code != RNL_OK;
            } while (failed && n < 2000);
            OK(code);
            CU_ASSERT(failures > 5 && n < 2000);
        }
    }
}

static void allocations(void)
{
    each_in_turn(&allocs_to_go);
}

/* A connect that cannot have its time limit does not go without it. */
static int limit_of_connect(void *arg)
{
    struct net *n = arg;
    struct rnl_connect_options o = RNL_CONNECT_OPTIONS_INIT;
    struct rnl_reader *r;
    struct rnl_writer *w;

    o.timeout_ns = RNL_HOUR;
    OK(open_server(n));
    atomic_store(&allocs_to_go, 1);
    if (n->kind == NET_UNIX)
        IS(rnl_open_unix_connection(n->path, RNL_ALL, &o, &r, &w), RNL_ENOMEM);
    else
        IS(rnl_open_connection("127.0.0.1", n->port, &o, &r, &w), RNL_ENOMEM);
    rnl_server_free(n->server);
    return RNL_OK;
}

static void limits_of_connect(void)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;

    options.allocator = &failing;
    options.report = quiet;
    for (const char *const *name = rnl_backend_names(); *name; name++) {
        for (int kind = NET_TCP; kind <= NET_UNIX; kind++) {
            struct net n = {.kind = (enum net_kind)kind};

            snprintf(n.path, sizeof n.path, "/tmp/runnel-faults-%ld.sock", (long)getpid());
            options.backend = *name;
            OK(rnl_run(limit_of_connect, &n, &options));
            IS(atomic_load(&live), 0);
        }
    }
}

#ifdef RNLI_FAULTS
RNL_API extern int (*rnli_fault)(const char *call);
static atomic_long calls_to_go;
static int call_error;

static int maybe_fail(const char *call)
{
    if (strcmp(call, "write") == 0 || strcmp(call, "kevent_wake") == 0)
        return 0; /* the wake-up: it fails only where one is under way already */
    return fails(&calls_to_go) ? call_error : 0;
}

static void system_calls(void)
{
    static const int errors[] = {EIO, ENOMEM};

    for (size_t i = 0; i < 2; i++) {
        call_error = errors[i];
        rnli_fault = maybe_fail;
        each_in_turn(&calls_to_go);
        rnli_fault = NULL;
    }
}
#else
static void system_calls(void)
{
    /* calls cannot be made to fail in this build */
}
#endif

/* First: nothing has been allocated yet. */
static void take_over(void)
{
    OK(rnl_set_default_allocator(&failing));
}

SUITE("faults", {"the default allocator is ours", take_over},
      {"M1 M2 each allocation of an exchange fails in turn", allocations},
      {"M1 no memory for a limit of time", limits_of_connect},
      {"M2 each system call of an exchange fails in turn", system_calls})
