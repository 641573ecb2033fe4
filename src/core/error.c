/* error.c: every code's name and text, in one table.
 *
 * The table is in the order of runnel/base.h and is searched from the front:
 * names are for logs, not for hot paths. A code without a row here fails the
 * test that reads the header's list. */
#include <runnel/base.h>

struct row {
    int code;
    const char *name;
    const char *text;
};

#define ROW(code, text)                                                                            \
    {                                                                                              \
        code, #code, text                                                                          \
    }

static const struct row rows[] = {
    ROW(RNL_OK, "success"),

    ROW(RNL_EAGAIN, "not yet"),
    ROW(RNL_ECANCELED, "the task was cancelled"),
    ROW(RNL_ETIMEDOUT, "timed out"),
    ROW(RNL_EINCOMPLETE, "the input ended too early"),
    ROW(RNL_ELIMIT, "the separator is further away than the limit"),
    ROW(RNL_EBUSY, "somebody else is waiting here already"),
    ROW(RNL_ECLOSED, "closed"),
    ROW(RNL_EINVAL, "invalid argument or state"),
    ROW(RNL_ENOMEM, "out of memory"),
    ROW(RNL_ENOBUFS, "no buffer space left"),
    ROW(RNL_ENOTSUP, "not supported"),
    ROW(RNL_EDEADLOCK, "deadlock: every task waits and nothing can wake one"),
    ROW(RNL_ETRUNCATED, "TLS ended without close_notify: the data may be cut off"),
    ROW(RNL_ELEFTOVER, "clear text was received before TLS started"),

    ROW(RNL_ECONNREFUSED, "connection refused"),
    ROW(RNL_ECONNRESET, "connection reset by peer"),
    ROW(RNL_ECONNABORTED, "connection aborted"),
    ROW(RNL_EPIPE, "the peer does not read any more"),
    ROW(RNL_ENOTCONN, "not connected"),
    ROW(RNL_EADDRINUSE, "address already in use"),
    ROW(RNL_EADDRNOTAVAIL, "address not available"),
    ROW(RNL_ENETUNREACH, "network unreachable"),
    ROW(RNL_EHOSTUNREACH, "host unreachable"),
    ROW(RNL_ENETDOWN, "network is down"),
    ROW(RNL_EACCES, "permission denied"),
    ROW(RNL_EMFILE, "too many open descriptors in this process"),
    ROW(RNL_ENFILE, "too many open descriptors in the system"),
    ROW(RNL_ENOENT, "no such file or directory"),
    ROW(RNL_EEXIST, "already exists"),
    ROW(RNL_ENAMETOOLONG, "name too long"),
    ROW(RNL_ENOTSOCK, "not a socket"),
    ROW(RNL_EBADF, "bad descriptor"),
    ROW(RNL_EAFNOSUPPORT, "address family not supported"),
    ROW(RNL_EPROTO, "protocol error"),
    ROW(RNL_EIO, "input/output error"),
    ROW(RNL_EISCONN, "already connected"),
    ROW(RNL_EINTR, "interrupted"),
    ROW(RNL_ERANGE, "out of the range that the backend can hold"),

    ROW(RNL_ENONAME, "unknown host or service"),
    ROW(RNL_ENAMEAGAIN, "temporary failure in name resolution"),
    ROW(RNL_ENAMEFAIL, "failure in name resolution"),

    ROW(RNL_ETLS, "TLS protocol error"),
    ROW(RNL_ECERT, "the peer's certificate was not accepted"),
    ROW(RNL_ECERTNAME, "the peer's certificate is for another name"),
    ROW(RNL_ENOTTLS, "the peer does not speak TLS"),

    ROW(RNL_ESYS, "error of the operating system"),
};

static const struct row of_the_program = ROW(RNL_EUSER, "error of the program's own");
static const struct row of_nobody = {0, "unknown", "unknown error"};

static const struct row *find(int code)
{
    if (code <= RNL_EUSER)
        return &of_the_program;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].code == code)
            return &rows[i];
    }
    return &of_nobody;
}

const char *rnl_error_name(int code)
{
    return find(code)->name;
}

const char *rnl_strerror(int code)
{
    return find(code)->text;
}

const char *rnl_version(void)
{
    return RNL_VERSION_STRING;
}
