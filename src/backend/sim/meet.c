/* meet.c: how two sockets come together.
 *
 *      connect --(latency)--> ask: a listener? room in its backlog?
 *                              |  yes: a link, a socket in the backlog
 *         <-----(latency)----- answer
 *
 * A question that gets no answer (a full backlog, a host that is off, a way that is
 * cut) is asked again after 1, 2, 4 ... s, and given up after 127 s, as Linux does. A
 * Unix connect to a full backlog asks every 10 ms for as long as it takes, as
 * ready.c does. */
#include "backend/sim/sim.h"
#include "core/timerq.h"

#include <string.h>

enum { ASK_MAX = 7, PORT_FIRST = 49152, PORT_LAST = 65535 };

/* ---- Binding ----------------------------------------------------------- */

static bool same_ip(const struct rnl_address *a, const struct rnl_address *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, a->family == RNL_INET ? 4 : 16) == 0;
}

/* An IPv6 wildcard that takes IPv4 too. */
static bool is_dual(const struct rnli_sim_sock *sock)
{
    return sock->family == RNL_INET6 && !sock->options[RNL_SO_V6ONLY] &&
           rnli_sim_is_any(&sock->local);
}

static bool overlap(const struct rnli_sim_sock *a, const struct rnli_sim_sock *b)
{
    if (a->family != b->family)
        return is_dual(a) || is_dual(b);
    return rnli_sim_is_any(&a->local) || rnli_sim_is_any(&b->local) ||
           same_ip(&a->local, &b->local);
}

static bool may_share(const struct rnli_sim_sock *a, const struct rnli_sim_sock *b)
{
    if (a->options[RNL_SO_REUSEPORT] && b->options[RNL_SO_REUSEPORT])
        return true;
    return a->options[RNL_SO_REUSEADDR] && b->options[RNL_SO_REUSEADDR] && !a->listening &&
           !b->listening;
}

static bool is_taken(struct rnl_backend *sim, const struct rnli_sim_sock *sock)
{
    for (struct rnli_list *node = sim->socks.next; node != &sim->socks; node = node->next) {
        const struct rnli_sim_sock *other = RNLI_CONTAINER(node, struct rnli_sim_sock, node);

        if (other != sock && other->bound && other->family != RNL_UNIX &&
            other->host == sock->host && other->local.port == sock->local.port &&
            overlap(sock, other) && !may_share(sock, other))
            return true;
    }
    return false;
}

static int pick_port(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    struct rnli_sim_host *host = &sim->hosts[sock->host];

    for (int tries = PORT_FIRST; tries <= PORT_LAST; tries++) {
        sock->local.port = host->next_port;
        host->next_port =
            host->next_port == PORT_LAST ? PORT_FIRST : (uint16_t)(host->next_port + 1);
        if (!is_taken(sim, sock))
            return RNL_OK;
    }
    sock->local.port = 0;
    return RNL_EADDRINUSE;
}

static int bind_ip(struct rnl_backend *sim, struct rnli_sim_sock *sock,
                   const struct rnl_address *address)
{
    if (!rnli_sim_host_owns(sock->host, address))
        return RNL_EADDRNOTAVAIL;
    sock->local = *address;
    if (address->port == 0)
        return pick_port(sim, sock);
    if (!is_taken(sim, sock))
        return RNL_OK;
    memset(&sock->local, 0, sizeof sock->local);
    sock->local.family = sock->family;
    return RNL_EADDRINUSE;
}

int rnli_sim_bind(struct rnl_backend *sim, rnl_socket fd, const struct rnl_address *address,
                  int64_t *os)
{
    struct rnli_sim_sock *sock = rnli_sim_sock(sim, fd);
    int code;

    *os = 0;
    if (!sock)
        return RNL_EBADF;
    if (address->family != sock->family)
        return RNL_EAFNOSUPPORT;
    if (sock->bound)
        return RNL_EINVAL;
    if (sock->family == RNL_UNIX) {
        sock->local = *address;
        code = rnli_sim_path_bind(sim, sock);
    } else {
        code = bind_ip(sim, sock, address);
    }
    sock->bound = code == RNL_OK;
    rnli_sim_note(sim, "bind", fd, sock->local.port, code);
    return code;
}

int rnli_sim_listen(struct rnl_backend *sim, rnl_socket fd, int backlog, int64_t *os)
{
    struct rnli_sim_sock *sock = rnli_sim_sock(sim, fd);
    int code = RNL_OK;

    *os = 0;
    if (!sock)
        return RNL_EBADF;
    if (sock->connected || sock->stage != RNLI_SIM_IDLE ||
        (sock->family == RNL_UNIX && !sock->bound))
        return RNL_EINVAL;
    if (!sock->bound)
        code = bind_ip(sim, sock, &sock->local);
    else if (!sock->listening && sock->family != RNL_UNIX && is_taken(sim, sock))
        code = RNL_EADDRINUSE; /* it was shared while nobody listened */
    if (code)
        return code;
    sock->bound = true;
    sock->listening = true;
    sock->backlog_max = backlog > 0 ? (size_t)backlog : 0;
    rnli_sim_note(sim, "listen", fd, backlog, 0);
    return RNL_OK;
}

/* ---- The backlog ------------------------------------------------------- */

static struct rnli_sim_sock *take_waiting(struct rnli_sim_sock *listener)
{
    struct rnli_list *node = rnli_list_shift(&listener->backlog);
    struct rnli_sim_sock *sock;

    if (!node)
        return NULL;
    sock = RNLI_CONTAINER(node, struct rnli_sim_sock, queued);
    sock->listener = NULL;
    listener->nbacklog--;
    return sock;
}

/* Those who wait are reset: nobody will accept them. */
void rnli_sim_refuse_waiting(struct rnl_backend *sim, struct rnli_sim_sock *listener)
{
    struct rnli_sim_sock *sock;

    while ((sock = take_waiting(listener)) != NULL) {
        sock->options[RNL_SO_LINGER] = 0;
        rnli_sim_sock_free(sim, sock);
    }
}

/* A connection that is gone before anybody took it. */
static bool aborted(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    if (!rnli_sim_fault(sim, RNL_SIM_ACCEPT_ABORTED))
        return false;
    sock->options[RNL_SO_LINGER] = 0;
    rnli_sim_sock_free(sim, sock);
    return true;
}

static void put_back(struct rnli_sim_sock *listener, struct rnli_sim_sock *sock)
{
    sock->listener = listener;
    rnli_list_unshift(&listener->backlog, &sock->queued);
    listener->nbacklog++;
}

int rnli_sim_accept(struct rnl_backend *sim, struct rnli_sim_sock *listener,
                    struct rnli_sim_sock **out)
{
    struct rnli_sim_sock *sock = take_waiting(listener);
    int code;

    if (!sock)
        return RNL_EAGAIN;
    if (aborted(sim, sock))
        return RNL_ECONNABORTED;
    code = rnli_sim_sock_number(sim, sock);
    if (code) {
        put_back(listener, sock);
        return code;
    }
    sock->options[RNL_SO_LINGER] = -1;
    rnli_sim_note(sim, "accept", listener->fd, sock->fd, (int64_t)sock->link->number);
    *out = sock;
    return RNL_OK;
}

static bool has_room(const struct rnli_sim_sock *listener)
{
    return listener->nbacklog <= listener->backlog_max; /* one more than was asked for */
}

/* ---- Connecting -------------------------------------------------------- */

static void answer(struct rnl_backend *sim, struct rnli_sim_sock *sock, int code, int64_t after_ns)
{
    sock->stage = RNLI_SIM_ANSWERED;
    sock->answer = code;
    rnli_sim_plan(sim, &sock->step, rnli_time_after(sim->now_ns, after_ns));
}

static bool listens_at(const struct rnli_sim_sock *sock, unsigned host,
                       const struct rnl_address *address)
{
    if (!sock->listening || sock->host != host || sock->family == RNL_UNIX ||
        sock->local.port != address->port)
        return false;
    if (sock->family != address->family)
        return is_dual(sock);
    return rnli_sim_is_any(&sock->local) || same_ip(&sock->local, address);
}

/* The one for this very address before a wildcard. */
static struct rnli_sim_sock *find_listener(struct rnl_backend *sim, unsigned host,
                                           const struct rnl_address *address)
{
    struct rnli_sim_sock *found = NULL;

    for (struct rnli_list *node = sim->socks.next; node != &sim->socks; node = node->next) {
        struct rnli_sim_sock *sock = RNLI_CONTAINER(node, struct rnli_sim_sock, node);

        if (!listens_at(sock, host, address))
            continue;
        if (!found || (rnli_sim_is_any(&found->local) && !rnli_sim_is_any(&sock->local)) ||
            (is_dual(found) && !is_dual(sock)))
            found = sock;
    }
    return found;
}

/* An IPv4 address as a socket of IPv6 sees it. */
static void map(struct rnl_address *address)
{
    unsigned char ip[16] = {[10] = 0xff, [11] = 0xff};

    memcpy(ip + 12, address->ip, 4);
    memcpy(address->ip, ip, 16);
    address->family = RNL_INET6;
}

static int meet(struct rnl_backend *sim, struct rnli_sim_sock *sock, struct rnli_sim_sock *listener)
{
    struct rnli_sim_sock *other = rnli_sim_sock_new(sim, listener->family, listener->host);

    if (!other)
        return RNL_ENOMEM;
    other->local = listener->family == RNL_UNIX ? listener->local : sock->peer;
    other->peer = sock->local;
    if (listener->family == RNL_INET6 && sock->family == RNL_INET) {
        map(&other->local);
        map(&other->peer);
    }
    memcpy(other->options, listener->options, sizeof other->options);
    other->bound = listener->family != RNL_UNIX;
    other->connected = true;
    if (!rnli_sim_link_new(sim, sock, other)) {
        rnli_sim_sock_free(sim, other);
        return RNL_ENOMEM;
    }
    other->listener = listener;
    rnli_list_push(&listener->backlog, &other->queued);
    listener->nbacklog++;
    rnli_sim_rouse(sim, &listener->read);
    return RNL_OK;
}

static void ask_again(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    int64_t after = RNL_SECOND << sock->tries;

    if (++sock->tries == ASK_MAX)
        answer(sim, sock, RNL_ETIMEDOUT, after);
    else
        rnli_sim_plan(sim, &sock->step, rnli_time_after(sim->now_ns, after));
}

static void ask(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    struct rnli_sim_sock *listener;
    int64_t back_ns; /* drawn by itself: arguments have no order */
    unsigned to;
    int code;

    if (!rnli_sim_host_of(sim, sock->host, &sock->peer, &to)) {
        answer(sim, sock, RNL_EHOSTUNREACH, 3 * RNL_SECOND);
        return;
    }
    listener = find_listener(sim, to, &sock->peer);
    if (sim->hosts[to].stopped || !rnli_sim_way_open(sim, sock->host, to) ||
        !rnli_sim_way_open(sim, to, sock->host) || (listener && !has_room(listener))) {
        ask_again(sim, sock);
        return;
    }
    back_ns = rnli_sim_way_time(sim, to, sock->host);
    code = listener ? meet(sim, sock, listener) : RNL_ECONNREFUSED;
    answer(sim, sock, code, back_ns);
}

int rnli_sim_connect_path(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    bool there;
    struct rnli_sim_sock *listener = rnli_sim_path_find(sim, sock->host, &sock->peer, &there);

    if (!listener || !listener->listening)
        return there ? RNL_ECONNREFUSED : RNL_ENOENT;
    return has_room(listener) ? meet(sim, sock, listener) : RNL_EAGAIN;
}

static void ask_path(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    int code = rnli_sim_connect_path(sim, sock);

    if (code == RNL_EAGAIN)
        rnli_sim_plan(sim, &sock->step, rnli_time_after(sim->now_ns, 10 * RNL_MILLISECOND));
    else
        answer(sim, sock, code, 0);
}

void rnli_sim_connect_end(struct rnli_sim_sock *sock, int code)
{
    sock->stage = RNLI_SIM_IDLE;
    sock->connected = code == RNL_OK;
    if (sock->link)
        sock->local = sock->link->names[sock->side];
}

/* Nobody submitted a connect: its socket takes the answer in by itself. */
static void end_unasked(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    if (!sock->dead)
        sock->error = sock->answer; /* for SO_ERROR */
    rnli_sim_connect_end(sock, sock->error);
    rnli_sim_rouse(sim, &sock->read);
}

void rnli_sim_connect_step(struct rnl_backend *sim, struct rnli_sim_event *event)
{
    struct rnli_sim_sock *sock = RNLI_CONTAINER(event, struct rnli_sim_sock, step);

    if (sock->stage == RNLI_SIM_ANSWERED) {
        if (sim->shared)
            end_unasked(sim, sock);
        rnli_sim_rouse(sim, &sock->write);
    } else if (sock->family == RNL_UNIX)
        ask_path(sim, sock);
    else
        ask(sim, sock);
}

void rnli_sim_connect_stop(struct rnli_sim_sock *sock)
{
    rnli_sim_forget(&sock->step);
    sock->stage = RNLI_SIM_IDLE;
}

/* To the wildcard means to oneself. */
static void to_loopback(struct rnl_address *address)
{
    if (address->family == RNL_INET)
        memcpy(address->ip, (unsigned char[]){127, 0, 0, 1}, 4);
    else
        address->ip[15] = 1;
}

/* The local half of the connection's name. */
static int choose_name(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    uint16_t port = sock->local.port;
    unsigned to;

    if (rnli_sim_is_any(&sock->peer))
        to_loopback(&sock->peer);
    if (sock->bound && !rnli_sim_is_any(&sock->local))
        return RNL_OK;
    if (!rnli_sim_host_of(sim, sock->host, &sock->peer, &to) || to != sock->host)
        rnli_sim_host_address(sock->host, sock->family, &sock->local);
    else
        sock->local = sock->peer;
    sock->local.port = port;
    if (port == 0 && pick_port(sim, sock))
        return RNL_EADDRNOTAVAIL;
    sock->bound = true;
    return RNL_OK;
}

static int begin(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    if (sim->hosts[sock->host].stopped)
        return RNL_ENETDOWN;
    if (sock->connected)
        return RNL_EISCONN;
    if (sock->listening)
        return RNL_EINVAL;
    if (sock->peer.family != sock->family)
        return RNL_EAFNOSUPPORT;
    return sock->family == RNL_UNIX ? RNL_OK : choose_name(sim, sock);
}

int rnli_sim_connect_start(struct rnl_backend *sim, struct rnli_sim_sock *sock,
                           const struct rnl_address *address)
{
    bool local = sock->family == RNL_UNIX;
    unsigned to = sock->host;
    int code;

    sock->stage = RNLI_SIM_ASKING;
    sock->tries = 0;
    sock->peer = *address;
    code = begin(sim, sock);
    rnli_sim_note(sim, "connect", sock->fd, sock->peer.port, code);
    if (!local)
        (void)rnli_sim_host_of(sim, sock->host, &sock->peer, &to);
    if (code)
        answer(sim, sock, code, 0);
    else if (!local && rnli_sim_fault(sim, RNL_SIM_REFUSED))
        answer(sim, sock, RNL_ECONNREFUSED, rnli_sim_way_time(sim, sock->host, to));
    else if (!local && rnli_sim_fault(sim, RNL_SIM_CONNECT_TIMEOUT))
        answer(sim, sock, RNL_ETIMEDOUT, 127 * RNL_SECOND);
    else
        rnli_sim_plan(sim, &sock->step,
                      rnli_time_after(sim->now_ns,
                                      local ? 0 : rnli_sim_way_time(sim, sock->host, to)));
    return code;
}
