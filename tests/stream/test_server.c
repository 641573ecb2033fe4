/* Servers, over every backend, TCP and Unix. */
#include "stream/helper_net.h"

#include <runnel/sim.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/system.h"

static struct {
    int failures, last_code;
} reports;

static int echo_once(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    struct rnl_bytes b;
    int err = rnl_readline(r, &b);

    (void)arg;
    return err ? err : rnl_write(w, b.data, b.len);
}

static int fails(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    (void)r;
    (void)arg;
    (void)rnl_write_str(w, "bye");
    return RNL_EUSER;
}

static int waits(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    struct rnl_bytes b;

    (void)w;
    (void)arg;
    return rnl_read(r, RNL_ALL, &b);
}

static void open_with(struct net *n, rnl_handler_fn *handler)
{
    struct rnl_address address;

    if (n->kind == NET_UNIX)
        OK(rnl_start_unix_server(handler, n, n->path, RNL_ALL, &n->options, &n->server));
    else
        OK(rnl_start_server(handler, n, "127.0.0.1", 0, &n->options, &n->server));
    OK(rnl_server_address(n->server, 0, &address));
    n->port = address.port;
}

/* The pair is closed when the handler ends, what is queued still goes out. */
static void closed_by_the_end(struct net *n)
{
    struct rnl_bytes b;

    open_with(n, echo_once);
    OK(net_connect(n, &n->r, &n->w));
    OK(rnl_write_str(n->w, "ping\n"));
    OK(rnl_read(n->r, RNL_ALL, &b));
    CU_ASSERT(same(&b, "ping\n"));
    rnl_stream_free(n->r, n->w);
    rnl_server_free(n->server);
}
EACH_RAW(closed_by_the_end)

static void on_report(void *user, const struct rnl_report *report)
{
    (void)user;
    reports.failures++;
    reports.last_code = report->code;
}

static int failing_main(void *arg)
{
    struct net *n = arg;
    struct rnl_bytes b;

    open_with(n, fails);
    OK(net_connect(n, &n->r, &n->w));
    OK(rnl_read(n->r, RNL_ALL, &b));
    CU_ASSERT(same(&b, "bye"));
    rnl_stream_free(n->r, n->w);
    rnl_server_free(n->server);
    return RNL_OK;
}

static void failing_handler(void)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    struct rnl_server_options server = RNL_SERVER_OPTIONS_INIT;
    struct rnl_connect_options client = RNL_CONNECT_OPTIONS_INIT;
    struct net n = {.kind = NET_TCP, .options = server, .client = client};

    options.report = on_report;
    reports.failures = 0;
    OK(rnl_run(failing_main, &n, &options));
    IS(reports.failures, 1);
    IS(reports.last_code, RNL_EUSER);
}

/* close leaves connections alone; wait_closed waits for them. */
static int wait_server(void *arg)
{
    return rnl_server_wait_closed(arg);
}

static void closing(struct net *n)
{
    struct rnl_task *waiter;

    open_with(n, waits);
    OK(net_connect(n, &n->r, &n->w));
    while (rnl_server_connections(n->server) == 0)
        turns(1);
    CU_ASSERT(rnl_server_is_serving(n->server));
    rnl_server_close(n->server);
    rnl_server_close(n->server);
    IS(rnl_server_listeners(n->server), 0);
    CU_ASSERT(!rnl_server_is_serving(n->server));
    IS(rnl_server_start_serving(n->server), RNL_ECLOSED);
    waiter = start(wait_server, n->server);
    turns(3);
    CU_ASSERT(!rnl_task_done(waiter));
    CU_ASSERT(!rnl_is_closing(n->w));
    rnl_close(n->w);
    OK(join(waiter));
    OK(rnl_server_wait_closed(n->server));
    rnl_stream_free(n->r, n->w);
    rnl_server_free(n->server);
}
EACH_RAW(closing)

static void ending_clients(struct net *n)
{
    struct rnl_bytes b;

    for (int abort = 0; abort < 2; abort++) {
        open_with(n, waits);
        OK(net_connect(n, &n->r, &n->w));
        while (rnl_server_connections(n->server) == 0)
            turns(1);
        rnl_server_close(n->server);
        if (abort)
            rnl_server_abort_clients(n->server);
        else
            rnl_server_close_clients(n->server);
        OK(rnl_server_wait_closed(n->server));
        OK(rnl_read(n->r, RNL_ALL, &b));
        IS(b.len, 0);
        rnl_stream_free(n->r, n->w);
        rnl_server_free(n->server);
    }
}
EACH_RAW(ending_clients)

/* The server freed with connections in it: they live on. */
static void freed_with_clients(struct net *n)
{
    struct rnl_reader *r[20];
    struct rnl_writer *w[20];
    struct rnl_bytes b;

    open_with(n, echo_once);
    for (int i = 0; i < 20; i++)
        OK(net_connect(n, &r[i], &w[i]));
    while (rnl_server_connections(n->server) < 20)
        turns(1);
    rnl_server_free(n->server);
    for (int i = 0; i < 20; i++) {
        OK(rnl_write_str(w[i], "x\n"));
        OK(rnl_read(r[i], RNL_ALL, &b));
        IS(b.len, 2);
        rnl_stream_free(r[i], w[i]);
    }
}
EACH_RAW(freed_with_clients)

static int forever(void *arg)
{
    return rnl_server_serve_forever(arg);
}

static void serving_forever(struct net *n)
{
    struct rnl_task *task;

    n->options.start_serving = RNL_NO;
    open_with(n, echo_once);
    CU_ASSERT(!rnl_server_is_serving(n->server));
    IS(net_connect(n, &n->r, &n->w), RNL_ECONNREFUSED);
    task = start(forever, n->server);
    turns(2);
    CU_ASSERT(rnl_server_is_serving(n->server));
    IS(rnl_server_serve_forever(n->server), RNL_EBUSY);
    CU_ASSERT(rnl_task_cancel(task));
    IS(join(task), RNL_ECANCELED);
    IS(rnl_server_serve_forever(n->server), RNL_ECLOSED);
    rnl_server_free(n->server);
    open_with(n, echo_once);
    task = start(forever, n->server);
    turns(2);
    rnl_server_close(n->server); /* from elsewhere: a cancel too, as in asyncio */
    IS(join(task), RNL_ECANCELED);
    rnl_server_free(n->server);
}
EACH_RAW(serving_forever)

/* A second server cannot have the address of a live one. */
static void taken(struct net *n)
{
    struct rnl_server *other = NULL;

    open_with(n, echo_once);
    if (n->kind == NET_UNIX)
        IS(rnl_start_unix_server(echo_once, NULL, n->path, RNL_ALL, NULL, &other), RNL_EADDRINUSE);
    else
        IS(rnl_start_server(echo_once, NULL, "127.0.0.1", n->port, NULL, &other), RNL_EADDRINUSE);
    CU_ASSERT(other == NULL);
    OK(net_connect(n, &n->r, &n->w)); /* the first still serves */
    rnl_stream_free(n->r, n->w);
    rnl_server_free(n->server);
}
EACH_RAW(taken)

static void make_stale(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strncpy(sa.sun_path, path, sizeof sa.sun_path - 1);
    IS(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    close(fd);
}

/* A stale socket is replaced; a file is not; another's socket is not removed. */
static void paths(struct net *n)
{
    struct rnl_server *other;
    struct stat st;
    FILE *file;

    if (n->kind != NET_UNIX)
        return;
    make_stale(n->path);
    open_with(n, echo_once);
    unlink(n->path);
    OK(rnl_start_unix_server(echo_once, NULL, n->path, RNL_ALL, NULL, &other));
    rnl_server_free(n->server);
    IS(stat(n->path, &st), 0);
    rnl_server_free(other);
    IS(stat(n->path, &st), -1);
    file = fopen(n->path, "w");
    CU_ASSERT(file != NULL);
    if (file)
        fclose(file);
    IS(rnl_start_unix_server(echo_once, NULL, n->path, RNL_ALL, NULL, &other), RNL_EADDRINUSE);
    IS(stat(n->path, &st), 0);
    unlink(n->path);
}
EACH_SYSTEM_RAW(paths)

static void path_lengths(struct net *n)
{
    char path[200];
    struct rnl_server *s;
    struct rnl_address address;

    if (n->kind != NET_UNIX)
        return;
    memset(path, 'p', sizeof path);
    memcpy(path, "/tmp/", 5);
    path[108] = '\0';
    IS(rnl_start_unix_server(echo_once, NULL, path, RNL_ALL, NULL, &s), RNL_ENAMETOOLONG);
    path[sizeof((struct sockaddr_un *)0)->sun_path - 1] = '\0';
    OK(rnl_start_unix_server(echo_once, NULL, path, RNL_ALL, NULL, &s));
    OK(rnl_open_unix_connection(path, RNL_ALL, NULL, &n->r, &n->w));
    rnl_stream_free(n->r, n->w);
    rnl_server_free(s);
    IS(rnl_start_unix_server(echo_once, NULL, "", RNL_ALL, NULL, &s), RNL_EINVAL);
    IS(rnl_start_unix_server(echo_once, NULL, "a\0b", 3, NULL, &s), RNL_EINVAL);
    if (!UNIX_AS_LINUX && !rnl_sim_current())
        return;
    snprintf(path, sizeof path, "%crunnel-%ld", 0, (long)getpid());
    OK(rnl_start_unix_server(echo_once, NULL, path, strlen(path + 1) + 1, NULL, &s));
    OK(rnl_server_address(s, 0, &address));
    CU_ASSERT(address.path[0] == '\0' && address.path_len == strlen(path + 1) + 1);
    OK(rnl_open_unix_connection(path, strlen(path + 1) + 1, NULL, &n->r, &n->w));
    rnl_stream_free(n->r, n->w);
    rnl_server_free(s);
}
EACH_RAW(path_lengths)

/* One busy address: none stays bound. */
static void all_or_nothing(struct net *n)
{
    static const char *const hosts[] = {"127.0.0.2", "127.0.0.1"};
    struct rnl_server *other;

    if (n->kind != NET_TCP)
        return;
    open_with(n, echo_once);
    n->options.hosts = hosts;
    n->options.nhosts = 2;
    IS(rnl_start_server(echo_once, NULL, NULL, n->port, &n->options, &other), RNL_EADDRINUSE);
    IS(rnl_open_connection("127.0.0.2", n->port, NULL, &n->r, &n->w), RNL_ECONNREFUSED);
    rnl_server_free(n->server);
}
EACH_RAW(all_or_nothing)

static void several_addresses(struct net *n)
{
    static const char *const hosts[] = {"127.0.0.1", "::1", "127.0.0.1"};
    struct rnl_address a, b;

    if (n->kind != NET_TCP)
        return;
    n->options.hosts = hosts;
    n->options.nhosts = 3;
    n->options.same_port = RNL_YES;
    OK(rnl_start_server(echo_once, NULL, NULL, 0, &n->options, &n->server));
    IS(rnl_server_listeners(n->server), 2);
    OK(rnl_server_address(n->server, 0, &a));
    OK(rnl_server_address(n->server, 1, &b));
    IS(a.port, b.port);
    IS(rnl_server_address(n->server, 2, &b), RNL_EINVAL);
    OK(rnl_open_connection("::1", a.port, NULL, &n->r, &n->w));
    rnl_stream_free(n->r, n->w);
    rnl_server_free(n->server);
}
EACH_RAW(several_addresses)

static void on_every_interface(struct net *n)
{
    struct rnl_address a;

    if (n->kind != NET_TCP)
        return;
    OK(rnl_start_server(echo_once, NULL, NULL, 0, NULL, &n->server));
    IS(rnl_server_listeners(n->server), 2);
    OK(rnl_server_address(n->server, 0, &a));
    OK(rnl_open_connection(a.family == RNL_INET ? "127.0.0.1" : "::1", a.port, NULL, &n->r, &n->w));
    rnl_stream_free(n->r, n->w);
    rnl_server_free(n->server);
}
EACH_RAW(on_every_interface)

/* An IPv6 listener is of IPv6 alone, unless it is told otherwise. */
static void six_only(struct net *n)
{
    static const enum rnl_switch ways[] = {RNL_DEFAULT, RNL_YES, RNL_NO};

    if (n->kind != NET_TCP)
        return;
    for (size_t i = 0; i < 3; i++) {
        int only = 0; /* Windows writes one byte of it */
        socklen_t len = sizeof only;
        int code;

        n->options.v6only = ways[i];
        code = rnl_start_server(echo_once, NULL, "::", 0, &n->options, &n->server);
        if (code == RNL_EAFNOSUPPORT || code == RNL_EADDRNOTAVAIL)
            return; /* a system without it */
        OK(code);
        IS(getsockopt((int)rnl_server_socket(n->server, 0), IPPROTO_IPV6, IPV6_V6ONLY, &only, &len),
           0);
        IS(only != 0, ways[i] != RNL_NO);
        rnl_server_free(n->server);
    }
}
EACH_SYSTEM_RAW(six_only)

static void bound_socket(struct net *n)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    int fd;

    if (n->kind != NET_TCP)
        return;
    IS(rnl_start_server_socket(echo_once, NULL, 9999, NULL, &n->server), RNL_EBADF);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    IS(rnl_start_server_socket(echo_once, NULL, fd, NULL, &n->server), RNL_EINVAL);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    IS(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    OK(rnl_start_server_socket(echo_once, NULL, fd, NULL, &n->server));
    IS(rnl_server_socket(n->server, 0), fd);
    rnl_server_free(n->server);
}
EACH_SYSTEM_RAW(bound_socket)

/* Restarted a hundred times on one port. */
static void restarted(struct net *n)
{
    struct rnl_bytes b;
    struct rnl_server *s;

    if (n->kind != NET_TCP)
        return;
    open_with(n, echo_once);
    rnl_server_free(n->server);
    turns(3);
    for (int i = 0; i < 100; i++) {
        OK(rnl_start_server(echo_once, NULL, "127.0.0.1", n->port, NULL, &s));
        OK(net_connect(n, &n->r, &n->w));
        OK(rnl_write_str(n->w, "x\n"));
        OK(rnl_read(n->r, RNL_ALL, &b));
        rnl_stream_free(n->r, n->w);
        rnl_server_close(s);
        OK(rnl_server_wait_closed(s));
        rnl_server_free(s);
    }
}
EACH_RAW(restarted)

/* A pair that another task still holds when its handler is over. */
static struct {
    struct rnl_reader *r;
    struct rnl_writer *w;
} held;

static int lets_it_be_held(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    (void)arg;
    rnl_stream_ref(r, w);
    held.r = r;
    held.w = w;
    return rnl_write_str(w, "the end");
}

static void held_after_the_handler(struct net *n)
{
    struct rnl_bytes b;

    open_with(n, lets_it_be_held);
    OK(net_connect(n, &n->r, &n->w));
    OK(rnl_read(n->r, RNL_ALL, &b));
    CU_ASSERT(same(&b, "the end"));
    IS(rnl_read(held.r, 1, &b), RNL_ECLOSED);
    IS(rnl_drain(held.w), RNL_ECLOSED);
    OK(rnl_write_str(held.w, "dropped"));
    CU_ASSERT(rnl_is_closing(held.w));
    rnl_stream_free(held.r, held.w);
    rnl_stream_free(n->r, n->w);
    rnl_server_free(n->server);
}
EACH_RAW(held_after_the_handler)

/* Kept, and freed by the handler itself, which goes on for a while. */
static int keeps_and_frees(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    (void)arg;
    OK(rnl_stream_keep(r, w));
    OK(rnl_stream_keep(r, w));
    rnl_stream_free(r, w);
    turns(10);
    return RNL_EUSER;
}

static int kept_main(void *arg)
{
    struct net *n = arg;
    struct rnl_bytes b;

    open_with(n, keeps_and_frees);
    OK(net_connect(n, &n->r, &n->w));
    OK(rnl_read(n->r, RNL_ALL, &b));
    IS(b.len, 0);
    turns(20);
    rnl_stream_free(n->r, n->w);
    rnl_server_free(n->server);
    return RNL_OK;
}

static void kept_and_freed(void)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    struct rnl_server_options server = RNL_SERVER_OPTIONS_INIT;
    struct rnl_connect_options client = RNL_CONNECT_OPTIONS_INIT;

    for (const char *const *name = rnl_backend_names(); *name; name++) {
        struct net n = {.kind = NET_TCP, .options = server, .client = client};

        options.backend = *name;
        options.report = on_report;
        reports.failures = 0;
        OK(rnl_run(kept_main, &n, &options));
        IS(reports.failures, 1); /* its own failure, not the connection's */
    }
}

static void a_thousand(struct net *n)
{
    enum { COUNT = 1000 };
    struct rnl_reader **r = calloc(COUNT, sizeof *r);
    struct rnl_writer **w = calloc(COUNT, sizeof *w);
    struct rnl_bytes b;
    int opened = 0, err = RNL_OK;

    n->options.backlog = 2000;
    open_with(n, echo_once);
    while (opened < COUNT && !(err = net_connect(n, &r[opened], &w[opened])))
        opened++;
    if (strcmp(rnl_loop_backend(rnl_loop_current()), "select") == 0)
        CU_ASSERT(opened == COUNT || err == RNL_ERANGE)
    else
        IS(opened, COUNT);
    for (int i = 0; i < opened; i++)
        OK(rnl_write_str(w[i], "x\n"));
    for (int i = 0; i < opened; i++) {
        if (i < 400) /* beyond, select could not accept the peer */
            OK(rnl_read(r[i], RNL_ALL, &b));
        rnl_stream_free(r[i], w[i]);
    }
    rnl_server_free(n->server);
    free(r);
    free(w);
}
EACH_RAW(a_thousand)

static void families_that_are_none(struct net *n)
{
    n->options.family = RNL_UNIX;
    IS(rnl_start_server(echo_once, NULL, "127.0.0.1", 0, &n->options, &n->server), RNL_EINVAL);
    n->options.family = (enum rnl_family)77;
    IS(rnl_start_server(echo_once, NULL, "127.0.0.1", 0, &n->options, &n->server), RNL_EINVAL);
}
EACH_RAW(families_that_are_none)

static int asks_its_server(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    struct rnl_server *server = rnl_stream_server(w);

    (void)r;
    (void)arg;
    return server ? rnl_write_str(w, rnl_server_user(server)) : RNL_EINVAL;
}

/* A pointer of the program's on the server, found again from a connection. */
static void user_pointer(struct net *n)
{
    char word[] = "of the server";
    struct rnl_bytes b;

    open_with(n, echo_once);
    CU_ASSERT(rnl_server_user(n->server) == NULL);
    rnl_server_free(n->server);
    turns(3);
    n->options.user = word;
    open_with(n, asks_its_server);
    CU_ASSERT(rnl_server_user(n->server) == word);
    OK(net_connect(n, &n->r, &n->w));
    CU_ASSERT(rnl_stream_server(n->w) == NULL); /* a client's end has none */
    OK(rnl_read(n->r, RNL_ALL, &b));
    CU_ASSERT(same(&b, "of the server"));
    rnl_stream_free(n->r, n->w);
    rnl_server_free(n->server);
}
EACH_RAW(user_pointer)

SUITE("servers", {"families that are none", families_that_are_none_each},
      {"the pair is closed when the handler ends", closed_by_the_end_each},
      {"A7 a handler that fails: an end for the client, one report", failing_handler},
      {"H7 close and wait_closed", closing_each}, {"H8 close_clients and abort_clients", ending_clients_each},
      {"A10 freed with connections in it", freed_with_clients_each},
      {"serve_forever and start_serving", serving_forever_each}, {"an address that is taken", taken_each},
      {"O2 stale, live and foreign paths", paths_each}, {"O1 path lengths and abstract names", path_lengths_each},
      {"E6 all addresses or none", all_or_nothing_each}, {"E13 several hosts, one port", several_addresses_each},
      {"E13 every interface", on_every_interface_each}, {"O4 IPv6 alone, or both", six_only_each}, {"a socket that is bound already", bound_socket_each},
      {"H9 restarted a hundred times", restarted_each}, {"A3 held after its handler", held_after_the_handler_each},
      {"A3 kept, and freed before the handler's end", kept_and_freed},
      {"a thousand connections", a_thousand_each}, {"a pointer of the program's", user_pointer_each})
