/* N5: a child of a fork ends its copy of the loop; the parent's goes on untouched. */
#include "stream/helper_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/system.h"
#include "task/loop.h"

enum { CLIENTS = 4 };

typedef int child_body(struct net *net);

struct scene {
    struct net net; /* its server echoes lines */
    struct rnl_reader *r[CLIENTS];
    struct rnl_writer *w[CLIENTS];
    struct rnl_reader *quiet_r; /* one more, on which nothing is sent */
    struct rnl_writer *quiet_w;
    child_body *before; /* the fork; or NULL */
    child_body *body;
    int channel[2];
    pid_t child; /* 0: we are it */
    int bad;     /* what the child found */
};

static struct scene scene;

/* Memory of the loops; what a given-up task has does not outlive its loop. */
static long live;

static void *count_alloc(void *user, size_t size)
{
    (void)user;
    live++;
    return malloc(size);
}

static void *count_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    (void)user;
    (void)old_size;
    live += ptr == NULL;
    return realloc(ptr, size);
}

/* Values of tasks that were given up, or ended. */
static int dropped;

static void drop(void *value)
{
    (void)value;
    dropped++;
}

static void count_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    live--;
    free(ptr);
}

static int echo(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes line;
    int err;

    (void)arg;
    while (!(err = rnl_readline(reader, &line)) && line.len > 0)
        if ((err = rnl_write(writer, line.data, line.len)) || (err = rnl_drain(writer)))
            break;
    return err;
}

static void open_scene(struct net *net)
{
    struct rnl_address address;

    net->options.stream.linger_close_ns = RNL_MINUTE;
    net->client.stream.linger_close_ns = RNL_MINUTE;
    net->client.stream.abort_resets = RNL_YES;
    if (net->kind == NET_UNIX)
        OK(rnl_start_unix_server(echo, NULL, net->path, RNL_ALL, &net->options, &net->server));
    else
        OK(rnl_start_server(echo, NULL, "127.0.0.1", 0, &net->options, &net->server));
    OK(rnl_server_address(net->server, 0, &address));
    net->port = address.port;
    IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, scene.channel), 0);
    for (int i = 0; i < CLIENTS; i++)
        OK(net_connect(net, &scene.r[i], &scene.w[i]));
}

/* The next line, and no wait for ever where there is none. */
static int next_line(struct rnl_reader *r, struct rnl_bytes *view)
{
    struct rnl_timeout limit;

    OK(rnl_timeout_begin(&limit, 10 * RNL_SECOND));
    return rnl_timeout_end(&limit, rnl_readline(r, view));
}

/* A line there and back, and nothing else comes back. */
static bool answers(struct rnl_reader *r, struct rnl_writer *w, const char *line)
{
    struct rnl_bytes view = {NULL, 0};

    OK(rnl_write_str(w, line));
    OK(next_line(r, &view));
    return same(&view, line);
}

static bool has_linger(struct rnl_writer *w)
{
    struct linger value = {0, 0};
    socklen_t len = sizeof value;

    IS(getsockopt((int)rnl_get_socket(w), SOL_SOCKET, SO_LINGER, &value, &len), 0);
    return value.l_onoff != 0;
}

/* The parent's sockets are as they were. */
static void check_parent(struct net *net)
{
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes view = {NULL, 0};
    char byte;

    for (int i = 0; i < CLIENTS; i++) {
        OK(next_line(scene.r[i], &view)); /* what was queued at the fork: once */
        CU_ASSERT(same(&view, "queued\n"));
        CU_ASSERT(answers(scene.r[i], scene.w[i], "and on\n"));
        CU_ASSERT(!has_linger(scene.w[i]));
    }
    if (net->kind == NET_UNIX)
        IS(access(net->path, F_OK), 0);
    if (net_connect(net, &r, &w) == RNL_OK) {
        CU_ASSERT(answers(r, w, "a new one\n"));
        rnl_stream_free(r, w);
    } else {
        CU_FAIL("the parent's server is gone");
    }
    IS(recv(scene.channel[1], &byte, 1, MSG_DONTWAIT), -1);
    IS(errno, EAGAIN);
}

static void close_scene(struct net *net)
{
    for (int i = 0; i < CLIENTS; i++)
        rnl_stream_free(scene.r[i], scene.w[i]);
    rnl_stream_free(scene.quiet_r, scene.quiet_w);
    rnl_server_free(net->server);
    close(scene.channel[0]);
    close(scene.channel[1]);
}

static int act(void *arg)
{
    struct net *net = arg;
    int status = -1;

    open_scene(net);
    for (int i = 0; i < CLIENTS; i++)
        CU_ASSERT(answers(scene.r[i], scene.w[i], "before\n"));
    if (scene.before)
        OK(scene.before(net));
    for (int i = 0; i < CLIENTS; i++)
        OK(rnl_write_str(scene.w[i], "queued\n"));
    scene.child = fork();
    if (scene.child == 0) {
        scene.bad = scene.body(net);
        return RNL_OK;
    }
    IS(waitpid(scene.child, &status, 0), scene.child);
    IS(status, 0);
    check_parent(net);
    close_scene(net);
    return RNL_OK;
}

/* The child's own loop, once the copy of the parent's is over, uses the same descriptors'
 * numbers and a path of its own. */
static int own_server(void *arg)
{
    struct net *net = arg;
    struct rnl_address address;
    struct rnl_reader *r;
    struct rnl_writer *w;

    strcat(net->path, "-own");
    if (net->kind == NET_UNIX)
        OK(rnl_start_unix_server(echo, NULL, net->path, RNL_ALL, NULL, &net->server));
    else
        OK(rnl_start_server(echo, NULL, "127.0.0.1", 0, NULL, &net->server));
    OK(rnl_server_address(net->server, 0, &address));
    net->port = address.port;
    OK(net_connect(net, &r, &w));
    if (!answers(r, w, "the child's own\n"))
        return RNL_EPROTO;
    rnl_stream_free(r, w);
    OK(rnl_server_shutdown(net->server, RNL_MINUTE, NULL));
    rnl_server_free(net->server);
    return access(net->path, F_OK) == 0 ? RNL_EEXIST : RNL_OK;
}

static void play(const char *backend, enum net_kind kind, child_body *before, child_body *body)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    struct rnl_server_options server = RNL_SERVER_OPTIONS_INIT;
    struct rnl_connect_options client = RNL_CONNECT_OPTIONS_INIT;
    static const struct rnl_allocator counting = {count_alloc, count_realloc, count_free, NULL};
    int fds = descriptors_at_rest(), code;

    live = dropped = 0;
    options.allocator = &counting;
    scene = (struct scene){.before = before, .body = body};
    scene.net = (struct net){.kind = kind, .options = server, .client = client};
    snprintf(scene.net.path, sizeof scene.net.path, "/tmp/runnel-fork-%ld.sock", (long)getpid());
    options.backend = backend;
    code = rnl_run(act, &scene.net, &options);
    IS(live, 0);
    IS(dropped, before ? 2 : 0);
    if (scene.child == 0) /* refused, and then it may have one of its own */
        _exit(scene.bad || rnl_run(own_server, &scene.net, &options) != RNL_OK ||
              CU_get_number_of_failures() > 0);
    OK(code);
    IS(descriptors_left(fds), fds);
    IS(access(scene.net.path, F_OK), -1);
}

static void each_system_of(child_body *before, child_body *body)
{
    for (const char *const *name = rnl_backend_names(); *name; name++) {
        if (strcmp(*name, "sim") == 0)
            continue;
        play(*name, NET_TCP, before, body);
        play(*name, NET_UNIX, before, body);
    }
}

/* ---- What a child may do ----------------------------------------------- */

static int nothing(struct net *net)
{
    (void)net;
    return 0;
}

/* The child's main task ends, and so does its copy of the loop. */
static void returns(void)
{
    each_system_of(NULL, nothing);
}

/* Every way to end a connection or a server, or to send on one. */
static int ends_all(struct net *net)
{
    struct rnl_shutdown_counts counts;
    struct rnl_bytes view;
    rnl_socket sock;
    int bad = 0;

    bad |= rnl_write_str(scene.w[0], "child\n") != RNL_OK; /* swallowed, or refused below */
    bad |= rnl_flush(scene.w[0]) != RNL_EINVAL;
    (void)rnl_write_eof(scene.w[1]);
    rnl_close(scene.w[2]);
    rnl_abort(scene.w[3]);
    bad |= rnl_stream_detach(scene.r[1], scene.w[1], &sock, &view) == RNL_OK;
    bad |= rnl_pass_socket(scene.channel[0], 0) != RNL_EINVAL;
    rnl_server_close_clients(net->server);
    bad |= rnl_server_shutdown(net->server, RNL_SECOND, &counts) != RNL_OK; /* its copies */
    rnl_server_abort_clients(net->server);
    for (int i = 0; i < CLIENTS; i++)
        rnl_stream_free(scene.r[i], scene.w[i]);
    rnl_server_free(net->server);
    return bad;
}

static void ends(void)
{
    each_system_of(NULL, ends_all);
}

/* Nothing new on the parent's loop; its path is no stale one. */
static int starts_all(struct net *net)
{
    struct rnl_server *server;
    struct rnl_reader *r[2];
    struct rnl_writer *w[2];
    int bad = 0, fd = dup((int)rnl_server_socket(net->server, 0));

    bad |= net_connect(net, r, w) != RNL_EINVAL;
    bad |= rnl_open_pair(NULL, r, w) != RNL_EINVAL;
    bad |= rnl_start_server(echo, NULL, "127.0.0.1", 0, NULL, &server) != RNL_EINVAL;
    bad |= rnl_start_unix_server(echo, NULL, net->path, RNL_ALL, NULL, &server) != RNL_EINVAL;
    bad |= rnl_start_server_socket(echo, NULL, fd, NULL, &server) != RNL_EINVAL;
    return bad;
}

static void starts(void)
{
    each_system_of(NULL, starts_all);
}

static int answers_one(void *arg)
{
    (void)arg;
    return 1;
}

static int waits_for_things(struct net *net)
{
    struct rnl_event *event = NULL;
    int bad = rnl_to_thread(answers_one, NULL, NULL, NULL) != RNL_EAGAIN;

    (void)net;
    bad |= rnl_event_open(&event) != RNL_OK;
    bad |= rnl_event_wait(event) != RNL_ECANCELED;
    rnl_event_free(event);
    return bad;
}

static void waits(void)
{
    each_system_of(NULL, waits_for_things);
}

/* ---- Tasks that do not end --------------------------------------------- */

/* Cancelled, and it waits on: only in the child, which gives it up. */
static bool waits_on(int err)
{
    return err == RNL_ECANCELED && scene.child == 0;
}

static int ran_on(void)
{
    scene.bad |= scene.child == 0;
    return RNL_OK;
}

/* What it touches is freed at the loop's end, and so it must not run any more then. */
static int yields_on(void *arg)
{
    int err = RNL_OK;

    while (scene.child == 0 && (!err || waits_on(err)) && !rnl_loop_current()->ended &&
           rnl_server_connections(arg) <= CLIENTS + 1)
        err = rnl_yield();
    return ran_on();
}

/* Its scopes, and their timers, are on its stack. */
static int sleeps_on(void *arg)
{
    static const struct rnl_local key = {NULL, drop};
    struct rnl_timeout outer, inner;

    OK(rnl_local_set(&key, arg));
    OK(rnl_timeout_begin(&outer, RNL_HOUR));
    OK(rnl_timeout_begin(&inner, 2 * RNL_HOUR));
    while (waits_on(rnl_sleep(3 * RNL_HOUR)))
        ;
    OK(rnl_timeout_end(&inner, RNL_OK));
    OK(rnl_timeout_end(&outer, RNL_OK));
    return ran_on();
}

static int waits_on_server(void *arg)
{
    while (waits_on(rnl_server_wait_closed(arg)))
        ;
    return ran_on();
}

static int waits_on_stream(void *arg)
{
    while (waits_on(rnl_wait_closed(arg)))
        ;
    return ran_on();
}

static int waits_on_task(void *arg)
{
    while (waits_on(rnl_task_wait(arg, NULL)))
        ;
    return ran_on();
}

static int keeps_tasks(struct net *net)
{
    struct rnl_task_options big = RNL_TASK_OPTIONS_INIT;
    struct rnl_timer *later;
    struct rnl_task *kept;

    big.stack_size = 1024 * 1024;
    OK(net_connect(net, &scene.quiet_r, &scene.quiet_w));
    OK(rnl_task_spawn(&kept, sleeps_on, net, &big));
    OK(rnl_task_spawn(NULL, waits_on_task, kept, NULL));
    OK(rnl_task_spawn(NULL, yields_on, net->server, NULL));
    OK(rnl_task_spawn(NULL, sleeps_on, net, NULL));
    OK(rnl_task_spawn(NULL, waits_on_server, net->server, NULL));
    OK(rnl_task_spawn(NULL, waits_on_stream, scene.quiet_w, NULL));
    turns(3);
    CU_ASSERT(!rnl_task_done(kept));
    return rnl_call_later(&later, RNL_HOUR, drop, NULL);
}

static void keeps(void)
{
    each_system_of(keeps_tasks, nothing);
}

SUITE("fork", {"N5 a child whose task returns", returns}, {"N5 a child that ends all", ends},
      {"N5 a child that starts something", starts}, {"N5 a child that waits", waits},
      {"N5 a child whose tasks do not end", keeps})
