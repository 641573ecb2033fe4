/* select_win.c: the select backend on Windows.
 *
 * An fd_set is a counted array there, and the count has no bound but the one that a
 * program compiled in: ours are arrays of our own size.
 *
 *      watches: fd, interest | fd, interest | ...     place[fd]: where, plus one
 *
 *      poll: each watch --> sets[READ]            --select--> what is left in a set
 *                      `--> sets[WRITE], sets[ODD]            is what is ready
 *
 * A connect that failed is told in the third set alone; so is urgent data, for as long as
 * nobody reads it, which is nothing to a sender. The wake-up is a datagram
 * socket that is connected to itself: nobody else's datagrams come in. */
#include "backend/sys.h"
#include "backend/backends.h"
#include "backend/ready.h"
#include "backend/sockaddr.h"
#include "core/alloc.h"

#include <string.h>

enum { READ, WRITE, ODD, SETS };
enum { ROOM_MIN = 64 };

struct watch {
    int fd;
    unsigned interest;
    bool connected; /* urgent data has come: not for the third set any more */
};

/* As fd_set, with room for more. */
struct sockets {
    u_int count;
    SOCKET at[];
};

struct rnl_backend {
    struct rnli_ready ready; /* first: see ready.h */
    int wake;
    size_t attached;       /* may be watched: there is room for each */
    size_t nwatches;       /* are watched */
    size_t room;           /* of the watches and of each set, which are one block */
    struct watch *watches;
    uint32_t *place;       /* by descriptor: its watch plus one; 0: none */
    size_t nplaces;
};

/* ---- Room -------------------------------------------------------------- */

static size_t set_size(size_t room)
{
    return sizeof(struct sockets) + room * sizeof(SOCKET);
}

static size_t block_size(size_t room)
{
    return room ? room * sizeof(struct watch) + SETS * set_size(room) : 0;
}

static struct sockets *set_at(const struct rnl_backend *backend, int i)
{
    unsigned char *sets = (unsigned char *)(backend->watches + backend->room);

    return (struct sockets *)(void *)(sets + (size_t)i * set_size(backend->room));
}

/* For one more descriptor. */
static bool make_room(struct rnl_backend *backend)
{
    const struct rnl_allocator *a = &backend->ready.allocator;
    size_t room = backend->room ? 2 * backend->room : ROOM_MIN;
    struct watch *watches;

    if (backend->attached < backend->room)
        return true;
    watches = rnli_realloc(a, backend->watches, block_size(backend->room), block_size(room));
    if (!watches)
        return false;
    backend->watches = watches;
    backend->room = room;
    return true;
}

static bool make_place(struct rnl_backend *backend, int fd)
{
    size_t count = backend->nplaces ? backend->nplaces : ROOM_MIN;
    uint32_t *place;

    if ((size_t)fd < backend->nplaces)
        return true;
    while (count <= (size_t)fd)
        count *= 2;
    place = rnli_realloc(&backend->ready.allocator, backend->place,
                         backend->nplaces * sizeof *place, count * sizeof *place);
    if (!place)
        return false;
    memset(place + backend->nplaces, 0, (count - backend->nplaces) * sizeof *place);
    backend->place = place;
    backend->nplaces = count;
    return true;
}

/* ---- Watching ---------------------------------------------------------- */

static bool is_socket(int fd)
{
    int type;
    socklen_t len = sizeof type;

    return rnli_sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

static int add(struct rnl_backend *backend, int fd, uint32_t generation, int64_t *os)
{
    (void)generation;
    if (!is_socket(fd))
        return rnli_posix_fail(os);
    if (!make_place(backend, fd) || !make_room(backend))
        return RNL_ENOMEM;
    backend->attached++;
    return RNL_OK;
}

static void unwatch(struct rnl_backend *backend, int fd)
{
    uint32_t at = backend->place[fd];
    struct watch last;

    if (at == 0)
        return;
    last = backend->watches[--backend->nwatches];
    backend->watches[at - 1] = last; /* takes its place */
    backend->place[last.fd] = at;
    backend->place[fd] = 0;
}

static void want(struct rnl_backend *backend, int fd, unsigned interest)
{
    if (interest == 0) {
        unwatch(backend, fd);
        return;
    }
    if (backend->place[fd] == 0) {
        backend->watches[backend->nwatches++] = (struct watch){.fd = fd};
        backend->place[fd] = (uint32_t)backend->nwatches;
    }
    backend->watches[backend->place[fd] - 1].interest = interest;
}

static void delist(struct rnl_backend *backend, int fd)
{
    unwatch(backend, fd);
    backend->attached--;
}

/* ---- Polling ----------------------------------------------------------- */

static fd_set *as_fd_set(struct sockets *set)
{
    return (fd_set *)(void *)set;
}

static void put(struct sockets *set, int fd)
{
    set->at[set->count++] = (SOCKET)fd;
}

static void fill_sets(struct rnl_backend *backend)
{
    for (int i = 0; i < SETS; i++)
        set_at(backend, i)->count = 0;
    for (size_t i = 0; i < backend->nwatches; i++) {
        const struct watch *watch = &backend->watches[i];

        if (watch->interest & RNLI_IN)
            put(set_at(backend, READ), watch->fd);
        if (watch->interest & RNLI_OUT) {
            put(set_at(backend, WRITE), watch->fd);
            if (!watch->connected)
                put(set_at(backend, ODD), watch->fd);
        }
    }
}

static void drain_wake(struct rnl_backend *backend)
{
    char bytes[64];

    while (rnli_sys_recv(backend->wake, bytes, sizeof bytes, 0) > 0)
        continue;
}

/* In the third set: whether it is urgent data. */
static bool is_urgent(struct rnl_backend *backend, int fd)
{
    struct rnli_sockaddr peer;

    rnli_sockaddr_clear(&peer);
    if (rnli_sys_getpeername(fd, &peer.u.any, &peer.len) < 0)
        return false;
    if (backend->place[fd])
        backend->watches[backend->place[fd] - 1].connected = true;
    return true;
}

static void tell_events(struct rnl_backend *backend)
{
    static const unsigned whats[SETS] = {RNLI_IN, RNLI_OUT, RNLI_OUT | RNLI_ODD};

    for (int i = 0; i < SETS; i++) {
        const struct sockets *set = set_at(backend, i);

        for (u_int k = 0; k < set->count; k++) {
            if (set->at[k] == (SOCKET)backend->wake)
                drain_wake(backend);
            else if (i != ODD || !is_urgent(backend, (int)set->at[k]))
                rnli_ready_event(&backend->ready, (int)set->at[k], 0, whats[i]);
        }
    }
}

/* select says only that some socket is bad. Backwards: telling one unwatches it. */
static void tell_gone(struct rnl_backend *backend)
{
    for (size_t i = backend->nwatches; i-- > 0;)
        if (i < backend->nwatches && !is_socket(backend->watches[i].fd))
            rnli_ready_event(&backend->ready, backend->watches[i].fd, 0, RNLI_GONE);
}

static int poll_events(struct rnl_backend *backend, int64_t timeout_ns)
{
    static const int64_t longest = 24 * RNL_HOUR;
    int64_t ns = timeout_ns < longest ? timeout_ns : longest;
    int64_t us = (ns + 999) / 1000; /* rounded up: never early */
    struct timeval timeout = {.tv_sec = (long)(us / 1000000), .tv_usec = (long)(us % 1000000)};
    int n;

    fill_sets(backend);
    n = rnli_sys_select(as_fd_set(set_at(backend, READ)), as_fd_set(set_at(backend, WRITE)),
                        as_fd_set(set_at(backend, ODD)), timeout_ns < 0 ? NULL : &timeout);
    if (n > 0)
        tell_events(backend);
    else if (n < 0 && errno == EBADF)
        tell_gone(backend);
    else if (n < 0 && errno != EINTR)
        return rnli_posix_code(errno);
    return RNL_OK;
}

static void interrupt(struct rnl_backend *backend)
{
    int saved = errno;

    rnli_sys_send(backend->wake, "", 1, 0);
    errno = saved;
}

static const struct rnli_poller poller = {
    .add = add, .remove = delist, .want = want, .poll = poll_events, .interrupt = interrupt};

/* ---- Opening and closing ------------------------------------------------ */

static void select_close(struct rnl_backend *backend)
{
    struct rnl_allocator a;

    if (!backend)
        return;
    a = backend->ready.allocator;
    if (backend->wake >= 0)
        rnli_sys_close(backend->wake);
    rnli_free(&a, backend->watches, block_size(backend->room));
    rnli_free(&a, backend->place, backend->nplaces * sizeof *backend->place);
    rnli_ready_destroy(&backend->ready);
    rnli_free(&a, backend, sizeof *backend);
}

static int open_wake(struct rnl_backend *backend)
{
    struct rnli_sockaddr self;

    backend->wake = rnli_sys_socket(AF_INET, SOCK_DGRAM, 0);
    if (backend->wake < 0)
        return rnli_posix_code(errno);
    rnli_sockaddr_clear(&self);
    self.u.in.sin_family = AF_INET;
    self.u.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (rnli_sys_bind(backend->wake, &self.u.any, sizeof self.u.in) < 0 ||
        rnli_sys_getsockname(backend->wake, &self.u.any, &self.len) < 0 ||
        rnli_sys_connect(backend->wake, &self.u.any, self.len) < 0)
        return rnli_posix_code(errno);
    if (!make_place(backend, backend->wake) || !make_room(backend))
        return RNL_ENOMEM;
    backend->attached++;
    want(backend, backend->wake, RNLI_IN);
    return RNL_OK;
}

static int select_open(const struct rnl_backend_config *config, struct rnl_backend **out)
{
    struct rnl_backend *backend = rnli_zalloc(config->allocator, sizeof *backend);
    int code;

    *out = NULL;
    if (!backend)
        return RNL_ENOMEM;
    rnli_ready_init(&backend->ready, &poller, config->allocator);
    backend->wake = -1;
    code = open_wake(backend);
    if (code)
        select_close(backend);
    else
        *out = backend;
    return code;
}

const struct rnl_backend_ops rnli_select_ops = {
    .name = "select", .open = select_open, .close = select_close, RNLI_READY_OPS};
