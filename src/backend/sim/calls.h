/* calls.h: the system calls that the files of the readiness backends make, simulated.
 *
 *      ready.c  serve.c  wait.c  --rnli_sys_..., rnli_posix_...-->  the system
 *      shared.c: the same text   --rnli_sim_call_...------------->  calls.c
 *
 * This page is the seam. shared.c compiles those three files once more, with this page in
 * front of them: the names of the calls then mean the simulator's, and the files' own
 * names others than in the library's first copy. So what the backends of real systems run is
 * run here, and they pay nothing for it.
 *
 * A call knows its socket by number alone; whose numbers they are is said before by
 * rnli_sim_calls_of. errno is the system's; what the faults of runnel/sim.h do is said at each
 * call in calls.c. Names of sockets, options and shutdown need no seam: they are immediate,
 * and the simulator's own in every model. */
#ifndef RNLI_BACKEND_SIM_CALLS_H
#define RNLI_BACKEND_SIM_CALLS_H

#include "backend/sys.h"
#include "backend/os_posix.h"
#include "backend/sim/sim.h"

#ifdef RNLI_BACKEND_READY_H
#error "calls.h comes before ready.h, whose names it changes"
#endif

/* Until it is called again on this thread. */
void rnli_sim_calls_of(struct rnl_backend *sim);

int64_t rnli_sim_call_monotonic(void);
int rnli_sim_call_socket(enum rnl_family family, int *out, int64_t *os);
int rnli_sim_call_adopt(int fd, int64_t *os);
enum rnl_family rnli_sim_call_family(int fd);
int rnli_sim_call_close(int fd);
int rnli_sim_call_ready(int fd, short events);
ssize_t rnli_sim_call_recv(int fd, void *buf, size_t len, int flags);
ssize_t rnli_sim_call_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t rnli_sim_call_send(int fd, const struct rnl_bytes *pieces, size_t npieces);
int rnli_sim_call_accept(int fd, struct sockaddr *addr, socklen_t *len);
int rnli_sim_call_connect(int fd, const struct sockaddr *addr, socklen_t len);
int rnli_sim_call_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int rnli_sim_call_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int rnli_sim_call_getpeername(int fd, struct sockaddr *addr, socklen_t *len);

/* What a poller would tell of a socket now: RNLI_IN ... of ready.h. */
unsigned rnli_sim_call_state(const struct rnl_backend *sim, const struct rnli_sim_sock *sock);

/* The calls. */
#define rnli_sys_monotonic   rnli_sim_call_monotonic
#define rnli_posix_socket    rnli_sim_call_socket
#define rnli_posix_adopt     rnli_sim_call_adopt
#define rnli_posix_family    rnli_sim_call_family
#define rnli_posix_ready     rnli_sim_call_ready
#define rnli_posix_send      rnli_sim_call_send
#define rnli_sys_close       rnli_sim_call_close
#define rnli_sys_recv        rnli_sim_call_recv
#define rnli_sys_recvmsg     rnli_sim_call_recvmsg
#define rnli_sys_accept      rnli_sim_call_accept
#define rnli_sys_connect     rnli_sim_call_connect
#define rnli_sys_getsockopt  rnli_sim_call_getsockopt
#define rnli_sys_getsockname rnli_sim_call_getsockname
#define rnli_sys_getpeername rnli_sim_call_getpeername

/* The files' own names. */
#define rnli_ready_init          rnli_sim_ready_init
#define rnli_ready_destroy       rnli_sim_ready_destroy
#define rnli_ready_event         rnli_sim_ready_event
#define rnli_ready_submit        rnli_sim_ready_submit
#define rnli_ready_cancel        rnli_sim_ready_cancel
#define rnli_ready_wait          rnli_sim_ready_wait
#define rnli_ready_rest          rnli_sim_ready_rest
#define rnli_ready_wake          rnli_sim_ready_wake
#define rnli_ready_try_send      rnli_sim_ready_try_send
#define rnli_ready_open_socket   rnli_sim_ready_open_socket
#define rnli_ready_attach        rnli_sim_ready_attach
#define rnli_ready_detach        rnli_sim_ready_detach
#define rnli_ready_close_socket  rnli_sim_ready_close_socket
#define rnli_ready_evict         rnli_sim_ready_evict
#define rnli_ready_note_accepted rnli_sim_ready_note_accepted
#define rnli_op_slot             rnli_sim_op_slot
#define rnli_op_park             rnli_sim_op_park
#define rnli_op_queue            rnli_sim_op_queue
#define rnli_op_delay            rnli_sim_op_delay
#define rnli_op_finish           rnli_sim_op_finish
#define rnli_turn_entry          rnli_sim_turn_entry
#define rnli_serve               rnli_sim_serve
#define rnli_start_connect       rnli_sim_start_connect

#define RNLI_READY_FIRST RNLI_SIM_FD_BASE

#include "backend/ready.h"

#endif
