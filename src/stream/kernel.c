/* kernel.c: TLS that the kernel enciphers: its beginning, its records, its end. */
#include "stream/kernel.h"

#include <string.h>

#include "stream/limits.h"
#include "task/probes.h"

enum { PIECES = 8, HEAD = 3 };

static const int64_t retry_ns = 10 * RNL_MILLISECOND;

static void count_sent(struct rnli_conn *conn, size_t len)
{
    rnli_face(conn->loop)->bytes_out += len;
    RNLI_PROBE(stream__sent, conn, len);
    if (conn->watched)
        rnli_watch_sent(conn, len);
}

/* ---- The beginning ----------------------------------------------------- */

/* What is enciphered goes out now, or the kernel is full. An error is met again by the
 * next flush. */
static bool empty(struct rnli_conn *conn, struct rnl_core_writer *out)
{
    struct rnli_loop_face *face = rnli_face(conn->loop);
    struct rnl_bytes pieces[PIECES];
    size_t count, len;
    int64_t os;

    while ((count = rnl_core_peek(out, pieces, PIECES)) > 0) {
        if (face->ops->try_send(face->backend, conn->sock, pieces, count, &len, &os))
            return false;
        rnl_core_sent(out, len);
        count_sent(conn, len);
    }
    return true;
}

/* In the middle of a call of the engine's. */
static bool take_keys(struct rnli_filter *f, const void *keys, size_t len)
{
    struct rnli_conn *conn = f->owner;
    struct rnli_loop_face *face = rnli_face(conn->loop);
    int64_t os;

    if (f->kernel || conn->sending || conn->ending || conn->failing || conn->aborted)
        return false;
    f->kernel = empty(conn, f->out) &&
                face->ops->tls_send_keys(face->backend, conn->sock, keys, len, &os) == RNL_OK;
    return f->kernel;
}

void rnli_kernel_offer(struct rnli_conn *conn)
{
    const struct rnl_backend_ops *ops = rnli_face(conn->loop)->ops;

    if (!ops->tls_send_keys || !ops->tls_send_record || !ops->tls_send_rest)
        return;
    conn->filters->bottom->owner = conn;
    conn->filters->bottom->hand_over = take_keys;
}

/* ---- Records ----------------------------------------------------------- */

/* The head of the next record; false: there is none. */
static bool begin_record(struct rnli_filters *fs)
{
    struct rnl_core_writer *records = fs->bottom->records;
    unsigned char head[HEAD];
    struct rnl_bytes piece;

    if (fs->record_left > 0)
        return true;
    for (size_t i = 0; i < HEAD; i++) {
        if (rnl_core_peek(records, &piece, 1) == 0)
            return false;
        head[i] = piece.data[0];
        rnl_core_sent(records, 1);
    }
    fs->record_type = head[0];
    fs->record_left = (size_t)head[1] << 8 | head[2];
    return true;
}

/* The first `len` bytes of what is queued; how many pieces. */
static size_t peek_bytes(struct rnl_core_writer *w, struct rnl_bytes *pieces, size_t len)
{
    size_t count = rnl_core_peek(w, pieces, PIECES), used = 0;

    while (used < count && len > 0) {
        if (pieces[used].len > len)
            pieces[used].len = len;
        len -= pieces[used++].len;
    }
    return used;
}

/* A kernel that refuses though the socket is writable is short of memory. */
static int judge(struct rnli_filters *fs, int code)
{
    if (code == RNL_ENOTSUP)
        return RNL_ESYS; /* else another way would be tried */
    if (code != RNL_EAGAIN)
        return code;
    if (fs->record_waited)
        return RNL_ENOBUFS;
    fs->record_waited = true;
    return RNL_EAGAIN;
}

/* A record that is sent in part goes on as another of its type: so messages of the
 * handshake may, and an alert's two bytes are not cut. */
int rnli_kernel_say(struct rnli_conn *conn, int64_t *os)
{
    struct rnli_loop_face *face = rnli_face(conn->loop);
    struct rnli_filters *fs = conn->filters;
    struct rnl_bytes pieces[PIECES];
    int code = RNL_OK;

    while (!code && fs->bottom->kernel && begin_record(fs)) {
        struct rnl_core_writer *records = fs->bottom->records;
        size_t count = peek_bytes(records, pieces, fs->record_left), len;

        code = face->ops->tls_send_record(face->backend, conn->sock, fs->record_type, pieces, count,
                                          &len, os);
        if (!code) {
            rnl_core_sent(records, len);
            fs->record_left -= len;
            fs->record_waited = false;
            count_sent(conn, len);
        }
    }
    return judge(fs, code);
}

static void try_again(struct rnli_timer *timer)
{
    rnli_conn_flush(RNLI_CONTAINER(timer, struct rnli_filters, retry)->conn);
}

void rnli_kernel_retry(struct rnli_conn *conn)
{
    struct rnli_filters *fs = conn->filters;

    rnli_timer_stop(conn->loop, &fs->retry);
    fs->retry.fire = try_again;
    if (rnli_timer_start(conn->loop, &fs->retry, retry_ns))
        rnli_conn_fail(conn, RNL_ENOMEM, 0);
}

/* ---- The end ----------------------------------------------------------- */

bool rnli_kernel_rests(struct rnli_conn *conn)
{
    struct rnli_loop_face *face = rnli_face(conn->loop);

    if (!conn->filters->bottom->kernel || conn->error || conn->aborted)
        return false;
    if (face->ops->tls_send_rest(face->backend, conn->sock) != RNL_EAGAIN)
        return false;
    rnli_send_await(conn);
    return conn->sending;
}
