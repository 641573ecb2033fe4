/* unixpath_win.c: what is at the path of a Unix socket, on Windows.
 *
 * A socket is a reparse point with a tag of its own. Paths are UTF-8. */
#include "backend/sys.h"
#include "backend/os_posix.h"

#include <string.h>

#define TAG_AF_UNIX 0x80000023u /* IO_REPARSE_TAG_AF_UNIX */

enum { ROOM = 128 }; /* more than a path of Unix has bytes */

static int wide_path(const struct rnl_address *address, wchar_t out[ROOM])
{
    int len;

    if (address->path_len == 0 || address->path[0] == '\0')
        return RNL_ENOENT;
    len = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, address->path,
                              (int)address->path_len, out, ROOM - 1);
    if (len <= 0)
        return RNL_EINVAL;
    out[len] = L'\0';
    return RNL_OK;
}

static int failed(int64_t *os)
{
    rnli_win_failed();
    return rnli_posix_fail(os);
}

int rnli_posix_unix_stat(struct rnl_backend *backend, const struct rnl_address *path,
                         uint64_t id[2], bool *is_socket, int64_t *os)
{
    WIN32_FIND_DATAW found;
    BY_HANDLE_FILE_INFORMATION info;
    wchar_t text[ROOM];
    int code = wide_path(path, text);
    HANDLE handle;

    (void)backend;
    *os = 0;
    id[0] = id[1] = 0;
    if (code)
        return code;
    handle = FindFirstFileW(text, &found);
    if (handle == INVALID_HANDLE_VALUE)
        return failed(os);
    FindClose(handle);
    *is_socket = (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0 &&
                 found.dwReserved0 == TAG_AF_UNIX;
    handle = CreateFileW(text, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                         OPEN_EXISTING, FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS,
                         NULL);
    if (handle == INVALID_HANDLE_VALUE)
        return RNL_OK; /* it has no identity for us */
    if (GetFileInformationByHandle(handle, &info)) {
        id[0] = info.dwVolumeSerialNumber;
        id[1] = (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow;
    }
    CloseHandle(handle);
    return RNL_OK;
}

int rnli_posix_unix_unlink(struct rnl_backend *backend, const struct rnl_address *path, int64_t *os)
{
    wchar_t text[ROOM];
    int code = wide_path(path, text);

    (void)backend;
    *os = 0;
    if (code)
        return code;
    return DeleteFileW(text) ? RNL_OK : failed(os);
}
