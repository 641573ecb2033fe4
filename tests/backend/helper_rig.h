/* helper_rig.h: a backend on the bench, for the contract suite.
 *
 * The rig opens one backend with an allocator that counts, and at the end nothing
 * may be left: no memory, no descriptor. A probe is an operation that remembers
 * its entries and checks the contract at each: none after the final one, a code
 * only in the final one, RECV's bytes where they were lent. */
#ifndef HELPER_RIG_H
#define HELPER_RIG_H

#include "backend/sys.h"
#include "backend/backends.h"
#include "support/system.h"

#include <runnel/sim.h>

#include <CUnit/Basic.h>
#include <string.h>

extern const char *rig_name;         /* the backend under test */
extern enum rnl_sim_model rig_model; /* of the simulator */

struct rig {
    const struct rnl_backend_ops *ops;
    struct rnl_backend *backend;
    int fds; /* open before */
};

enum { PROBE_ROOM = 1 << 20 };

struct probe {
    struct rnl_op op;
    int entries; /* so far */
    bool final;
    int code; /* of the final entry */
    int64_t os;
    size_t len; /* SEND: sent. RECV: bytes in `got` */
    bool ended; /* RECV: the end of input */
    unsigned char *got;
    size_t lend_len; /* bytes lent at a time; 0: all the room */
    int refuse;      /* what lend answers */
    int lends;       /* how often it was asked */
    bool lent;
    rnl_socket accepted[256];
    struct rnl_address peer; /* of the first accepted */
    int naccepted;
};

/* ---- The rig ----------------------------------------------------------- */

const struct rnl_backend_config *rig_config(void);
void rig_open(struct rig *rig);
void rig_close(struct rig *rig);
size_t rig_live_memory(void);
/* The backend has no descriptors of the system. */
bool rig_simulated(void);
/* Open descriptors of this process below 4,096. */
int count_fds(void);

/* One wait; dispatches the entries. How many there were, or the code. */
int rig_wait(struct rig *rig, int64_t timeout_ns);
int rig_wait_max(struct rig *rig, int64_t timeout_ns, int max);
/* Waits (5 s at most) until it is true; whether it is. */
bool rig_final(struct rig *rig, struct probe *probe);
bool rig_bytes(struct rig *rig, struct probe *probe, size_t len);
bool rig_accepted(struct rig *rig, struct probe *probe, int count);
/* Runs what is ready, without waiting. */
void rig_settle(struct rig *rig);
/* RNL_UNIX, or RNL_INET where the system has no such sockets. */
enum rnl_family rig_local(void);
bool tcp_or_local(int i, enum rnl_family *family); /* for (i = 0; tcp_or_local(i, &f); i++) */

/* ---- Probes ------------------------------------------------------------ */

void probe_init(struct probe *probe, enum rnl_op_kind kind, rnl_socket sock);
void probe_free(struct probe *probe);
int probe_submit(struct rig *rig, struct probe *probe);
/* init and submit, which must work. */
void probe_recv(struct rig *rig, struct probe *probe, rnl_socket sock);
void probe_poll(struct rig *rig, struct probe *probe, rnl_socket sock, int what);
void probe_send(struct rig *rig, struct probe *probe, rnl_socket sock,
                const struct rnl_bytes *pieces, size_t npieces);
/* Submits a cancel and waits for the final entry. */
void probe_stop(struct rig *rig, struct probe *probe);

/* ---- Sockets ----------------------------------------------------------- */

/* An attached listener (RNL_INET: loopback; RNL_UNIX: abstract or a path). */
rnl_socket rig_listener(struct rig *rig, enum rnl_family family, int backlog,
                        struct rnl_address *address);
/* A connected pair: ours is attached, theirs is a plain blocking descriptor. */
void rig_pair(struct rig *rig, enum rnl_family family, rnl_socket *ours, int *theirs);
/* A blocking descriptor connected to `address`; -1 and errno. */
int plain_connect(const struct rnl_address *address);
void plain_write(int fd, const void *data, size_t len);
/* Reads exactly `len`; whether they came. */
bool plain_read(int fd, void *data, size_t len);
void plain_reset(int fd); /* closes with a RST */
void rig_shut(struct rig *rig, rnl_socket sock, int plain);

/* ---- Faults ------------------------------------------------------------ */

/* Fails calls with `err`: `count` of them, after `skip` that pass. `calls` names them,
 * a blank between; NULL: all. False in a build without faults: the test then says
 * so and passes. */
bool faults_start(const char *calls, int err, int skip, int count);
/* Only each second of them fails. */
void faults_alternate(void);
/* Ends it. How many calls of these names there were. */
int faults_stop(void);
int faults_injected(void);

/* ---- The suites -------------------------------------------------------- */

int contract_main(const char *backend);
void suites(void); /* adds them all: helper_posix.c, helper_windows.c */
void add_suite(const char *name, void (*fill)(CU_pSuite suite));
void suite_table(CU_pSuite suite); /* both ends through the table */
void suite_basic(CU_pSuite suite);
void suite_hazards(CU_pSuite suite);
void suite_faults(CU_pSuite suite);
void suite_process(CU_pSuite suite);
void suite_posix(CU_pSuite suite);

#endif
