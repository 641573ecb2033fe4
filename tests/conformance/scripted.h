/* scripted.h: a backend whose kernel is a script: kernel.py's counterpart. */
#ifndef CONFORMANCE_SCRIPTED_H
#define CONFORMANCE_SCRIPTED_H

#include <runnel/backend.h>
#include <runnel/loop.h>

enum { SCRIPTED_PIECES = 256, SCRIPTED_SENT = 65536 };

/* One socket, and what the kernel has for it. Bytes are the script's: not copied. */
struct scripted {
    struct rnl_bytes inbox[SCRIPTED_PIECES]; /* an empty one is the end */
    size_t first, count; /* of the pieces that wait to be received */
    int recv_error;      /* and behind them this; RNL_OK: nothing yet */
    int send_error;
    size_t space;        /* bytes that sends may take */
    char sent[SCRIPTED_SENT];
    size_t nsent;
    unsigned sends;      /* calls of the kernel that took bytes */
    bool shut, closed;
    struct rnl_op *recv, *send; /* in flight, or NULL */
    bool cancel_recv, cancel_send;
    unsigned idle;       /* waits in a row that brought nothing */
};

extern const struct rnl_backend_ops scripted_ops;

/* The one socket there is. */
#define SCRIPTED_SOCKET ((rnl_socket)5)

/* Bytes received by the kernel and not by the program. */
size_t scripted_held(const struct scripted *s);

#endif
