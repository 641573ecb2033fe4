/* filter.h: what stands between a connection's bytes and its socket's (TLS).
 *
 *     program -- core reader <-- read  -- engine -- in  <-- socket
 *             -- core writer --> write -- engine -- out --> socket
 *
 * The stream room moves the bytes (filter.c) and knows nothing of TLS; an engine
 * turns them, and knows neither socket nor task: it takes ciphertext from `in`,
 * puts ciphertext in `out`, and that is all it can reach. Filters stack: for one
 * that has another below it, the one below takes the place of the socket.
 *
 * A context of the program's begins with a struct rnli_filter_source, so streams
 * need no symbol of the library that has the engine. */
#ifndef RNLI_STREAM_FILTER_H
#define RNLI_STREAM_FILTER_H

#include <runnel/core.h>

struct rnli_filter;

enum { RNLI_FILTER_DETAIL = 400 }; /* bytes of a detail text */

/* Each answers RNL_OK, RNL_EAGAIN (wants more of `in`), or an error, which it
 * then repeats for ever. */
struct rnli_filter_ops {
    /* The handshake. */
    int (*start)(struct rnli_filter *filter);
    /* Clear text; *got 0: the peer has said that it ends its side. */
    int (*read)(struct rnli_filter *filter, void *buf, size_t n, size_t *got);
    /* Takes at most `n` bytes; *done of them are in `out` now, enciphered. */
    int (*write)(struct rnli_filter *filter, const void *data, size_t n, size_t *done);
    /* Says in `out` that our side ends. */
    int (*close)(struct rnli_filter *filter);
    /* "cipher" and so on: see rnl_get_extra_info. */
    const void *(*info)(const struct rnli_filter *filter, const char *name);
    void (*free)(struct rnli_filter *filter);
};

struct rnli_filter {
    const struct rnli_filter_ops *ops;
    struct rnl_core_reader *in;      /* ciphertext that came */
    struct rnl_core_writer *out;     /* ciphertext to send */
    struct rnli_filter *above;       /* whose bytes are our clear text; or NULL */
    size_t batch;                    /* clear bytes that `out` holds; still in the queue above */
    bool started;                    /* the handshake is done */
    bool read_closed, write_closed;  /* the peer, we said that a side ends */
    bool ragged_ok;                  /* an end unannounced is a clean one */
    /* The kernel may do the enciphering (kernel.h). Set by the stream room; NULL: not here.
     * An engine that has its keys for sending, in the kernel's form, offers them; true: all
     * that `out` held is sent, and what the engine says from then on is clear text. */
    bool (*hand_over)(struct rnli_filter *filter, const void *keys, size_t len);
    void *owner;                     /* hand_over's */
    bool kernel;                     /* it has them; data goes past the engine */
    struct rnl_core_writer *records; /* ... what is no data: a type, two bytes of length, bytes */
    char detail[RNLI_FILTER_DETAIL]; /* of the error */
};

/* How a filter is made. */
struct rnli_filter_request {
    bool server_side;
    const char *name;                      /* of the server, for a client; NULL: none */
    bool unnamed;                          /* ... and that is meant */
    const struct rnl_allocator *allocator; /* outlives the filter */
};

struct rnli_filter_source {
    int (*open)(struct rnli_filter_source *source, const struct rnli_filter_request *request,
                struct rnli_filter **out);
    bool (*is_server)(const struct rnli_filter_source *source);
    void (*ref)(struct rnli_filter_source *source);
    void (*unref)(struct rnli_filter_source *source);
};

#endif
