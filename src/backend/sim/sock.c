/* sock.c: descriptors, and what can be asked of them.
 *
 * Numbers are given out as POSIX does, the lowest free one first, so a number that
 * was closed is in use again at once: what mistakes an old socket for a new one
 * shows. They begin far above the system's, so that a real system call on one fails
 * and touches nothing. */
#include "backend/sim/sim.h"

#include <string.h>

#include "backend/pass.h"
#include "core/alloc.h"

/* ---- The table --------------------------------------------------------- */

struct rnli_sim_sock *rnli_sim_sock(const struct rnl_backend *sim, rnl_socket fd)
{
    if (fd < RNLI_SIM_FD_BASE || (size_t)(fd - RNLI_SIM_FD_BASE) >= sim->ntable)
        return NULL;
    return sim->table[fd - RNLI_SIM_FD_BASE];
}

static size_t lowest_free(const struct rnl_backend *sim)
{
    size_t i = 0;

    while (i < sim->ntable && sim->table[i])
        i++;
    return i;
}

static int widen(struct rnl_backend *sim)
{
    size_t item = sizeof(struct rnli_sim_sock *), old = sim->ntable, n = old ? old * 2 : 64;
    struct rnli_sim_sock **table = rnli_realloc(&sim->allocator, sim->table, old * item, n * item);

    if (!table)
        return RNL_ENOMEM;
    memset(table + old, 0, (n - old) * item);
    sim->table = table;
    sim->ntable = n;
    return RNL_OK;
}

int rnli_sim_sock_number(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    size_t i = lowest_free(sim);

    if (sim->nopen >= sim->config.descriptors || rnli_sim_fault(sim, RNL_SIM_NO_DESCRIPTORS))
        return RNL_EMFILE;
    if (i == sim->ntable && widen(sim))
        return RNL_ENOMEM;
    sim->table[i] = sock;
    sim->nopen++;
    sock->fd = (rnl_socket)i + RNLI_SIM_FD_BASE;
    return RNL_OK;
}

struct rnli_sim_sock *rnli_sim_sock_new(struct rnl_backend *sim, enum rnl_family family,
                                        unsigned host)
{
    struct rnli_sim_sock *sock = rnli_zalloc(&sim->allocator, sizeof *sock);

    if (!sock)
        return NULL;
    sock->fd = RNL_NO_SOCKET;
    sock->family = family;
    sock->host = host;
    sock->local.family = family;
    sock->options[RNL_SO_LINGER] = -1;
    sock->options[RNL_SO_V6ONLY] = 0;
    rnli_sim_port_init(&sock->read, true);
    rnli_sim_port_init(&sock->write, false);
    rnli_sim_event_init(&sock->step, rnli_sim_connect_step);
    rnli_list_init(&sock->backlog);
    rnli_list_init(&sock->queued);
    rnli_list_push(&sim->socks, &sock->node);
    return sock;
}

/* Its operations are over. */
void rnli_sim_sock_free(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    rnli_sim_connect_stop(sock);
    rnli_sim_forget(&sock->read.event);
    rnli_sim_forget(&sock->write.event);
    rnli_list_remove(&sock->read.node);
    rnli_list_remove(&sock->write.node);
    rnli_list_remove(&sock->node);
    rnli_list_remove(&sock->queued);
    if (sock->listener)
        sock->listener->nbacklog--;
    if (sock->listening)
        rnli_sim_refuse_waiting(sim, sock);
    rnli_sim_path_release(sim, sock);
    if (sock->link)
        rnli_sim_link_leave(sim, sock, false);
    if (sock->fd != RNL_NO_SOCKET) {
        sim->table[sock->fd - RNLI_SIM_FD_BASE] = NULL;
        sim->nopen--;
    }
    rnli_free(&sim->allocator, sock, sizeof *sock);
}

/* ---- The calls --------------------------------------------------------- */

int rnli_sim_open_socket(struct rnl_backend *sim, enum rnl_family family, rnl_socket *out,
                         int64_t *os)
{
    struct rnli_sim_sock *sock;
    int code;

    *out = RNL_NO_SOCKET;
    *os = 0;
    if (family != RNL_INET && family != RNL_INET6 && family != RNL_UNIX)
        return RNL_EAFNOSUPPORT;
    if (sim->hosts[sim->place].stopped)
        return RNL_ENETDOWN;
    sock =
        rnli_sim_fault(sim, RNL_SIM_NO_MEMORY) ? NULL : rnli_sim_sock_new(sim, family, sim->place);
    if (!sock)
        return RNL_ENOMEM;
    code = rnli_sim_sock_number(sim, sock);
    if (code) {
        rnli_sim_sock_free(sim, sock);
        return code;
    }
    sock->attached = true;
    *out = sock->fd;
    rnli_sim_note(sim, "socket", sock->fd, family, sim->place);
    return RNL_OK;
}

int rnli_sim_pair(struct rnl_backend *sim, rnl_socket out[2], int64_t *os)
{
    struct rnli_sim_sock *ends[2];
    int code = rnli_sim_open_socket(sim, RNL_UNIX, &out[0], os);

    if (code)
        return code;
    code = rnli_sim_open_socket(sim, RNL_UNIX, &out[1], os);
    if (code)
        goto close_first;
    for (int i = 0; i < 2; i++) {
        ends[i] = rnli_sim_sock(sim, out[i]);
        ends[i]->connected = true;
        ends[i]->peer.family = RNL_UNIX; /* neither has a name */
    }
    if (rnli_sim_link_new(sim, ends[0], ends[1]))
        return RNL_OK;
    code = RNL_ENOMEM;
    rnli_sim_close_socket(sim, out[1]);
close_first:
    rnli_sim_close_socket(sim, out[0]);
    return code;
}

int rnli_sim_attach(struct rnl_backend *sim, rnl_socket fd, int64_t *os)
{
    struct rnli_sim_sock *sock = rnli_sim_sock(sim, fd);

    *os = 0;
    if (!sock)
        return RNL_EBADF;
    if (sock->read.op || sock->write.op)
        return RNL_EBUSY;
    sock->attached = true;
    return RNL_OK;
}

void rnli_sim_detach(struct rnl_backend *sim, rnl_socket fd)
{
    struct rnli_sim_sock *sock = rnli_sim_sock(sim, fd);

    if (sock)
        sock->attached = false;
}

void rnli_sim_close_socket(struct rnl_backend *sim, rnl_socket fd)
{
    struct rnli_sim_sock *sock = rnli_sim_sock(sim, fd);

    if (!sock)
        return;
    rnli_sim_note(sim, "close", fd, 0, 0);
    rnli_sim_sock_free(sim, sock);
}

int rnli_sim_shutdown(struct rnl_backend *sim, rnl_socket fd, enum rnl_shut how, int64_t *os)
{
    struct rnli_sim_sock *sock = rnli_sim_sock(sim, fd);

    *os = 0;
    if (!sock)
        return RNL_EBADF;
    if (how < RNL_SHUT_READ || how > RNL_SHUT_BOTH)
        return RNL_EINVAL;
    if (sock->family != RNL_UNIX && (!sock->connected || sock->dead))
        return RNL_ENOTCONN;
    rnli_sim_note(sim, "shutdown", fd, how, 0);
    if (how & RNL_SHUT_READ) {
        sock->shut_read = true;
        rnli_sim_rouse(sim, &sock->read);
    }
    if ((how & RNL_SHUT_WRITE) && !sock->shut_write) {
        sock->shut_write = true;
        rnli_sim_link_shut(sim, sock);
        rnli_sim_rouse(sim, &sock->write);
    }
    return RNL_OK;
}

int rnli_sim_get_name(struct rnl_backend *sim, rnl_socket fd, bool peer, struct rnl_address *out,
                      int64_t *os)
{
    const struct rnli_sim_sock *sock = rnli_sim_sock(sim, fd);

    *os = 0;
    if (!sock)
        return RNL_EBADF;
    if (peer && (!sock->connected || rnli_sim_is_over(sock)))
        return RNL_ENOTCONN;
    *out = peer ? sock->peer : sock->local;
    return RNL_OK;
}

static bool is_of_tcp(enum rnl_sockopt option)
{
    return option == RNL_SO_NODELAY || option == RNL_SO_REUSEPORT || option == RNL_SO_KEEPIDLE ||
           option == RNL_SO_KEEPINTVL || option == RNL_SO_KEEPCNT || option == RNL_SO_USER_TIMEOUT;
}

int rnli_sim_set_option(struct rnl_backend *sim, rnl_socket fd, enum rnl_sockopt option, int value,
                        int64_t *os)
{
    struct rnli_sim_sock *sock = rnli_sim_sock(sim, fd);

    *os = 0;
    if (!sock)
        return RNL_EBADF;
    if ((int)option < RNL_SO_NODELAY || (int)option >= RNLI_SIM_OPTIONS)
        return RNL_ENOTSUP;
    if (option == RNL_SO_V6ONLY && (sock->family != RNL_INET6 || sock->bound))
        return sock->family != RNL_INET6 ? RNL_ENOTSUP : RNL_EINVAL;
    if (sock->family == RNL_UNIX && is_of_tcp(option))
        return RNL_ENOTSUP;
    sock->options[option] = value;
    return RNL_OK;
}

int rnli_sim_info(struct rnl_backend *sim, rnl_socket fd, struct rnl_socket_info *out, int64_t *os)
{
    const struct rnli_sim_sock *sock = rnli_sim_sock(sim, fd);

    *os = 0;
    if (!sock)
        return RNL_EBADF;
    memset(out, 0, sizeof *out);
    out->family = sock->family;
    out->stream = true;
    out->listening = sock->listening;
    out->connected = sock->connected && !rnli_sim_is_over(sock);
    out->tcp = sock->family != RNL_UNIX;
    return RNL_OK;
}
