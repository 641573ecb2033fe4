/* sockopt.c: what the options say of the socket itself.
 *
 * An option that the system refuses is no reason to give a connection up: it may
 * lack it, or the peer may be gone already. Times are rounded up to the unit that
 * the system takes. */
#include <limits.h>

#include "stream/limits.h"

bool rnli_sockopt_valid(const struct rnl_stream_options *o)
{
    return o->keep_idle_ns >= 0 && o->keep_interval_ns >= 0 && o->keep_count >= 0 &&
           o->user_timeout_ns >= 0;
}

static void set(struct rnli_conn *conn, enum rnl_sockopt option, int64_t value)
{
    struct rnli_loop_face *face = rnli_face(conn->loop);
    int64_t os;

    (void)face->ops->set_option(face->backend, conn->sock, option,
                                value > INT_MAX ? INT_MAX : (int)value, &os);
}

static void set_if(struct rnli_conn *conn, enum rnl_sockopt option, int64_t value)
{
    if (value > 0)
        set(conn, option, value);
}

static int64_t in_units(int64_t ns, int64_t unit)
{
    return ns > 0 ? (ns - 1) / unit + 1 : 0;
}

static int64_t bytes(size_t size)
{
    return size > INT_MAX ? INT_MAX : (int64_t)size;
}

void rnli_sockopt_apply(struct rnli_conn *conn, const struct rnl_stream_options *o)
{
    set_if(conn, RNL_SO_RCVBUF, bytes(o->recv_buffer));
    set_if(conn, RNL_SO_SNDBUF, bytes(o->send_buffer));
    if (!conn->has_sockname || conn->sockname.family == RNL_UNIX)
        return;
    if (o->nodelay != RNL_NO)
        set(conn, RNL_SO_NODELAY, 1);
    if (o->keep_alive == RNL_YES)
        set(conn, RNL_SO_KEEPALIVE, 1);
    set_if(conn, RNL_SO_KEEPIDLE, in_units(o->keep_idle_ns, RNL_SECOND));
    set_if(conn, RNL_SO_KEEPINTVL, in_units(o->keep_interval_ns, RNL_SECOND));
    set_if(conn, RNL_SO_KEEPCNT, o->keep_count);
    set_if(conn, RNL_SO_USER_TIMEOUT, in_units(o->user_timeout_ns, RNL_MILLISECOND));
}

void rnli_sockopt_reset(struct rnli_conn *conn)
{
    if (conn->abort_resets && conn->sock != RNL_NO_SOCKET)
        set(conn, RNL_SO_LINGER, 0);
}
