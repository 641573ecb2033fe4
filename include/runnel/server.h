/* runnel/server.h: servers.
 *
 * A server runs a task for each connection. When the handler ends, its pair is
 * closed in order (what is queued still goes out) and freed; rnl_stream_ref
 * keeps the memory for whoever else holds the pair, rnl_stream_keep hands the
 * connection itself on.
 *
 * Threads:  that of the server's loop. */
#ifndef RUNNEL_SERVER_H
#define RUNNEL_SERVER_H

#include <runnel/base.h>
#include <runnel/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rnl_server;

/* What happens to connections beyond max_connections. */
enum rnl_when_full {
    RNL_FULL_WAIT = 0,  /* they wait in the backlog until one of ours is closed */
    RNL_FULL_REFUSE = 1 /* they are accepted, and closed at once */
};

/* Serves one connection, in a task of its own. A negative result is reported,
 * once; RNL_ECANCELED and the connection's own error are not. */
typedef int rnl_handler_fn(struct rnl_reader *reader, struct rnl_writer *writer,
                           void *arg);

struct rnl_server_options {
    size_t size; /* set by RNL_SERVER_OPTIONS_INIT */
    struct rnl_stream_options stream; /* of each connection */
    const char *const *hosts;     /* several hosts, instead of `host` */
    size_t nhosts;
    enum rnl_family family;       /* RNL_INET or RNL_INET6 only; default both */
    int flags;                    /* getaddrinfo's AI_...; default AI_PASSIVE */
    const char *service;          /* a service's name, where port is 0 */
    int backlog;                  /* 0: 100 */
    enum rnl_switch reuse_address; /* default: as asyncio, yes on POSIX */
    enum rnl_switch reuse_port;   /* default RNL_NO */
    enum rnl_switch start_serving; /* default RNL_YES */
    enum rnl_switch same_port;    /* port 0: one port on all addresses */
    enum rnl_switch cleanup_socket; /* unlink our Unix path; default RNL_YES */
    enum rnl_switch v6only;       /* default RNL_YES, as asyncio */
    size_t stack_size;            /* bytes of a handler's; 0: the loop's */
    void *user;                   /* rnl_server_user */
    size_t max_connections;       /* open at a time; 0: no bound */
    enum rnl_when_full when_full; /* default RNL_FULL_WAIT */
    struct rnl_stream_tls ssl;    /* of each connection: handlers start after it */
};
#define RNL_SERVER_OPTIONS_INIT                                               \
    { sizeof(struct rnl_server_options), RNL_STREAM_OPTIONS_INIT, NULL, 0,     \
      RNL_UNSPEC, 0, NULL, 0, RNL_DEFAULT, RNL_DEFAULT, RNL_DEFAULT,           \
      RNL_DEFAULT, RNL_DEFAULT, RNL_DEFAULT, 0, NULL, 0, RNL_FULL_WAIT,        \
      RNL_STREAM_TLS_INIT }

/* Starts a TCP server on `host` (NULL or "": all interfaces) and `port` (0: the
 * system picks one for each address; rnl_server_address tells). All or nothing:
 * if one address fails, none stays bound.
 *
 * Suspends: while names are resolved.
 * Returns:  RNL_OK; RNL_EADDRINUSE; RNL_EADDRNOTAVAIL; RNL_EACCES; RNL_ENONAME;
 *           RNL_EINVAL; RNL_ENOTSUP (reuse_port); RNL_ENOMEM; RNL_ECANCELED ...
 * Cancel:   nothing is left bound.
 * Owns:     the caller; ends with rnl_server_free.
 * asyncio:  start_server. */
RNL_API RNL_MUST_USE int rnl_start_server(rnl_handler_fn *handler, void *arg,
                                          const char *host, uint16_t port,
                                          const struct rnl_server_options *options,
                                          struct rnl_server **out);

/* The same on a socket that is bound already (and perhaps listening).
 * Suspends: never (it may yield).
 * Returns:  as rnl_start_server; RNL_ENOTSOCK; RNL_EINVAL.
 * Owns:     on RNL_OK the library has the socket; otherwise the caller keeps it.
 * asyncio:  start_server(sock=...). */
RNL_API RNL_MUST_USE int
rnl_start_server_socket(rnl_handler_fn *handler, void *arg, rnl_socket sock,
                        const struct rnl_server_options *options,
                        struct rnl_server **out);

/* Starts a server on a Unix path; `path_len` RNL_ALL: a string; a name that
 * begins with '\0' is abstract. A stale socket at the path is replaced, a live
 * one is RNL_EADDRINUSE. At the end the path is unlinked if it is still ours.
 *
 * Suspends: while a path that is there is probed.
 * Returns:  RNL_OK; RNL_EADDRINUSE; RNL_ENAMETOOLONG; RNL_EACCES; RNL_EINVAL;
 *           RNL_EAFNOSUPPORT; RNL_ENOMEM; RNL_ECANCELED ...
 * Owns:     the caller; ends with rnl_server_free.
 * asyncio:  start_unix_server. */
RNL_API RNL_MUST_USE int
rnl_start_unix_server(rnl_handler_fn *handler, void *arg, const char *path,
                      size_t path_len, const struct rnl_server_options *options,
                      struct rnl_server **out);

/* Frees the handle: closes the listeners. Connections live on, and their
 * handlers. NULL is fine.
 * Suspends: never. */
RNL_API void rnl_server_free(struct rnl_server *server);

/* Begins to accept (after start_serving = RNL_NO). Again is fine.
 * Returns:  RNL_OK; RNL_ECLOSED; the error of listen.
 * asyncio:  Server.start_serving. */
RNL_API int rnl_server_start_serving(struct rnl_server *server);

/* Whether it accepts connections.
 * asyncio:  Server.is_serving. */
RNL_API bool rnl_server_is_serving(const struct rnl_server *server);

/* Accepts until the task is cancelled or the server closed; then closes it and
 * waits for its connections.
 *
 * Suspends: until then.
 * Returns:  RNL_ECANCELED, as in asyncio also when closed from elsewhere;
 *           RNL_ECLOSED if closed already; RNL_EBUSY if another task is here.
 * asyncio:  Server.serve_forever. */
RNL_API RNL_MUST_USE int rnl_server_serve_forever(struct rnl_server *server);

/* Closes the listeners; connections live on. Again is fine. Their sockets go a turn
 * of the loop later: until rnl_server_wait_closed or rnl_server_shutdown answers,
 * the port may still be taken, and who connects is reset.
 * Suspends: never.
 * asyncio:  Server.close. */
RNL_API void rnl_server_close(struct rnl_server *server);

/* Waits until the server is closed and no connection of it is left. A handler may
 * be at work a while longer, so what it was given must live on; rnl_run cancels and
 * awaits those that are left.
 *
 * Suspends: until then.
 * Returns:  RNL_OK; RNL_ECLOSED if the server is freed meanwhile; RNL_ECANCELED.
 * Cancel:   other waiters are not touched.
 * asyncio:  Server.wait_closed. */
RNL_API RNL_MUST_USE int rnl_server_wait_closed(struct rnl_server *server);

/* What became of the connections that were open at a shutdown. */
struct rnl_shutdown_counts {
    size_t finished; /* ended by themselves: the handler did, or called rnl_close or
                        rnl_abort; the peer left; rnl_server_close_clients */
    size_t aborted;  /* by the server: the time was over, or somebody called
                        rnl_server_abort_clients */
};

/* Stops in order: closes the listeners, gives the connections `ns` nanoseconds to
 * end (RNL_OFF: as long as they take), aborts those that are left, and waits for
 * that. `counts` may be NULL. A handler that rests between two messages can be
 * told by the program to leave; here it is only given time. Handlers whose
 * connection has ended may still be at work: see rnl_server_wait_closed.
 *
 * Suspends: until no connection and no listener is left.
 * Returns:  RNL_OK; RNL_ECANCELED; RNL_ECLOSED if the server was freed meanwhile.
 * Cancel:   the server is closed; connections live on.
 * asyncio:  none; close, wait_closed and abort_clients in one. */
RNL_API RNL_MUST_USE int rnl_server_shutdown(struct rnl_server *server, int64_t ns,
                                             struct rnl_shutdown_counts *counts);

/* rnl_close, or rnl_abort, on every connection of the server. Call
 * rnl_server_close first.
 * asyncio:  Server.close_clients, Server.abort_clients (3.13). */
RNL_API void rnl_server_close_clients(struct rnl_server *server);
RNL_API void rnl_server_abort_clients(struct rnl_server *server);

/* How many connections are open; how many listeners there are (0: closed). */
RNL_API size_t rnl_server_connections(const struct rnl_server *server);
RNL_API size_t rnl_server_listeners(const struct rnl_server *server);

/* The address, and the borrowed socket, of listener `index`.
 * Returns:  RNL_OK; RNL_EINVAL for an index that is not there.
 * asyncio:  Server.sockets. */
RNL_API int rnl_server_address(const struct rnl_server *server, size_t index,
                               struct rnl_address *out);
RNL_API rnl_socket rnl_server_socket(const struct rnl_server *server, size_t index);

/* The pointer from the options. */
RNL_API void *rnl_server_user(const struct rnl_server *server);

/* The server that a handler's pair belongs to; NULL for a client's. */
RNL_API struct rnl_server *rnl_stream_server(const struct rnl_writer *writer);

#ifdef __cplusplus
}
#endif
#endif
