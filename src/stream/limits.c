/* limits.c: how long a peer may take.
 *
 * One timer for each connection that has limits. What arrives and leaves only
 * notes the time; the timer looks at the notes, and either ends the connection or
 * goes on to when the next limit could be over: no timer moves at each message.
 *
 *      idle     since the last byte came, while we receive. Not while reading is
 *               paused, by hand or not: that is our doing, and the clock starts
 *               anew after it.
 *      write    since the kernel last took a byte, while it takes none.
 *      rate     over a window: bytes that came, while a read waits for the rest of
 *               something and nothing was consumed; bytes that went, while the
 *               kernel was full throughout. So a connection that rests between two
 *               messages is never too slow; nor is it in a window in which we
 *               paused reading by hand, for what comes.
 *
 * The way that lost: an average since the connection began, which a quick start
 * lets a peer live off for hours. */
#include "stream/limits.h"

#include "core/alloc.h"
#include "stream/filters.h"

#define DEFAULT_WINDOW (10 * RNL_SECOND)

struct rnli_limits {
    struct rnli_timer timer;
    struct rnli_conn *conn;
    int64_t idle_ns, write_ns, window_ns; /* INT64_MAX: none */
    uint64_t window_min;                  /* bytes in a window */
    int64_t last_in, last_out;            /* loop time */
    int64_t window_end;                   /* INT64_MAX: none */
    uint64_t in, out;                     /* bytes of this window, on the wire */
    uint64_t fed;                         /* to the reader: those that came, or clear ones */
    size_t buffered;                      /* when it began */
    bool blocked;                         /* the kernel was full when it began, and since */
    bool paused;                          /* reading, by hand: at any time of it */
};

bool rnli_limits_wanted(const struct rnl_stream_options *o)
{
    return o->idle_timeout_ns > 0 || o->write_timeout_ns > 0 || o->min_rate > 0;
}

bool rnli_limits_valid(const struct rnl_stream_options *o)
{
    return o->idle_timeout_ns >= RNL_OFF && o->write_timeout_ns >= RNL_OFF &&
           o->min_rate_window_ns >= 0 && o->linger_close_ns >= RNL_OFF;
}

static void tick(struct rnli_timer *timer);

static void begin_window(struct rnli_limits *l, int64_t now)
{
    const struct rnli_conn *conn = l->conn;

    if (l->window_min == 0)
        return;
    l->window_end = rnli_time_after(now, l->window_ns);
    l->in = l->out = l->fed = 0;
    l->buffered = rnl_core_buffered(&conn->reader.core);
    l->blocked = conn->sending;
    l->paused = conn->held;
}

static int64_t idle_end(const struct rnli_limits *l)
{
    return l->idle_ns == INT64_MAX ? INT64_MAX : rnli_time_after(l->last_in, l->idle_ns);
}

static int64_t write_end(const struct rnli_limits *l)
{
    bool waits = l->conn->sending || (l->conn->filters && l->conn->filters->stuck);

    return l->write_ns == INT64_MAX || !waits ? INT64_MAX
                                              : rnli_time_after(l->last_out, l->write_ns);
}

static int schedule(struct rnli_limits *l)
{
    int64_t when = idle_end(l), now = rnl_now();

    if (write_end(l) < when)
        when = write_end(l);
    if (l->window_end < when)
        when = l->window_end;
    if (when == INT64_MAX)
        return RNL_OK;
    return rnli_timer_start(l->conn->loop, &l->timer, when > now ? when - now : 0);
}

static uint64_t window_bytes(const struct rnl_stream_options *o, int64_t window_ns)
{
    double bytes = (double)o->min_rate * (double)window_ns / (double)RNL_SECOND;

    if (bytes >= (double)INT64_MAX) /* no integer has more: the conversion is undefined */
        return INT64_MAX;
    return bytes < 1 ? 1 : (uint64_t)bytes;
}

int rnli_limits_open(struct rnli_conn *conn, const struct rnl_stream_options *o)
{
    struct rnli_limits *l = rnli_zalloc(&rnli_face(conn->loop)->allocator, sizeof *l);
    int64_t now = rnl_now();

    if (!l)
        return RNL_ENOMEM;
    l->conn = conn;
    l->timer.fire = tick;
    l->idle_ns = o->idle_timeout_ns > 0 ? o->idle_timeout_ns : INT64_MAX;
    l->write_ns = o->write_timeout_ns > 0 ? o->write_timeout_ns : INT64_MAX;
    l->window_ns = o->min_rate_window_ns > 0 ? o->min_rate_window_ns : DEFAULT_WINDOW;
    l->window_min = o->min_rate > 0 ? window_bytes(o, l->window_ns) : 0;
    l->window_end = INT64_MAX;
    l->last_in = l->last_out = now;
    begin_window(l, now);
    conn->limits = l;
    conn->watched = true;
    return schedule(l);
}

void rnli_limits_stop(struct rnli_conn *conn)
{
    if (conn->limits)
        rnli_timer_stop(conn->loop, &conn->limits->timer);
}

void rnli_limits_free(struct rnli_conn *conn)
{
    rnli_limits_stop(conn);
    rnli_free(&rnli_face(conn->loop)->allocator, conn->limits, sizeof *conn->limits);
    conn->limits = NULL;
}

/* ---- Notes ------------------------------------------------------------- */

void rnli_limits_received(struct rnli_conn *conn, size_t len)
{
    conn->limits->last_in = rnli_loop_time(conn->loop);
    conn->limits->in += len;
    if (!conn->filters)
        conn->limits->fed += len;
}

void rnli_limits_deciphered(struct rnli_conn *conn, size_t len)
{
    conn->limits->fed += len;
}

void rnli_limits_paused(struct rnli_conn *conn)
{
    conn->limits->paused = true;
}

void rnli_limits_resumed(struct rnli_conn *conn)
{
    conn->limits->last_in = rnl_now();
}

void rnli_limits_sent(struct rnli_conn *conn, size_t len)
{
    struct rnli_limits *l = conn->limits;

    l->last_out = rnli_loop_time(conn->loop);
    l->out += len;
    if (rnl_core_queued(&conn->writer.core) == 0)
        l->blocked = false;
}

void rnli_limits_blocked(struct rnli_conn *conn)
{
    struct rnli_limits *l = conn->limits;

    l->last_out = rnl_now();
    rnli_timer_stop(conn->loop, &l->timer);
    if (schedule(l))
        rnli_conn_fail(conn, RNL_ENOMEM, 0);
}

/* ---- The look ---------------------------------------------------------- */

static bool too_slow(const struct rnli_limits *l)
{
    const struct rnli_conn *conn = l->conn;
    size_t buffered = rnl_core_buffered(&conn->reader.core);
    bool waits_for_rest = buffered > 0 && buffered == l->buffered + l->fed && l->buffered > 0 &&
                          conn->receiving && !l->paused &&
                          !rnli_waitlist_empty(&conn->reader.waiting);

    if (waits_for_rest && l->in < l->window_min)
        return true;
    return l->blocked && conn->sending && l->out < l->window_min;
}

/* What the peer has failed to do by now; NULL: nothing. */
static const char *verdict(struct rnli_limits *l, int64_t now)
{
    if (now >= write_end(l))
        return "a peer took nothing for the write timeout; its connection is ended";
    if (now >= idle_end(l)) {
        if (l->conn->receiving && !l->conn->held)
            return "a peer sent nothing for the idle timeout; its connection is ended";
        l->last_in = now;
    }
    if (now >= l->window_end) {
        if (too_slow(l))
            return "a peer was slower than the least rate; its connection is ended";
        begin_window(l, now);
    }
    return NULL;
}

static void tick(struct rnli_timer *timer)
{
    struct rnli_limits *l = RNLI_CONTAINER(timer, struct rnli_limits, timer);
    struct rnli_conn *conn = l->conn;
    const char *what;

    if (conn->ending || conn->failing)
        return;
    if (conn->closing || rnli_peer_said_all(conn))
        l->idle_ns = INT64_MAX; /* no more is to come */
    what = verdict(l, rnl_now());
    if (what) {
        rnli_report(conn->loop, RNL_REPORT_WARNING, RNL_ETIMEDOUT, 0, NULL, what);
        rnli_conn_fail(conn, RNL_ETIMEDOUT, 0);
    } else if (schedule(l)) {
        rnli_conn_fail(conn, RNL_ENOMEM, 0);
    }
}
