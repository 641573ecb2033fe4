/* load PORT CONNECTIONS BATCH SIZE: the one load generator.
 *
 * Each connection sends BATCH messages of SIZE bytes (the last of each is a
 * newline, so that line servers answer too), waits until all of them came back,
 * and sends the next batch. It talks with its driver by lines, so that the driver
 * can look at the server's clock between them:
 *
 *     load: "ready"             connected, one batch each went round (warm)
 *     driver: "go COUNT"        send COUNT messages in all, rounded up to batches
 *     load: "done COUNT NS"     they came back, and took that long
 *     driver: end of input      close everything, end
 *
 * Counts are fixed, not times: so a ratio compares the same work, and counted
 * instructions and system calls can be divided by it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256 };

struct conn {
    int fd;
    bool watches_out;
    size_t unsent, missing; /* bytes of the batch under way */
};

static int poller;
static size_t batch_bytes;
static char *batch, sink[65536];

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static size_t number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (end == text || *end || value == 0) {
        fprintf(stderr, "load: not a number: %s\n", text);
        exit(2);
    }
    return value;
}

static void watch(struct conn *conn, int how)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

    if (conn->watches_out)
        event.events |= EPOLLOUT;
    if (epoll_ctl(poller, how, conn->fd, &event))
        die("epoll_ctl");
}

static void push(struct conn *conn)
{
    bool full = false;

    while (conn->unsent > 0 && !full) {
        ssize_t sent = send(conn->fd, batch + batch_bytes - conn->unsent, conn->unsent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno != EAGAIN)
            die("send");
        full = sent < 0;
        if (!full)
            conn->unsent -= (size_t)sent;
    }
    if (full != conn->watches_out) {
        conn->watches_out = full;
        watch(conn, EPOLL_CTL_MOD);
    }
}

static void start(struct conn *conn)
{
    conn->unsent = conn->missing = batch_bytes;
    push(conn);
}

/* True when the batch has come back. */
static bool pull(struct conn *conn)
{
    ssize_t got = recv(conn->fd, sink, sizeof sink, 0);

    if (got < 0 && errno == EAGAIN)
        return false;
    if (got <= 0 || (size_t)got > conn->missing)
        die("the server did not answer with what it got");
    conn->missing -= (size_t)got;
    return conn->missing == 0;
}

/* Sends `batches` in all over `n` connections. */
static void drive(struct conn *conns, size_t n, size_t batches)
{
    struct epoll_event events[EVENTS];
    size_t started = 0, ended = 0;

    for (; started < n && started < batches; started++)
        start(&conns[started]);
    while (ended < batches) {
        int ready = epoll_wait(poller, events, EVENTS, -1);

        for (int i = 0; i < ready; i++) {
            struct conn *conn = events[i].data.ptr;

            if (events[i].events & EPOLLOUT)
                push(conn);
            if (!(events[i].events & (uint32_t)~EPOLLOUT) || !pull(conn))
                continue;
            ended++;
            if (started < batches) {
                started++;
                start(conn);
            }
        }
    }
}

/* Source addresses are spread, so that ten thousand fit in any port range. The port
 * is chosen by connect, not by bind: connections that have ended a moment ago hold
 * theirs only against the server that they had. */
static void join(struct conn *conn, size_t index, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int one = 1;

    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0)
        die("socket");
    setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index / 5000));
    if (bind(conn->fd, (struct sockaddr *)&address, sizeof address))
        die("bind");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (connect(conn->fd, (struct sockaddr *)&address, sizeof address))
        die("connect");
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (batch_bytes > sizeof sink) /* whole batches fit, so nobody waits for the other */
        setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUF, &(int){1 << 20}, sizeof(int));
}

static struct conn *join_all(size_t n, uint16_t port)
{
    struct conn *conns = calloc(n, sizeof *conns);

    if (!conns)
        die("calloc");
    for (size_t i = 0; i < n; i++) {
        join(&conns[i], i, port);
        watch(&conns[i], EPOLL_CTL_ADD);
        start(&conns[i]);
        while (!pull(&conns[i]))
            push(&conns[i]);
    }
    return conns;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(int argc, char **argv)
{
    size_t n, per_batch, size;
    struct conn *conns;
    char line[64];

    if (argc != 5) {
        fprintf(stderr, "usage: load PORT CONNECTIONS BATCH SIZE\n");
        return 2;
    }
    n = number(argv[2]);
    per_batch = number(argv[3]);
    size = number(argv[4]);
    batch_bytes = per_batch * size;
    batch = malloc(batch_bytes);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!batch || poller < 0)
        die("start");
    memset(batch, 'x', batch_bytes);
    for (size_t i = 0; i < per_batch; i++)
        batch[(i + 1) * size - 1] = '\n';
    conns = join_all(n, (uint16_t)number(argv[1]));
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) && strncmp(line, "go ", 3) == 0) {
        size_t batches = (strtoul(line + 3, NULL, 10) + per_batch - 1) / per_batch;
        int64_t began = now_ns();

        drive(conns, n, batches);
        printf("done %zu %lld\n", batches * per_batch, (long long)(now_ns() - began));
        fflush(stdout);
    }
    return 0;
}
