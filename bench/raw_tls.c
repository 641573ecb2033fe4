/* raw_tls echo|sink|source CERT.pem: the floor for TLS. OpenSSL on non-blocking
 * sockets over epoll, by hand: one buffer for all connections, reads until
 * OpenSSL wants more, and no more than one answer waiting to be sent.
 *
 * sink throws away what comes and answers a byte for each MiB; source sends 1 MiB
 * for each byte that comes. Ours (rnl_tls) speaks the same. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, RECORD = 16384, MEBI = 1 << 20 };

struct conn {
    SSL *ssl;
    size_t owed;    /* bytes to send */
    size_t counted; /* sink: of the MiB under way */
};

static int poller;
static const char *mode;
static char in[RECORD];
static char out[RECORD];

static void end(struct conn *c)
{
    int fd = SSL_get_fd(c->ssl);

    SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    close(fd);
    free(c);
}

static void take(struct conn *c, size_t n)
{
    if (mode[0] == 'e') {
        memcpy(out, in, n);
        c->owed = n;
    } else if (mode[1] == 'i') {
        c->counted += n;
        c->owed += c->counted / MEBI;
        c->counted %= MEBI;
    } else {
        c->owed += n * MEBI;
    }
}

/* False: the connection is over. */
static bool pump(struct conn *c)
{
    for (;;) {
        size_t n;
        int result;

        ERR_clear_error();
        if (c->owed > 0) {
            n = c->owed < RECORD ? c->owed : RECORD;
            result = SSL_write_ex(c->ssl, out, n, &n);
            if (result == 1)
                c->owed -= n;
        } else {
            result = SSL_read_ex(c->ssl, in, sizeof in, &n);
            if (result == 1)
                take(c, n);
        }
        if (result != 1) {
            int why = SSL_get_error(c->ssl, result);

            return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
        }
    }
}

static void take_connection(int listener, SSL_CTX *ctx)
{
    struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLET, {NULL}};
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
    struct conn *c = fd < 0 ? NULL : calloc(1, sizeof *c);

    if (!c)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->ssl = SSL_new(ctx);
    SSL_set_fd(c->ssl, fd);
    SSL_set_accept_state(c->ssl);
    event.data.ptr = c;
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static int listen_here(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) || listen(fd, 1024) ||
        getsockname(fd, (struct sockaddr *)&a, &len))
        exit(1);
    printf("port %d\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

static SSL_CTX *context(const char *cert)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, cert, SSL_FILETYPE_PEM) != 1)
        exit(1);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS], first = {EPOLLIN, {NULL}};
    SSL_CTX *ctx;
    int listener;

    if (argc != 3)
        return 2;
    mode = argv[1];
    signal(SIGPIPE, SIG_IGN);
    ctx = context(argv[2]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    listener = listen_here();
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &first);
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            struct conn *c = events[i].data.ptr;

            if (!c)
                take_connection(listener, ctx);
            else if (!pump(c))
                end(c);
        }
    }
}
