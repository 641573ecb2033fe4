/* What is freed while a task, its turn used up, stands at the door of a call on it. */
#include "stream/helper_net.h"

#include "task/sched.h"

static void use_up_turn(void)
{
    struct rnl_event *event;

    OK(rnl_yield());
    OK(rnl_event_open(&event));
    rnl_event_set(event);
    while (rnli_face(rnl_loop_current())->budget > 0)
        OK(rnl_event_wait(event));
    rnl_event_free(event);
}

static void free_pair(void *arg)
{
    struct net *n = arg;

    rnl_stream_free(n->r, n->w);
    n->r = NULL;
    n->w = NULL;
}

static void free_server(void *arg)
{
    struct net *n = arg;

    rnl_server_free(n->server);
    n->server = NULL;
}

static int reads(void *arg)
{
    struct net *n = arg;
    struct rnl_reader *r = n->r;
    struct rnl_bytes b;

    use_up_turn();
    OK(rnl_call_soon(free_pair, n));
    return rnl_read(r, 1, &b);
}

static int reads_line(void *arg)
{
    struct net *n = arg;
    struct rnl_reader *r = n->r;
    struct rnl_bytes b;

    use_up_turn();
    OK(rnl_call_soon(free_pair, n));
    return rnl_readline(r, &b);
}

static int drains(void *arg)
{
    struct net *n = arg;
    struct rnl_writer *w = n->w;

    use_up_turn();
    OK(rnl_call_soon(free_pair, n));
    return rnl_drain(w);
}

static int waits_closed(void *arg)
{
    struct net *n = arg;
    struct rnl_writer *w = n->w;
    int err;

    use_up_turn();
    OK(rnl_call_soon(free_pair, n));
    err = rnl_wait_closed(w);
    return err == RNL_OK ? RNL_ECLOSED : err; /* it may have ended meanwhile */
}

static void pair_freed(struct net *n)
{
    static rnl_task_fn *const calls[] = {reads, reads_line, drains, waits_closed};

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        IS(join(start(calls[i], n)), RNL_ECLOSED);
        OK(net_connect(n, &n->r, &n->w));
    }
}
EACH(pair_freed)

static int server_waits(void *arg)
{
    struct net *n = arg;
    struct rnl_server *server = n->server;

    use_up_turn();
    OK(rnl_call_soon(free_server, n));
    return rnl_server_wait_closed(server);
}

static int server_serves(void *arg)
{
    struct net *n = arg;
    struct rnl_server *server = n->server;

    use_up_turn();
    OK(rnl_call_soon(free_server, n));
    return rnl_server_serve_forever(server);
}

static int server_shuts_down(void *arg)
{
    struct net *n = arg;
    struct rnl_server *server = n->server;

    use_up_turn();
    OK(rnl_call_soon(free_server, n));
    return rnl_server_shutdown(server, 0, NULL);
}

static void server_freed(struct net *n)
{
    static rnl_task_fn *const calls[] = {server_waits, server_serves, server_shuts_down};

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        IS(join(start(calls[i], n)), RNL_ECLOSED);
        net_close(n);
        n->pr = NULL;
        net_open(n);
    }
}
EACH(server_freed)

/* And while it waits inside. */
static int waits_for_server(void *arg)
{
    return rnl_server_wait_closed(arg);
}

static void server_freed_under_waiter(struct net *n)
{
    struct rnl_task *waiter = start(waits_for_server, n->server);

    turns(2);
    free_server(n);
    IS(join(waiter), RNL_ECLOSED);
}
EACH(server_freed_under_waiter)

SUITE("turns", {"D6 a pair freed under a task between turns", pair_freed_each},
      {"D6 a server freed under a task between turns", server_freed_each},
      {"D6 a server freed under a task that waits for its end", server_freed_under_waiter_each})
