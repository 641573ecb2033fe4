/* link.c: a connection: its bytes, and how its ends send, take and leave.
 *
 *      data:   [ arrived | flying | waiting )      one buffer for each direction
 *               ^ the receiver takes from here     ^ the sender appends here
 *
 * The sender has room while what has not arrived is below its send buffer; what
 * waits flies as soon as the receiver's buffer has room for it, and an end flies behind the
 * last byte. Closing with unread bytes, or with linger 0, sends a reset in place of the end,
 * as kernels do. Unix connections take no time and lose nothing: their bytes arrive as they
 * are sent. What becomes of what flies is in arrive.c. */
#include "backend/sim/sim.h"

#include <string.h>

#include "core/alloc.h"
#include "core/timerq.h"

/* ---- A link's life ----------------------------------------------------- */

struct rnli_sim_link *rnli_sim_link_new(struct rnl_backend *sim, struct rnli_sim_sock *client,
                                        struct rnli_sim_sock *server)
{
    struct rnli_sim_link *link = rnli_zalloc(&sim->allocator, sizeof *link);
    struct rnli_sim_sock *ends[2] = {client, server};

    if (!link)
        return NULL;
    link->number = ++sim->nlinks;
    link->local = server->family == RNL_UNIX;
    for (int i = 0; i < 2; i++) {
        link->ends[i] = ends[i];
        link->names[i] = ends[i]->local;
        link->hosts[i] = ends[i]->host;
        ends[i]->link = link;
        ends[i]->side = i;
        link->arrivals[i].link = link->resets[i].link = link;
        link->arrivals[i].side = link->resets[i].side = i;
        rnli_sim_event_init(&link->arrivals[i].event, rnli_sim_arrive);
        rnli_sim_event_init(&link->resets[i].event, rnli_sim_reset_arrives);
    }
    rnli_list_push(&sim->links, &link->node);
    rnli_sim_note(sim, "link", (int64_t)link->number, link->hosts[0], link->hosts[1]);
    return link;
}

void rnli_sim_link_free(struct rnl_backend *sim, struct rnli_sim_link *link)
{
    for (int i = 0; i < 2; i++) {
        rnli_sim_forget(&link->arrivals[i].event);
        rnli_sim_forget(&link->resets[i].event);
        rnli_free(&sim->allocator, link->ways[i].data, link->ways[i].capacity);
    }
    rnli_list_remove(&link->node);
    rnli_free(&sim->allocator, link, sizeof *link);
}

void rnli_sim_rouse_end(struct rnl_backend *sim, const struct rnli_sim_link *link, int side)
{
    struct rnli_sim_sock *sock = link->ends[side];

    if (!sock)
        return;
    rnli_sim_rouse(sim, &sock->read);
    rnli_sim_rouse(sim, &sock->write);
}

/* ---- Bytes ------------------------------------------------------------- */

/* Makes room for `len` more; false: no memory. */
static bool extend(struct rnl_backend *sim, struct rnli_sim_way_bytes *way, size_t len)
{
    size_t need = way->len + len, capacity = way->capacity ? way->capacity : 1024;
    unsigned char *data;

    if (way->start > 0 && way->start + need > way->capacity) {
        memmove(way->data, way->data + way->start, way->len);
        way->start = 0;
    }
    if (need <= way->capacity)
        return true;
    while (capacity < need)
        capacity *= 2;
    data = rnli_realloc(&sim->allocator, way->data, way->capacity, capacity);
    if (!data)
        return false;
    way->data = data;
    way->capacity = capacity;
    return true;
}

static void append(struct rnli_sim_way_bytes *way, const unsigned char *data, size_t len)
{
    if (len > 0)
        memcpy(way->data + way->start + way->len, data, len);
    way->len += len;
}

/* Everything that has not arrived is lost. */
void rnli_sim_drop_rest(struct rnli_sim_link *link, int side)
{
    struct rnli_sim_way_bytes *way = &link->ways[side];

    rnli_sim_forget(&link->arrivals[side].event);
    way->len = way->arrived;
    way->flying = 0;
    way->count = 0;
}

/* ---- Sending ----------------------------------------------------------- */

void rnli_sim_arm(struct rnl_backend *sim, struct rnli_sim_link *link, int side)
{
    struct rnli_sim_way_bytes *way = &link->ways[side];
    struct rnli_sim_event *event = &link->arrivals[side].event;

    if (way->count > 0 && !rnli_sim_planned(event))
        rnli_sim_plan(sim, event, way->segments[way->first].when_ns);
}

static void launch(struct rnl_backend *sim, struct rnli_sim_link *link, int side, size_t len,
                   bool end)
{
    struct rnli_sim_way_bytes *way = &link->ways[side];
    struct rnli_sim_segment *s = &way->segments[(way->first + way->count++) % RNLI_SIM_SEGMENTS];
    unsigned from = link->hosts[side], to = link->hosts[!side];
    int64_t depart = way->depart_ns > sim->now_ns ? way->depart_ns : sim->now_ns;

    depart = rnli_time_after(depart, rnli_sim_way_busy(sim, from, to, len));
    way->depart_ns = depart;
    memset(s, 0, sizeof *s);
    s->len = len;
    s->end = end;
    s->when_ns = rnli_time_after(depart, rnli_sim_way_time(sim, from, to));
    if (s->when_ns < way->clear_ns)
        s->when_ns = way->clear_ns;
    way->clear_ns = s->when_ns;
    way->flying += len;
    rnli_sim_note(sim, end ? "send end" : "send", (int64_t)link->number * 2 + side, (int64_t)len,
                  0);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t window(const struct rnl_backend *sim, const struct rnli_sim_way_bytes *way)
{
    size_t full = way->arrived + way->flying;

    return full < sim->config.receive_buffer ? sim->config.receive_buffer - full : 0;
}

static void transmit_local(struct rnl_backend *sim, struct rnli_sim_link *link, int side)
{
    struct rnli_sim_way_bytes *way = &link->ways[side];

    way->arrived = way->len;
    way->end_arrived = way->end_wanted;
    if (link->ends[!side])
        rnli_sim_rouse(sim, &link->ends[!side]->read);
}

void rnli_sim_transmit(struct rnl_backend *sim, struct rnli_sim_link *link, int side)
{
    struct rnli_sim_way_bytes *way = &link->ways[side];

    if (link->local) {
        transmit_local(sim, link, side);
        return;
    }
    while (way->count < RNLI_SIM_SEGMENTS && !way->end_sent) {
        size_t waiting = way->len - way->arrived - way->flying;
        size_t len = least(least(waiting, window(sim, way)), sim->config.segment);

        if (len == 0 && (waiting > 0 || !way->end_wanted))
            break;
        way->end_sent = len == 0;
        launch(sim, link, side, len, len == 0);
    }
    rnli_sim_arm(sim, link, side);
}

size_t rnli_sim_room(const struct rnl_backend *sim, const struct rnli_sim_sock *sock)
{
    const struct rnli_sim_way_bytes *way;
    size_t full;

    if (!sock->link)
        return 0;
    way = &sock->link->ways[sock->side];
    full = sock->link->local ? way->len : way->len - way->arrived;
    return full < sim->config.send_buffer ? sim->config.send_buffer - full : 0;
}

/* Why nothing can be sent; RNL_OK: it can. */
static int refusal(struct rnli_sim_sock *sock)
{
    int error = sock->error;

    if (!sock->connected)
        return sock->family == RNL_UNIX ? RNL_ENOTCONN : RNL_EPIPE;
    if (sock->link && sock->link->local) /* the error is for a receive */
        return sock->shut_write || !sock->link->ends[!sock->side] ? RNL_EPIPE : RNL_OK;
    if (error) {
        sock->error = RNL_OK; /* told once */
        return error;
    }
    return sock->dead || sock->shut_write || !sock->link ? RNL_EPIPE : RNL_OK;
}

int rnli_sim_send(struct rnl_backend *sim, struct rnli_sim_sock *sock,
                  const struct rnl_bytes *pieces, size_t npieces, size_t *sent)
{
    size_t total = 0, room = rnli_sim_room(sim, sock), len;
    struct rnli_sim_way_bytes *way;
    int code = refusal(sock);

    *sent = 0;
    if (code)
        return code;
    for (size_t i = 0; i < npieces; i++)
        total += pieces[i].len;
    len = least(total, room);
    if (len == 0)
        return total > 0 ? RNL_EAGAIN : RNL_OK;
    if (len > 1 && rnli_sim_fault(sim, RNL_SIM_SHORT_WRITE))
        len = rnli_sim_draw_size(sim, 1, len - 1);
    way = &sock->link->ways[sock->side];
    if (!extend(sim, way, len))
        return RNL_ENOMEM;
    for (size_t i = 0, left = len; left > 0; i++) {
        size_t n = least(pieces[i].len, left);

        append(way, pieces[i].data, n);
        left -= n;
    }
    *sent = len;
    rnli_sim_transmit(sim, sock->link, sock->side);
    return RNL_OK;
}

void rnli_sim_link_shut(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    if (!sock->link)
        return;
    sock->link->ways[sock->side].end_wanted = true;
    rnli_sim_transmit(sim, sock->link, sock->side);
}

bool rnli_sim_is_over(const struct rnli_sim_sock *sock)
{
    const struct rnli_sim_link *link = sock->link;

    if (sock->family == RNL_UNIX)
        return false;
    return sock->dead || (link && link->ways[0].end_arrived && link->ways[1].end_arrived);
}

/* ---- Taking ------------------------------------------------------------ */

size_t rnli_sim_available(const struct rnli_sim_sock *sock)
{
    return sock->link ? sock->link->ways[!sock->side].arrived : 0;
}

void rnli_sim_take(struct rnl_backend *sim, struct rnli_sim_sock *sock, unsigned char *to,
                   size_t len)
{
    struct rnli_sim_link *link = sock->link;
    struct rnli_sim_way_bytes *way = &link->ways[!sock->side];

    memcpy(to, way->data + way->start, len);
    way->start += len;
    way->len -= len;
    way->arrived -= len;
    if (way->len == 0)
        way->start = 0;
    rnli_sim_transmit(sim, link, !sock->side); /* there is room again */
    if (link->local && link->ends[!sock->side])
        rnli_sim_rouse(sim, &link->ends[!sock->side]->write);
}

bool rnli_sim_input_ended(const struct rnli_sim_sock *sock)
{
    return sock->shut_read || (sock->link && sock->link->ways[!sock->side].end_arrived);
}

bool rnli_sim_readable(const struct rnli_sim_sock *sock)
{
    if (sock->listening)
        return !rnli_list_empty(&sock->backlog);
    return rnli_sim_available(sock) > 0 || sock->error || sock->dead ||
           rnli_sim_input_ended(sock) || !sock->connected;
}

int rnli_sim_input_state(struct rnli_sim_sock *sock)
{
    int error = sock->error;

    if (!sock->connected)
        return sock->family == RNL_UNIX ? RNL_EINVAL : RNL_ENOTCONN;
    if (sock->link && sock->link->local && error) {
        sock->error = RNL_OK;
        return error;
    }
    if (rnli_sim_input_ended(sock) || !error)
        return RNL_OK;
    sock->error = RNL_OK; /* told once */
    return error;
}

bool rnli_sim_writable(const struct rnl_backend *sim, const struct rnli_sim_sock *sock)
{
    return sock->error || sock->dead || sock->shut_write || !sock->link ||
           (sock->link->local && !sock->link->ends[!sock->side]) || rnli_sim_room(sim, sock) > 0;
}

/* ---- Leaving ----------------------------------------------------------- */

/* A Unix peer learns at once. */
static void leave_local(struct rnl_backend *sim, struct rnli_sim_link *link, int side, bool unseen)
{
    struct rnli_sim_sock *peer = link->ends[!side];

    if (peer && (link->ways[!side].len > 0 || unseen))
        peer->error = RNL_ECONNRESET; /* what it sent was not read, or it was not accepted */
    link->ways[side].end_wanted = true;
    transmit_local(sim, link, side);
    rnli_sim_rouse_end(sim, link, !side);
}

static void leave_orderly(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    struct rnli_sim_link *link = sock->link;
    int side = sock->side;
    struct rnli_sim_way_bytes *way = &link->ways[side];

    if (link->local) {
        leave_local(sim, link, side, sock->fd == RNL_NO_SOCKET);
    } else if (link->ways[!side].arrived > 0 || sock->options[RNL_SO_LINGER] == 0) {
        way->len = way->arrived + way->flying;
        rnli_sim_send_reset(sim, link, !side);
    } else {
        way->end_wanted = true;
        rnli_sim_transmit(sim, link, side);
    }
}

void rnli_sim_link_leave(struct rnl_backend *sim, struct rnli_sim_sock *sock, bool silently)
{
    struct rnli_sim_link *link = sock->link;
    struct rnli_sim_way_bytes *way = &link->ways[sock->side];

    link->ends[sock->side] = NULL;
    if (silently)
        way->len = way->arrived + way->flying;
    else if (!sock->dead)
        leave_orderly(sim, sock);
    sock->link = NULL;
    if (!link->ends[0] && !link->ends[1])
        rnli_sim_link_free(sim, link);
}
