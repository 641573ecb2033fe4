/* unixpath.c: what is at the path of a Unix socket. Windows: unixpath_win.c. */
#include "backend/sys.h"
#include "backend/os_posix.h"

#include <string.h>

/* The path as a string: an address does not end in '\0'. */
static void path_text(const struct rnl_address *address, char *out)
{
    memcpy(out, address->path, address->path_len);
    out[address->path_len] = '\0';
}

int rnli_posix_unix_stat(struct rnl_backend *backend, const struct rnl_address *path,
                         uint64_t id[2], bool *is_socket, int64_t *os)
{
    char text[sizeof path->path + 1];
    struct stat st;

    (void)backend;
    path_text(path, text);
    if (rnli_sys_lstat(text, &st))
        return rnli_posix_fail(os);
    id[0] = (uint64_t)st.st_dev;
    id[1] = (uint64_t)st.st_ino;
    *is_socket = S_ISSOCK(st.st_mode);
    return RNL_OK;
}

int rnli_posix_unix_unlink(struct rnl_backend *backend, const struct rnl_address *path, int64_t *os)
{
    char text[sizeof path->path + 1];

    (void)backend;
    path_text(path, text);
    return rnli_sys_unlink(text) ? rnli_posix_fail(os) : RNL_OK;
}
