/* sys/event.h: the part of kqueue that the library uses, for tests on Linux.
 *
 * Names and meanings are those of the BSDs' kqueue(2); the numbers are our own. It
 * proves the backend's logic, not the behaviour of a BSD: see docs/platforms.md. */
#ifndef RUNNEL_SHIM_SYS_EVENT_H
#define RUNNEL_SHIM_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

enum { EVFILT_SHIM_READ = -1, EVFILT_SHIM_WRITE = -2, EVFILT_SHIM_USER = -10 };
#define EVFILT_READ  EVFILT_SHIM_READ
#define EVFILT_WRITE EVFILT_SHIM_WRITE
#define EVFILT_USER  EVFILT_SHIM_USER

#define EV_ADD       0x0001
#define EV_DELETE    0x0002
#define EV_CLEAR     0x0020
#define EV_RECEIPT   0x0040
#define EV_ERROR     0x4000
#define EV_EOF       0x8000
#define NOTE_TRIGGER 0x01000000

struct kevent {
    uintptr_t ident;
    short filter;
    unsigned short flags;
    unsigned fflags;
    int64_t data;
    void *udata;
};

#define EV_SET(event, ident_, filter_, flags_, fflags_, data_, udata_)                        \
    (*(event) = (struct kevent){.ident = (ident_), .filter = (filter_), .flags = (flags_),    \
                                .fflags = (fflags_), .data = (data_), .udata = (udata_)})

int kqueue(void);
int kevent(int kq, const struct kevent *changes, int nchanges, struct kevent *events,
           int nevents, const struct timespec *timeout);

#endif
