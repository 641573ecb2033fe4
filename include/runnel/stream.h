/* runnel/stream.h: connections, their readers and writers.
 *
 * asyncio's streams: a connection is a pair, one end to read from and one to
 * write to. Names are Python's with rnl_ in front.
 *
 * Views: the bytes that a read hands out are valid until the next accepted read
 * on the same reader (also one that is cancelled later), rnl_start_tls, or the
 * freeing of the pair. They survive waiting, rnl_close, rnl_abort and errors.
 *
 * Errors stick: the first error of a connection is answered by every later
 * read (after the data that came before it), by rnl_drain and rnl_wait_closed.
 *
 * Threads:  that of the stream's loop. */
#ifndef RUNNEL_STREAM_H
#define RUNNEL_STREAM_H

#include <runnel/base.h>
#include <runnel/core.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rnl_reader;
struct rnl_writer;
struct rnl_tls_context; /* runnel/tls.h */

/* A descriptor or SOCKET of the system. */
typedef intptr_t rnl_socket;
#define RNL_NO_SOCKET ((rnl_socket)-1)

/* ---- Connecting -------------------------------------------------------- */

/* What both ends of a connection can be told. */
struct rnl_stream_options {
    size_t limit;           /* bytes; 0: 65536. asyncio: limit= */
    enum rnl_switch compat; /* asyncio's exact ways (docs/asyncio.md) */
    size_t high_water;      /* bytes; 0: 65536 */
    size_t low_water;       /* bytes; 0: a quarter of high_water */
    size_t write_cap;       /* most bytes queued; 0: no cap */
    enum rnl_switch nodelay;    /* TCP_NODELAY; default RNL_YES */
    enum rnl_switch keep_alive; /* SO_KEEPALIVE; default RNL_NO */

    /* How long the peer may take; 0 or RNL_OFF: as long as it likes. What runs
     * out ends the connection with RNL_ETIMEDOUT, and is reported. */
    int64_t idle_timeout_ns;    /* no byte came, while we receive (not paused by
                                   hand: the clock starts anew at the resume) */
    int64_t write_timeout_ns;   /* the kernel took no byte of what is queued */
    size_t min_rate;            /* bytes a second, of a message that has begun to
                                   come, and of what is queued (over TLS, bytes of
                                   records); 0: none */
    int64_t min_rate_window_ns; /* over this time; 0: 10 s */

    /* The socket's own; 0: the system's default, none is negative. */
    int64_t keep_idle_ns, keep_interval_ns; /* keep-alive: first probe, next ones */
    int keep_count;             /* probes that may go unanswered */
    int64_t user_timeout_ns;    /* TCP_USER_TIMEOUT */
    size_t recv_buffer, send_buffer; /* bytes: SO_RCVBUF, SO_SNDBUF */
    enum rnl_switch abort_resets; /* rnl_abort sends a reset (SO_LINGER of 0);
                                   default RNL_NO */
    int64_t linger_close_ns;    /* rnl_close goes on receiving, and drops it, until
                                   the peer ends its side or this time is over, so
                                   that a last reply is not lost; 0: no. Not over
                                   TLS: shutdown_timeout_ns takes its place */
};

/* TLS for a connection, or for each of a server's. */
struct rnl_stream_tls {
    struct rnl_tls_context *context; /* NULL: no TLS. asyncio: ssl= */
    const char *server_hostname; /* clients: the name (or address) to be in the
                                    certificate; NULL: `host`. ASCII: a name in
                                    other letters in its form of xn--... */
    enum rnl_switch any_hostname; /* RNL_YES: whoever the certificate names; the
                                     name is asked for, and not checked */
    int64_t handshake_timeout_ns; /* all of it, by rnl_start_tls also what is queued
                                     before; 0: 60 s; RNL_OFF */
    int64_t shutdown_timeout_ns; /* for the peer's close_notify; 0: 30 s; RNL_OFF */
    char *error_text;            /* the caller's: why a handshake failed, or ""; for
                                    connects and rnl_start_tls: a server's failed
                                    handshakes are reported in debug mode only */
    size_t error_text_size;
};

/* One attempt to connect that failed. */
struct rnl_attempt {
    struct rnl_address address;
    int code;
};

struct rnl_connect_options {
    size_t size; /* set by RNL_CONNECT_OPTIONS_INIT */
    struct rnl_stream_options stream;
    enum rnl_family family;      /* RNL_INET or RNL_INET6 only; default both */
    int flags;                   /* getaddrinfo's AI_... */
    const char *service;         /* a service's name, where port is 0 */
    const char *local_host;      /* bind to this address first, with */
    uint16_t local_port;         /* ... this port. asyncio: local_addr= */
    int64_t happy_eyeballs_delay_ns; /* 0: 250 ms; RNL_OFF: one after the other */
    int interleave;              /* asyncio's interleave=; 0: 1 */
    struct rnl_attempt *attempts; /* the caller's array for failed attempts */
    size_t attempts_max;         /* its length */
    size_t *attempts_count;      /* how many failed (may exceed attempts_max) */
    int64_t timeout_ns;          /* for all of it, names included and the handshake
                                    not; 0: no limit */
    int64_t attempt_timeout_ns;  /* for each attempt; 0: the system's. Running out of
                                    either is reported too (RNL_REPORT_DEBUG) */
    struct rnl_stream_tls ssl;   /* TLS; no context: none */
};
#define RNL_STREAM_TLS_INIT { NULL, NULL, RNL_DEFAULT, 0, 0, NULL, 0 }
#define RNL_STREAM_OPTIONS_INIT                                               \
    { 0, RNL_DEFAULT, 0, 0, 0, RNL_DEFAULT, RNL_DEFAULT, 0, 0, 0, 0, 0, 0, 0,  \
      0, 0, 0, RNL_DEFAULT, 0 }
#define RNL_CONNECT_OPTIONS_INIT                                              \
    { sizeof(struct rnl_connect_options), RNL_STREAM_OPTIONS_INIT, RNL_UNSPEC, \
      0, NULL, NULL, 0, 0, 0, NULL, 0, NULL, 0, 0, RNL_STREAM_TLS_INIT }

/* Connects to a host over TCP. `host` is a name or an IP literal; `options` may
 * be NULL. Several addresses are tried as RFC 8305 has it (Happy Eyeballs).
 *
 * Suspends: until connected, and with TLS until the handshake is done.
 * Returns:  RNL_OK; the first attempt's error if all failed; RNL_ENONAME ...;
 *           RNL_EINVAL; RNL_ENOMEM; RNL_EMFILE; RNL_ECANCELED; of TLS: RNL_ECERT,
 *           RNL_ECERTNAME, RNL_ENOTTLS, RNL_ETLS, RNL_ETIMEDOUT, and
 *           RNL_ECONNRESET where the peer closed during the handshake.
 * Cancel:   nothing is left open.
 * Owns:     the caller; ends with rnl_stream_free.
 * asyncio:  open_connection(host, port). */
RNL_API RNL_MUST_USE int
rnl_open_connection(const char *host, uint16_t port,
                    const struct rnl_connect_options *options,
                    struct rnl_reader **reader, struct rnl_writer **writer);

/* Makes a pair of a connected stream socket, TCP or Unix, which becomes
 * non-blocking; whether other programs inherit it stays as it was.
 *
 * Suspends: with TLS until the handshake is done; else never (it may yield).
 * Returns:  RNL_OK; RNL_ENOTSOCK; RNL_EINVAL (not a stream socket);
 *           RNL_ENOTCONN; RNL_ERANGE (beyond what the backend holds);
 *           RNL_ENOMEM; RNL_ECANCELED; of TLS: as rnl_open_connection.
 * Owns:     on RNL_OK the library has the socket; otherwise the caller keeps it.
 * asyncio:  open_connection(sock=...). */
RNL_API RNL_MUST_USE int
rnl_open_connection_socket(rnl_socket sock,
                           const struct rnl_connect_options *options,
                           struct rnl_reader **reader, struct rnl_writer **writer);

/* Connects to a Unix socket. `path_len` RNL_ALL: `path` is a string; a name
 * that begins with '\0' is abstract, and its length must be given.
 *
 * Suspends: until connected.
 * Returns:  RNL_OK; RNL_ENOENT; RNL_ECONNREFUSED; RNL_ENAMETOOLONG; RNL_EINVAL;
 *           RNL_EAFNOSUPPORT; RNL_ECANCELED ...
 * Cancel:   nothing is left open.
 * Owns:     the caller; ends with rnl_stream_free.
 * asyncio:  open_unix_connection. */
RNL_API RNL_MUST_USE int
rnl_open_unix_connection(const char *path, size_t path_len,
                         const struct rnl_connect_options *options,
                         struct rnl_reader **reader, struct rnl_writer **writer);

/* Frees a pair from any state: what is open is aborted, tasks that wait on it
 * get RNL_ECLOSED. NULL for either, or both, is fine; two ends are of one connection,
 * which debug builds check. With rnl_stream_ref, drops one reference.
 * Suspends: never. */
RNL_API void rnl_stream_free(struct rnl_reader *reader, struct rnl_writer *writer);

/* Keeps the memory of a pair until a rnl_stream_free more. The connection
 * itself may be closed meanwhile; then calls answer RNL_ECLOSED. */
RNL_API void rnl_stream_ref(struct rnl_reader *reader, struct rnl_writer *writer);

/* In a handler: the pair is not closed when the handler ends; whoever it was
 * handed to ends it with rnl_stream_free.
 * Returns:  RNL_OK; RNL_EINVAL for a pair that no handler was given, or for ends of
 *           two connections. */
RNL_API int rnl_stream_keep(struct rnl_reader *reader, struct rnl_writer *writer);

/* The one end's other. */
RNL_API struct rnl_writer *rnl_reader_writer(struct rnl_reader *reader);
RNL_API struct rnl_reader *rnl_writer_reader(struct rnl_writer *writer);

/* A pointer of the program's own, on the pair. */
RNL_API void *rnl_stream_user(const struct rnl_reader *reader);
RNL_API void rnl_stream_set_user(struct rnl_reader *reader, void *user);

/* ---- Reading ----------------------------------------------------------- */

/* Every read: one task at a time waits on a reader; a second gets RNL_EBUSY, but
 * for one of 0 bytes, which never waits.
 * A read never loses bytes when it is cancelled or timed out. A separator must
 * not lie in a view of the same reader: the read is the view's end. */

/* Takes up to `n` bytes, at least one unless the input ended; RNL_ALL:
 * everything up to the end of input.
 *
 * Suspends: until a byte, the end of input or an error arrives.
 * Returns:  RNL_OK (an empty view: end of input); RNL_EBUSY; RNL_ENOMEM;
 *           RNL_ECLOSED; the stream's error; RNL_ECANCELED.
 * Cancel:   nothing is consumed.
 * Lifetime: *out is valid until the next read on `reader`.
 * asyncio:  StreamReader.read. */
RNL_API RNL_MUST_USE int rnl_read(struct rnl_reader *reader, size_t n,
                                  struct rnl_bytes *out);

/* Takes a line with its "\n"; the last one may lack it; an empty view is the
 * end of input.
 *
 * Suspends: until a line, the end of input or an error arrives.
 * Returns:  RNL_OK; RNL_ELIMIT if more than the limit precedes "\n" (nothing
 *           consumed, out->len bytes may be skipped: rnl_discard_until);
 *           otherwise as rnl_read.
 * Cancel:   nothing is consumed.
 * Lifetime: *out is valid until the next read on `reader`.
 * asyncio:  StreamReader.readline. */
RNL_API RNL_MUST_USE int rnl_readline(struct rnl_reader *reader,
                                      struct rnl_bytes *out);

/* Takes exactly `n` bytes.
 *
 * Suspends: until they have come.
 * Returns:  RNL_OK; RNL_EINCOMPLETE at the end of input (*out holds what came);
 *           otherwise as rnl_read.
 * Cancel:   nothing is consumed.
 * Lifetime: *out is valid until the next read on `reader`.
 * asyncio:  StreamReader.readexactly. */
RNL_API RNL_MUST_USE int rnl_readexactly(struct rnl_reader *reader, size_t n,
                                         struct rnl_bytes *out);

/* Takes up to and including the first `sep`.
 *
 * Suspends: until the separator, the end of input or an error arrives.
 * Returns:  RNL_OK; RNL_EINCOMPLETE at the end of input (*out holds what came);
 *           RNL_ELIMIT if more than the stream's limit precedes `sep` (nothing
 *           consumed, out->len bytes may be skipped); RNL_EINVAL for an empty
 *           separator; otherwise as rnl_read.
 * Cancel:   nothing is consumed.
 * Lifetime: *out is valid until the next read on `reader`.
 * asyncio:  StreamReader.readuntil; several separators: rnl_readuntil_any. */
RNL_API RNL_MUST_USE int rnl_readuntil(struct rnl_reader *reader,
                                       const void *sep, size_t sep_len,
                                       struct rnl_bytes *out);

/* The same with several separators (earliest end, then shortest), a limit of
 * its own (bytes; 0: the stream's), and which of them matched (may be NULL).
 *
 * Suspends: as rnl_readuntil.
 * Returns:  as rnl_readuntil.
 * Cancel:   nothing is consumed.
 * Lifetime: *out is valid until the next read on `reader`.
 * asyncio:  StreamReader.readuntil with a tuple. */
RNL_API RNL_MUST_USE int
rnl_readuntil_any(struct rnl_reader *reader, const struct rnl_bytes *seps,
                  size_t nseps, size_t limit, struct rnl_bytes *out,
                  size_t *which);

/* Takes the next piece of a message that ends with `sep` and may be larger than
 * memory; *done is true with the piece that ends in it, separator included.
 *
 * Suspends: until a piece arrives.
 * Returns:  RNL_OK; RNL_EINCOMPLETE at the end of input (*out: the rest);
 *           RNL_EINVAL (an empty separator, no `done`); otherwise as rnl_read.
 * Cancel:   nothing is consumed.
 * Lifetime: *out is valid until the next read on `reader`. */
RNL_API RNL_MUST_USE int rnl_readuntil_part(struct rnl_reader *reader,
                                            const void *sep, size_t sep_len,
                                            struct rnl_bytes *out, bool *done);

/* Drops everything up to and including the next `sep`: gets back in step after
 * RNL_ELIMIT. *skipped (may be NULL) is how many bytes were dropped.
 *
 * Suspends: until the separator arrives.
 * Returns:  RNL_OK; RNL_EINCOMPLETE at the end of input; RNL_EINVAL; as rnl_read.
 * Cancel:   what came so far is dropped. */
RNL_API RNL_MUST_USE int rnl_discard_until(struct rnl_reader *reader,
                                           const void *sep, size_t sep_len,
                                           uint64_t *skipped);

/* rnl_read into the caller's memory: up to `n` bytes.
 * Suspends: as rnl_read.
 * Returns:  RNL_OK with the count in *got (0: end of input, or n is 0); as rnl_read.
 * Cancel:   nothing is consumed. */
RNL_API RNL_MUST_USE int rnl_read_into(struct rnl_reader *reader, void *buf,
                                       size_t n, size_t *got);

/* rnl_readexactly into the caller's memory.
 * Suspends: as rnl_readexactly.
 * Returns:  RNL_OK; RNL_EINCOMPLETE with the count in *got (may be NULL); as
 *           rnl_read.
 * Cancel:   nothing is consumed. */
RNL_API RNL_MUST_USE int rnl_readexactly_into(struct rnl_reader *reader,
                                              void *buf, size_t n, size_t *got);

/* True when the input has ended and all of it was read.
 * asyncio:  StreamReader.at_eof. */
RNL_API bool rnl_at_eof(const struct rnl_reader *reader);

/* The first error of the connection, which every later call answers.
 * Returns:  the stream's error, or RNL_OK.
 * asyncio:  StreamReader.exception. */
RNL_API int rnl_exception(const struct rnl_reader *reader);

/* How many bytes are buffered; a view of them, nothing consumed.
 * Lifetime: *out is valid until the task waits or reads. */
RNL_API size_t rnl_buffered(const struct rnl_reader *reader);
RNL_API void rnl_peek(const struct rnl_reader *reader, struct rnl_bytes *out);

/* The stream's limit in bytes, and changing it.
 * Returns:  RNL_OK; RNL_EINVAL for 0. */
RNL_API size_t rnl_limit(const struct rnl_reader *reader);
RNL_API int rnl_set_limit(struct rnl_reader *reader, size_t limit);

/* ---- Writing ----------------------------------------------------------- */

/* Queues a copy of `len` bytes; they go out when the task waits, or before.
 * A lost connection is no error here (the bytes are dropped): rnl_drain tells.
 *
 * Returns:  RNL_OK; RNL_EINVAL after rnl_write_eof; RNL_ENOBUFS if the cap would
 *           be passed; RNL_ENOMEM, also for a `len` that was negative. All or
 *           nothing.
 * asyncio:  StreamWriter.write. */
RNL_API int rnl_write(struct rnl_writer *writer, const void *data, size_t len);

/* rnl_write of a string, for texts in the program.
 * Returns:  as rnl_write. */
RNL_API int rnl_write_str(struct rnl_writer *writer, const char *text);

/* The same for `count` pieces.
 * Returns:  as rnl_write.
 * asyncio:  StreamWriter.writelines. */
RNL_API int rnl_writelines(struct rnl_writer *writer,
                           const struct rnl_bytes *pieces, size_t count);

/* Waits while too much is queued: more than the high water mark, until at most
 * the low one is left. The sign of a connection that was lost.
 *
 * Suspends: while the queue is above its mark.
 * Returns:  RNL_OK; the stream's error; RNL_ECONNRESET or RNL_ECLOSED on a
 *           connection that is gone; RNL_ECANCELED.
 * Cancel:   nothing queued is lost.
 * asyncio:  StreamWriter.drain. */
RNL_API RNL_MUST_USE int rnl_drain(struct rnl_writer *writer);

/* Hands gathered bytes to the kernel now, as far as it takes them.
 * Returns:  RNL_OK; the stream's error. */
RNL_API int rnl_flush(struct rnl_writer *writer);

/* Ends our side after what is queued; reading goes on. Again is fine. A pipe that
 * is written to has one side only: it is closed then.
 *
 * Returns:  RNL_OK; RNL_ENOTSUP (TLS with compat; a pipe that is read from).
 * asyncio:  StreamWriter.write_eof. */
RNL_API int rnl_write_eof(struct rnl_writer *writer);

/* Whether our side can be ended by rnl_write_eof: always, but over TLS with compat,
 * and of a pipe that is read from.
 * asyncio:  StreamWriter.can_write_eof. */
RNL_API bool rnl_can_write_eof(const struct rnl_writer *writer);

/* How many bytes are queued and not handed to the kernel.
 * asyncio:  transport.get_write_buffer_size. */
RNL_API size_t rnl_queued(const struct rnl_writer *writer);

/* The water marks in bytes; RNL_ALL derives one from the other.
 * Returns:  RNL_OK; RNL_EINVAL unless high >= low.
 * asyncio:  transport.set_write_buffer_limits. */
RNL_API int rnl_set_water_marks(struct rnl_writer *writer, size_t high, size_t low);

/* ---- Ending ------------------------------------------------------------ */

/* Begins an orderly end: what is queued still goes out, then the socket closes.
 * What has been received stays readable. Again is fine.
 * Suspends: never.
 * asyncio:  StreamWriter.close. */
RNL_API void rnl_close(struct rnl_writer *writer);

/* Ends at once: what is queued is dropped.
 * Suspends: never.
 * asyncio:  transport.abort. */
RNL_API void rnl_abort(struct rnl_writer *writer);

/* True after rnl_close, rnl_abort or a lost connection; not after the peer's
 * end of input. asyncio: StreamWriter.is_closing. */
RNL_API bool rnl_is_closing(const struct rnl_writer *writer);

/* Waits until the connection is closed. Does not close it.
 *
 * Suspends: until then.
 * Returns:  RNL_OK after an orderly end or an abort; the stream's error;
 *           RNL_ECANCELED.
 * Cancel:   other waiters are not touched.
 * asyncio:  StreamWriter.wait_closed. */
RNL_API RNL_MUST_USE int rnl_wait_closed(struct rnl_writer *writer);

/* ---- TLS on the way ---------------------------------------------------- */

struct rnl_start_tls_options {
    size_t size; /* set by RNL_START_TLS_OPTIONS_INIT */
    struct rnl_stream_tls ssl;    /* context and, for a client, a name */
    enum rnl_switch server_side;  /* default: as the context */
    /* RNL_YES: clear text that was received and not read is the beginning of the
     * peer's handshake (a PROXY line came first). Default: it is an error. */
    enum rnl_switch feed_leftover;
};
#define RNL_START_TLS_OPTIONS_INIT                                            \
    { sizeof(struct rnl_start_tls_options), RNL_STREAM_TLS_INIT, RNL_DEFAULT, \
      RNL_DEFAULT }

/* Goes on in TLS: what is queued goes out in clear first, then the handshake.
 * Views of the reader die. Clear text that was received before is never handed
 * to the program afterwards. Works over TLS, too.
 *
 * Suspends: until the handshake is done.
 * Returns:  RNL_OK; RNL_ELEFTOVER (clear text was received and not read; the
 *           connection goes on); RNL_EBUSY while another task reads or starts
 *           TLS, or reading is paused; RNL_EINVAL (no context; a client without
 *           a name; our side has ended); RNL_ECLOSED; as
 *           rnl_open_connection. After a failed handshake the connection is
 *           closed.
 * Cancel:   the connection is aborted.
 * asyncio:  StreamWriter.start_tls. */
RNL_API RNL_MUST_USE int rnl_start_tls(struct rnl_writer *writer,
                                       const struct rnl_start_tls_options *options);

/* ---- What is known of a connection ------------------------------------- */

/* The peer's and our own address, kept after close.
 * Returns:  RNL_OK; RNL_ENOTCONN where it was not to be had.
 * asyncio:  get_extra_info('peername'), ('sockname'). */
RNL_API int rnl_get_peername(const struct rnl_writer *writer, struct rnl_address *out);
RNL_API int rnl_get_sockname(const struct rnl_writer *writer, struct rnl_address *out);

/* The socket, borrowed: look, set options, but do not read, write or close.
 * RNL_NO_SOCKET once closed.
 * asyncio:  get_extra_info('socket'). */
RNL_API rnl_socket rnl_get_socket(const struct rnl_writer *writer);

/* By name: "peername" and "sockname" (const struct rnl_address *), "socket"
 * (const rnl_socket *); with TLS "ssl_object" (SSL *), "sslcontext" (struct
 * rnl_tls_context *), "peercert" (X509 *), "cipher", "version" and "alpn" (const
 * char *), and "ktls" ("send", if the kernel enciphers: rnl_tls_options.kernel_tls).
 * NULL for what there is not, as always for "compression".
 * Lifetime: as long as the pair.
 * asyncio:  get_extra_info. */
RNL_API const void *rnl_get_extra_info(const struct rnl_writer *writer,
                                       const char *name);

/* Why TLS failed, for logs and people: "the peer's certificate was refused:
 * certificate has expired"; "" where it did not.
 * Lifetime: as long as the pair. */
RNL_API const char *rnl_error_detail(const struct rnl_writer *writer);

/* The operating system's code behind the stream's error, for logs; 0: none. */
RNL_API int64_t rnl_os_code(const struct rnl_writer *writer);

#ifdef __cplusplus
}
#endif
#endif
