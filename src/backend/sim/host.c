/* host.c: hosts, their addresses, and the ways between them.
 *
 *      host n:  10.0.x.y with x.y = n + 1, fd00::(n + 1), its own loopback
 *      ways:    [from][to], because one direction can be cut alone
 *
 * An address says whose it is by itself, so there is no table to keep in step. */
#include "backend/sim/sim.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/timerq.h"

#define LOCAL_LATENCY (20 * RNL_MICROSECOND)

/* ---- Hosts ------------------------------------------------------------- */

int rnli_sim_host_find(const struct rnl_backend *sim, const char *name, unsigned *out)
{
    for (size_t i = 0; name && i < sim->nhosts; i++) {
        if (strcmp(sim->hosts[i].name, name) == 0) {
            *out = (unsigned)i;
            return RNL_OK;
        }
    }
    return RNL_ENOENT;
}

/* A name that is looked up as an address, or as this host's own, would be in vain. */
int rnli_sim_host_check(const char *name, char why[RNLI_SIM_WHY])
{
    struct rnl_address address;
    size_t len = name ? strlen(name) : 0;

    if (len == 0)
        snprintf(why, RNLI_SIM_WHY, "a simulated host needs a name");
    else if (len >= RNLI_SIM_HOST_NAME)
        snprintf(why, RNLI_SIM_WHY, "a simulated host's name has more than %d bytes: \"%.40s...\"",
                 RNLI_SIM_HOST_NAME - 1, name);
    else if (strcmp(name, "localhost") == 0)
        snprintf(why, RNLI_SIM_WHY, "no simulated host is called \"localhost\": each is its own");
    else if (rnl_address_parse(&address, name, len, 0) == RNL_OK)
        snprintf(why, RNLI_SIM_WHY, "no simulated host is called \"%s\": it is an address", name);
    else
        return RNL_OK;
    return RNL_EINVAL;
}

/* The ways in a table that is one wider and one higher. */
static struct rnli_sim_way *wider(struct rnl_backend *sim)
{
    size_t old = sim->nhosts, n = old + 1;
    struct rnli_sim_way *ways = rnli_zalloc(&sim->allocator, n * n * sizeof *ways);

    for (size_t i = 0; ways && i < n * n; i++) {
        size_t from = i / n, to = i % n;

        if (from < old && to < old)
            ways[i] = sim->ways[from * old + to];
        else
            ways[i].latency_ns = -1;
    }
    return ways;
}

int rnli_sim_host_add(struct rnl_backend *sim, const char *name, unsigned *out)
{
    size_t n = sim->nhosts, item = sizeof *sim->hosts;
    struct rnli_sim_host *hosts;
    struct rnli_sim_way *ways;
    char why[RNLI_SIM_WHY];
    unsigned there;

    if (rnli_sim_host_check(name, why) || n > 60000)
        return RNL_EINVAL;
    if (rnli_sim_host_find(sim, name, &there) == RNL_OK)
        return RNL_EEXIST;
    ways = wider(sim);
    hosts = ways ? rnli_realloc(&sim->allocator, sim->hosts, n * item, (n + 1) * item) : NULL;
    if (!hosts) {
        rnli_free(&sim->allocator, ways, (n + 1) * (n + 1) * sizeof *ways);
        return RNL_ENOMEM;
    }
    rnli_free(&sim->allocator, sim->ways, n * n * sizeof *ways);
    memset(&hosts[n], 0, item);
    memcpy(hosts[n].name, name, strlen(name) + 1);
    hosts[n].next_port = 49152;
    sim->hosts = hosts;
    sim->ways = ways;
    sim->nhosts = n + 1;
    *out = (unsigned)n;
    return RNL_OK;
}

static struct rnli_sim_sock *sock_at(struct rnli_list *node)
{
    return RNLI_CONTAINER(node, struct rnli_sim_sock, node);
}

/* One listener that still has somebody waiting; NULL: none. */
static struct rnli_sim_sock *find_backlog(struct rnl_backend *sim, unsigned host)
{
    for (struct rnli_list *node = sim->socks.next; node != &sim->socks; node = node->next)
        if (sock_at(node)->host == host && !rnli_list_empty(&sock_at(node)->backlog))
            return sock_at(node);
    return NULL;
}

/* A listener's accept hears nothing any more, until it is cancelled. */
static void silence(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    if (sock->listening) {
        sock->listening = false;
        return;
    }
    rnli_sim_connect_stop(sock);
    if (sock->link)
        rnli_sim_link_leave(sim, sock, true);
    sock->dead = true;
    sock->error = RNL_ENETDOWN;
    rnli_sim_rouse(sim, &sock->read);
    rnli_sim_rouse(sim, &sock->write);
}

/* Its sockets are there until they are closed, but nothing comes of them any more. */
void rnli_sim_host_silence(struct rnl_backend *sim, unsigned host)
{
    struct rnli_sim_sock *listener;

    for (struct rnli_list *node = sim->socks.next; node != &sim->socks; node = node->next)
        if (sock_at(node)->host == host)
            silence(sim, sock_at(node));
    while ((listener = find_backlog(sim, host)) != NULL)
        rnli_sim_refuse_waiting(sim, listener);
}

/* ---- Addresses --------------------------------------------------------- */

bool rnli_sim_is_any(const struct rnl_address *address)
{
    static const unsigned char zero[16];

    return memcmp(address->ip, zero, address->family == RNL_INET ? 4 : 16) == 0;
}

static bool is_loopback(const struct rnl_address *address)
{
    static const unsigned char one[16] = {[15] = 1};

    if (address->family == RNL_INET)
        return address->ip[0] == 127;
    return memcmp(address->ip, one, 16) == 0;
}

bool rnli_sim_host_address(unsigned host, enum rnl_family family, struct rnl_address *out)
{
    unsigned char high = (unsigned char)((host + 1) >> 8), low = (unsigned char)(host + 1);

    memset(out, 0, sizeof *out);
    out->family = family;
    if (family == RNL_INET) {
        memcpy(out->ip, (unsigned char[]){10, 0, high, low}, 4);
        return true;
    }
    out->ip[0] = 0xfd;
    out->ip[14] = high;
    out->ip[15] = low;
    return family == RNL_INET6;
}

static bool same_ip(const struct rnl_address *a, const struct rnl_address *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, a->family == RNL_INET ? 4 : 16) == 0;
}

bool rnli_sim_host_of(const struct rnl_backend *sim, unsigned from,
                      const struct rnl_address *address, unsigned *out)
{
    struct rnl_address own;
    unsigned host;

    *out = from;
    if (is_loopback(address) || rnli_sim_is_any(address))
        return true;
    host = address->family == RNL_INET ? address->ip[2] * 256u + address->ip[3]
                                       : address->ip[14] * 256u + address->ip[15];
    host -= 1;
    if (host >= sim->nhosts || !rnli_sim_host_address(host, address->family, &own) ||
        !same_ip(&own, address))
        return false;
    *out = host;
    return true;
}

bool rnli_sim_host_owns(unsigned host, const struct rnl_address *address)
{
    struct rnl_address own;

    if (rnli_sim_is_any(address) || is_loopback(address))
        return true;
    return rnli_sim_host_address(host, address->family, &own) && same_ip(&own, address);
}

/* ---- Ways -------------------------------------------------------------- */

struct rnli_sim_way *rnli_sim_way(struct rnl_backend *sim, unsigned from, unsigned to)
{
    return &sim->ways[from * sim->nhosts + to];
}

static void part(struct rnl_backend *sim, unsigned from, unsigned to)
{
    int64_t until = rnli_time_after(sim->now_ns, rnli_sim_draw_ns(sim, 10 * RNL_SECOND));

    rnli_sim_way(sim, from, to)->cut_until_ns = until;
    if (rnli_sim_draw(sim, 2))
        rnli_sim_way(sim, to, from)->cut_until_ns = until;
}

bool rnli_sim_way_open(struct rnl_backend *sim, unsigned from, unsigned to)
{
    const struct rnli_sim_way *way = rnli_sim_way(sim, from, to);

    if (from == to)
        return true;
    if (rnli_sim_fault(sim, RNL_SIM_PARTITION))
        part(sim, from, to);
    return !way->cut && way->cut_until_ns <= sim->now_ns;
}

int64_t rnli_sim_way_time(struct rnl_backend *sim, unsigned from, unsigned to)
{
    const struct rnli_sim_way *way = rnli_sim_way(sim, from, to);
    int64_t ns = way->latency_ns < 0 ? sim->config.latency_ns : way->latency_ns;

    if (from == to)
        return LOCAL_LATENCY + rnli_sim_draw_ns(sim, LOCAL_LATENCY);
    return rnli_time_after(ns, rnli_sim_draw_ns(sim, sim->config.jitter_ns));
}

int64_t rnli_sim_way_busy(struct rnl_backend *sim, unsigned from, unsigned to, size_t len)
{
    const struct rnli_sim_way *way = rnli_sim_way(sim, from, to);
    uint64_t bandwidth = way->bandwidth ? way->bandwidth : sim->config.bandwidth;

    if (from == to || bandwidth == 0)
        return 0;
    return (int64_t)((uint64_t)len * 1000000 / bandwidth) * 1000;
}
