/* raw_server echo|lines: the floor. epoll by hand, level-triggered.
 *
 * What good hand-written C does and no more: one buffer for all connections, one
 * read and one write for each event, no epoll_ctl after the first. A connection
 * owns memory only while it holds half a line (`part`) or bytes that the kernel
 * did not take (`rest`).
 *
 *     read -> in[] : | part of before | fresh bytes              |
 *                    | line | line | line | half a line -> part  |
 *              out[] : the whole lines, found one by one, in one write
 *
 * Reading goes on only when the answer has gone out, so `rest` is at most one
 * answer long. Edge-triggered lost: a read more for each message. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 65536, EVENTS = 256 };

struct conn {
    int fd;
    char *part, *rest;
    size_t part_len, rest_len;
};

static int poller;
static bool by_lines;
static volatile sig_atomic_t stopped;
static sigset_t while_waiting; /* SIGTERM comes in epoll_pwait only: none is missed */
static char in[2 * CHUNK], out[2 * CHUNK];

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* A copy of what has to wait, or NULL for nothing. */
static char *keep(const char *data, size_t len)
{
    char *copy = len ? malloc(len) : NULL;

    if (len && !copy)
        die("malloc");
    if (copy)
        memcpy(copy, data, len);
    return copy;
}

static void drop(struct conn *conn)
{
    close(conn->fd);
    free(conn->part);
    free(conn->rest);
    free(conn);
}

static void watch(struct conn *conn, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.ptr = conn};

    if (epoll_ctl(poller, how, conn->fd, &event))
        die("epoll_ctl");
}

/* Sends, and keeps what the kernel does not take. False: the peer is gone. */
static bool put(struct conn *conn, const char *data, size_t len)
{
    ssize_t sent = send(conn->fd, data, len, MSG_NOSIGNAL);

    if (sent < 0 && errno != EAGAIN)
        return false;
    if (sent < 0)
        sent = 0;
    if ((size_t)sent < len) {
        conn->rest_len = len - (size_t)sent;
        conn->rest = keep(data + sent, conn->rest_len);
        watch(conn, EPOLLOUT, EPOLL_CTL_MOD);
    }
    return true;
}

static bool put_rest(struct conn *conn)
{
    char *rest = conn->rest;
    bool ok;

    conn->rest = NULL;
    watch(conn, EPOLLIN, EPOLL_CTL_MOD);
    ok = put(conn, rest, conn->rest_len);
    free(rest);
    return ok;
}

static bool answer_lines(struct conn *conn, size_t len)
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
    if (conn->part_len > CHUNK)
        return false; /* the limit of a line */
    conn->part = keep(at, conn->part_len);
    return to == out || put(conn, out, (size_t)(to - out));
}

static bool get(struct conn *conn)
{
    size_t before = conn->part_len;
    ssize_t got;

    if (before) {
        memcpy(in, conn->part, before);
        free(conn->part);
        conn->part = NULL;
        conn->part_len = 0;
    }
    got = recv(conn->fd, in + before, CHUNK, 0);
    if (got <= 0)
        return false;
    return by_lines ? answer_lines(conn, before + (size_t)got)
                    : put(conn, in, (size_t)got);
}

static void take(int listener)
{
    int fd, one = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *conn = calloc(1, sizeof *conn);

        if (!conn)
            die("calloc");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        conn->fd = fd;
        watch(conn, EPOLLIN, EPOLL_CTL_ADD);
    }
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) || listen(fd, 1024) ||
        getsockname(fd, (struct sockaddr *)&address, &len))
        die("listen");
    printf("serving on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void catch_term(void)
{
    sigset_t term;

    signal(SIGTERM, stop);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &while_waiting);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    struct conn listener = {0};

    by_lines = argc > 1 && strcmp(argv[1], "lines") == 0;
    catch_term();
    poller = epoll_create1(EPOLL_CLOEXEC);
    listener.fd = listen_anywhere();
    watch(&listener, EPOLLIN, EPOLL_CTL_ADD);
    while (!stopped) {
        int n = epoll_pwait(poller, events, EVENTS, -1, &while_waiting);

        for (int i = 0; i < n; i++) {
            struct conn *conn = events[i].data.ptr;

            if (conn == &listener)
                take(listener.fd);
            else if (!(conn->rest ? put_rest(conn) : get(conn)))
                drop(conn);
        }
    }
    return 0;
}
