/* What is left when a program ends, and what is said of it. */
#include "stream/helper_net.h"

#include <errno.h>
#include <stdlib.h>

static int waits(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    struct rnl_bytes b;

    (void)w;
    (void)arg;
    return rnl_read(r, RNL_ALL, &b);
}

static void nothing(void *arg)
{
    (void)arg;
}

/* A server, connections, timers and calls that nobody ends: EACH counts memory
 * and descriptors, and the path. */
static void all_left(struct net *n)
{
    struct rnl_server *never_started;
    struct rnl_timer *timer;

    n->options.start_serving = RNL_NO;
    OK(rnl_start_server(waits, NULL, "127.0.0.1", 0, &n->options, &never_started));
    n->options.start_serving = RNL_DEFAULT;
    net_open(n);
    rnl_event_free(n->accepted);
    for (int i = 0; i < 20; i++)
        OK(net_connect(n, &n->r, &n->w));
    OK(rnl_write_str(n->w, "never flushed"));
    OK(rnl_call_later(&timer, RNL_HOUR, nothing, NULL));
    OK(rnl_call_soon(nothing, NULL));
}
EACH_RAW(all_left)

static int reports_seen;

static void count_report(void *user, const struct rnl_report *report)
{
    (void)user;
    if (strstr(report->what, "never closed"))
        reports_seen++;
    /* A hook that fails, waits, and reports itself: nothing comes of it. */
    (void)!rnl_sleep(1);
    (void)rnl_task_spawn(NULL, NULL, NULL, NULL);
}

static int forgets(void *arg)
{
    struct net *n = arg;

    net_open(n);
    rnl_server_free(n->server);
    rnl_event_free(n->accepted);
    rnl_stream_free(n->pr, n->pw);
    return RNL_OK; /* the client's end is forgotten */
}

static void forgotten(void)
{
    struct rnl_run_options o = RNL_RUN_OPTIONS_INIT;
    struct rnl_server_options server = RNL_SERVER_OPTIONS_INIT;
    struct rnl_connect_options client = RNL_CONNECT_OPTIONS_INIT;
    struct net n = {.kind = NET_TCP, .options = server, .client = client};
    int before = descriptors_at_rest();

    o.debug = RNL_YES;
    o.report = count_report;
    reports_seen = 0;
    OK(rnl_run(forgets, &n, &o));
    IS(reports_seen, 1);
    IS(descriptors_left(before), before);
}

/* The listener closed at each turn of a connection's coming. */
static void closed_while_accepting(struct net *n)
{
    for (int after = 0; after < 8; after++) {
        struct rnl_server *s;
        struct rnl_address a;
        struct rnl_reader *r;
        struct rnl_writer *w;

        if (n->kind != NET_TCP)
            return;
        OK(rnl_start_server(waits, NULL, "127.0.0.1", 0, NULL, &s));
        OK(rnl_server_address(s, 0, &a));
        OK(rnl_open_connection("127.0.0.1", a.port, NULL, &r, &w));
        turns(after);
        rnl_server_close(s);
        rnl_stream_free(r, w);
        OK(rnl_server_wait_closed(s));
        rnl_server_free(s);
    }
}
EACH_RAW(closed_while_accepting)

#ifdef RNLI_FAULTS
extern int (*rnli_fault)(const char *call);

static int no_threads(const char *call)
{
    return strcmp(call, "pthread_create") == 0 || strcmp(call, "thread_create") == 0 ? EAGAIN : 0;
}

static int looks_up(void *arg)
{
    struct rnl_reader *r;
    struct rnl_writer *w;

    (void)arg;
    return rnl_open_connection("localhost", 1, NULL, &r, &w);
}

static void no_resolver_thread(void)
{
    rnli_fault = no_threads;
    IS(rnl_run(looks_up, NULL, NULL), RNL_EAGAIN);
    rnli_fault = NULL;
    CU_ASSERT(rnl_run(looks_up, NULL, NULL) != RNL_EAGAIN);
}
#else
static void no_resolver_thread(void)
{
}
#endif

SUITE("leftovers", {"A9 A11 a loop ends with everything open", all_left_each},
      {"A8 P1 D9 a forgotten stream is told in debug, once", forgotten},
      {"E5 closed while accepting", closed_while_accepting_each},
      {"E14 no thread for the resolver", no_resolver_thread})
