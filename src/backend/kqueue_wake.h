/* kqueue_wake.h: how another thread or a signal handler ends a kevent.
 *
 * An EVFILT_USER of the kqueue itself: a wake is one kevent call and no descriptor.
 * OpenBSD has no such filter; there it is a pipe, as with select. Its udata is 0,
 * which no slot's generation is. */
#ifndef RNLI_BACKEND_KQUEUE_WAKE_H
#define RNLI_BACKEND_KQUEUE_WAKE_H

#include "backend/sys.h"

#ifdef EVFILT_USER
struct rnli_kqueue_wake {
    bool unused;
};

static inline void rnli_kqueue_wake_init(struct rnli_kqueue_wake *wake)
{
    wake->unused = false;
}

/* 0, or -1 and errno. */
static inline int rnli_kqueue_wake_open(struct rnli_kqueue_wake *wake, int kq)
{
    struct kevent change;

    (void)wake;
    EV_SET(&change, 0, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
    return rnli_sys_kevent(kq, &change, 1, NULL, 0, 0);
}

static inline void rnli_kqueue_wake_close(struct rnli_kqueue_wake *wake)
{
    (void)wake;
}

static inline void rnli_kqueue_wake_tell(struct rnli_kqueue_wake *wake, int kq)
{
    struct kevent change;

    (void)wake;
    EV_SET(&change, 0, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    while (rnli_sys_kevent_wake(kq, &change) < 0 && errno == EINTR)
        continue;
}

/* Its event has come. */
static inline void rnli_kqueue_wake_heard(struct rnli_kqueue_wake *wake)
{
    (void)wake;
}
#else
struct rnli_kqueue_wake {
    int pipe[2]; /* read end, write end; -1: not open */
};

static inline void rnli_kqueue_wake_init(struct rnli_kqueue_wake *wake)
{
    wake->pipe[0] = wake->pipe[1] = -1;
}

static inline int rnli_kqueue_wake_open(struct rnli_kqueue_wake *wake, int kq)
{
    struct kevent change;

    if (rnli_sys_pipe(wake->pipe) < 0) {
        rnli_kqueue_wake_init(wake);
        return -1;
    }
    EV_SET(&change, (uintptr_t)wake->pipe[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    return rnli_sys_kevent(kq, &change, 1, NULL, 0, 0);
}

static inline void rnli_kqueue_wake_close(struct rnli_kqueue_wake *wake)
{
    if (wake->pipe[0] < 0)
        return;
    rnli_sys_close(wake->pipe[0]);
    rnli_sys_close(wake->pipe[1]);
}

static inline void rnli_kqueue_wake_tell(struct rnli_kqueue_wake *wake, int kq)
{
    (void)kq;
    while (rnli_sys_write(wake->pipe[1], "", 1) < 0 && errno == EINTR)
        continue;
}

static inline void rnli_kqueue_wake_heard(struct rnli_kqueue_wake *wake)
{
    char bytes[64];

    while (rnli_sys_read(wake->pipe[0], bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
        continue;
}
#endif

#endif
