/* arrive.c: what becomes of segments and resets on their way.
 *
 *      first segment --> judged by the rule --> lost, delayed, broken, split
 *                                          '--> delivered, or turned away
 *
 * Segments arrive in order, each when its time has come: one that is lost is sent again
 * and holds up those behind it, as TCP's do. Data that arrives at an end that was closed or
 * reset is answered by a reset; what had arrived before a reset can still be read. */
#include "backend/sim/sim.h"
#include "core/timerq.h"

#include <string.h>

enum { TRIES_MAX = 15 };

static const int64_t resend_ns = 200 * RNL_MILLISECOND;

/* ---- Resets ------------------------------------------------------------ */

/* Tells `side` that the connection is no more. */
static void kill_end(struct rnl_backend *sim, struct rnli_sim_link *link, int side, int code)
{
    struct rnli_sim_sock *sock = link->ends[side];

    rnli_sim_drop_rest(link, side);
    rnli_sim_drop_rest(link, !side);
    rnli_sim_note(sim, "broken", (int64_t)link->number * 2 + side, code, sock != NULL);
    if (!sock || sock->dead)
        return;
    sock->dead = true;
    sock->error = link->ways[!side].end_arrived ? RNL_EPIPE : code;
    rnli_sim_rouse_end(sim, link, side);
}

void rnli_sim_reset_arrives(struct rnl_backend *sim, struct rnli_sim_event *event)
{
    const struct rnli_sim_link_event *at = RNLI_CONTAINER(event, struct rnli_sim_link_event, event);

    kill_end(sim, at->link, at->side, RNL_ECONNRESET);
}

void rnli_sim_send_reset(struct rnl_backend *sim, struct rnli_sim_link *link, int side)
{
    int64_t way_ns = rnli_sim_way_time(sim, link->hosts[!side], link->hosts[side]);
    int64_t when = rnli_time_after(sim->now_ns, way_ns);

    if (when < link->ways[!side].clear_ns) /* behind what flies before it */
        when = link->ways[!side].clear_ns;
    if (!rnli_sim_planned(&link->resets[side].event))
        rnli_sim_plan(sim, &link->resets[side].event, when);
}

/* ---- Arriving ---------------------------------------------------------- */

static void describe(const struct rnl_backend *sim, const struct rnli_sim_link *link, int side,
                     struct rnl_sim_segment *out)
{
    const struct rnli_sim_way_bytes *way = &link->ways[side];
    const struct rnli_sim_segment *s = &way->segments[way->first];

    memset(out, 0, sizeof *out);
    out->from = sim->hosts[link->hosts[side]].name;
    out->to = sim->hosts[link->hosts[!side]].name;
    out->source = link->names[side];
    out->target = link->names[!side];
    out->connection = link->number;
    out->client = side == 0;
    out->end = s->end;
    out->offset = way->offset;
    out->len = s->len;
    out->tries = s->tries;
}

static enum rnl_sim_verdict judge(struct rnl_backend *sim, struct rnli_sim_link *link, int side,
                                  int64_t *arg)
{
    struct rnli_sim_way_bytes *way = &link->ways[side];
    struct rnli_sim_segment *s = &way->segments[way->first];
    struct rnl_sim_segment segment;
    enum rnl_sim_verdict verdict;

    if (!sim->rule || s->judged)
        return RNL_SIM_PASS;
    describe(sim, link, side, &segment);
    verdict = sim->rule(sim->rule_user, &segment, arg);
    s->judged = verdict == RNL_SIM_DELAY;
    if (verdict == RNL_SIM_DELAY && *arg < 0)
        *arg = 0;
    if (verdict == RNL_SIM_SPLIT && (*arg <= 0 || (uint64_t)*arg >= s->len))
        verdict = *arg <= 0 ? RNL_SIM_DROP : RNL_SIM_PASS;
    if (verdict != RNL_SIM_PASS)
        rnli_sim_note(sim, "rule", (int64_t)link->number * 2 + side, (int64_t)verdict, *arg);
    return verdict;
}

/* Nobody answers: sent again, each time later, and given up after a quarter of an
 * hour. */
static void lose(struct rnl_backend *sim, struct rnli_sim_link *link, int side)
{
    struct rnli_sim_way_bytes *way = &link->ways[side];
    struct rnli_sim_segment *s = &way->segments[way->first];
    unsigned doublings = s->tries < 9 ? s->tries : 9;

    rnli_sim_note(sim, "lost", (int64_t)link->number * 2 + side, (int64_t)s->len, s->tries);
    s->when_ns = rnli_time_after(sim->now_ns, resend_ns << doublings);
    s->judged = false;
    if (s->tries++ < TRIES_MAX)
        rnli_sim_arm(sim, link, side);
    else
        kill_end(sim, link, side, RNL_ETIMEDOUT);
}

static bool gets_through(struct rnl_backend *sim, const struct rnli_sim_link *link, int side)
{
    unsigned from = link->hosts[side], to = link->hosts[!side];

    return !sim->hosts[to].stopped && rnli_sim_way_open(sim, from, to) &&
           !rnli_sim_fault(sim, RNL_SIM_LOSS);
}

static void break_link(struct rnl_backend *sim, struct rnli_sim_link *link, int side)
{
    rnli_sim_send_reset(sim, link, side);
    kill_end(sim, link, !side, RNL_ECONNRESET);
}

/* The receiver sees an end where none is; the sender learns that something is wrong. */
static void end_early(struct rnl_backend *sim, struct rnli_sim_link *link, int side)
{
    rnli_sim_drop_rest(link, side);
    link->ways[side].end_arrived = true;
    link->ways[side].end_sent = true;
    rnli_sim_send_reset(sim, link, side);
    rnli_sim_rouse_end(sim, link, !side);
}

/* The first segment, or `len` bytes of it, is over. */
static void consume(struct rnl_backend *sim, struct rnli_sim_link *link, int side, size_t len)
{
    struct rnli_sim_way_bytes *way = &link->ways[side];
    struct rnli_sim_segment *s = &way->segments[way->first];

    way->flying -= len;
    way->offset += len;
    s->len -= len;
    if (s->len > 0) {
        s->when_ns = rnli_time_after(
            sim->now_ns, rnli_sim_way_time(sim, link->hosts[side], link->hosts[!side]));
        return;
    }
    way->first = (way->first + 1) % RNLI_SIM_SEGMENTS;
    way->count--;
}

/* At an end that was closed or reset: nobody gets it, and data is answered by a reset. */
static void turn_away(struct rnl_backend *sim, struct rnli_sim_link *link, int side, size_t len)
{
    struct rnli_sim_way_bytes *way = &link->ways[side];
    unsigned char *gone = way->data + way->start + way->arrived;

    if (len == 0)
        return;
    memmove(gone, gone + len, way->len - way->arrived - len);
    way->len -= len;
    rnli_sim_send_reset(sim, link, side);
}

/* `len` bytes of the first segment are there. */
static void deliver(struct rnl_backend *sim, struct rnli_sim_link *link, int side, size_t len)
{
    struct rnli_sim_way_bytes *way = &link->ways[side];
    const struct rnli_sim_sock *to = link->ends[!side];
    bool end = way->segments[way->first].end;

    rnli_sim_note(sim, end ? "end" : "arrive", (int64_t)link->number * 2 + side, (int64_t)len,
                  to != NULL);
    consume(sim, link, side, len);
    if (!to || to->dead) {
        turn_away(sim, link, side, len);
    } else {
        way->arrived += len;
        way->end_arrived = way->end_arrived || end;
    }
    rnli_sim_rouse_end(sim, link, !side);
    if (link->ends[side])
        rnli_sim_rouse(sim, &link->ends[side]->write);
}

void rnli_sim_arrive(struct rnl_backend *sim, struct rnli_sim_event *event)
{
    const struct rnli_sim_link_event *at = RNLI_CONTAINER(event, struct rnli_sim_link_event, event);
    struct rnli_sim_link *link = at->link;
    int side = at->side;
    struct rnli_sim_segment *s = &link->ways[side].segments[link->ways[side].first];
    int64_t arg = 0;
    enum rnl_sim_verdict verdict = judge(sim, link, side, &arg);

    if (verdict == RNL_SIM_DELAY) {
        s->when_ns = rnli_time_after(sim->now_ns, arg);
        rnli_sim_arm(sim, link, side);
    } else if (verdict == RNL_SIM_DROP || !gets_through(sim, link, side)) {
        lose(sim, link, side);
    } else if (verdict == RNL_SIM_BREAK || rnli_sim_fault(sim, RNL_SIM_RESET)) {
        break_link(sim, link, side);
    } else if (!s->end && rnli_sim_fault(sim, RNL_SIM_EARLY_END)) {
        end_early(sim, link, side);
    } else {
        deliver(sim, link, side, verdict == RNL_SIM_SPLIT ? (size_t)arg : s->len);
        rnli_sim_transmit(sim, link, side);
    }
}
