/* N5: a child of a fork ends its copy of the loop; the parent's goes on untouched. */
#include "stream/helper_net.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLIENTS = 4 };

typedef int child_body(struct net *net);

struct scene {
    struct net net; /* its server echoes lines */
    struct rnl_reader *r[CLIENTS];
    struct rnl_writer *w[CLIENTS];
    child_body *body;
    int channel[2];
    pid_t child; /* 0: we are it */
    int bad;     /* what the child found */
};

static struct scene scene;

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

static void play(const char *backend, enum net_kind kind, child_body *body)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    struct rnl_server_options server = RNL_SERVER_OPTIONS_INIT;
    struct rnl_connect_options client = RNL_CONNECT_OPTIONS_INIT;
    int before = descriptors_at_rest(), code;

    scene = (struct scene){.body = body};
    scene.net = (struct net){.kind = kind, .options = server, .client = client};
    snprintf(scene.net.path, sizeof scene.net.path, "/tmp/runnel-fork-%ld.sock", (long)getpid());
    options.backend = backend;
    code = rnl_run(act, &scene.net, &options);
    if (scene.child == 0) /* refused, and then it may have one of its own */
        _exit(scene.bad || rnl_run(own_server, &scene.net, &options) != RNL_OK ||
              CU_get_number_of_failures() > 0);
    OK(code);
    IS(descriptors_left(before), before);
    IS(access(scene.net.path, F_OK), -1);
}

static void each_system_of(child_body *body)
{
    for (const char *const *name = rnl_backend_names(); *name; name++) {
        if (strcmp(*name, "sim") == 0)
            continue;
        play(*name, NET_TCP, body);
        play(*name, NET_UNIX, body);
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
    each_system_of(nothing);
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
    each_system_of(ends_all);
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
    each_system_of(starts_all);
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
    each_system_of(waits_for_things);
}

SUITE("fork", {"N5 a child whose task returns", returns}, {"N5 a child that ends all", ends},
      {"N5 a child that starts something", starts},
      {"N5 a child that waits", waits})
