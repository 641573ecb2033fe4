/* A server that is full, and stopping in order. */
#include "stream/helper_net.h"

#include <errno.h>

static int inside, most, served;
static struct rnl_event *leave;

static int visit(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    int err;

    (void)reader;
    (void)arg;
    served++;
    if (++inside > most)
        most = inside;
    OK(rnl_write_str(writer, "hello\n"));
    err = rnl_event_wait(leave);
    inside--;
    return err;
}

static void serve_by(struct net *net, rnl_handler_fn *handler)
{
    struct rnl_address address;

    inside = most = served = 0;
    OK(rnl_event_open(&leave));
    if (net->kind == NET_UNIX)
        OK(rnl_start_unix_server(handler, NULL, net->path, RNL_ALL, &net->options, &net->server));
    else
        OK(rnl_start_server(handler, NULL, "127.0.0.1", 0, &net->options, &net->server));
    OK(rnl_server_address(net->server, 0, &address));
    net->port = address.port;
}

static void open_server(struct net *net)
{
    serve_by(net, visit);
}

static void close_server(struct net *net)
{
    rnl_event_set(leave);
    rnl_server_close(net->server);
    OK(rnl_server_wait_closed(net->server));
    turns(2); /* the handlers go home */
    rnl_server_free(net->server);
    rnl_event_free(leave);
}

enum { CLIENTS = 6 };
static struct rnl_reader *r[CLIENTS];
static struct rnl_writer *w[CLIENTS];

static void connect_all(struct net *net)
{
    for (int i = 0; i < CLIENTS; i++)
        OK(net_connect(net, &r[i], &w[i]));
}

static void free_all(void)
{
    for (int i = 0; i < CLIENTS; i++)
        rnl_stream_free(r[i], w[i]);
}

static int greeting(void *arg)
{
    struct rnl_bytes view;
    int err = rnl_readline(arg, &view);

    return err ? err : (int)view.len;
}

/* Those beyond the maximum are served when there is room, and none is lost. */
static void beyond_waits(struct net *net)
{
    struct rnl_task *tasks[CLIENTS];

    net->options.max_connections = 2;
    open_server(net);
    connect_all(net);
    for (int i = 0; i < CLIENTS; i++)
        tasks[i] = start(greeting, r[i]);
    turns(30);
    IS(served, 2);
    IS(rnl_server_connections(net->server), 2);
    rnl_event_set(leave);
    for (int i = 0; i < CLIENTS; i++)
        IS(join(tasks[i]), 6);
    IS(served, CLIENTS);
    CU_ASSERT(most <= 2);
    free_all();
    close_server(net);
}
EACH_RAW(beyond_waits)

static void beyond_refused(struct net *net)
{
    int greeted = 0;

    net->options.max_connections = 2;
    net->options.when_full = RNL_FULL_REFUSE;
    open_server(net);
    connect_all(net);
    for (int i = 0; i < CLIENTS; i++)
        greeted += greeting(r[i]) == 6;
    IS(greeted, 2);
    IS(served, 2);
    rnl_stream_free(r[0], w[0]);
    r[0] = NULL;
    w[0] = NULL;
    rnl_event_set(leave);
    while (rnl_server_connections(net->server) > 0)
        turns(1);
    OK(net_connect(net, &r[0], &w[0])); /* there is room again */
    IS(greeting(r[0]), 6);
    free_all();
    close_server(net);
}
EACH_RAW(beyond_refused)

/* A server that ends with clients held back: they are let go. */
static void full_and_closed(struct net *net)
{
    net->options.max_connections = 1;
    open_server(net);
    connect_all(net);
    turns(30);
    IS(served, 1);
    rnl_server_close(net->server);
    rnl_event_set(leave);
    OK(rnl_server_wait_closed(net->server));
    free_all();
    rnl_server_free(net->server);
    rnl_event_free(leave);
}
EACH_RAW(full_and_closed)

/* ---- Stopping ---------------------------------------------------------- */

static int leave_soon(void *arg)
{
    int err = rnl_yield();

    (void)arg;
    rnl_event_set(leave);
    return err;
}

static void shutdown_in_time(struct net *net)
{
    struct rnl_shutdown_counts counts = {99, 99};
    struct rnl_task *task;

    open_server(net);
    connect_all(net);
    while (served < CLIENTS)
        turns(1);
    task = start(leave_soon, NULL);
    OK(rnl_server_shutdown(net->server, RNL_MINUTE, &counts));
    IS(counts.finished, CLIENTS);
    IS(counts.aborted, 0);
    IS(inside, 0);
    OK(join(task));
    free_all();
    OK(rnl_server_shutdown(net->server, 0, &counts)); /* again is fine */
    IS(counts.finished, 0);
    close_server(net);
}
EACH_RAW(shutdown_in_time)

static void aborts_after(struct net *net, int64_t ns)
{
    struct rnl_shutdown_counts counts = {99, 99};
    struct rnl_bytes view;

    open_server(net);
    connect_all(net);
    while (served < CLIENTS)
        turns(1);
    OK(rnl_server_shutdown(net->server, ns, &counts));
    IS(counts.finished, 0);
    IS(counts.aborted, CLIENTS);
    IS(greeting(r[0]), 6);
    OK(rnl_read(r[0], 1, &view));
    IS(view.len, 0);
    free_all();
    close_server(net);
}

static void shutdown_aborts(struct net *net)
{
    aborts_after(net, 20 * RNL_MILLISECOND);
}
EACH_RAW(shutdown_aborts)

/* By another task, before the time is over. */
static int abort_soon(void *arg)
{
    int err = rnl_yield();

    rnl_server_abort_clients(arg);
    return err;
}

static void shutdown_and_others_abort(struct net *net)
{
    struct rnl_shutdown_counts counts = {99, 99};
    struct rnl_task *task;

    open_server(net);
    connect_all(net);
    while (served < CLIENTS)
        turns(1);
    task = start(abort_soon, net->server);
    OK(rnl_server_shutdown(net->server, RNL_OFF, &counts));
    IS(counts.finished, 0);
    IS(counts.aborted, CLIENTS);
    OK(join(task));
    OK(rnl_server_shutdown(net->server, RNL_OFF, &counts)); /* those are not counted again */
    IS(counts.finished + counts.aborted, 0);
    free_all();
    close_server(net);
}
EACH_RAW(shutdown_and_others_abort)

/* Every other handler ends by an abort of its own; the others are still at work. */
static int gives_up(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    bool aborts = served++ % 2 == 0;
    struct rnl_bytes view;
    int err = rnl_event_wait(leave);

    (void)arg;
    if (!err && aborts)
        rnl_abort(writer);
    else if (!err)
        err = rnl_read(reader, 1, &view); /* until the connection is gone */
    return err == RNL_ECLOSED ? RNL_OK : err;
}

static void shutdown_and_own_aborts(struct net *net)
{
    struct rnl_shutdown_counts counts = {99, 99};

    for (int later = 0; later < 2; later++) {
        serve_by(net, gives_up);
        connect_all(net);
        while (served < CLIENTS)
            turns(1);
        rnl_event_set(leave);
        if (later)
            turns(1); /* the time is over while their ends are under way */
        OK(rnl_server_shutdown(net->server, later ? 0 : 20 * RNL_MILLISECOND, &counts));
        IS(counts.finished, CLIENTS / 2);
        IS(counts.aborted, CLIENTS / 2);
        free_all();
        close_server(net);
    }
}
EACH_RAW(shutdown_and_own_aborts)

static void shutdown_of_the_past(struct net *net)
{
    aborts_after(net, -RNL_SECOND);
}
EACH_RAW(shutdown_of_the_past)

/* The next server can have the address at once. */
static void shutdown_leaves_the_place(struct net *net)
{
    struct rnl_server *next = NULL;

    open_server(net);
    OK(rnl_server_shutdown(net->server, 0, NULL));
    if (net->kind == NET_UNIX)
        OK(rnl_start_unix_server(visit, NULL, net->path, RNL_ALL, NULL, &next));
    else
        OK(rnl_start_server(visit, NULL, "127.0.0.1", net->port, NULL, &next));
    rnl_server_free(next);
    close_server(net);
}
EACH_RAW(shutdown_leaves_the_place)

static int shut(void *arg)
{
    return rnl_server_shutdown(arg, RNL_OFF, NULL);
}

static void shutdown_cancelled(struct net *net)
{
    struct rnl_task *a, *b;

    open_server(net);
    connect_all(net);
    while (served < CLIENTS)
        turns(1);
    a = start(shut, net->server);
    b = start(shut, net->server);
    turns(3);
    CU_ASSERT(rnl_task_cancel(a));
    IS(join(a), RNL_ECANCELED);
    IS(rnl_server_connections(net->server), CLIENTS);
    rnl_server_free(net->server);
    IS(join(b), RNL_ECLOSED);
    free_all();
    rnl_event_set(leave);
    turns(20);
    rnl_event_free(leave);
}
EACH_RAW(shutdown_cancelled)

#if defined(RNLI_FAULTS) && !defined(_WIN32)
RNL_API extern int (*rnli_fault)(const char *call);

static struct net *hooked;

/* What it takes to attach a socket. kqueue also waits by that call: the one meant follows
 * the close of the connection that makes room. */
static int no_attach(const char *call)
{
    static bool after_close;
    bool attaches = strcmp(call, "epoll_ctl") == 0 || strcmp(call, "fstat") == 0 ||
                    (after_close && strcmp(call, "kevent") == 0);

    after_close = strcmp(call, "close") == 0;
    return attaches ? ENOSPC : 0;
}

static void free_server(void *user, const struct rnl_report *report)
{
    (void)user;
    if (!rnli_fault || report->level != RNL_REPORT_ERROR) /* a slow turn's */
        return;
    rnli_fault = NULL;
    rnl_server_free(hooked->server);
    hooked->server = NULL;
}

static int connects(void *arg)
{
    int i = (int)(intptr_t)arg;

    return net_connect(hooked, &r[i], &w[i]);
}

/* A place is free, a client that waited for it cannot be taken, and the hook that hears
 * of it frees the server. */
static void freed_by_hook(struct net *net)
{
    struct rnl_task *tasks[CLIENTS];

    net->options.max_connections = 1;
    open_server(net);
    hooked = net;
    for (int i = 0; i < CLIENTS; i++) /* all at once: some are accepted, and held */
        tasks[i] = start(connects, (void *)(intptr_t)i);
    for (int i = 0; i < CLIENTS; i++)
        OK(join(tasks[i]));
    turns(5);
    IS(served, 1);
    rnli_fault = no_attach;
    rnl_event_set(leave);
    while (net->server)
        turns(1);
    free_all();
    turns(2);
    rnl_event_free(leave);
}

static void freed_by_the_hook(void)
{
    net_report = free_server;
    each_system_raw(freed_by_hook);
    net_report = NULL;
}
#else
static void freed_by_the_hook(void)
{
}
#endif

SUITE("full", {"beyond the maximum: waits", beyond_waits_each},
      {"beyond the maximum: refused", beyond_refused_each},
      {"full, and closed", full_and_closed_each}, {"a shutdown in time", shutdown_in_time_each},
      {"a shutdown that aborts", shutdown_aborts_each},
      {"a shutdown, and others abort", shutdown_and_others_abort_each},
      {"a shutdown, and handlers that abort", shutdown_and_own_aborts_each},
      {"a shutdown whose time is past", shutdown_of_the_past_each},
      {"a shutdown leaves the place to the next", shutdown_leaves_the_place_each},
      {"a shutdown, cancelled or freed", shutdown_cancelled_each},
      {"A2 freed by the hook that hears of a held client", freed_by_the_hook})
