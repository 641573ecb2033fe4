/* kernel.h: sending over TLS whose enciphering the kernel does.
 *
 *      writer.core -------------------------------> socket     data
 *      engine --> records --> tls_send_record ----> socket     alerts, the handshake's rest
 *
 * The engine offers its keys in the middle of the handshake. They are taken when the
 * kernel has all that was enciphered before and takes the keys at once; else the engine
 * goes on as ever, and nobody notices. Records that are no data go before any data that
 * is queued: the last of the handshake has to, and an end comes when none is queued. */
#ifndef RNLI_STREAM_KERNEL_H
#define RNLI_STREAM_KERNEL_H

#include "core/writer.h"
#include "stream/filters.h"

/* Lets the filter at the bottom hand its keys over, where the backend has a use for them. */
void rnli_kernel_offer(struct rnli_conn *conn);
/* Sends the records that are no data. RNL_OK: all of them; RNL_EAGAIN; RNL_ENOBUFS: no
 * memory now; or what went wrong. */
int rnli_kernel_say(struct rnli_conn *conn, int64_t *os);
/* Flushes again a little later. */
void rnli_kernel_retry(struct rnli_conn *conn);
/* Everything is sent, and the socket is to be closed. True: not yet, the kernel still holds
 * some of it; there will be another flush. */
bool rnli_kernel_rests(struct rnli_conn *conn);

/* ---- Of a connection with filters ---------------------------------------- */

/* Where the bytes for the socket are. */
static inline struct rnl_core_writer *rnli_kernel_wire(struct rnli_conn *conn)
{
    const struct rnli_filter *f = conn->filters->bottom;

    if (!f->kernel)
        return f->out;
    return f->above ? f->above->out : &conn->writer.core;
}

/* Clear text has to wait for the end of the handshake. */
static inline bool rnli_kernel_waits(const struct rnli_conn *conn)
{
    return conn->filters->bottom->kernel && !conn->filters->bottom->started;
}

static inline bool rnli_kernel_has_records(const struct rnli_conn *conn)
{
    const struct rnli_filters *fs = conn->filters;

    return fs->bottom->kernel && (fs->record_left > 0 || rnl_core_queued(fs->bottom->records) > 0);
}

/* What is written now may go to the socket as it is. */
static inline bool rnli_kernel_takes(const struct rnli_conn *conn)
{
    const struct rnli_filter *f = conn->filters->bottom;

    return f->kernel && f->started && !f->above && !rnli_kernel_has_records(conn);
}

#endif
