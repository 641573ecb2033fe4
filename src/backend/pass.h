/* pass.h: descriptors between processes, and what is no socket.
 *
 * Immediate calls on descriptors, that wait for nothing and so are no backend's
 * business; a file for each system has them (os_posix_pass.c). They are for loops
 * whose sockets are the system's; one with a virtual clock has none, but for the
 * simulator's pairs. */
#ifndef RNLI_BACKEND_PASS_H
#define RNLI_BACKEND_PASS_H

#include <runnel/backend.h>
#include <runnel/handover.h>

/* Whether the backend's sockets are the system's descriptors. */
static inline bool rnli_os_sockets(const struct rnl_backend_ops *ops)
{
    return ops->thread_delay == NULL;
}

/* RNL_OK; RNL_EINVAL for a regular file or a directory, and for one that is not open
 * for reading, or for writing; RNL_EBADF. */
int rnli_os_check_pipe(rnl_socket fd, bool writes);
/* Two connected, close-on-exec stream sockets. */
int rnli_os_pair(rnl_socket out[2], int64_t *os);
/* The same of the simulator's, attached. */
int rnli_sim_pair(struct rnl_backend *sim, rnl_socket out[2], int64_t *os);
int rnli_os_inherited(rnl_socket *out, size_t max, size_t *count);
/* RNL_EAGAIN: not now. */
int rnli_os_pass(rnl_socket channel, rnl_socket sock);
int rnli_os_receive(rnl_socket channel, rnl_socket *sock);
int rnli_os_credentials(rnl_socket sock, struct rnl_credentials *out);
void rnli_os_close(rnl_socket sock);

#endif
