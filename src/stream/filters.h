/* filters.h: a connection's filters: TLS, perhaps with TLS inside. See filter.h. */
#ifndef RNLI_STREAM_FILTERS_H
#define RNLI_STREAM_FILTERS_H

#include "stream/conn.h"
#include "stream/filter.h"

struct rnli_filters {
    struct rnli_conn *conn;
    struct rnli_filter *bottom, *top; /* linked by `above` */
    struct rnli_waitlist starting;    /* in the handshake of the top one */
    struct rnli_soon soon;            /* moves what comes in, on the loop's stack */
    struct rnli_timer timer;          /* for the peer's close_notify */
    int64_t handshake_by;             /* when the top one's has to be done; INT64_MAX: no limit */
    int64_t shutdown_ns;              /* the same, a time */
    struct rnli_timer retry;          /* the kernel had no memory for a record */
    size_t record_left;               /* bytes of the record that is being sent */
    unsigned char record_type;        /* and its type */
    bool record_waited;               /* until the socket was writable */
    bool stalled;                     /* something that came waits for room */
    bool stuck;                       /* something to send waits for the rest of a message
                                         of the peer's: its limits run as if it took none */
    bool deaf;                        /* nothing more is to be had from the peer */
    bool parting;                     /* everything is said; the peer's answer is awaited */
    bool moving;                      /* inside rnli_filters_move_in */
};

/* RNL_OK, or RNL_EINVAL for options that cannot be. */
int rnli_stream_tls_check(const struct rnl_stream_tls *tls);
/* `text` to where the caller wants to read why a handshake failed. */
void rnli_stream_tls_tell(const struct rnl_stream_tls *tls, const char *text);
/* Puts a filter on top; `name` is the default for server_hostname. */
int rnli_filters_push(struct rnli_conn *conn, const struct rnl_stream_tls *tls, bool server_side,
                      const char *name);
void rnli_filters_free(struct rnli_conn *conn);
/* When a handshake that begins now has to be done; INT64_MAX: no limit. */
int64_t rnli_handshake_by(const struct rnl_stream_tls *tls);

/* Nothing more comes from the peer: the end of what it sends, or its word for it. */
static inline bool rnli_peer_said_all(const struct rnli_conn *conn)
{
    return conn->eof_received || (conn->filters && conn->filters->deaf);
}

/* Waits until the handshake of the top one is done. On failure the connection is
 * aborted, or ends by itself. */
int rnli_filters_handshake(struct rnli_conn *conn);
/* The same for a client's new connection; frees the pair where it fails. */
int rnli_filters_connect(struct rnli_conn *conn, const struct rnl_stream_tls *tls,
                         const char *name);

/* Ciphertext came, or its end, or there is room again. */
void rnli_filters_move_in(struct rnli_conn *conn);
/* Everything that came, whatever room there is: the connection is over. */
void rnli_filters_move_rest(struct rnli_conn *conn);
/* There may be room again: looks soon. */
void rnli_filters_kick(struct rnli_conn *conn);
/* Enciphers some of what is queued. RNL_OK or an engine's error. */
int rnli_filters_move_out(struct rnli_conn *conn);
/* Our side ends. True: something is to be sent for it. */
bool rnli_filters_say_end(struct rnli_conn *conn, bool all);
/* All is sent and said. True: the peer's answer is still to come. */
bool rnli_filters_part(struct rnli_conn *conn);
void rnli_filters_over(struct rnli_conn *conn);

#endif
