/* peer.c: one end of a real connection, in Runnel; peer.py is the same in asyncio, and
 * says what a story is.
 *
 *      conformance_peer serve tcp|unix ADDRESS SCENARIO
 *      conformance_peer connect tcp|unix ADDRESS SCENARIO
 *      conformance_peer backends
 *      conformance_peer kinds          tcp, and unix where there is such a thing
 *
 * With compat on, so the story must be asyncio's, word for word. */
#include <runnel.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
    static const struct rnl_bytes three[] = {
        {(const unsigned char *)"thr", 3}, {(const unsigned char *)"ee", 2},
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
