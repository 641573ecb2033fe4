/* Connecting, over every backend. */
#include "stream/helper_net.h"


#include "support/system.h"

/* A port of this machine that nobody listens at, held by a bound socket. */
static uint16_t dead_port(int *fd)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof sa;

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *fd = socket(AF_INET, SOCK_STREAM, 0);
    IS(bind(*fd, (struct sockaddr *)&sa, sizeof sa), 0);
    IS(getsockname(*fd, (struct sockaddr *)&sa, &len), 0);
    return ntohs(sa.sin_port);
}

static bool on_sim(void)
{
    return strcmp(rnl_loop_backend(rnl_loop_current()), "sim") == 0;
}

static void refused(struct net *n)
{
    struct rnl_attempt attempts[4];
    size_t count = 99;
    int fd;
    uint16_t port = dead_port(&fd);

    n->client.attempts = attempts;
    n->client.attempts_max = 4;
    n->client.attempts_count = &count;
    IS(rnl_open_connection("127.0.0.1", port, &n->client, &n->r, &n->w), RNL_ECONNREFUSED);
    IS(count, 1);
    IS(attempts[0].code, RNL_ECONNREFUSED);
    IS(attempts[0].address.port, port);
    IS(rnl_open_connection("localhost", port, &n->client, &n->r, &n->w), RNL_ECONNREFUSED);
    CU_ASSERT(count >= 1);
    count = 99;
    IS(rnl_open_unix_connection("/tmp/runnel-no-such-path", RNL_ALL, &n->client, &n->r, &n->w),
       has_unix_sockets() || on_sim() ? RNL_ENOENT : RNL_EAFNOSUPPORT);
    IS(count, 1);
    IS(attempts[0].code, has_unix_sockets() || on_sim() ? RNL_ENOENT : RNL_EAFNOSUPPORT);
    IS(rnl_open_unix_connection("", 0, &n->client, &n->r, &n->w), RNL_EINVAL);
    IS(count, 0);
    close(fd);
}
EACH_RAW(refused)

static void bad_arguments(struct net *n)
{
    struct rnl_connect_options o = RNL_CONNECT_OPTIONS_INIT;
    char longest[300];
    int fd;

    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    IS(rnl_open_connection(NULL, 0, NULL, &n->r, &n->w), RNL_EINVAL);
    IS(rnl_open_connection(longest, 80, NULL, &n->r, &n->w), RNL_ENONAME);
    o.size = 1;
    IS(rnl_open_connection("127.0.0.1", 80, &o, &n->r, &n->w), RNL_EINVAL);
    o.size = sizeof o;
    o.stream.low_water = 100;
    o.stream.high_water = 10;
    IS(rnl_open_connection("127.0.0.1", 80, &o, &n->r, &n->w), RNL_EINVAL);
    o.stream.low_water = 0;
    o.family = RNL_UNIX;
    IS(rnl_open_connection("127.0.0.1", 80, &o, &n->r, &n->w), RNL_EINVAL);
    o.family = (enum rnl_family)77;
    IS(rnl_open_connection("127.0.0.1", 80, &o, &n->r, &n->w), RNL_EINVAL);
    IS(rnl_open_unix_connection(NULL, 0, NULL, &n->r, &n->w), RNL_EINVAL);
    IS(rnl_open_connection_socket(9999, NULL, &n->r, &n->w), RNL_EBADF);
    IS(rnl_open_connection_socket(STDIN_FILENO, NULL, &n->r, &n->w), NO_SOCKET);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    IS(rnl_open_connection_socket(fd, NULL, &n->r, &n->w), RNL_ENOTCONN);
    IS(close(fd), 0); /* still ours */
}
EACH_SYSTEM_RAW(bad_arguments)

static int outside(void *arg)
{
    (void)arg;
    return RNL_OK;
}

static void outside_a_task(void)
{
    struct rnl_reader *r;
    struct rnl_writer *w;

    IS(rnl_open_connection("127.0.0.1", 80, NULL, &r, &w), RNL_EINVAL);
    IS(rnl_sleep(1), RNL_EINVAL);
    OK(rnl_run(outside, NULL, NULL));
}

static void local_address(struct net *n)
{
    struct rnl_address a;

    if (n->kind != NET_TCP)
        return;
    net_open(n);
    rnl_stream_free(n->r, n->w);
    n->client.local_host = "127.0.0.3";
    OK(net_connect(n, &n->r, &n->w));
    OK(rnl_get_sockname(n->w, &a));
    IS(a.ip[3], 3);
    rnl_stream_free(n->r, n->w);
    n->client.local_host = "::1"; /* no address of the peer's family */
    IS(net_connect(n, &n->r, &n->w), RNL_EADDRNOTAVAIL);
    n->r = NULL;
    n->w = NULL;
    net_close(n);
}
EACH_RAW(local_address)

static void no_delay(struct net *n)
{
    int on = 0;
    socklen_t len = sizeof on;

    if (n->kind != NET_TCP)
        return;
    IS(getsockopt((int)rnl_get_socket(n->w), IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    CU_ASSERT(on != 0);
    IS(getsockopt((int)rnl_get_socket(n->pw), IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    CU_ASSERT(on != 0);
}
EACH_SYSTEM(no_delay)

static void on_exec_closed(struct net *n)
{
    CU_ASSERT(fcntl((int)rnl_get_socket(n->w), F_GETFD) & FD_CLOEXEC);
    CU_ASSERT(fcntl((int)rnl_get_socket(n->pw), F_GETFD) & FD_CLOEXEC);
    CU_ASSERT(fcntl((int)rnl_server_socket(n->server, 0), F_GETFD) & FD_CLOEXEC);
}
EACH_SYSTEM(on_exec_closed)

/* A socket that the program brings: whether others inherit it stays its affair. */
static void brought_along(struct net *n)
{
    static const int kinds[] = {0, SOCK_CLOEXEC};

    for (size_t i = 0; i < 2; i++) {
        int pair[2];

        IS(socketpair(AF_UNIX, SOCK_STREAM | kinds[i], 0, pair), 0);
        OK(rnl_open_connection_socket(pair[0], &n->client, &n->r, &n->w));
        IS(fcntl(pair[0], F_GETFD), kinds[i] ? FD_CLOEXEC : 0);
        CU_ASSERT(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
        rnl_stream_free(n->r, n->w);
        close(pair[1]);
    }
}
EACH_SYSTEM_RAW(brought_along)

/* localhost has two addresses, and the server one: the other is tried first or
 * second, and its socket does not stay. */
static void two_addresses(struct net *n)
{
    struct rnl_bytes b;

    if (n->kind != NET_TCP)
        return;
    net_open(n);
    rnl_stream_free(n->r, n->w);
    n->client.happy_eyeballs_delay_ns = RNL_MILLISECOND;
    OK(rnl_open_connection("localhost", n->port, &n->client, &n->r, &n->w));
    rnl_stream_free(n->r, n->w);
    n->client.happy_eyeballs_delay_ns = RNL_OFF;
    OK(rnl_open_connection("localhost", n->port, &n->client, &n->r, &n->w));
    OK(rnl_write_str(n->pw, "x"));
    (void)b;
    net_close(n);
}
EACH_RAW(two_addresses)

struct attempt_to {
    struct net *net;
    const char *host;
    uint16_t port;
};

static int connect_to(void *arg)
{
    struct attempt_to *to = arg;
    struct rnl_reader *r;
    struct rnl_writer *w;
    int err = rnl_open_connection(to->host, to->port, NULL, &r, &w);

    if (!err)
        rnl_stream_free(r, w);
    return err;
}

/* Cancelled after 0, 1, 2 ... turns: nothing stays open (EACH counts). */
static void cancelled_anywhere(struct net *n)
{
    struct attempt_to to = {n, "localhost", 0};

    if (n->kind != NET_TCP)
        return;
    net_open(n);
    to.port = n->port;
    for (int after = 0; after < 12; after++) {
        struct rnl_task *task = start(connect_to, &to);
        int err;

        turns(after);
        (void)rnl_task_cancel(task);
        err = join(task);
        CU_ASSERT(err == RNL_ECANCELED || err == RNL_OK);
    }
    net_close(n);
}
EACH_RAW(cancelled_anywhere)

SUITE("connecting", {"E7 refused, with the list of attempts", refused_each},
      {"E12 bad arguments", bad_arguments_each}, {"outside a task", outside_a_task},
      {"a local address", local_address_each}, {"F14 TCP_NODELAY", no_delay_each},
      {"N6 close-on-exec", on_exec_closed_each},
      {"N6 a socket brought along stays inheritable, or not", brought_along_each},
      {"E9 two addresses, one winner", two_addresses_each},
      {"A6 cancelled anywhere", cancelled_anywhere_each})
