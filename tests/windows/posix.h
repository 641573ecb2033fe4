/* posix.h: as much of POSIX as the tests use, on Windows, where a descriptor is a
 * socket. For tests alone: so that they are the same programs everywhere. */
#ifndef TESTS_WINDOWS_POSIX_H
#define TESTS_WINDOWS_POSIX_H

#include "backend/sys.h"

#include <direct.h>
#include <io.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCK_CLOEXEC  0
#define SOCK_NONBLOCK 0 /* a test that needs it asks by fcntl, and is not run here */
#define MSG_NOSIGNAL  0

enum { F_GETFD = 1, F_GETFL = 3, F_SETFL = 4, FD_CLOEXEC = 1, O_NONBLOCK = 0x4000 };

#define setsockopt(fd, level, name, value, len) rnli_sys_setsockopt(fd, level, name, value, len)
#define getsockopt(fd, level, name, value, len) rnli_sys_getsockopt(fd, level, name, value, len)
#define mkdir(path, mode) _mkdir(path)
#define connect tests_connect

/* F_GETFD: FD_CLOEXEC or 0, -1 where no socket is. F_GETFL: O_NONBLOCK, for Windows
 * does not tell. F_SETFL: it does not block from now on. */
int fcntl(int fd, int command, ...);
int dup(int fd);
/* Sets errno: EINPROGRESS for a socket that does not block. */
int tests_connect(int fd, const struct sockaddr *addr, socklen_t len);
/* How many sockets there are. */
int open_descriptors(void);
/* Both make two sockets of TCP, connected. */
int socketpair(int domain, int type, int protocol, int fds[2]);
int pipe(int fds[2]);

char *mkdtemp(char *path);

/* A line with its end, in *line, which grows; -1 at the end of the file. */
ssize_t getline(char **line, size_t *size, FILE *file);

static inline int setenv(const char *name, const char *value, int overwrite)
{
    (void)overwrite;
    return _putenv_s(name, value);
}

static inline int unsetenv(const char *name)
{
    return _putenv_s(name, "");
}

/* There is no SIGPIPE, so nobody can have changed what it does. */
#define SIGPIPE 13

struct sigaction {
    void (*sa_handler)(int number);
};

static inline int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    old->sa_handler = SIG_DFL;
    return number == SIGPIPE && !action ? 0 : -1;
}

#endif
