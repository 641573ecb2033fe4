/* uv_server echo|lines: the same servers on libuv, as its own manual would have
 * them, with what its users do for speed: one buffer lent to all reads, and
 * uv_try_write before a write is queued.
 *
 * A connection owns memory only while it holds half a line; a write that could
 * not be made at once owns a copy of its bytes until its callback. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { CHUNK = 65536 };

struct conn {
    uv_tcp_t tcp; /* first: a handle is its connection */
    char *part;
    size_t part_len;
};

struct pending {
    uv_write_t request;
    char bytes[];
};

static bool by_lines;
static char in[2 * CHUNK], out[2 * CHUNK];

static void die(const char *what)
{
    fprintf(stderr, "uv_server: %s\n", what);
    exit(1);
}

static void closed(uv_handle_t *handle)
{
    struct conn *conn = (struct conn *)handle;

    free(conn->part);
    free(conn);
}

static void drop(struct conn *conn)
{
    if (!uv_is_closing((uv_handle_t *)conn))
        uv_close((uv_handle_t *)conn, closed);
}

static void written(uv_write_t *request, int status)
{
    if (status < 0)
        drop((struct conn *)request->handle);
    free(request);
}

static void put(struct conn *conn, char *data, size_t len)
{
    uv_buf_t buf = uv_buf_init(data, (unsigned)len);
    int sent = uv_try_write((uv_stream_t *)conn, &buf, 1);
    struct pending *pending;

    if (sent < 0 && sent != UV_EAGAIN) {
        drop(conn);
        return;
    }
    if (sent < 0)
        sent = 0;
    if ((size_t)sent == len)
        return;
    len -= (size_t)sent;
    pending = malloc(sizeof *pending + len);
    if (!pending)
        die("no memory");
    memcpy(pending->bytes, data + sent, len);
    buf = uv_buf_init(pending->bytes, (unsigned)len);
    if (uv_write(&pending->request, (uv_stream_t *)conn, &buf, 1, written))
        die("uv_write");
}

static void answer_lines(struct conn *conn, size_t len)
{
    const char *at = in, *end = in + len, *newline;
    char *to = out;

    while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
        size_t line = (size_t)(newline + 1 - at);

        memcpy(to, at, line);
        to += line;
        at = newline + 1;
    }
    conn->part_len = (size_t)(end - at);
    if (conn->part_len > 0) {
        conn->part = malloc(conn->part_len);
        if (!conn->part)
            die("no memory");
        memcpy(conn->part, at, conn->part_len);
    }
    if (to > out)
        put(conn, out, (size_t)(to - out));
    if (conn->part_len > CHUNK)
        drop(conn); /* the limit of a line */
}

/* The half line of before goes in front of what is about to be read. */
static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct conn *conn = (struct conn *)handle;

    (void)suggested;
    if (conn->part)
        memcpy(in, conn->part, conn->part_len);
    *buf = uv_buf_init(in + conn->part_len, CHUNK);
}

static void got(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct conn *conn = (struct conn *)stream;
    size_t before = conn->part_len;

    (void)buf;
    if (len == 0)
        return;
    if (len < 0) {
        drop(conn);
        return;
    }
    free(conn->part);
    conn->part = NULL;
    conn->part_len = 0;
    if (by_lines)
        answer_lines(conn, before + (size_t)len);
    else
        put(conn, in, (size_t)len);
}

static void take(uv_stream_t *listener, int status)
{
    struct conn *conn = calloc(1, sizeof *conn);

    if (status < 0 || !conn)
        die("accept");
    uv_tcp_init(listener->loop, &conn->tcp);
    if (uv_accept(listener, (uv_stream_t *)conn)) {
        drop(conn);
        return;
    }
    uv_tcp_nodelay(&conn->tcp, 1);
    uv_read_start((uv_stream_t *)conn, lend, got);
}

static void stop(uv_signal_t *handle, int number)
{
    (void)number;
    uv_stop(handle->loop);
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in address;
    int len = sizeof address;
    uv_signal_t term;
    uv_tcp_t listener;

    by_lines = argc > 1 && strcmp(argv[1], "lines") == 0;
    signal(SIGPIPE, SIG_IGN);
    uv_signal_init(loop, &term);
    uv_signal_start(&term, stop, SIGTERM);
    uv_tcp_init(loop, &listener);
    uv_ip4_addr("127.0.0.1", 0, &address);
    if (uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0) ||
        uv_listen((uv_stream_t *)&listener, 1024, take) ||
        uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &len))
        die("listen");
    printf("serving on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    uv_run(loop, UV_RUN_DEFAULT);
    return 0;
}
