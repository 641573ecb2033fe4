/* kqueue.c: a kqueue for tests on Linux, over an epoll instance.
 *
 *      kqueue's number = the epoll's; queue: knotes by descriptor (and the user event)
 *
 *      kevent --> changes, each: knote, epoll_ctl (edge-triggered), receipt
 *             --> epoll_wait --> one event for each filter of the descriptor that is ready
 *
 * Only what the backend uses: READ, WRITE and one USER event; EV_ADD, EV_DELETE,
 * EV_CLEAR (always on), EV_RECEIPT, EV_EOF, EV_ERROR. As on a BSD, a change that
 * fails and finds no room for its error ends the call; a filter that is not there
 * cannot be deleted (ENOENT); a closed descriptor is out of it by itself.
 *
 * It tells a filter's state anew with each edge of the other, which a BSD does not:
 * a backend must bear events that say nothing new. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/event.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ, WRITE, KINDS, BATCH = 64 };

struct knotes {
    bool there[KINDS];
    void *udata[KINDS];
};

struct queue {
    struct queue *next;
    int epfd, userfd;
    void *user_udata;
    struct knotes *knotes; /* by descriptor */
    size_t count;
};

/* All of them; the lock is for threads with queues of their own. */
static struct queue *queues;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The linker gives every close to us (--wrap): a close takes the descriptor out of every
 * kqueue, also where a copy of it is left. */
int __real_close(int fd);
int __wrap_close(int fd);

/* ---- Queues ------------------------------------------------------------ */

static struct queue *find_queue(int kq)
{
    struct queue *q;

    pthread_mutex_lock(&lock);
    for (q = queues; q && q->epfd != kq;)
        q = q->next;
    pthread_mutex_unlock(&lock);
    return q;
}

static void free_queue(struct queue *q)
{
    if (q->userfd >= 0)
        __real_close(q->userfd);
    free(q->knotes);
    free(q);
}

/* A child inherits none of them. */
static void in_child(void)
{
    while (queues) {
        struct queue *q = queues;

        queues = q->next;
        __real_close(q->epfd);
        free_queue(q);
    }
    pthread_mutex_init(&lock, NULL);
}

static void ask_for_forks(void)
{
    pthread_atfork(NULL, NULL, in_child);
}

int kqueue(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct queue *q = calloc(1, sizeof(*q));
    int saved;

    pthread_once(&once, ask_for_forks);
    if (!q) {
        errno = ENOMEM;
        return -1;
    }
    q->userfd = -1;
    q->epfd = epoll_create1(0);
    if (q->epfd < 0) {
        saved = errno;
        free(q);
        errno = saved;
        return -1;
    }
    pthread_mutex_lock(&lock);
    q->next = queues;
    queues = q;
    pthread_mutex_unlock(&lock);
    return q->epfd;
}

static void drop_knotes(struct queue *q, int fd)
{
    struct epoll_event unused = {0};

    if ((size_t)fd >= q->count || !(q->knotes[fd].there[READ] || q->knotes[fd].there[WRITE]))
        return;
    memset(&q->knotes[fd], 0, sizeof(q->knotes[fd]));
    epoll_ctl(q->epfd, EPOLL_CTL_DEL, fd, &unused);
}

int __wrap_close(int fd)
{
    struct queue **at = &queues;

    pthread_mutex_lock(&lock);
    while (fd >= 0 && *at) {
        struct queue *q = *at;

        if (q->epfd == fd) {
            *at = q->next;
            free_queue(q);
        } else {
            drop_knotes(q, fd);
            at = &q->next;
        }
    }
    pthread_mutex_unlock(&lock);
    return __real_close(fd);
}

/* ---- Changes ----------------------------------------------------------- */

static struct knotes *knotes_of(struct queue *q, size_t fd)
{
    struct knotes *larger;
    size_t count = q->count ? q->count : 64;

    if (fd < q->count)
        return &q->knotes[fd];
    while (count <= fd)
        count *= 2;
    larger = realloc(q->knotes, count * sizeof(*larger));
    if (!larger)
        return NULL;
    memset(larger + q->count, 0, (count - q->count) * sizeof(*larger));
    q->knotes = larger;
    q->count = count;
    return &larger[fd];
}

/* epoll's idea of the descriptor. It may have been closed since, and its number be new. */
static int sync_epoll(struct queue *q, int fd, const struct knotes *notes)
{
    struct epoll_event event = {.events = EPOLLET};

    event.data.u64 = (uint64_t)fd;
    if (notes->there[READ])
        event.events |= EPOLLIN | EPOLLRDHUP;
    if (notes->there[WRITE])
        event.events |= EPOLLOUT;
    if (!notes->there[READ] && !notes->there[WRITE])
        return epoll_ctl(q->epfd, EPOLL_CTL_DEL, fd, &event) < 0 ? errno : 0;
    if (epoll_ctl(q->epfd, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    if (errno == ENOENT && epoll_ctl(q->epfd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    return errno;
}

static int add_filter(struct queue *q, const struct kevent *change, int kind)
{
    struct knotes *notes = knotes_of(q, change->ident);
    bool before;
    int err;

    if (!notes)
        return ENOMEM;
    before = notes->there[kind];
    notes->there[kind] = true;
    err = sync_epoll(q, (int)change->ident, notes);
    if (err)
        notes->there[kind] = before;
    else
        notes->udata[kind] = change->udata;
    return err;
}

static int delete_filter(struct queue *q, const struct kevent *change, int kind)
{
    struct knotes *notes = change->ident < q->count ? &q->knotes[change->ident] : NULL;

    if (fcntl((int)change->ident, F_GETFD) < 0)
        return EBADF;
    if (!notes || !notes->there[kind])
        return ENOENT;
    notes->there[kind] = false;
    return sync_epoll(q, (int)change->ident, notes) ? ENOENT : 0;
}

static int change_user(struct queue *q, const struct kevent *change)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};

    if (change->flags & EV_ADD) {
        event.data.u64 = UINT64_MAX;
        q->userfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (q->userfd < 0)
            return errno;
        q->user_udata = change->udata;
        return epoll_ctl(q->epfd, EPOLL_CTL_ADD, q->userfd, &event) < 0 ? errno : 0;
    }
    if (q->userfd < 0)
        return ENOENT;
    if (change->fflags & NOTE_TRIGGER)
        return eventfd_write(q->userfd, 1) < 0 && errno != EAGAIN ? errno : 0;
    return 0;
}

static int apply(struct queue *q, const struct kevent *change)
{
    int kind = change->filter == EVFILT_READ ? READ : WRITE;

    if (change->filter == EVFILT_USER)
        return change_user(q, change);
    if (change->filter != EVFILT_READ && change->filter != EVFILT_WRITE)
        return EINVAL;
    if (change->flags & EV_ADD)
        return add_filter(q, change, kind);
    return change->flags & EV_DELETE ? delete_filter(q, change, kind) : EINVAL;
}

/* Answers how many receipts there are, or -1 and errno. */
static int apply_all(struct queue *q, const struct kevent *changes, int nchanges,
                     struct kevent *events, int nevents)
{
    int n = 0;

    for (int i = 0; i < nchanges; i++) {
        int err = apply(q, &changes[i]);

        if (!err && !(changes[i].flags & EV_RECEIPT))
            continue;
        if (n == nevents && err) {
            errno = err;
            return -1;
        }
        if (n == nevents)
            continue;
        events[n] = changes[i];
        events[n].flags |= EV_ERROR;
        events[n++].data = err;
    }
    return n;
}

/* ---- Events ------------------------------------------------------------ */

static int64_t bytes_waiting(int fd)
{
    int bytes = 0;

    return ioctl(fd, FIONREAD, &bytes) < 0 ? 0 : bytes;
}

static int tell(const struct queue *q, int fd, int kind, bool end, struct kevent *out)
{
    if ((size_t)fd >= q->count || !q->knotes[fd].there[kind])
        return 0;
    EV_SET(out, (uintptr_t)fd, kind == READ ? EVFILT_READ : EVFILT_WRITE,
           (unsigned short)(EV_CLEAR | (end ? EV_EOF : 0)), 0,
           kind == READ ? bytes_waiting(fd) : 4096, q->knotes[fd].udata[kind]);
    return 1;
}

static int tell_user(const struct queue *q, struct kevent *out)
{
    eventfd_t value;

    if (eventfd_read(q->userfd, &value) < 0)
        return 0;
    EV_SET(out, 0, EVFILT_USER, EV_CLEAR, NOTE_TRIGGER, 0, q->user_udata);
    return 1;
}

static int tell_events(struct queue *q, const struct epoll_event *from, struct kevent *out)
{
    const uint32_t broken = EPOLLHUP | EPOLLERR;
    int fd = (int)from->data.u64, n = 0;

    if (from->data.u64 == UINT64_MAX)
        return tell_user(q, out);
    if (from->events & (EPOLLIN | EPOLLRDHUP | broken))
        n += tell(q, fd, READ, from->events & (EPOLLRDHUP | broken), out);
    if (from->events & (EPOLLOUT | broken))
        n += tell(q, fd, WRITE, from->events & broken, out + n);
    return n;
}

static int milliseconds(const struct timespec *timeout)
{
    if (!timeout)
        return -1;
    return (int)(timeout->tv_sec * 1000 + (timeout->tv_nsec + 999999) / 1000000);
}

int kevent(int kq, const struct kevent *changes, int nchanges, struct kevent *events,
           int nevents, const struct timespec *timeout)
{
    struct queue *q = find_queue(kq);
    struct epoll_event ready[BATCH];
    int room = nevents / KINDS < BATCH ? nevents / KINDS : BATCH, n, count;

    if (!q) {
        errno = EBADF;
        return -1;
    }
    n = apply_all(q, changes, nchanges, events, nevents);
    if (n != 0 || nevents == 0)
        return n;
    count = epoll_wait(kq, ready, room > 0 ? room : 1, milliseconds(timeout));
    if (count < 0)
        return -1;
    for (int i = 0; i < count; i++)
        n += tell_events(q, &ready[i], events + n);
    return n;
}
