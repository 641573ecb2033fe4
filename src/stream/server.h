/* server.h: a server, its listeners and its connections. */
#ifndef RNLI_STREAM_SERVER_H
#define RNLI_STREAM_SERVER_H

#include <runnel/server.h>
#include "stream/conn.h"
#include "stream/filter.h"

struct rnli_listener {
    struct rnl_op op; /* the accept */
    struct rnl_server *server;
    struct rnli_timer retry;  /* after running out of descriptors */
    struct rnl_address address;
    bool accepting;           /* the operation is in flight */
    bool open;
};

struct rnl_server {
    struct rnl_loop *loop;
    rnl_handler_fn *handler;
    void *arg;
    struct rnli_filter_source *ssl;    /* a reference; NULL: no TLS */
    struct rnl_server_options options; /* pointers in it are not used later */
    struct rnli_list node;             /* in the loop's servers */
    struct rnli_list conns;            /* open connections */
    size_t nconns;
    size_t ncut;                       /* closed because the server aborted them */
    struct rnli_list held;             /* accepted, but beyond the maximum: full.c */
    struct rnli_waitlist waiting;      /* in wait_closed */
    struct rnli_waitlist forever;      /* in serve_forever: at most one */
    struct rnli_listener *listeners;
    size_t nlisteners;                 /* allocated */
    size_t nopen;                      /* sockets not closed yet */
    uint64_t path_id[2];               /* of our Unix path; see unlink_path */
    bool unlink_path;
    bool serving, closed, freed;
    unsigned pins;
};

/* Makes a server without listeners, with room for `nlisteners`. */
int rnli_server_new(struct rnl_loop *loop, rnl_handler_fn *handler, void *arg,
                    const struct rnl_server_options *options, size_t nlisteners,
                    struct rnl_server **out);
/* Takes an attached, bound socket. */
void rnli_server_add(struct rnl_server *server, rnl_socket sock);
/* Begins to serve if the options say so; frees the server where that fails, or
 * where `code`, the answer so far, says that it is no good. */
int rnli_server_ready(struct rnl_server *server, int code, struct rnl_server **out);
/* full.c. Whether there is no room for one more; what becomes of one that was
 * accepted then (it is taken: held, or closed); what a place that is free again, and
 * the end of the server, do to those that are held. */
bool rnli_server_is_full(const struct rnl_server *server);
void rnli_server_overflow(struct rnl_server *server, const struct rnl_entry *entry);
void rnli_server_has_room(struct rnl_server *server);
void rnli_server_drop_held(struct rnl_server *server);

/* server.c, for full.c: after a wait, `pins` having been raised; takes an accepted socket; begins to accept on all listeners
 * that do not. */
void rnli_server_unpin(struct rnl_server *server);
void rnli_server_take(struct rnl_server *server, const struct rnl_entry *entry);
void rnli_server_accept(struct rnl_server *server);

/* rnl_server_free; nothing where that has been called, and the end is awaited. */
void rnli_server_free(struct rnl_server *server);

/* Reads and checks options. */
int rnli_server_options_read(struct rnl_server_options *own,
                             const struct rnl_server_options *given);

#endif
