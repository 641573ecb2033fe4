/* os_posix.h: what the POSIX backends share that has no idea of waiting.
 *
 * Errors, and the functions of the table that act on a socket at once. Those
 * whose name ends as a field of struct rnl_backend_ops go into the table as they
 * are; the others are for ready.c. */
#ifndef RNLI_BACKEND_OS_POSIX_H
#define RNLI_BACKEND_OS_POSIX_H

#include "backend/sys.h"
#include <runnel/backend.h>

/* errno as one of RNL_E...; RNL_ESYS for what has no name of its own. */
int rnli_posix_code(int err);
/* The same for errno itself, which is kept in *os. */
int rnli_posix_fail(int64_t *os);

/* A non-blocking, close-on-exec stream socket. */
int rnli_posix_socket(enum rnl_family family, int *out, int64_t *os);
/* Makes a socket from elsewhere fit for us. */
int rnli_posix_adopt(int fd, int64_t *os);
/* The family; RNL_UNSPEC if `fd` is no socket, or of another family. */
enum rnl_family rnli_posix_family(int fd);
/* Sends what the kernel takes of the first IOV_MAX pieces; -1 and errno. */
ssize_t rnli_posix_send(int fd, const struct rnl_bytes *pieces, size_t npieces);
/* The same for what is no socket (ENOTSOCK). No SIGPIPE. */
ssize_t rnli_posix_read(int fd, void *data, size_t len);
ssize_t rnli_posix_write(int fd, const struct iovec *iov, int count);
/* Which of the POLL... bits `events` is true now; 0: none. -1 and errno. */
int rnli_posix_ready(int fd, short events);

int64_t rnli_posix_now(struct rnl_backend *backend);
int rnli_posix_bind(struct rnl_backend *backend, rnl_socket sock, const struct rnl_address *address,
                    int64_t *os);
int rnli_posix_listen(struct rnl_backend *backend, rnl_socket sock, int backlog, int64_t *os);
int rnli_posix_shutdown(struct rnl_backend *backend, rnl_socket sock, enum rnl_shut how,
                        int64_t *os);
int rnli_posix_get_name(struct rnl_backend *backend, rnl_socket sock, bool peer,
                        struct rnl_address *out, int64_t *os);
int rnli_posix_set_option(struct rnl_backend *backend, rnl_socket sock, enum rnl_sockopt option,
                          int value, int64_t *os);
int rnli_posix_info(struct rnl_backend *backend, rnl_socket sock, struct rnl_socket_info *out,
                    int64_t *os);
int rnli_posix_unix_stat(struct rnl_backend *backend, const struct rnl_address *path,
                         uint64_t id[2], bool *is_socket, int64_t *os);
int rnli_posix_unix_unlink(struct rnl_backend *backend, const struct rnl_address *path,
                           int64_t *os);

#endif
