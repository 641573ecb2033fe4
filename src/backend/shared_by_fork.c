/* shared_by_fork.c: what a child of a fork may not do to its parent's sockets and paths.
 *
 * These act on the socket, or the file, itself and not on the process's descriptor: a
 * child that ends its copy of a connection would end the parent's. So a loop that was
 * made before the fork refuses them in the child, as ready.c does the others. */
#include "backend/os_posix.h"
#include "backend/ready.h"

int rnli_ready_bind(struct rnl_backend *backend, rnl_socket sock,
                    const struct rnl_address *address, int64_t *os)
{
    *os = 0;
    return rnli_ready_forked(rnli_ready_of(backend)) ? RNL_EINVAL
                                                     : rnli_posix_bind(backend, sock, address, os);
}

int rnli_ready_listen(struct rnl_backend *backend, rnl_socket sock, int backlog, int64_t *os)
{
    *os = 0;
    return rnli_ready_forked(rnli_ready_of(backend))
               ? RNL_EINVAL
               : rnli_posix_listen(backend, sock, backlog, os);
}

int rnli_ready_shutdown(struct rnl_backend *backend, rnl_socket sock, enum rnl_shut how,
                        int64_t *os)
{
    *os = 0;
    return rnli_ready_forked(rnli_ready_of(backend)) ? RNL_EINVAL
                                                     : rnli_posix_shutdown(backend, sock, how, os);
}

int rnli_ready_set_option(struct rnl_backend *backend, rnl_socket sock, enum rnl_sockopt option,
                          int value, int64_t *os)
{
    *os = 0;
    return rnli_ready_forked(rnli_ready_of(backend))
               ? RNL_EINVAL
               : rnli_posix_set_option(backend, sock, option, value, os);
}

int rnli_ready_info(struct rnl_backend *backend, rnl_socket sock, struct rnl_socket_info *out,
                    int64_t *os)
{
    *os = 0;
    return rnli_ready_forked(rnli_ready_of(backend)) ? RNL_EINVAL
                                                     : rnli_posix_info(backend, sock, out, os);
}

int rnli_ready_unix_unlink(struct rnl_backend *backend, const struct rnl_address *path,
                           int64_t *os)
{
    *os = 0;
    return rnli_ready_forked(rnli_ready_of(backend)) ? RNL_EINVAL
                                                     : rnli_posix_unix_unlink(backend, path, os);
}
