/* peer.c: one end of a real connection, in Runnel; peer.py is the same in asyncio, and
 * says what a story is.
 *
 *      conformance_peer serve tcp|unix ADDRESS SCENARIO
 *      conformance_peer connect tcp|unix ADDRESS SCENARIO
 *      conformance_peer backends
 *      conformance_peer kinds          tcp, and unix where there is such a thing
 *
 * With compat on, so the story must be asyncio's, word for word. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <runnel.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "json.h"

#define BIG ((size_t)1 << 24) /* bytes; more than the kernel's buffers hold */

struct scenario {
    const char *name;
    int (*serve)(struct rnl_reader *r, struct rnl_writer *w, struct rnl_server *server);
    void (*connect)(struct rnl_reader *r, struct rnl_writer *w);
};

struct job {
    const struct scenario *scenario;
    bool is_unix;
    const char *address;
    struct rnl_server *server;
    struct rnl_event *over;
};

/* ---- Telling ----------------------------------------------------------- */

static void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

static void say_truth(const char *name, bool truth)
{
    say("%s %s", name, truth ? "true" : "false");
}

static void tell_code(const char *name, int code)
{
    if (code == RNL_OK)
        say("%s ok", name);
    else
        say("%s error %s", name, rnl_error_name(code) + 4);
}

static void tell_bytes(const char *name, int code, const struct rnl_bytes *value)
{
    struct json_out text = {NULL, 0, 0, false};

    if (code != RNL_OK && code != RNL_EINCOMPLETE) {
        tell_code(name, code);
        return;
    }
    json_put_string(&text, value->data, value->len);
    say("%s %s%s", name, code ? "incomplete " : "", text.text);
    free(text.text);
}

static bool tell_line(struct rnl_reader *r, struct rnl_bytes *line)
{
    int code = rnl_readline(r, line);

    tell_bytes("readline", code, line);
    return code == RNL_OK && line->len > 0;
}

static void tell_read(struct rnl_reader *r, size_t n)
{
    struct rnl_bytes value;
    int code = rnl_read(r, n, &value);

    tell_bytes("read", code, &value);
}

static void drain(struct rnl_writer *w)
{
    tell_code("drain", rnl_drain(w));
}

static void wait_closed(struct rnl_writer *w)
{
    tell_code("wait_closed", rnl_wait_closed(w));
}

static void end(struct rnl_writer *w)
{
    rnl_close(w);
    say_truth("is_closing", rnl_is_closing(w));
    wait_closed(w);
}

static void reset(struct rnl_writer *w)
{
    struct linger now = {1, 0};

    setsockopt((int)rnl_get_socket(w), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    rnl_abort(w);
}

/* ---- Scenarios --------------------------------------------------------- */

static int echo_server(struct rnl_reader *r, struct rnl_writer *w, struct rnl_server *server)
{
    struct rnl_bytes line;

    (void)server;
    while (tell_line(r, &line)) {
        rnl_write(w, line.data, line.len);
        drain(w);
    }
    end(w);
    return 0;
}

static void echo_client(struct rnl_reader *r, struct rnl_writer *w)
{
    static const char odd[3] = {(char)0xff, 0, '\n'};
    static const struct rnl_bytes three[] = {{(const unsigned char *)"thr", 3},
                                             {(const unsigned char *)"ee", 2},
                                             {(const unsigned char *)"\n", 1}};
    struct rnl_bytes line;
    int code;

    rnl_write_str(w, "one\n");
    tell_line(r, &line);
    rnl_write_str(w, "two\n");
    tell_line(r, &line);
    rnl_write(w, odd, sizeof odd);
    tell_line(r, &line);
    rnl_writelines(w, three, 3);
    code = rnl_readuntil(r, "ee\n", 3, &line);
    tell_bytes("readuntil", code, &line);
    rnl_write_eof(w);
    tell_read(r, RNL_ALL);
    end(w);
}

static int client_half_server(struct rnl_reader *r, struct rnl_writer *w, struct rnl_server *server)
{
    struct rnl_bytes request;
    int code = rnl_read(r, RNL_ALL, &request);

    (void)server;
    tell_bytes("read", code, &request);
    say_truth("is_closing", rnl_is_closing(w));
    rnl_write_str(w, "reply to ");
    rnl_write(w, request.data, request.len);
    drain(w);
    end(w);
    return 0;
}

static void client_half_client(struct rnl_reader *r, struct rnl_writer *w)
{
    rnl_write_str(w, "request");
    rnl_write_eof(w);
    tell_read(r, RNL_ALL);
    say_truth("at_eof", rnl_at_eof(r));
    end(w);
}

static int server_half_server(struct rnl_reader *r, struct rnl_writer *w, struct rnl_server *server)
{
    (void)server;
    rnl_write_str(w, "hello");
    rnl_write_eof(w);
    tell_read(r, RNL_ALL);
    end(w);
    return 0;
}

static void server_half_client(struct rnl_reader *r, struct rnl_writer *w)
{
    struct rnl_bytes value;
    int code = rnl_readexactly(r, 9, &value);

    tell_bytes("readexactly", code, &value);
    say_truth("is_closing", rnl_is_closing(w));
    rnl_write_str(w, "still here");
    drain(w);
    end(w);
    tell_read(r, 5);
}

static int reset_server(struct rnl_reader *r, struct rnl_writer *w, struct rnl_server *server)
{
    struct rnl_bytes line;

    (void)server;
    rnl_write_str(w, "data1\ndata2\n");
    tell_line(r, &line);
    reset(w);
    wait_closed(w);
    drain(w);
    tell_read(r, 5);
    return 0;
}

static void reset_client(struct rnl_reader *r, struct rnl_writer *w)
{
    struct rnl_bytes line;

    tell_line(r, &line);
    rnl_write_str(w, "reset\n");
    wait_closed(w);
    tell_line(r, &line);
    drain(w);
    wait_closed(w);
}

static int slow_server(struct rnl_reader *r, struct rnl_writer *w, struct rnl_server *server)
{
    struct rnl_bytes data;
    size_t total = 0, wrong = 0;

    (void)server;
    while (rnl_read(r, 65536, &data) == RNL_OK && data.len > 0) {
        total += data.len;
        for (size_t i = 0; i < data.len; i++)
            wrong += data.data[i] != 'x';
    }
    say("received %zu wrong %zu", total, wrong);
    end(w);
    return 0;
}

static void slow_client(struct rnl_reader *r, struct rnl_writer *w)
{
    char *much = malloc(BIG);

    if (!much)
        abort();
    memset(much, 'x', BIG);
    rnl_write(w, much, BIG);
    free(much);
    drain(w);
    say_truth("waits", rnl_queued(w) > 16384);
    rnl_close(w);
    wait_closed(w);
    tell_read(r, 5);
}

static int ends_server(struct rnl_reader *r, struct rnl_writer *w, struct rnl_server *server)
{
    struct rnl_bytes line;

    (void)server;
    tell_line(r, &line);
    tell_read(r, 5);
    end(w);
    wait_closed(w);
    rnl_write_str(w, "late");
    drain(w);
    return 0;
}

static void ends_client(struct rnl_reader *r, struct rnl_writer *w)
{
    rnl_write_str(w, "bye\n");
    drain(w);
    rnl_close(w);
    rnl_close(w);
    wait_closed(w);
    wait_closed(w);
    tell_read(r, 5);
    say_truth("at_eof", rnl_at_eof(r));
}

static int abort_server(struct rnl_reader *r, struct rnl_writer *w, struct rnl_server *server)
{
    (void)server;
    tell_read(r, RNL_ALL);
    end(w);
    return 0;
}

static void abort_client(struct rnl_reader *r, struct rnl_writer *w)
{
    rnl_abort(w);
    say_truth("is_closing", rnl_is_closing(w));
    wait_closed(w);
    drain(w);
    tell_read(r, 5);
}

static int close_server_server(struct rnl_reader *r, struct rnl_writer *w,
                               struct rnl_server *server)
{
    struct rnl_bytes line;

    tell_line(r, &line);
    rnl_server_close(server);
    say_truth("is_serving", rnl_server_is_serving(server));
    rnl_write_str(w, "closed\n");
    tell_line(r, &line);
    end(w);
    return 0;
}

static void close_server_client(struct rnl_reader *r, struct rnl_writer *w)
{
    struct rnl_bytes line;

    rnl_write_str(w, "close the server\n");
    tell_line(r, &line);
    rnl_write_str(w, "and I am still served\n");
    tell_read(r, RNL_ALL);
    end(w);
}

static int close_clients_server(struct rnl_reader *r, struct rnl_writer *w,
                                struct rnl_server *server)
{
    struct rnl_bytes line;

    tell_line(r, &line);
    rnl_server_close(server);
    rnl_server_close_clients(server);
    say_truth("is_closing", rnl_is_closing(w));
    wait_closed(w);
    return 0;
}

static int abort_clients_server(struct rnl_reader *r, struct rnl_writer *w,
                                struct rnl_server *server)
{
    struct rnl_bytes line;

    tell_line(r, &line);
    rnl_server_close(server);
    rnl_server_abort_clients(server);
    say_truth("is_closing", rnl_is_closing(w));
    wait_closed(w);
    return 0;
}

static void told_client(struct rnl_reader *r, struct rnl_writer *w)
{
    rnl_write_str(w, "end us\n");
    tell_read(r, RNL_ALL);
    end(w);
}

static int failing_server(struct rnl_reader *r, struct rnl_writer *w, struct rnl_server *server)
{
    struct rnl_bytes line;

    (void)w;
    (void)server;
    tell_line(r, &line);
    return RNL_EUSER;
}

/* "127.0.0.1:80", or a path; "" where there is none. */
static void name_of(const struct rnl_address *address, char *text)
{
    if (address->family != RNL_UNIX)
        rnl_address_format(address, text, RNL_ADDRESS_TEXT_MAX);
    else
        snprintf(text, RNL_ADDRESS_TEXT_MAX, "%.*s", (int)address->path_len, address->path);
}

static void write_sockname(struct rnl_writer *w)
{
    char text[RNL_ADDRESS_TEXT_MAX];

    name_of(rnl_get_extra_info(w, "sockname"), text);
    rnl_write_str(w, text);
    rnl_write_str(w, "\n");
}

static void say_peername(struct rnl_writer *w, const struct rnl_bytes *line)
{
    char text[RNL_ADDRESS_TEXT_MAX];

    name_of(rnl_get_extra_info(w, "peername"), text);
    say_truth("peername",
              line->len == strlen(text) + 1 && memcmp(line->data, text, line->len - 1) == 0);
}

static void info(struct rnl_writer *w)
{
    const rnl_socket *sock = rnl_get_extra_info(w, "socket");
    int value = 0;
    socklen_t len = sizeof value;

    if (*sock != rnl_get_socket(w))
        say("another socket");
    if (getsockopt((int)*sock, IPPROTO_TCP, TCP_NODELAY, &value, &len))
        value = 0;
    say_truth("nodelay", value != 0);
    say_truth("no such", !rnl_get_extra_info(w, "no such"));
}

static int info_server(struct rnl_reader *r, struct rnl_writer *w, struct rnl_server *server)
{
    struct rnl_bytes line;

    (void)server;
    if (rnl_readline(r, &line))
        return RNL_EUSER;
    say_peername(w, &line);
    info(w);
    write_sockname(w);
    tell_read(r, 5);
    end(w);
    return 0;
}

static void info_client(struct rnl_reader *r, struct rnl_writer *w)
{
    struct rnl_bytes line;

    write_sockname(w);
    if (rnl_readline(r, &line))
        return;
    info(w);
    end(w);
    say_peername(w, &line); /* both outlive the end */
}

static int cancelled_server(struct rnl_reader *r, struct rnl_writer *w, struct rnl_server *server)
{
    struct rnl_bytes line;

    (void)w;
    (void)server;
    tell_line(r, &line);
    rnl_task_cancel(rnl_task_current());
    return rnl_readline(r, &line);
}

static int polite_server(struct rnl_reader *r, struct rnl_writer *w, struct rnl_server *server)
{
    struct rnl_bytes line;

    (void)server;
    tell_line(r, &line);
    rnl_write_str(w, "all of it\n");
    tell_read(r, 5);
    end(w);
    return 0;
}

static void polite_client(struct rnl_reader *r, struct rnl_writer *w)
{
    struct rnl_bytes line;

    rnl_write_str(w, "go on\n");
    tell_line(r, &line);
    end(w);
}

static void turns(void)
{
    for (int i = 0; i < 5; i++)
        if (rnl_yield())
            abort();
}

static int connect_to(void *arg)
{
    const uint16_t *port = arg;
    struct rnl_reader *r;
    struct rnl_writer *w;
    int code = rnl_open_connection("127.0.0.1", *port, NULL, &r, &w);

    if (code == RNL_OK)
        rnl_stream_free(r, w);
    return code;
}

#ifdef _WIN32 /* where handles have no order: how many there are */
static int lowest_descriptor(void)
{
    return open_descriptors();
}
#else
static int lowest_descriptor(void)
{
    int lowest = dup(0);

    close(lowest);
    return lowest;
}
#endif

/* A listener on which connects wait, because its queue is full. */
static uint16_t fill(int *socks, size_t n)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < n; i++)
        socks[i] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(socks[0], (struct sockaddr *)&name, len) || listen(socks[0], 0) ||
        getsockname(socks[0], (struct sockaddr *)&name, &len))
        abort();
    for (size_t i = 1; i < n; i++) {
        fcntl(socks[i], F_SETFL, O_NONBLOCK);
        if (connect(socks[i], (struct sockaddr *)&name, len) && errno != EINPROGRESS)
            abort();
    }
    return ntohs(name.sin_port);
}

static void cancelled_client(struct rnl_reader *r, struct rnl_writer *w)
{
    int socks[5], lowest, code;
    uint16_t port = fill(socks, 5);
    struct rnl_task *task;

    lowest = lowest_descriptor();
    if (rnl_task_spawn(&task, connect_to, &port, NULL))
        abort();
    turns();
    say_truth("connects", !rnl_task_done(task));
    rnl_task_cancel(task);
    if (rnl_task_join(task, &code) == RNL_OK && code == RNL_ECANCELED)
        say("cancelled");
    rnl_task_free(task);
    turns();
    say_truth("its socket is closed", lowest_descriptor() == lowest);
    for (size_t i = 0; i < 5; i++)
        close(socks[i]);
    polite_client(r, w);
}

static int drain_once(void *arg)
{
    return rnl_drain(arg);
}

static void drains_client(struct rnl_reader *r, struct rnl_writer *w)
{
    struct rnl_task *tasks[10];
    char *much = calloc(1, BIG);
    int code, drained = 0;

    (void)r;
    if (!much)
        abort();
    rnl_write(w, memset(much, 'x', BIG), BIG);
    free(much);
    for (int i = 0; i < 10; i++)
        if (rnl_task_spawn(&tasks[i], drain_once, w, NULL))
            abort();
    for (int i = 0; i < 10; i++) {
        drained += rnl_task_join(tasks[i], &code) == RNL_OK && code == RNL_OK;
        rnl_task_free(tasks[i]);
    }
    say("drained %d", drained);
    rnl_close(w);
    wait_closed(w);
}

/* Answers the host that the client has. */
static int greet(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    char text[RNL_ADDRESS_TEXT_MAX];

    (void)r;
    (void)arg;
    name_of(rnl_get_extra_info(w, "peername"), text);
    rnl_write(w, text, strcspn(text, ":"));
    return 0;
}

static void try_connect(uint16_t port, const char *local)
{
    struct rnl_connect_options options = RNL_CONNECT_OPTIONS_INIT;
    struct rnl_reader *r;
    struct rnl_writer *w;
    int code;

    options.local_host = local;
    code = rnl_open_connection("127.0.0.1", port, &options, &r, &w);
    if (code) {
        tell_code("connect", code);
        return;
    }
    tell_read(r, RNL_ALL);
    rnl_stream_free(r, w);
}

static int try_forever(void *server)
{
    int code = rnl_server_serve_forever(server);

    if (code == RNL_ECANCELED)
        say("serve_forever cancelled");
    else if (code == RNL_EBUSY || code == RNL_ECLOSED)
        say("serve_forever refused");
    return 0;
}

/* From start to end, with what is refused on the way. */
static void live(struct rnl_server *other, uint16_t port)
{
    struct rnl_server *second;
    struct rnl_task *task;

    say_truth("is_serving", rnl_server_is_serving(other));
    try_connect(port, NULL);
    tell_code("start_serving", rnl_server_start_serving(other));
    tell_code("start_serving", rnl_server_start_serving(other));
    say_truth("is_serving", rnl_server_is_serving(other));
    try_connect(port, NULL);
    try_connect(port, "127.0.0.2");
    tell_code("start_server", rnl_start_server(greet, NULL, "127.0.0.1", port, NULL, &second));
    if (rnl_task_spawn(&task, try_forever, other, NULL) || rnl_yield())
        abort();
    try_forever(other);
    rnl_server_close(other);
    rnl_server_close(other);
    say("is_serving %s sockets %zu", rnl_server_is_serving(other) ? "true" : "false",
        rnl_server_listeners(other));
    if (rnl_task_join(task, NULL))
        abort();
    rnl_task_free(task);
    tell_code("wait_closed", rnl_server_wait_closed(other));
    try_forever(other);
    try_connect(port, NULL);
}

static int life_server(struct rnl_reader *r, struct rnl_writer *w, struct rnl_server *server)
{
    struct rnl_server_options options = RNL_SERVER_OPTIONS_INIT;
    struct rnl_server *other;
    struct rnl_address address;
    struct rnl_bytes line;

    (void)server;
    tell_line(r, &line);
    options.start_serving = RNL_NO;
    if (rnl_start_server(greet, NULL, "127.0.0.1", 0, &options, &other) ||
        rnl_server_address(other, 0, &address))
        return RNL_EUSER;
    live(other, address.port);
    rnl_server_free(other);
    end(w);
    return 0;
}

static void try_open_path(const char *path)
{
    struct rnl_reader *r;
    struct rnl_writer *w;

    tell_code("connect", rnl_open_unix_connection(path, RNL_ALL, NULL, &r, &w));
}

static void bind_and_leave(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int sock = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(name.sun_path, path);
    if (bind(sock, (struct sockaddr *)&name, sizeof name))
        abort();
    close(sock);
}

static void try_paths(const char *folder)
{
    char path[64], stale[64], none[64], below[64];
    struct rnl_server *server;

    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(stale, sizeof stale, "%s/stale", folder);
    snprintf(none, sizeof none, "%s/none", folder);
    snprintf(below, sizeof below, "%s/none/below", folder);
    bind_and_leave(stale);
    try_open_path(none);
    try_open_path(stale);
    unlink(stale);
    tell_code("start_unix_server", rnl_start_unix_server(greet, NULL, below, RNL_ALL, NULL, &server));
    if (rnl_start_unix_server(greet, NULL, path, RNL_ALL, NULL, &server))
        abort();
    say_truth("is there", access(path, F_OK) == 0);
    rnl_server_close(server);
    tell_code("wait_closed", rnl_server_wait_closed(server));
    say_truth("is there", access(path, F_OK) == 0);
    rnl_server_free(server);
}

static void paths_client(struct rnl_reader *r, struct rnl_writer *w)
{
    char folder[] = "/tmp/runnel-XXXXXX";

    if (!mkdtemp(folder))
        abort();
    try_paths(folder);
    rmdir(folder);
    polite_client(r, w);
}

static const struct scenario scenarios[] = {
    {"echo", echo_server, echo_client},
    {"half-close by the client", client_half_server, client_half_client},
    {"half-close by the server", server_half_server, server_half_client},
    {"reset with data unread", reset_server, reset_client},
    {"slow reader", slow_server, slow_client},
    {"close twice, wait twice", ends_server, ends_client},
    {"abort", abort_server, abort_client},
    {"server close", close_server_server, close_server_client},
    {"close_clients", close_clients_server, told_client},
    {"abort_clients", abort_clients_server, told_client},
    {"a handler fails", failing_server, told_client},
    {"a handler is cancelled", cancelled_server, told_client},
    {"a connect is cancelled", polite_server, cancelled_client},
    {"get_extra_info", info_server, info_client},
    {"ten drains", slow_server, drains_client},
    {"a server's life", life_server, told_client},
    {"paths", polite_server, paths_client},
};

/* ---- Both ends --------------------------------------------------------- */

static int handle(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    struct job *job = arg;
    int code = job->scenario->serve(r, w, job->server);

    rnl_event_set(job->over);
    return code;
}

static int start(struct job *job)
{
    struct rnl_server_options options = RNL_SERVER_OPTIONS_INIT;

    options.stream.compat = RNL_YES;
    if (job->is_unix)
        return rnl_start_unix_server(handle, job, job->address, RNL_ALL, &options, &job->server);
    return rnl_start_server(handle, job, "127.0.0.1", 0, &options, &job->server);
}

static int serve(void *arg)
{
    struct job *job = arg;
    struct rnl_address address;
    int code = rnl_event_open(&job->over);

    if (!code)
        code = start(job);
    if (!code)
        code = rnl_server_address(job->server, 0, &address);
    if (code)
        return code;
    if (job->is_unix)
        say("ready %s", job->address);
    else
        say("ready %u", address.port);
    code = rnl_event_wait(job->over);
    rnl_server_close(job->server);
    tell_code("server wait_closed", rnl_server_wait_closed(job->server));
    rnl_server_free(job->server);
    rnl_event_free(job->over);
    return code;
}

static int connect_and_run(void *arg)
{
    struct job *job = arg;
    struct rnl_connect_options options = RNL_CONNECT_OPTIONS_INIT;
    struct rnl_reader *r;
    struct rnl_writer *w;
    int code;

    options.stream.compat = RNL_YES;
    code = job->is_unix
               ? rnl_open_unix_connection(job->address, RNL_ALL, &options, &r, &w)
               : rnl_open_connection("127.0.0.1", (uint16_t)atoi(job->address), &options, &r, &w);
    if (code)
        return code;
    job->scenario->connect(r, w);
    rnl_stream_free(r, w);
    return 0;
}

static void report(void *user, const struct rnl_report *report)
{
    (void)user;
    fprintf(stderr, "%s (%s)\n", report->what, rnl_error_name(report->code));
    say("reported");
}

static const struct scenario *find(const char *name)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    }
    return NULL;
}

static int list_kinds(void)
{
    int fd = (int)socket(AF_UNIX, SOCK_STREAM, 0);

    say("tcp");
    if (fd >= 0) {
        say("unix");
        close(fd);
    }
    return 0;
}

/* Those whose network is also Python's. */
static int list_backends(void)
{
    for (const char *const *name = rnl_backend_names(); *name; name++)
        if (strcmp(*name, "sim") != 0)
            say("%s", *name);
    return 0;
}

int main(int argc, char **argv)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    struct job job = {0};
    int code;

    if (argc == 2 && strcmp(argv[1], "backends") == 0)
        return list_backends();
    if (argc == 2 && strcmp(argv[1], "kinds") == 0)
        return list_kinds();
    if (argc != 5 || !(job.scenario = find(argv[4]))) {
        fprintf(stderr, "usage: %s serve|connect tcp|unix ADDRESS SCENARIO\n", argv[0]);
        return 2;
    }
    job.is_unix = strcmp(argv[2], "unix") == 0;
    job.address = argv[3];
    options.report = report;
    code = rnl_run(strcmp(argv[1], "serve") == 0 ? serve : connect_and_run, &job, &options);
    if (code)
        fprintf(stderr, "%s\n", rnl_error_name(code));
    return code ? 1 : 0;
}
