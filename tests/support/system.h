/* system.h: the system's own calls, for tests that check with them. On Windows they
 * come from tests/windows. */
#ifndef RUNNEL_TESTS_SYSTEM_H
#define RUNNEL_TESTS_SYSTEM_H

#ifdef _WIN32
#include "windows/posix.h"
#define NO_SOCKET RNL_EBADF /* what a handle of another kind is */
#else
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#define NO_SOCKET RNL_ENOTSOCK
#endif

#endif
