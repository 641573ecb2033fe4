/* conn.h: a connection, which is a reader, a writer and a socket.
 *
 *      rnl_reader -- core reader <-- recv op <-- backend
 *      rnl_writer -- core writer --> flush   --> try_send, or the send op
 *
 * Its life, each step once, in this order:
 *
 *      open      receiving; writes are flushed
 *      closing   rnl_close, rnl_abort or an error: no more receiving;
 *                rnl_close still sends what is queued
 *      ending    operations are cancelled, their final entries awaited
 *      closed    the socket is gone; waiters know
 *      freed     no reference and no waiting call is left
 *
 * The first error is the connection's, for ever. */
#ifndef RNLI_STREAM_CONN_H
#define RNLI_STREAM_CONN_H

#include <runnel/server.h>
#include <runnel/stream.h>
#include "core/reader.h"
#include "core/writer.h"
#include "task/misuse.h"
#include "task/sched.h"

struct rnl_reader {
    struct rnl_core_reader core;
    struct rnli_waitlist waiting; /* at most one task */
};

struct rnl_writer {
    struct rnl_core_writer core;
    struct rnli_waitlist draining;
    struct rnli_waitlist closing; /* in rnl_wait_closed */
    struct rnli_waitlist emptied; /* in rnl_start_tls: until nothing is queued */
};

enum { CONN_PIECES = 8 };

struct rnli_filters; /* filters.h */

/* What each message looks at comes first and ends with the receive: the backend has
 * it fetched while it serves another. */
struct rnli_conn {
    struct rnl_reader reader;
    struct rnl_writer writer;
    struct rnl_loop *loop;
    struct rnli_flush flush;
    rnl_socket sock; /* RNL_NO_SOCKET once closed */
    unsigned refs;   /* the program's, and a handler's */
    unsigned pins;   /* calls that wait on this connection */
    int error;       /* the first; RNL_OK */
    bool compat;
    bool has_peername, has_sockname;
    bool receiving, sending;       /* the operation is in flight */
    bool recv_stopped;             /* and was cancelled */
    bool loan;                     /* the core's tail is lent, outcome unknown */
    bool progress;                 /* bytes came since `soon` last looked */
    bool watched;                  /* its limits want to know of bytes: limits.c */
    bool held;                     /* rnl_pause_reading */
    bool eof_received;
    bool closing, aborted, ending, closed;
    bool failing;                  /* an error came; receiving what is left */
    bool shut;                     /* our side was shut down */
    bool ended;                    /* freed, or its handler is over */
    bool handled, kept, over;      /* has a handler; taken from it; it ended */
    struct rnli_linger *linger;    /* NULL: not lingering */
    struct rnli_filters *filters;  /* TLS; NULL: none */
    struct rnl_op recv, send;
    struct rnl_bytes pieces[CONN_PIECES]; /* of the send in flight */
    struct rnl_server *server; /* NULL: a client's, or its server is freed */
    struct rnli_list node;     /* in the loop's streams */
    struct rnli_list peers;    /* in the server's connections */
    bool abort_resets;
    bool cut;                      /* aborted by its server */
    bool dropped;                  /* bytes were written after its end */
    bool reads_only, writes_only;  /* a pipe: the other half is never used */
    bool leaving;              /* the socket is the caller's: not to be closed */
    rnl_socket left_with;
    struct rnli_limits *limits; /* NULL: none */
    int64_t linger_ns;
    struct rnli_waitlist flushing, peer_ending;
    struct rnli_soon soon; /* the step to ending, a turn later */
    rnl_handler_fn *handler; /* of a server's connection */
    void *handler_arg;
    void *user;
    int64_t os_code; /* behind `error` */
    struct rnl_address peername, sockname;
};

/* By numbers: the end may be a NULL of the program's, and RNLI_CHECK_PAIR tells. */
static inline struct rnli_conn *rnli_reader_conn(const struct rnl_reader *reader)
{
    return (struct rnli_conn *)((uintptr_t)reader - offsetof(struct rnli_conn, reader));
}

static inline struct rnli_conn *rnli_writer_conn(const struct rnl_writer *writer)
{
    return (struct rnli_conn *)((uintptr_t)writer - offsetof(struct rnli_conn, writer));
}

/* Whether it was made of an end that is NULL: then it lies just below address 0. */
static inline bool rnli_conn_given(const struct rnli_conn *conn)
{
    return conn && (uintptr_t)conn < UINTPTR_MAX - sizeof *conn;
}

/* Of one connection, as far as both are given. Nothing is looked into. */
static inline bool rnli_ends_match(const struct rnl_reader *reader, const struct rnl_writer *writer)
{
    return !reader || !writer ||
           (uintptr_t)writer - (uintptr_t)reader ==
               offsetof(struct rnli_conn, writer) - offsetof(struct rnli_conn, reader);
}

/* In debug builds: the pair is alive, and its loop runs in this thread. */
#define RNLI_CHECK_PAIR(conn) RNLI_CHECK(rnli_conn_given(conn), (conn)->refs > 0, (conn)->loop)

/* RNL_OK, or RNL_EINVAL for options that cannot be. */
int rnli_stream_options_check(const struct rnl_stream_options *options);

/* Makes a connection of an attached socket and begins to receive. On an error
 * the socket is still the caller's. `peer` may be NULL: asked for. */
int rnli_conn_open(struct rnl_loop *loop, rnl_socket sock, const struct rnl_address *peer,
                   const struct rnl_stream_options *options, struct rnli_conn **out);

/* Something went wrong: keeps the first error, drops what is queued, ends. */
void rnli_conn_fail(struct rnli_conn *conn, int code, int64_t os_code);
/* The same, and nothing more is received. */
void rnli_conn_fail_now(struct rnli_conn *conn, int code);
/* Ends in order, or at once. */
void rnli_conn_close(struct rnli_conn *conn);
void rnli_conn_abort(struct rnli_conn *conn);
/* The handler is over: no call on the pair succeeds any more, unless it was kept. */
void rnli_conn_handler_over(struct rnli_conn *conn);
/* When nothing is queued: shuts our side, or ends, where that was waiting for it. */
void rnli_conn_after_flush(struct rnli_conn *conn);
/* Cancels what is in flight and closes the socket when it is back. Called again
 * at each final entry. */
void rnli_conn_end(struct rnli_conn *conn);
/* Waits until the socket is closed or let go, whoever cancels; `conn` is pinned. */
void rnli_conn_await_end(struct rnli_conn *conn, const char *what);

/* Around a wait: the memory stays. */
static inline void rnli_conn_pin(struct rnli_conn *conn)
{
    conn->pins++;
}
void rnli_conn_unpin(struct rnli_conn *conn);

/* Receiving (recv.c). */
void rnli_recv_init(struct rnli_conn *conn);
/* Submits the receive, unless it is in flight, paused, or the input has ended. */
void rnli_conn_receive(struct rnli_conn *conn);
/* Ends a loan that nothing came of. */
void rnli_conn_settle(struct rnli_conn *conn);

/* What flow.c and limits.c are told; the first two only where `watched`. */
void rnli_watch_sent(struct rnli_conn *conn, size_t len);
void rnli_watch_received(struct rnli_conn *conn, size_t len);
void rnli_watch_init(struct rnli_conn *conn);
void rnli_watch_tell(struct rnli_conn *conn, int code);

/* Sending (write.c). */
void rnli_send_init(struct rnli_conn *conn);
void rnli_conn_flush(struct rnli_conn *conn);
/* No send is in flight: the next flush is when the socket is writable. */
void rnli_send_await(struct rnli_conn *conn);

/* The server (server.c) hears that a connection of its is closed. */
void rnli_server_forget(struct rnli_conn *conn);

#endif
