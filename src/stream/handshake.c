/* handshake.c: tasks that wait for a handshake: clients, servers, rnl_start_tls. */
#include <string.h>

#include "core/options.h"
#include "stream/filters.h"

static int handshake_failed(struct rnli_conn *conn, int code)
{
    struct rnli_filter *top = conn->filters->top;

    if (conn->error == RNL_EPIPE) /* what a Unix socket says of a peer that is gone */
        conn->error = RNL_ECONNRESET;
    if (!code)
        code = conn->error ? conn->error : RNL_ECLOSED;
    if (code == RNL_ETIMEDOUT && !top->detail[0])
        strcpy(top->detail, "the handshake was not done in time");
    else if (code == RNL_ECONNRESET && !top->detail[0])
        strcpy(top->detail, "the connection was reset during the handshake");
    if (code == RNL_ETIMEDOUT) /* the connection's error, as what the engine finds is */
        rnli_conn_fail_now(conn, code);
    rnli_conn_abort(conn);
    return code;
}

int rnli_filters_handshake(struct rnli_conn *conn)
{
    struct rnli_filters *fs = conn->filters;
    int code = RNL_OK;

    rnli_conn_pin(conn);
    while (!code && !fs->top->started && !conn->closed && !conn->ended)
        code = rnli_wait_until(&fs->starting, fs->handshake_by, "handshake");
    if (code || !fs->top->started)
        code = handshake_failed(conn, code);
    rnli_conn_unpin(conn);
    return code;
}

void rnli_stream_tls_tell(const struct rnl_stream_tls *tls, const char *text)
{
    size_t len = strlen(text);

    if (!tls->error_text || tls->error_text_size == 0)
        return;
    if (len >= tls->error_text_size)
        len = tls->error_text_size - 1;
    memcpy(tls->error_text, text, len);
    tls->error_text[len] = '\0';
}

int rnli_filters_connect(struct rnli_conn *conn, const struct rnl_stream_tls *tls, const char *name)
{
    int code;

    if (!tls->context)
        return RNL_OK;
    code = rnli_filters_push(conn, tls, false, name);
    if (!code) {
        code = rnli_filters_handshake(conn);
        rnli_stream_tls_tell(tls, code ? conn->filters->top->detail : "");
    }
    if (code)
        rnl_stream_free(&conn->reader, &conn->writer);
    return code;
}

/* ---- rnl_start_tls ----------------------------------------------------- */

/* What speaks against it at this moment. */
static int check_now(const struct rnli_conn *conn)
{
    if (conn->error)
        return conn->error;
    if (conn->closing || conn->ended)
        return RNL_ECLOSED;
    if (!rnli_waitlist_empty(&conn->reader.waiting) || conn->held)
        return RNL_EBUSY;
    if (conn->filters && !conn->filters->top->started)
        return RNL_EBUSY;
    if (conn->writer.core.eof)
        return RNL_EINVAL;
    return RNL_OK;
}

/* Clear text goes out in clear. */
static int send_all(struct rnli_conn *conn, int64_t when)
{
    int code = check_now(conn);

    if (!code)
        rnli_conn_flush(conn);
    while (!code && (conn->sending || rnl_core_queued(&conn->writer.core) > 0)) {
        code = rnli_wait_until(&conn->writer.emptied, when, "start_tls");
        if (!code)
            code = check_now(conn);
    }
    return code;
}

static int check_leftover(struct rnli_conn *conn, const struct rnl_start_tls_options *o)
{
    rnli_conn_settle(conn);
    if (rnl_core_buffered(&conn->reader.core) > 0 && o->feed_leftover != RNL_YES)
        return RNL_ELEFTOVER;
    if (!conn->reader.core.eof)
        return RNL_OK;
    rnli_stream_tls_tell(&o->ssl, "the peer closed the connection before the handshake");
    return RNL_ECONNRESET;
}

/* The unread bytes are the beginning of the peer's part. */
static int feed_leftover(struct rnli_conn *conn)
{
    size_t len = rnl_core_buffered(&conn->reader.core);
    struct rnl_bytes bytes;
    int code = RNL_OK;

    if (len > 0) {
        rnl_core_peek_buffered(&conn->reader.core, &bytes);
        code = rnl_core_feed(conn->filters->top->in, bytes.data, bytes.len);
        if (!code)
            code = rnl_core_read(&conn->reader.core, len, &bytes);
    }
    rnli_reader_forget_view(&conn->reader.core);
    return code;
}

static int start_tls(struct rnli_conn *conn, const struct rnl_start_tls_options *o)
{
    const struct rnli_filter_source *from = (const struct rnli_filter_source *)o->ssl.context;
    bool server = o->server_side == RNL_DEFAULT ? from->is_server(from) : o->server_side == RNL_YES;
    int64_t by = rnli_handshake_by(&o->ssl);
    int code = send_all(conn, by);

    if (code == RNL_ETIMEDOUT) {
        rnli_stream_tls_tell(&o->ssl, "what was written before did not go out");
        rnli_conn_fail_now(conn, code);
    }
    if (!code)
        code = check_leftover(conn, o);
    if (!code)
        code = rnli_filters_push(conn, &o->ssl, server, NULL);
    if (code)
        return code;
    conn->filters->handshake_by = by;
    code = feed_leftover(conn);
    if (code)
        rnli_conn_fail_now(conn, code);
    if (!code)
        code = rnli_filters_handshake(conn);
    rnli_stream_tls_tell(&o->ssl, code ? conn->filters->top->detail : "");
    return code;
}

int rnl_start_tls(struct rnl_writer *writer, const struct rnl_start_tls_options *options)
{
    struct rnli_conn *conn = rnli_writer_conn(writer);
    struct rnl_start_tls_options o;
    int code;

    RNLI_CHECK_PAIR(conn);
    rnli_conn_pin(conn); /* the checkpoint may wait, and the pair be freed meanwhile */
    code = rnli_checkpoint_of(conn->loop);
    if (!code)
        code = rnli_options_read(&o, sizeof o, options);
    if (!code)
        rnli_stream_tls_tell(&o.ssl, "");
    if (!code && !o.ssl.context)
        code = RNL_EINVAL;
    if (!code)
        code = rnli_stream_tls_check(&o.ssl);
    if (!code)
        code = start_tls(conn, &o);
    if (code == RNL_ECANCELED)
        rnli_conn_abort(conn);
    rnli_conn_unpin(conn);
    return code;
}
