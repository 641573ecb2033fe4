/* linger.c: a close that lets a peer finish its sentence.
 *
 * A socket that is closed with unread bytes in the kernel, or that gets more after
 * its close, answers with a reset, and the reset overtakes the last reply: a
 * client that is still sending never reads why it was turned away. So, where the
 * options say so, our side is ended, and what still comes is received into a
 * scratch and dropped, until the peer ends its side too or the time is over. */
#include "stream/limits.h"

#include "core/alloc.h"

enum { SCRATCH = 4096 };

struct rnli_linger {
    struct rnli_timer timer;
    struct rnli_conn *conn;
    unsigned char scratch[SCRATCH];
};

static void time_over(struct rnli_timer *timer)
{
    rnli_conn_end(RNLI_CONTAINER(timer, struct rnli_linger, timer)->conn);
}

static struct rnli_linger *start(struct rnli_conn *conn)
{
    struct rnli_linger *l = rnli_zalloc(&rnli_face(conn->loop)->allocator, sizeof *l);

    if (!l)
        return NULL;
    l->conn = conn;
    l->timer.fire = time_over;
    conn->linger = l;
    if (rnli_timer_start(conn->loop, &l->timer, conn->linger_ns)) {
        rnli_linger_free(conn);
        return NULL;
    }
    return l;
}

bool rnli_linger(struct rnli_conn *conn)
{
    struct rnli_loop_face *face = rnli_face(conn->loop);
    int64_t os;

    if (conn->linger)
        return true;
    if (conn->linger_ns <= 0 || conn->eof_received || conn->error || !start(conn))
        return false;
    if (!conn->shut)
        (void)face->ops->shutdown(face->backend, conn->sock, RNL_SHUT_WRITE, &os);
    conn->shut = true;
    rnli_conn_receive(conn);
    return true;
}

int rnli_linger_lend(struct rnli_conn *conn, unsigned char **data, size_t *len)
{
    *data = conn->linger->scratch;
    *len = SCRATCH;
    return RNL_OK;
}

/* The peer's end, or its reset: all was said. A cancel or a refused loan of before the
 * close: receives again. */
void rnli_linger_final(struct rnli_conn *conn, const struct rnl_entry *entry)
{
    if (!conn->eof_received && (entry->code == RNL_ECANCELED || entry->code == RNL_ENOBUFS))
        rnli_conn_receive(conn);
    else
        rnli_conn_end(conn);
}

void rnli_linger_free(struct rnli_conn *conn)
{
    if (!conn->linger)
        return;
    rnli_timer_stop(conn->loop, &conn->linger->timer);
    rnli_free(&rnli_face(conn->loop)->allocator, conn->linger, sizeof *conn->linger);
    conn->linger = NULL;
}
