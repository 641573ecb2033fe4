/* sim.h: the simulator from inside: a network in memory with a clock of its own.
 *
 *      table.c    the backend's table; opening and closing it
 *      config.c   what it is asked to be, and what of that makes no sense
 *      ops.c      submit, cancel, wait: operations that it completes itself
 *      readiness.c, calls.c, shared.c
 *                 the same by the files that readiness backends share: a poller, and
 *                 the system calls that those files make (calls.h)
 *      clock.c    virtual time and the events on it
 *      dice.c     every decision: the seed, the faults, swarm
 *      trace.c    the hash of everything that happens
 *      host.c     hosts and their addresses; the ways between them
 *      name.c     names of hosts and services
 *      sock.c     descriptors and what can be asked of them
 *      meet.c     connecting, listening, accepting
 *      link.c     a connection: its bytes, and how its ends send, take and leave
 *      arrive.c   what becomes of segments and resets on their way
 *      path.c     Unix paths
 *      control.c  the calls of runnel/sim.h
 *
 * Nothing here reads a clock, a pointer's value or memory's order in a decision. */
#ifndef RNLI_BACKEND_SIM_H
#define RNLI_BACKEND_SIM_H

#include <runnel/backend.h>
#include <runnel/sim.h>
#include "backend/atomics.h"
#include "core/list.h"

enum {
    RNLI_SIM_FD_BASE = 1 << 20, /* far from the system's: a real call on one fails */
    RNLI_SIM_SEGMENTS = 16,     /* on their way, each direction */
    RNLI_SIM_ACCEPT_MAX = 64,   /* connections accepted in one wait */
    RNLI_SIM_HOST_NAME = 64,
    RNLI_SIM_WHY = 160, /* a sentence that tells what was wrong */
    RNLI_SIM_OPTIONS = 13 /* enum rnl_sockopt */
};

/* ---- Config ------------------------------------------------------------ */

/* What was given, or where nothing was the environment's. RNL_EINVAL, with a sentence. */
int rnli_sim_config_read(struct rnl_sim_config *out, const void *given, char why[RNLI_SIM_WHY]);

/* ---- Time -------------------------------------------------------------- */

/* Something that will happen. Embedded by its owner; needs no memory, so it cannot
 * fail to be planned. */
struct rnli_sim_event {
    struct rnli_list node; /* in the queue, by time */
    int64_t when_ns;
    void (*fire)(struct rnl_backend *sim, struct rnli_sim_event *event);
};

/* ---- Hosts ------------------------------------------------------------- */

struct rnli_sim_host {
    char name[RNLI_SIM_HOST_NAME];
    bool stopped;
    uint16_t next_port;
    rnl_task_fn *main_fn; /* for a restart; the task room's */
    void *arg;
    struct rnl_task *task;
};

/* How it is from one host to another. */
struct rnli_sim_way {
    bool cut;
    int64_t cut_until_ns; /* by a fault */
    int64_t latency_ns;   /* -1: the config's */
    uint64_t bandwidth;
};

struct rnli_sim_name {
    struct rnli_list node;
    char name[256];
    struct rnl_address address;
    int code;
};

/* ---- Sockets ----------------------------------------------------------- */

/* One half of a socket's operations. */
struct rnli_sim_port {
    struct rnl_op *op;           /* in flight; NULL: none */
    struct rnli_list node;       /* in the backend's ready list */
    struct rnli_sim_event event; /* puts it there */
    bool reads;                  /* of the two, the one for reading */
    bool cancelled;
    bool watched; /* by a poller, in place of an operation */
    bool late;    /* it has been late already */
};

enum rnli_sim_stage { RNLI_SIM_IDLE, RNLI_SIM_ASKING, RNLI_SIM_ANSWERED };

struct rnli_sim_sock {
    struct rnli_list node; /* in the backend's sockets */
    rnl_socket fd;         /* RNL_NO_SOCKET: not accepted yet */
    enum rnl_family family;
    unsigned host;
    bool attached, bound, listening, connected, peerless;
    struct rnl_address local, peer;
    int options[RNLI_SIM_OPTIONS];
    struct rnli_sim_port read, write;
    uint32_t generation; /* for the poller's events */

    /* A connection. */
    struct rnli_sim_link *link; /* NULL: none, or its host was stopped */
    int side;
    int error; /* to be told once, as SO_ERROR */
    bool shut_read, shut_write;
    bool dead; /* after the error: no more input, EPIPE */

    /* A connect. */
    enum rnli_sim_stage stage;
    int answer;
    unsigned tries;
    struct rnli_sim_event step;

    /* A listener. */
    struct rnli_list backlog; /* of sockets not accepted yet, by `queued` */
    struct rnli_list queued;
    struct rnli_sim_sock *listener;
    size_t nbacklog, backlog_max;
};

/* ---- Connections ------------------------------------------------------- */

struct rnli_sim_segment {
    size_t len;
    int64_t when_ns;
    unsigned tries;
    bool end, judged;
};

/* Bytes one way:  [ arrived | flying | waiting ), all in `data`. */
struct rnli_sim_way_bytes {
    unsigned char *data;
    size_t start, len, capacity;
    size_t arrived, flying;
    uint64_t offset; /* of the stream's byte that flies first */
    struct rnli_sim_segment segments[RNLI_SIM_SEGMENTS];
    size_t first, count;
    int64_t clear_ns;  /* when the last segment that was sent arrives */
    int64_t depart_ns; /* when the way is free for the next */
    bool end_wanted, end_sent, end_arrived;
};

/* An event of a link's end. */
struct rnli_sim_link_event {
    struct rnli_sim_event event;
    struct rnli_sim_link *link;
    int side;
};

struct rnli_sim_link {
    struct rnli_list node;                  /* in the backend's links */
    struct rnli_sim_sock *ends[2];          /* 0: the one that connected; NULL: closed */
    struct rnli_sim_way_bytes ways[2];      /* [i]: sent by ends[i] */
    struct rnli_sim_link_event arrivals[2]; /* the first segment of ways[i] arrives */
    struct rnli_sim_link_event resets[2];   /* a reset arrives at ends[i] */
    struct rnl_address names[2];
    unsigned hosts[2];
    uint64_t number;
    bool local; /* a Unix one: nothing takes time */
};

/* ---- The backend ------------------------------------------------------- */

struct rnl_sim_query;
struct rnli_sim_shared;

/* How operations come about; the rest of the table is the same for all. */
struct rnli_sim_model {
    int (*submit)(struct rnl_backend *sim, struct rnl_op *op);
    void (*cancel)(struct rnl_backend *sim, struct rnl_op *op);
    int (*wait)(struct rnl_backend *sim, int64_t timeout_ns, struct rnl_entry *entries, int max);
    void (*wake)(struct rnl_backend *sim);
    int (*try_send)(struct rnl_backend *sim, rnl_socket fd, const struct rnl_bytes *pieces,
                    size_t npieces, size_t *sent, int64_t *os);
    int (*open_socket)(struct rnl_backend *sim, enum rnl_family family, rnl_socket *out,
                       int64_t *os);
    int (*attach)(struct rnl_backend *sim, rnl_socket fd, int64_t *os);
    void (*detach)(struct rnl_backend *sim, rnl_socket fd);
    void (*close_socket)(struct rnl_backend *sim, rnl_socket fd);
};

extern const struct rnli_sim_model rnli_sim_completions; /* ops.c */
extern const struct rnli_sim_model rnli_sim_readiness;   /* readiness.c */

struct rnl_backend {
    struct rnl_allocator allocator;
    struct rnl_sim_config config;
    const struct rnli_sim_model *model;
    struct rnli_sim_shared *shared; /* readiness.c's; NULL: completions */
    int64_t now_ns, start_ns;
    struct rnli_list events; /* by time, then in the order of planning */
    struct rnli_list ready;  /* ports to be served, or told of, in the next wait */
    struct rnli_list socks;  /* all */
    struct rnli_list links;
    struct rnli_list names;
    struct rnli_list paths;
    struct rnli_list queries;     /* names being resolved */
    struct rnli_sim_sock **table; /* by descriptor */
    size_t ntable, nopen;
    struct rnli_sim_host *hosts;
    size_t nhosts;
    struct rnli_sim_way *ways; /* [from * nhosts + to] */
    unsigned place;            /* the host whose code runs */
    uint64_t luck[2];          /* the dice's state */
    struct rnl_sim_result result;
    uint64_t nlinks, npaths;
    rnl_sim_rule_fn *rule;
    void *rule_user;
    struct rnli_flag woken;
    unsigned idle_looks;
    bool over_limit;
    struct rnl_address peers[RNLI_SIM_ACCEPT_MAX]; /* of the last wait's accepts */
    size_t npeers;
    struct rnl_entry *entries; /* of this wait */
    int count, max;
};

/* clock.c */
void rnli_sim_plan(struct rnl_backend *sim, struct rnli_sim_event *event, int64_t when_ns);
void rnli_sim_forget(struct rnli_sim_event *event);
static inline bool rnli_sim_planned(const struct rnli_sim_event *event)
{
    return !rnli_list_empty(&event->node);
}
void rnli_sim_event_init(struct rnli_sim_event *event,
                         void (*fire)(struct rnl_backend *, struct rnli_sim_event *));
/* Those that are due now. */
void rnli_sim_run_due(struct rnl_backend *sim);
/* Leaps to the next event, but not past `deadline_ns`. False: there is none before. */
bool rnli_sim_leap(struct rnl_backend *sim, int64_t deadline_ns);

/* dice.c */
void rnli_sim_dice_init(struct rnl_backend *sim);
uint32_t rnli_sim_draw(struct rnl_backend *sim, uint32_t bound);
/* 0 ... bound - 1 */
int64_t rnli_sim_draw_ns(struct rnl_backend *sim, int64_t bound);
size_t rnli_sim_draw_size(struct rnl_backend *sim, size_t least, size_t most);
/* Whether the fault happens now. It is counted. */
bool rnli_sim_fault(struct rnl_backend *sim, enum rnl_sim_fault fault);

/* trace.c: `what` is a static word. */
void rnli_sim_note(struct rnl_backend *sim, const char *what, int64_t a, int64_t b, int64_t c);
void rnli_sim_note_text(struct rnl_backend *sim, const char *what, const char *text);

/* host.c */
/* RNL_EINVAL, with a sentence, for what cannot be a host's name. */
int rnli_sim_host_check(const char *name, char why[RNLI_SIM_WHY]);
int rnli_sim_host_add(struct rnl_backend *sim, const char *name, unsigned *out);
int rnli_sim_host_find(const struct rnl_backend *sim, const char *name, unsigned *out);
bool rnli_sim_host_address(unsigned host, enum rnl_family family, struct rnl_address *out);
/* The host of an address as seen from `from`; false: nobody's. */
bool rnli_sim_host_of(const struct rnl_backend *sim, unsigned from,
                      const struct rnl_address *address, unsigned *out);
/* Whether a host may bind to it. */
bool rnli_sim_host_owns(unsigned host, const struct rnl_address *address);
struct rnli_sim_way *rnli_sim_way(struct rnl_backend *sim, unsigned from, unsigned to);
bool rnli_sim_way_open(struct rnl_backend *sim, unsigned from, unsigned to);
/* How long a segment is on its way, with luck; how long sending it keeps the way busy. */
int64_t rnli_sim_way_time(struct rnl_backend *sim, unsigned from, unsigned to);
int64_t rnli_sim_way_busy(struct rnl_backend *sim, unsigned from, unsigned to, size_t len);
void rnli_sim_host_silence(struct rnl_backend *sim, unsigned host);
bool rnli_sim_is_any(const struct rnl_address *address);

/* name.c */
int rnli_sim_resolve(struct rnl_backend *sim, const char *host, const char *service,
                     enum rnl_family family, int flags,
                     void (*done)(void *, int, const struct rnl_address *, size_t), void *arg);
void rnli_sim_names_close(struct rnl_backend *sim);

/* sock.c */
struct rnli_sim_sock *rnli_sim_sock(const struct rnl_backend *sim, rnl_socket fd);
struct rnli_sim_sock *rnli_sim_sock_new(struct rnl_backend *sim, enum rnl_family family,
                                        unsigned host);
void rnli_sim_sock_free(struct rnl_backend *sim, struct rnli_sim_sock *sock);
/* The lowest free number. RNL_OK, RNL_EMFILE, RNL_ENOMEM. */
int rnli_sim_sock_number(struct rnl_backend *sim, struct rnli_sim_sock *sock);
int rnli_sim_open_socket(struct rnl_backend *sim, enum rnl_family family, rnl_socket *out,
                         int64_t *os);
int rnli_sim_attach(struct rnl_backend *sim, rnl_socket fd, int64_t *os);
void rnli_sim_detach(struct rnl_backend *sim, rnl_socket fd);
void rnli_sim_close_socket(struct rnl_backend *sim, rnl_socket fd);
int rnli_sim_shutdown(struct rnl_backend *sim, rnl_socket fd, enum rnl_shut how, int64_t *os);
int rnli_sim_get_name(struct rnl_backend *sim, rnl_socket fd, bool peer, struct rnl_address *out,
                      int64_t *os);
int rnli_sim_set_option(struct rnl_backend *sim, rnl_socket fd, enum rnl_sockopt option, int value,
                        int64_t *os);
int rnli_sim_info(struct rnl_backend *sim, rnl_socket fd, struct rnl_socket_info *out, int64_t *os);

/* meet.c */
int rnli_sim_bind(struct rnl_backend *sim, rnl_socket fd, const struct rnl_address *address,
                  int64_t *os);
int rnli_sim_listen(struct rnl_backend *sim, rnl_socket fd, int backlog, int64_t *os);
/* RNL_OK: the answer will come; else it was refused at once. */
int rnli_sim_connect_start(struct rnl_backend *sim, struct rnli_sim_sock *sock,
                           const struct rnl_address *address);
void rnli_sim_connect_stop(struct rnli_sim_sock *sock);
void rnli_sim_connect_step(struct rnl_backend *sim, struct rnli_sim_event *event);
/* The answer is taken in. */
void rnli_sim_connect_end(struct rnli_sim_sock *sock, int code);
/* A Unix connect that was begun, there and then. RNL_EAGAIN: the listener's queue is full. */
int rnli_sim_connect_path(struct rnl_backend *sim, struct rnli_sim_sock *sock);
/* Takes the next that waits, with a number. RNL_OK; RNL_EAGAIN: nobody waits;
 * RNL_ECONNABORTED: it was gone; RNL_EMFILE, RNL_ENOMEM: it goes on waiting. */
int rnli_sim_accept(struct rnl_backend *sim, struct rnli_sim_sock *listener,
                    struct rnli_sim_sock **out);
void rnli_sim_refuse_waiting(struct rnl_backend *sim, struct rnli_sim_sock *listener);

/* link.c */
struct rnli_sim_link *rnli_sim_link_new(struct rnl_backend *sim, struct rnli_sim_sock *client,
                                        struct rnli_sim_sock *server);
void rnli_sim_link_free(struct rnl_backend *sim, struct rnli_sim_link *link);
/* An end closes: in order, with a reset, or silently. */
void rnli_sim_link_leave(struct rnl_backend *sim, struct rnli_sim_sock *sock, bool silently);
void rnli_sim_link_shut(struct rnl_backend *sim, struct rnli_sim_sock *sock);
int rnli_sim_send(struct rnl_backend *sim, struct rnli_sim_sock *sock,
                  const struct rnl_bytes *pieces, size_t npieces, size_t *sent);
bool rnli_sim_readable(const struct rnli_sim_sock *sock);
bool rnli_sim_input_ended(const struct rnli_sim_sock *sock);
bool rnli_sim_writable(const struct rnl_backend *sim, const struct rnli_sim_sock *sock);
/* Why nothing can be had: RNL_OK is the end of input. Tells an error once. */
int rnli_sim_input_state(struct rnli_sim_sock *sock);
/* Both directions have ended, or a reset ended them: there is no peer any more. */
bool rnli_sim_is_over(const struct rnli_sim_sock *sock);
/* Bytes that can be had. */
size_t rnli_sim_available(const struct rnli_sim_sock *sock);
void rnli_sim_take(struct rnl_backend *sim, struct rnli_sim_sock *sock, unsigned char *to,
                   size_t len);
/* Bytes that can be sent now. */
size_t rnli_sim_room(const struct rnl_backend *sim, const struct rnli_sim_sock *sock);

/* Sends what can be sent; plans the next arrival; forgets what has not arrived; wakes both
 * halves of an end. */
void rnli_sim_transmit(struct rnl_backend *sim, struct rnli_sim_link *link, int side);
void rnli_sim_arm(struct rnl_backend *sim, struct rnli_sim_link *link, int side);
void rnli_sim_drop_rest(struct rnli_sim_link *link, int side);
void rnli_sim_rouse_end(struct rnl_backend *sim, const struct rnli_sim_link *link, int side);

/* arrive.c: events of a link; a reset towards `side`. */
void rnli_sim_arrive(struct rnl_backend *sim, struct rnli_sim_event *event);
void rnli_sim_reset_arrives(struct rnl_backend *sim, struct rnli_sim_event *event);
void rnli_sim_send_reset(struct rnl_backend *sim, struct rnli_sim_link *link, int side);

/* path.c */
struct rnli_sim_sock *rnli_sim_path_find(struct rnl_backend *sim, unsigned host,
                                         const struct rnl_address *address, bool *there);
int rnli_sim_path_bind(struct rnl_backend *sim, struct rnli_sim_sock *sock);
void rnli_sim_path_release(struct rnl_backend *sim, struct rnli_sim_sock *sock);
int rnli_sim_unix_stat(struct rnl_backend *sim, const struct rnl_address *path, uint64_t id[2],
                       bool *is_socket, int64_t *os);
int rnli_sim_unix_unlink(struct rnl_backend *sim, const struct rnl_address *path, int64_t *os);
void rnli_sim_paths_close(struct rnl_backend *sim);

/* ops.c */
void rnli_sim_port_init(struct rnli_sim_port *port, bool reads);
/* Has its operation looked at, or the poller tell of it, in the next wait. */
void rnli_sim_rouse(struct rnl_backend *sim, struct rnli_sim_port *port);
/* The same, but later. */
void rnli_sim_rouse_later(struct rnl_backend *sim, struct rnli_sim_port *port, int64_t after_ns);
/* Whether what is to be told of it comes late, by a fault. */
bool rnli_sim_is_late(struct rnl_backend *sim, struct rnli_sim_port *port);
/* After each wait: looks that found nothing take time in the end. */
void rnli_sim_note_wait(struct rnl_backend *sim, int64_t timeout_ns,
                        const struct rnl_entry *entries, int count);
/* True once, when the config's limit of time is over. */
bool rnli_sim_over_limit(struct rnl_backend *sim);

/* readiness.c. RNL_OK; RNL_ENOMEM. */
int rnli_sim_shared_open(struct rnl_backend *sim);
void rnli_sim_shared_close(struct rnl_backend *sim);

/* control.c: `struct rnl_sim` is the backend by its public name. */
struct rnl_backend *rnli_sim_of(const struct rnl_sim *sim);

#endif
