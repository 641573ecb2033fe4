/* posix.c: see posix.h. The C library's close, read and write know no sockets; these do. */
#include "windows/posix.h"

#include <io.h>
#include <stdarg.h>

#undef connect

static bool is_socket(int fd)
{
    int type, len = sizeof type;

    return fd >= 0 && fd % 4 == 0 && rnli_win_start() == RNL_OK &&
           (getsockopt)((SOCKET)fd, SOL_SOCKET, SO_TYPE, (char *)&type, &len) == 0;
}

int close(int fd)
{
    return is_socket(fd) ? rnli_sys_close(fd) : _close(fd);
}

/* Not by the library's wrappers, whose calls some tests count. */
static int told(int answer)
{
    return answer == SOCKET_ERROR ? rnli_win_failed() : answer;
}

int read(int fd, void *data, unsigned len)
{
    return is_socket(fd) ? told(recv((SOCKET)fd, data, (int)len, 0)) : _read(fd, data, len);
}

int write(int fd, const void *data, unsigned len)
{
    return is_socket(fd) ? told(send((SOCKET)fd, data, (int)len, 0)) : _write(fd, data, len);
}

int tests_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    int answer = told(connect((SOCKET)fd, addr, len));

    if (answer < 0 && WSAGetLastError() == WSAEWOULDBLOCK)
        errno = EINPROGRESS;
    return answer;
}

int fcntl(int fd, int command, ...)
{
    DWORD flags = 0;

    if (!is_socket(fd)) {
        errno = EBADF;
        return -1;
    }
    if (command == F_SETFL)
        return rnli_sys_nonblocking(fd);
    if (command == F_GETFL)
        return O_NONBLOCK;
    GetHandleInformation((HANDLE)(SOCKET)fd, &flags);
    return flags & HANDLE_FLAG_INHERIT ? 0 : FD_CLOEXEC;
}

int dup(int fd)
{
    WSAPROTOCOL_INFOW info;
    SOCKET copy;

    if (WSADuplicateSocketW((SOCKET)fd, GetCurrentProcessId(), &info) != 0)
        return -1;
    copy = WSASocketW(-1, -1, -1, &info, 0, WSA_FLAG_OVERLAPPED);
    return copy == INVALID_SOCKET ? -1 : (int)copy;
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    int len = sizeof sa;
    SOCKET listener = socket(AF_INET, SOCK_STREAM, 0);

    (void)domain, (void)type, (void)protocol;
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&sa, sizeof sa) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&sa, &len) != 0)
        return -1;
    fds[1] = (int)socket(AF_INET, SOCK_STREAM, 0);
    if (connect((SOCKET)fds[1], (struct sockaddr *)&sa, sizeof sa) != 0)
        return -1;
    fds[0] = (int)accept(listener, NULL, NULL);
    closesocket(listener);
    return 0;
}

int pipe(int fds[2])
{
    return socketpair(AF_INET, SOCK_STREAM, 0, fds);
}

char *mkdtemp(char *path)
{
    return _mktemp(path) && _mkdir(path) == 0 ? path : NULL;
}

ssize_t getline(char **line, size_t *size, FILE *file)
{
    size_t len = 0;
    int c;

    while ((c = fgetc(file)) != EOF) {
        if (len + 2 > *size) {
            char *more = realloc(*line, *size = 2 * (len + 64));

            if (!more)
                return -1;
            *line = more;
        }
        (*line)[len++] = (char)c;
        (*line)[len] = '\0';
        if (c == '\n')
            break;
    }
    return len > 0 ? (ssize_t)len : -1;
}

/* In place of the one that reads /proc. Handles are multiples of four. */
int open_descriptors(void)
{
    int count = 0;

    for (int fd = 4; fd < 4096; fd += 4)
        count += is_socket(fd);
    return count;
}
