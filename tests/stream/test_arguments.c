/* Each argument of the four functions that no other suite shows. */
#include "stream/helper_net.h"

#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream/race.h"

static int rests(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    struct rnl_bytes b;

    (void)w;
    (void)arg;
    return rnl_read(r, 1, &b);
}

static int serve_on(struct net *n, const char *host, uint16_t port, struct rnl_server **out)
{
    return rnl_start_server(rests, NULL, host, port, &n->options, out);
}

static uint16_t port_of(const struct rnl_server *server)
{
    struct rnl_address a;

    memset(&a, 0, sizeof a);
    OK(rnl_server_address(server, 0, &a));
    return a.port;
}

static int option_of(rnl_socket sock, int name)
{
    int value = 0;
    socklen_t len = sizeof value;

    IS(getsockopt((int)sock, SOL_SOCKET, name, (void *)&value, &len), 0);
    return value;
}

/* A port that was ours, and is free now. */
static uint16_t free_port(struct net *n, const char *host)
{
    struct rnl_server *server;
    uint16_t port;

    OK(serve_on(n, host, 0, &server));
    port = port_of(server);
    rnl_server_free(server);
    turns(3);
    return port;
}

/* ---- Both -------------------------------------------------------------- */

static void keep_alive(struct net *n)
{
    if (n->kind != NET_TCP)
        return;
    net_open(n);
    IS(option_of(rnl_get_socket(n->pw), SO_KEEPALIVE), 0);
    net_close(n);
    n->pr = NULL;
    n->pw = NULL;
    n->options.stream.keep_alive = RNL_YES;
    net_open(n);
    CU_ASSERT(option_of(rnl_get_socket(n->pw), SO_KEEPALIVE) != 0);
    IS(option_of(rnl_get_socket(n->w), SO_KEEPALIVE), 0);
    net_close(n);
}
EACH_SYSTEM_RAW(keep_alive)

static void families(struct net *n)
{
    struct rnl_address a;

    if (n->kind != NET_TCP)
        return;
    for (int f = RNL_INET; f <= RNL_INET6; f++) {
        n->options.family = n->client.family = (enum rnl_family)f;
        OK(serve_on(n, NULL, 0, &n->server));
        IS(rnl_server_listeners(n->server), 1);
        OK(rnl_server_address(n->server, 0, &a));
        IS((int)a.family, f);
        CU_ASSERT(rnl_open_connection(f == RNL_INET ? "::1" : "127.0.0.1", a.port, &n->client,
                                      &n->r, &n->w) < 0);
        OK(rnl_open_connection(NULL, a.port, &n->client, &n->r, &n->w));
        OK(rnl_get_peername(n->w, &a));
        IS((int)a.family, f);
        rnl_stream_free(n->r, n->w);
        rnl_server_free(n->server);
    }
}
EACH_SYSTEM_RAW(families)

static void flags(struct net *n)
{
    struct rnl_server *server;

    if (n->kind != NET_TCP)
        return;
    n->options.flags = n->client.flags = AI_NUMERICHOST;
    IS(serve_on(n, "localhost", 0, &server), RNL_ENONAME);
    IS(rnl_open_connection("localhost", 1, &n->client, &n->r, &n->w), RNL_ENONAME);
    OK(serve_on(n, "127.0.0.1", 0, &server));
    rnl_server_free(server);
}
EACH_SYSTEM_RAW(flags)

static void services(struct net *n)
{
    char text[16];

    if (n->kind != NET_TCP)
        return;
    snprintf(text, sizeof text, "%u", (unsigned)free_port(n, "127.0.0.1"));
    n->options.service = n->client.service = text;
    OK(serve_on(n, "127.0.0.1", 0, &n->server));
    OK(rnl_open_connection("127.0.0.1", 0, &n->client, &n->r, &n->w));
    rnl_stream_free(n->r, n->w);
    n->client.service = "no-such-service";
    CU_ASSERT(rnl_open_connection("127.0.0.1", 0, &n->client, &n->r, &n->w) < 0);
    rnl_server_free(n->server);
}
EACH_SYSTEM_RAW(services)

/* ---- Clients ----------------------------------------------------------- */

static void local_ports(struct net *n)
{
    struct rnl_address a;

    if (n->kind != NET_TCP)
        return;
    net_open(n);
    rnl_stream_free(n->r, n->w);
    n->client.local_host = "127.0.0.1";
    n->client.local_port = free_port(n, "127.0.0.1");
    OK(net_connect(n, &n->r, &n->w));
    OK(rnl_get_sockname(n->w, &a));
    IS(a.port, n->client.local_port);
    net_close(n);
}
EACH_SYSTEM_RAW(local_ports)

static void negative_times(struct net *n)
{
    struct rnl_connect_options o = RNL_CONNECT_OPTIONS_INIT;
    int64_t *const times[] = {&o.timeout_ns, &o.attempt_timeout_ns, &o.happy_eyeballs_delay_ns};

    for (size_t i = 0; i < 3; i++) {
        *times[i] = -2;
        IS(rnl_open_connection("127.0.0.1", 1, &o, &n->r, &n->w), RNL_EINVAL);
        *times[i] = RNL_OFF;
    }
}
EACH_SYSTEM_RAW(negative_times)

/* asyncio's order: `interleave` of the first family, then in turn. */
static void interleaving(struct net *n)
{
    static const enum rnl_family given[] = {RNL_INET, RNL_INET, RNL_INET, RNL_INET6, RNL_INET6};
    static const uint16_t want[3][5] = {{0, 3, 1, 4, 2}, {0, 1, 3, 2, 4}, {0, 1, 2, 3, 4}};
    struct rnl_address list[5];

    (void)n;
    for (size_t first = 1; first <= 3; first++) {
        memset(list, 0, sizeof list);
        for (uint16_t i = 0; i < 5; i++) {
            list[i].family = given[i];
            list[i].port = i;
        }
        OK(rnli_interleave(rnl_loop_current(), list, 5, first));
        for (size_t i = 0; i < 5; i++)
            IS(list[i].port, want[first - 1][i]);
    }
}
EACH_RAW(interleaving)

/* ---- Servers ----------------------------------------------------------- */

static void reuse_port(struct net *n)
{
    struct rnl_server *one, *two = NULL;
    int code;

    if (n->kind != NET_TCP)
        return;
    n->options.reuse_port = RNL_YES;
    code = serve_on(n, "127.0.0.1", 0, &one);
    if (code == RNL_ENOTSUP)
        return;
    OK(code);
    OK(serve_on(n, "127.0.0.1", port_of(one), &two));
    rnl_server_free(two);
    n->options.reuse_port = RNL_DEFAULT;
    IS(serve_on(n, "127.0.0.1", port_of(one), &two), RNL_EADDRINUSE);
    rnl_server_free(one);
}
EACH_SYSTEM_RAW(reuse_port)

static void reuse_address(struct net *n)
{
    if (n->kind != NET_TCP)
        return;
    for (int how = RNL_DEFAULT; how <= RNL_NO; how++) {
        n->options.reuse_address = (enum rnl_switch)how;
        OK(serve_on(n, "127.0.0.1", 0, &n->server));
        IS(option_of(rnl_server_socket(n->server, 0), SO_REUSEADDR) != 0, how != RNL_NO);
        rnl_server_free(n->server);
    }
}
EACH_SYSTEM_RAW(reuse_address)

static void v6_only(struct net *n)
{
    if (n->kind != NET_TCP)
        return;
    n->options.v6only = RNL_NO;
    OK(serve_on(n, "::", 0, &n->server));
    OK(rnl_open_connection("127.0.0.1", port_of(n->server), NULL, &n->r, &n->w));
    rnl_stream_free(n->r, n->w);
    rnl_server_free(n->server);
    n->options.v6only = RNL_DEFAULT;
    OK(serve_on(n, "::", 0, &n->server));
    IS(rnl_open_connection("127.0.0.1", port_of(n->server), NULL, &n->r, &n->w), RNL_ECONNREFUSED);
    rnl_server_free(n->server);
}
EACH_RAW(v6_only)

/* What the comment of RNL_OFF says. */
static int pair_with(const struct rnl_stream_options *o)
{
    struct rnl_reader *r[2];
    struct rnl_writer *w[2];
    int code = rnl_open_pair(o, r, w);

    for (int i = 0; i < 2 && !code; i++)
        rnl_stream_free(r[i], w[i]);
    return code;
}

static void off_of_streams(struct net *n)
{
    struct rnl_stream_options o = RNL_STREAM_OPTIONS_INIT;

    (void)n;
    o.limit = o.high_water = o.write_cap = (size_t)RNL_OFF;
    o.idle_timeout_ns = o.write_timeout_ns = o.linger_close_ns = RNL_OFF;
    o.recv_buffer = o.send_buffer = o.min_rate = (size_t)RNL_OFF;
    OK(pair_with(&o));
    o.low_water = (size_t)RNL_OFF;
    OK(pair_with(&o));
    o.high_water = 0;
    IS(pair_with(&o), RNL_EINVAL);
    o.low_water = 0;
    OK(pair_with(&o));
    o.min_rate_window_ns = RNL_OFF;
    IS(pair_with(&o), RNL_EINVAL);
    o.min_rate_window_ns = 0;
    o.keep_idle_ns = RNL_OFF;
    IS(pair_with(&o), RNL_EINVAL);
}

static void off_of_others(struct net *n)
{
    if (n->kind != NET_TCP)
        return;
    n->client.timeout_ns = n->client.attempt_timeout_ns = RNL_OFF;
    n->client.happy_eyeballs_delay_ns = RNL_OFF;
    n->options.max_connections = (size_t)RNL_OFF;
    net_open(n);
    net_close(n);
    n->client.interleave = RNL_OFF;
    n->options.backlog = RNL_OFF;
    IS(rnl_open_connection("127.0.0.1", 1, &n->client, &n->r, &n->w), RNL_EINVAL);
    IS(rnl_start_server(rests, NULL, NULL, 0, &n->options, &n->server), RNL_EINVAL);
    n->client.interleave = n->options.backlog = 0;
    n->client.ssl.handshake_timeout_ns = RNL_OFF; /* and no context */
    IS(rnl_open_connection("127.0.0.1", 1, &n->client, &n->r, &n->w), RNL_EINVAL);
}

static void off(struct net *n)
{
    off_of_streams(n);
    off_of_others(n);
}
EACH_SYSTEM_RAW(off)

static void cleanup_socket(struct net *n)
{
    struct stat st;

    if (n->kind != NET_UNIX)
        return;
    for (int how = RNL_DEFAULT; how <= RNL_NO; how++) {
        n->options.cleanup_socket = (enum rnl_switch)how;
        OK(rnl_start_unix_server(rests, NULL, n->path, RNL_ALL, &n->options, &n->server));
        rnl_server_free(n->server);
        IS(stat(n->path, &st) == 0, how == RNL_NO);
    }
    IS(unlink(n->path), 0);
}
EACH_SYSTEM_RAW(cleanup_socket)

SUITE("arguments", {"keep_alive of a server's connections", keep_alive_each},
      {"one family only", families_each}, {"getaddrinfo's flags", flags_each},
      {"a service instead of a port", services_each}, {"a local port", local_ports_each},
      {"interleaving", interleaving_each},
      {"negative times", negative_times_each}, {"reuse_port", reuse_port_each},
      {"reuse_address", reuse_address_each}, {"v6only", v6_only_each},
      {"cleanup_socket", cleanup_socket_each}, {"RNL_OFF", off_each})
