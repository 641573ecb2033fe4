/* runnel/handover.h: descriptors that come from elsewhere, and that go there.
 *
 * A connection can leave the library as a descriptor and the bytes that were read
 * ahead; a server can begin on listeners that another process opened, so that it
 * is replaced without a client noticing (examples/restart_server.c); a descriptor
 * of the program's own can be waited for, and pipes and terminals be streams.
 *
 * Descriptors given to these calls become non-blocking, for every process that
 * shares them. A regular file is RNL_EINVAL everywhere: it is always ready and
 * never so; read it on a thread (rnl_to_thread).
 *
 * RNL_ENOTSUP answers each call on a platform or a backend (the simulator, but for
 * rnl_open_pair) that has no such thing.
 *
 * Threads:  that of the loop, where the call is made in a task or for a stream. */
#ifndef RUNNEL_HANDOVER_H
#define RUNNEL_HANDOVER_H

#include <runnel/base.h>
#include <runnel/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- A descriptor of one's own ----------------------------------------- */

/* Waits until the descriptor has something to read (or its end, or an error: the
 * read tells), or takes something written. It must not belong to a stream or a
 * server of the library, and must stay open meanwhile.
 *
 * Suspends: until then.
 * Returns:  RNL_OK; RNL_EBUSY if a task waits for this descriptor already;
 *           RNL_EINVAL (a regular file); RNL_EBADF; RNL_ERANGE; RNL_ENOMEM;
 *           RNL_ECANCELED.
 * Cancel:   is answered a turn later; the descriptor may be closed then, or waited for
 *           again.
 * asyncio:  loop.add_reader, loop.add_writer. */
RNL_API RNL_MUST_USE int rnl_wait_readable(rnl_socket fd);
RNL_API RNL_MUST_USE int rnl_wait_writable(rnl_socket fd);

/* ---- Pipes and terminals ----------------------------------------------- */

/* Makes a reader of a pipe, a terminal, or an inherited standard input, whatever
 * of them it is; its writer is for rnl_close only. `options` may be NULL; of the
 * limits of time those of the other half say nothing, and no close lingers.
 *
 * Suspends: never (it may yield).
 * Returns:  RNL_OK; RNL_EINVAL (a regular file; the other end of a pipe, which is
 *           not open for that); RNL_EBADF; RNL_ERANGE; RNL_ENOMEM; RNL_ECANCELED.
 * Owns:     on RNL_OK the library has the descriptor, and closes it; the pair
 *           ends with rnl_stream_free(reader, NULL).
 * asyncio:  loop.connect_read_pipe. */
RNL_API RNL_MUST_USE int rnl_open_read_pipe(rnl_socket fd,
                                            const struct rnl_stream_options *options,
                                            struct rnl_reader **reader);

/* The same for writing; a reader at the other end that goes away is noticed by
 * the next write: RNL_EPIPE, and no SIGPIPE.
 *
 * Suspends: never (it may yield).
 * Returns:  as rnl_open_read_pipe.
 * Owns:     on RNL_OK the library has the descriptor, and closes it; the pair
 *           ends with rnl_stream_free(NULL, writer), after rnl_wait_closed where
 *           what is queued matters.
 * asyncio:  loop.connect_write_pipe. */
RNL_API RNL_MUST_USE int rnl_open_write_pipe(rnl_socket fd,
                                             const struct rnl_stream_options *options,
                                             struct rnl_writer **writer);

/* Two connected pairs in this process, with no name and no port: what is written
 * to one end is read at the other. For tests, and between tasks; in the simulator
 * too.
 *
 * Suspends: never (it may yield).
 * Returns:  RNL_OK; RNL_EMFILE; RNL_ENOMEM; RNL_ECANCELED ...
 * Owns:     the caller; each end is freed by a rnl_stream_free of its own. */
RNL_API RNL_MUST_USE int rnl_open_pair(const struct rnl_stream_options *options,
                                       struct rnl_reader *readers[2],
                                       struct rnl_writer *writers[2]);

/* ---- Out of the library ------------------------------------------------ */

/* Takes a connection out of the library: waits until what is queued is with the
 * kernel, and hands out the socket and the bytes that were read ahead. The pair
 * is closed then; it is still to be freed.
 *
 * Suspends: while anything is queued, and for a turn or two.
 * Returns:  RNL_OK; RNL_EBUSY while a task reads; RNL_ENOTSUP over TLS (nobody
 *           else has the keys); RNL_ECLOSED; the stream's error; RNL_EINVAL where
 *           `sock` or `leftover` is NULL, or the ends are of two connections;
 *           RNL_ECANCELED (the connection goes on as before).
 * Owns:     on RNL_OK the caller has the socket, and closes it.
 * Lifetime: *leftover is valid until the pair is freed. */
RNL_API RNL_MUST_USE int rnl_stream_detach(struct rnl_reader *reader,
                                           struct rnl_writer *writer,
                                           rnl_socket *sock,
                                           struct rnl_bytes *leftover);

/* ---- Between processes ------------------------------------------------- */

/* The sockets that whoever started this process opened for it (LISTEN_FDS and
 * LISTEN_PID, as systemd has them): up to `max` of them into `out`, *count is how
 * many there are. They become close-on-exec. Give each to rnl_start_server_socket;
 * a server on one never unlinks its Unix path. A server that hands its listener on
 * must not either: cleanup_socket in its options.
 *
 * Returns:  RNL_OK, also where there are none; RNL_EINVAL if the variables make no
 *           sense, or name more than there are (*count is 0, and nothing was
 *           touched); RNL_ENOTSUP. */
RNL_API int rnl_inherited_listeners(rnl_socket *out, size_t max, size_t *count);

/* Sends a copy of the descriptor `sock` over `channel`, a Unix stream socket of
 * the program's own (no stream of the library's).
 *
 * Suspends: while the channel is full.
 * Returns:  RNL_OK; RNL_EPIPE; RNL_ECONNRESET; RNL_EBUSY; RNL_EBADF; RNL_ENOTSUP;
 *           RNL_ECANCELED ...
 * Cancel:   nothing was sent.
 * Owns:     the caller still has `sock`, and closes it. */
RNL_API RNL_MUST_USE int rnl_pass_socket(rnl_socket channel, rnl_socket sock);

/* Takes the next descriptor that was passed over `channel`.
 *
 * Suspends: until one comes.
 * Returns:  RNL_OK; RNL_EINCOMPLETE if the other side has ended; RNL_EPROTO if
 *           bytes without a descriptor came, or several descriptors at once
 *           (which are closed); RNL_EMFILE; RNL_EBUSY; RNL_ECANCELED.
 * Cancel:   nothing is lost.
 * Owns:     the caller has *sock (close-on-exec). */
RNL_API RNL_MUST_USE int rnl_receive_socket(rnl_socket channel, rnl_socket *sock);

/* The peer of a Unix socket, by the kernel's word; -1: not told. */
struct rnl_credentials {
    int64_t pid, uid, gid;
};

/* Who is at the other end of a stream over a Unix socket.
 * Returns:  RNL_OK; RNL_ENOTSUP (not a Unix socket, or not on this platform);
 *           RNL_ECLOSED.
 * asyncio:  get_extra_info('socket').getsockopt(SO_PEERCRED). */
RNL_API int rnl_get_peer_credentials(const struct rnl_writer *writer,
                                     struct rnl_credentials *out);

#ifdef __cplusplus
}
#endif
#endif
