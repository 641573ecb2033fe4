/* runnel/base.h: what every other header rests on.
 *
 * Versions, error codes, byte views, memory and units of time. Nothing here
 * suspends, and nothing needs a loop.
 *
 * Threads, in all of Runnel: an object belongs to the loop, and so to the
 * thread, that made it. A call may come from another thread only where its
 * comment, or else the top of its header, says so on a line `Threads:`. Debug
 * builds end one that may not with a sentence.
 *
 * NULL, in all of Runnel: a pointer may be NULL only where the comment says so, or
 * where what it points to has no bytes. Debug builds end most calls on an object that
 * is NULL with a sentence, too.
 *
 * Fork, in all of Runnel: a loop belongs to the process that made it, too. In a
 * child of a fork its copy is refused: whatever would connect, listen or send
 * answers RNL_EINVAL, and rnl_run does once the task returns; tasks that wait are
 * cancelled (RNL_ECANCELED), and given up where they wait on: they do not run again,
 * and what they hold is not released; rnl_to_thread answers RNL_EAGAIN. What the
 * child closes or cancels ends, in the child alone. Nothing of the parent's is
 * disturbed by that, nor by ending the copy: its connections are not shut down,
 * nothing that was queued is sent, no Unix path is unlinked. The child may exec or
 * _exit, or leave the copy (return from the task, or rnl_loop_close) and then start a
 * loop of its own. A descriptor stays open until both processes have closed it; all
 * of the library's are close-on-exec. A simulation's copy is one more simulation, and
 * goes on.
 *
 * Threads:  any, here. */
#ifndef RUNNEL_BASE_H
#define RUNNEL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RNL_VERSION_MAJOR 0
#define RNL_VERSION_MINOR 1
#define RNL_VERSION_PATCH 0
#define RNL_VERSION_STRING "0.1.0"

#if defined(RNL_STATIC)
#define RNL_API
#elif defined(_WIN32) && defined(RNL_BUILDING)
#define RNL_API __declspec(dllexport)
#elif defined(_WIN32) && defined(RNL_SHARED)
#define RNL_API __declspec(dllimport)
#elif defined(__GNUC__)
#define RNL_API __attribute__((visibility("default")))
#else
#define RNL_API
#endif

/* The answer of a call that waits must be looked at: it may be a cancel. */
#if defined(__GNUC__)
#define RNL_MUST_USE __attribute__((warn_unused_result))
#else
#define RNL_MUST_USE
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Units and defaults ------------------------------------------------ */

/* Times are int64_t nanoseconds. */
#define RNL_MICROSECOND INT64_C(1000)
#define RNL_MILLISECOND INT64_C(1000000)
#define RNL_SECOND      INT64_C(1000000000)
#define RNL_MINUTE      (60 * RNL_SECOND)
#define RNL_HOUR        (60 * RNL_MINUTE)

/* In an options struct zero means "the default". RNL_OFF means "none": no time
 * limit, no cap, no delay. These take it:
 *
 *     limit, high_water, write_cap (the core's cap), max_connections
 *     idle_timeout_ns, write_timeout_ns, linger_close_ns
 *     timeout_ns, attempt_timeout_ns, happy_eyeballs_delay_ns
 *     handshake_timeout_ns, shutdown_timeout_ns (with a context only, as any value)
 *     the times of rnl_timeout_begin, rnl_timeout_reset and rnl_server_shutdown
 *
 * low_water of a core writer takes it as 0 bytes; that of a stream only where
 * high_water is RNL_OFF too. min_rate_window_ns, interleave, backlog, keep_idle_ns,
 * keep_interval_ns, keep_count and user_timeout_ns refuse it (RNL_EINVAL). Elsewhere it
 * is no "none": an unsigned field (min_rate, recv_buffer, send_buffer, stack_size, a
 * port) has its largest value by it. */
#define RNL_OFF (-1)

/* As a count to read: everything up to the end of input (Python's read(-1)). */
#define RNL_ALL ((size_t)-1)

/* A switch whose default is the library's to choose. */
enum rnl_switch { RNL_DEFAULT = 0, RNL_YES = 1, RNL_NO = 2 };

/* ---- Errors ------------------------------------------------------------ */

/* Every call that can fail answers RNL_OK or one of these. The values are the
 * same on every platform and never change. A function of the user's own (a
 * task, a handler) may answer these, or codes of its own from RNL_EUSER down:
 * RNL_EUSER, RNL_EUSER - 1, ... */
enum rnl_error {
    RNL_OK = 0,

    /* Answers of the library itself. */
    RNL_EAGAIN = -1,      /* not yet (the core, and calls named try_...) */
    RNL_ECANCELED = -2,   /* the task was cancelled while it waited */
    RNL_ETIMEDOUT = -3,   /* a time limit ran out */
    RNL_EINCOMPLETE = -4, /* the input ended first; the part that came is kept */
    RNL_ELIMIT = -5,      /* more than the limit precedes the separator */
    RNL_EBUSY = -6,       /* another task waits here already */
    RNL_ECLOSED = -7,     /* the object is closed */
    RNL_EINVAL = -8,      /* an argument, or the state, does not allow this */
    RNL_ENOMEM = -9,      /* out of memory, stacks or mappings */
    RNL_ENOBUFS = -10,    /* a cap on queued bytes, or the system's buffers */
    RNL_ENOTSUP = -11,    /* not on this platform, backend or build */
    RNL_EDEADLOCK = -12,  /* every task waits, and nothing can wake one */
    RNL_ETRUNCATED = -13, /* TLS ended without close_notify: maybe cut off */
    RNL_ELEFTOVER = -14,  /* clear text was received before start_tls */

    /* The network's and the system's. */
    RNL_ECONNREFUSED = -20,
    RNL_ECONNRESET = -21,
    RNL_ECONNABORTED = -22,
    RNL_EPIPE = -23,
    RNL_ENOTCONN = -24,
    RNL_EADDRINUSE = -25,
    RNL_EADDRNOTAVAIL = -26,
    RNL_ENETUNREACH = -27,
    RNL_EHOSTUNREACH = -28,
    RNL_ENETDOWN = -29,
    RNL_EACCES = -30,
    RNL_EMFILE = -31, /* the process has no descriptor left */
    RNL_ENFILE = -32, /* the system has none left */
    RNL_ENOENT = -33,
    RNL_EEXIST = -34,
    RNL_ENAMETOOLONG = -35,
    RNL_ENOTSOCK = -36,
    RNL_EBADF = -37,
    RNL_EAFNOSUPPORT = -38,
    RNL_EPROTO = -39,
    RNL_EIO = -40,
    RNL_EISCONN = -41,
    RNL_EINTR = -42,
    RNL_ERANGE = -43, /* a descriptor or a number the backend cannot hold */

    /* Name resolution. */
    RNL_ENONAME = -60,   /* the name or the service does not exist */
    RNL_ENAMEAGAIN = -61, /* a temporary failure of the resolver */
    RNL_ENAMEFAIL = -62, /* a lasting failure of the resolver */

    /* TLS. */
    RNL_ETLS = -80,      /* a protocol error; the detail text says which */
    RNL_ECERT = -81,     /* the peer's certificate was not accepted */
    RNL_ECERTNAME = -82, /* ... because it is for another name */
    RNL_ENOTTLS = -83,   /* the peer does not speak TLS */

    RNL_ESYS = -99,    /* any other error of the operating system */
    RNL_EUSER = -1000  /* and below: the program's own */
};

/* The name of a code, "RNL_ECONNRESET"; "RNL_EUSER" for the program's own and
 * "unknown" for what is no code. Static memory.
 * Threads:  any. */
RNL_API const char *rnl_error_name(int code);

/* A sentence for people: "connection reset by peer". Static memory.
 * Threads:  any. */
RNL_API const char *rnl_strerror(int code);

/* ---- Bytes ------------------------------------------------------------- */

/* A view of bytes that somebody else owns. Each call that hands one out says
 * how long it lives. `data` may be NULL when `len` is 0. */
struct rnl_bytes {
    const unsigned char *data;
    size_t len;
};

/* ---- Memory ------------------------------------------------------------ */

/* An allocator: three functions and a pointer for them. `alloc` and `realloc`
 * answer NULL when there is no memory; memory is aligned as malloc's. `size` in
 * `free` and `old_size` in `realloc` are what was asked for. It is given where
 * an object is made and kept in the object.
 * Threads:  the default allocator is called from any thread; one given to a
 *           loop from that loop's thread only. */
struct rnl_allocator {
    void *(*alloc)(void *user, size_t size);
    void *(*realloc)(void *user, void *ptr, size_t old_size, size_t size);
    void (*free)(void *user, void *ptr, size_t size);
    void *user;
};

/* Sets the allocator of all objects that are given none (at first: malloc's).
 * The struct is copied.
 *
 * Returns:  RNL_OK; RNL_EINVAL if a function is missing; RNL_EBUSY once
 *           anything has been allocated.
 * Threads:  before any other thread uses the library. */
RNL_API int rnl_set_default_allocator(const struct rnl_allocator *allocator);

/* ---- The build --------------------------------------------------------- */

/* The version that runs, as "0.1.0".
 * Threads:  any. */
RNL_API const char *rnl_version(void);

#ifdef __cplusplus
}
#endif
#endif
