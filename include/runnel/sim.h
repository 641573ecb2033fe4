/* runnel/sim.h: a network that can be replayed.
 *
 * The backend `sim` is a network in memory with a clock of its own: hosts,
 * names, latency, buffers, and faults drawn from a seed. A program runs over it
 * unchanged; the same seed and config give the same run, event for event, on
 * every platform, and hours pass in milliseconds.
 *
 *     struct rnl_sim_config config = RNL_SIM_CONFIG_INIT;
 *     struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
 *
 *     config.seed = 42;
 *     config.swarm = RNL_YES;
 *     options.backend = "sim";
 *     options.backend_config = &config;
 *     err = rnl_run(main_task, NULL, &options);
 *
 * RUNNEL_BACKEND=sim runs any program as one host; RUNNEL_SIM_SEED=n then is the
 * seed, RUNNEL_SIM_SWARM=1 turns faults on, and RUNNEL_SIM_MODEL is `completions`,
 * `edges` or `levels`. docs/simulation.md tells more.
 *
 * A config that makes no sense (a time below 0 that is not RNL_OFF, a probability
 * above a million) is refused by rnl_run with RNL_EINVAL, and told to the report
 * hook; so is another value of these variables.
 *
 * Threads:  that of the simulation's loop. */
#ifndef RUNNEL_SIM_H
#define RUNNEL_SIM_H

#include <runnel/base.h>
#include <runnel/core.h>
#include <runnel/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A simulation that runs: the backend of a loop. */
struct rnl_sim;

/* ---- Faults ------------------------------------------------------------ */

enum rnl_sim_fault {
    RNL_SIM_SHORT_READ,     /* a receive brings less than there is */
    RNL_SIM_SHORT_WRITE,    /* a send takes less than it could */
    RNL_SIM_WOULD_BLOCK,    /* a send takes nothing, for a moment */
    RNL_SIM_INTERRUPT,      /* a wait returns for no reason */
    RNL_SIM_NO_BUFFERS,     /* ENOBUFS: a receive ends, a send is put off */
    RNL_SIM_RESET,          /* a connection breaks, both ends are told */
    RNL_SIM_EARLY_END,      /* the receiver sees an end before the end */
    RNL_SIM_REFUSED,        /* a connect is refused */
    RNL_SIM_CONNECT_TIMEOUT, /* a connect is never answered */
    RNL_SIM_NO_DESCRIPTORS, /* EMFILE at accept or when a socket is opened */
    RNL_SIM_ACCEPT_ABORTED, /* a connection is gone before it is accepted */
    RNL_SIM_LATE,           /* a completion comes late */
    RNL_SIM_LATE_CANCEL,    /* a cancelled operation ends late */
    RNL_SIM_CANCEL_LOSES,   /* a cancelled operation succeeds all the same */
    RNL_SIM_MORE_ENDS,      /* an operation ends that could have gone on */
    RNL_SIM_REORDER,        /* a completion overtakes those before it */
    RNL_SIM_LOSS,           /* a segment is lost and sent again */
    RNL_SIM_PARTITION,      /* two hosts cannot reach each other for a while */
    RNL_SIM_NAME_SLOW,      /* a name takes seconds to resolve */
    RNL_SIM_NAME_FAILS,     /* a name cannot be resolved for now */
    RNL_SIM_NO_MEMORY,      /* an operation or a socket is refused */
    RNL_SIM_CLOCK_JUMP,     /* the clock leaps ahead, as after a suspend */
    RNL_SIM_FAULTS          /* how many there are */
};

/* "short_read" ...; "unknown" for what is no fault. Static memory.
 * Threads:  any. */
RNL_API const char *rnl_sim_fault_name(enum rnl_sim_fault fault);

/* ---- Setting up -------------------------------------------------------- */

/* What the simulated system tells the library. The last two run, over simulated
 * system calls, the code that the backends of such systems share. */
enum rnl_sim_model {
    RNL_SIM_ANY,         /* completions; with `swarm` the seed draws one */
    RNL_SIM_COMPLETIONS, /* that an operation is done, as IOCP does */
    RNL_SIM_EDGES,       /* each change of a socket once, as epoll and kqueue do */
    RNL_SIM_LEVELS       /* what a socket is ready for, as select does */
};

/* What a run was. */
struct rnl_sim_result {
    uint64_t hash;     /* of every event and decision, with its time */
    uint64_t events;   /* how many went into it */
    int64_t time_ns;   /* virtual, at the end */
    uint64_t faults[32]; /* how often each enum rnl_sim_fault happened */
    size_t sockets;    /* still open */
    enum rnl_sim_model model; /* what it ran on */
};

struct rnl_sim_config {
    size_t size;              /* set by RNL_SIM_CONFIG_INIT */
    uint64_t seed;
    enum rnl_switch swarm;    /* the seed draws which faults are on */
    uint32_t faults[32];      /* of a million, by enum rnl_sim_fault; with
                                 `swarm`, 0 is a default of the library's */
    int64_t latency_ns;       /* between hosts, one way; 0: 500 us */
    int64_t jitter_ns;        /* at most as much more; 0: a tenth of that */
    uint64_t bandwidth;       /* bytes a second, each way; 0: no bound */
    size_t send_buffer;       /* bytes; 0: 64 KiB */
    size_t receive_buffer;    /* bytes; 0: 64 KiB */
    size_t segment;           /* most bytes of a segment; 0: 16 KiB */
    size_t descriptors;       /* most sockets at a time; 0: 4096 */
    int64_t start_ns;         /* what the clock shows first; 0: 1 s */
    int64_t limit_ns;         /* the run ends with RNL_ETIMEDOUT after so much
                                 virtual time; 0: no limit */
    void (*trace)(void *user, const char *line); /* a line for each event */
    void *trace_user;
    uint32_t (*choose)(void *user, uint32_t bound); /* decides instead of the
                                 seed: 0 ... bound - 1 */
    void *choose_user;
    struct rnl_sim_result *result; /* filled in at the end of the run */
    enum rnl_sim_model model;
};
#define RNL_SIM_CONFIG_INIT                                                  \
    { sizeof(struct rnl_sim_config), 0, RNL_DEFAULT, { 0 }, 0, 0, 0, 0, 0, 0, \
      0, 0, 0, NULL, NULL, NULL, NULL, NULL, RNL_SIM_ANY }

/* The simulation that the loop of this thread runs on; NULL if it runs on
 * something else. Lifetime: as long as the loop. */
RNL_API struct rnl_sim *rnl_sim_current(void);

/* What the run was so far. */
RNL_API void rnl_sim_look(const struct rnl_sim *sim, struct rnl_sim_result *out);

/* 0 ... bound - 1, from the seed: luck for the program's own decisions. */
RNL_API uint32_t rnl_sim_random(struct rnl_sim *sim, uint32_t bound);

/* From now on, `fault` happens so often of a million times. What is no fault, and
 * more than a million, is told to the report hook and changes nothing. */
RNL_API void rnl_sim_set_fault(struct rnl_sim *sim, enum rnl_sim_fault fault,
                               uint32_t per_million);

/* ---- Hosts ------------------------------------------------------------- */

/* The task of rnl_run is on the host "main". A task, handler or callback is on
 * the host of whoever started it. Each host has its own addresses (10.0.x.y and
 * fd00::n, which its name resolves to), ports, loopback and Unix paths. */

/* Puts code on a new host: spawns `main_fn` there.
 * Returns:  RNL_OK; RNL_EEXIST; RNL_ENOMEM; RNL_EINVAL (no simulation; a name that
 *           is empty, longer than 63 bytes, an address or "localhost": told to the
 *           report hook). */
RNL_API int rnl_sim_host(struct rnl_sim *sim, const char *name,
                         rnl_task_fn *main_fn, void *arg);

/* Waits until the task that runs `main_fn` on a host has ended.
 * Suspends: until then.
 * Returns:  RNL_OK with its result in *result (may be NULL); RNL_ENOENT;
 *           RNL_ECANCELED. */
RNL_API RNL_MUST_USE int rnl_sim_wait_host(struct rnl_sim *sim, const char *name,
                                           int *result);

/* Pulls a host's plug: its sockets fall silent at once, its peers are told
 * nothing, its names and addresses do not answer, its tasks are cancelled. A
 * Unix path stays where it is.
 * Returns:  RNL_OK; RNL_ENOENT; RNL_EINVAL for "main". */
RNL_API int rnl_sim_stop_host(struct rnl_sim *sim, const char *name);

/* Starts a stopped host again, and its `main_fn` anew.
 * Returns:  RNL_OK; RNL_ENOENT; RNL_EBUSY if it runs; RNL_ENOMEM. */
RNL_API int rnl_sim_restart_host(struct rnl_sim *sim, const char *name);

/* The address of a host.
 * Returns:  RNL_OK; RNL_ENOENT; RNL_EINVAL for another family than RNL_INET
 *           and RNL_INET6. */
RNL_API int rnl_sim_address(const struct rnl_sim *sim, const char *name,
                            enum rnl_family family, struct rnl_address *out);

/* ---- The network ------------------------------------------------------- */

/* Cuts, or joins again, the way from one host to another; NULL: every host.
 * What is sent meanwhile is sent again, as TCP does, until it gets through or the
 * sender gives up after a quarter of an hour.
 * Returns:  RNL_OK; RNL_ENOENT; RNL_ENOMEM. */
RNL_API int rnl_sim_cut(struct rnl_sim *sim, const char *from, const char *to);
RNL_API int rnl_sim_join(struct rnl_sim *sim, const char *from, const char *to);

/* Both ways at once.
 * Returns:  as rnl_sim_cut. */
RNL_API int rnl_sim_partition(struct rnl_sim *sim, const char *a, const char *b);
RNL_API int rnl_sim_heal(struct rnl_sim *sim, const char *a, const char *b);

/* The way from one host to another gets a latency (ns) and a bandwidth (bytes a
 * second; 0: no bound) of its own. NULL: every host.
 * Returns:  RNL_OK; RNL_ENOENT; RNL_EINVAL (a latency below 0); RNL_ENOMEM. */
RNL_API int rnl_sim_set_way(struct rnl_sim *sim, const char *from, const char *to,
                            int64_t latency_ns, uint64_t bandwidth);

/* What `name` resolves to, one address a call; the names of hosts are there by
 * themselves. With `code`, resolving it fails with that code instead (RNL_ENONAME
 * ...). `address` may be NULL then.
 * Returns:  RNL_OK; RNL_EINVAL (no name, or one of more than 255 bytes; neither
 *           address nor code); RNL_ENOMEM. */
RNL_API int rnl_sim_name(struct rnl_sim *sim, const char *name,
                         const struct rnl_address *address, int code);

/* A piece of a TCP connection on its way. */
struct rnl_sim_segment {
    const char *from, *to;        /* hosts */
    struct rnl_address source, target;
    uint64_t connection;          /* a number for each, from 1 */
    bool client;                  /* sent by the end that connected */
    bool end;                     /* the end of input (then `len` is 0) */
    uint64_t offset;              /* bytes that the sender sent before */
    size_t len;
    unsigned tries;               /* how often it was sent before */
};

enum rnl_sim_verdict {
    RNL_SIM_PASS,
    RNL_SIM_DROP,   /* it is lost, and sent again later */
    RNL_SIM_DELAY,  /* it comes later by *arg nanoseconds, if above 0 */
    RNL_SIM_BREAK,  /* the connection is reset, both ends are told */
    RNL_SIM_SPLIT   /* only its first *arg bytes pass; the rest follows as a
                       segment of its own */
};

/* Judges each segment as it is about to arrive. It must not wait. */
typedef enum rnl_sim_verdict rnl_sim_rule_fn(void *user,
                                             const struct rnl_sim_segment *segment,
                                             int64_t *arg);

/* NULL: every segment passes. */
RNL_API void rnl_sim_set_rule(struct rnl_sim *sim, rnl_sim_rule_fn *rule, void *user);

#ifdef __cplusplus
}
#endif
#endif
