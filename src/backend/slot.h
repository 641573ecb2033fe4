/* slot.h: what ready.c and serve.c know of a descriptor and of an operation.
 *
 *      slots[fd] -> flags | read  -> ACCEPT, RECV, POLL   } at most one each
 *                         | write -> CONNECT, SEND, POLL  }
 *
 *      IDLE -> QUEUED -> (served) -> WAITING -> (event) -> QUEUED ... -> IDLE
 *                     -> DELAYED -> (time) -> QUEUED
 */
#ifndef RNLI_BACKEND_SLOT_H
#define RNLI_BACKEND_SLOT_H

#include "backend/ready.h"

struct rnli_slot {
    struct rnl_op *read, *write; /* in flight; NULL: none */
    uint32_t generation;
    unsigned char ready;    /* RNLI_...: as far as we know */
    unsigned char interest; /* what a level poller was told last */
    bool attached;
    bool fresh; /* accepted, not attached yet: known to be non-blocking */
    bool local; /* a Unix socket */
};

enum rnli_op_where { RNLI_OP_IDLE, RNLI_OP_QUEUED, RNLI_OP_WAITING, RNLI_OP_DELAYED };

/* Lives in op->priv. */
struct rnli_op_state {
    struct rnli_list node; /* QUEUED, DELAYED */
    int64_t until_ns;      /* DELAYED */
    int os;                /* errno behind `code` */
    short code;            /* with `finished` */
    unsigned char where;   /* enum rnli_op_where */
    bool canceled : 1;     /* to end with RNL_ECANCELED */
    bool finished : 1;     /* to end with `code`: it happened before a cancel */
    bool connecting : 1;   /* connect(2) was called and goes on */
} RNLI_MAY_ALIAS;

_Static_assert(sizeof(struct rnli_op_state) <= sizeof(((struct rnl_op *)0)->priv),
               "op->priv holds the state");

static inline struct rnli_op_state *rnli_op_state(struct rnl_op *op)
{
    return (struct rnli_op_state *)(void *)op->priv;
}

static inline struct rnl_op *rnli_op_of(struct rnli_list *node)
{
    uintptr_t *priv = (uintptr_t *)(void *)RNLI_CONTAINER(node, struct rnli_op_state, node);

    return RNLI_CONTAINER(priv, struct rnl_op, priv);
}

/* The entries of one wait as they fill up. */
struct rnli_turn {
    struct rnl_entry *entries;
    int count, max;
};

/* ready.c's, for serve.c: the slot of an operation in flight; an op that goes on
 * waits, is served in the next wait, or after a delay. */
struct rnli_slot *rnli_op_slot(struct rnli_ready *ready, const struct rnl_op *op);
void rnli_op_park(struct rnli_ready *ready, struct rnl_op *op);
void rnli_op_queue(struct rnli_ready *ready, struct rnl_op *op);
void rnli_op_delay(struct rnli_ready *ready, struct rnl_op *op);
/* An entry that is all zero but for the op; there is room for it. */
struct rnl_entry *rnli_turn_entry(struct rnli_turn *turn, struct rnl_op *op, bool more);
/* The final entry, which takes the op out of its slot. */
struct rnl_entry *rnli_op_finish(struct rnli_ready *ready, struct rnli_turn *turn,
                                 struct rnl_op *op, int code, int os);
/* A number that the kernel has just given out: whoever is in its slot has lost it. */
void rnli_ready_evict(struct rnli_ready *ready, int fd);
/* Marks an accepted descriptor, so that attach need not ask the kernel. */
void rnli_ready_note_accepted(struct rnli_ready *ready, int fd, bool local);

/* serve.c: does what can be done for one operation without waiting. */
void rnli_serve(struct rnli_ready *ready, struct rnli_turn *turn, struct rnl_op *op);
/* Begins a connect; the op then is queued (done, failed) or parked. */
void rnli_start_connect(struct rnli_ready *ready, struct rnl_op *op);

#endif
