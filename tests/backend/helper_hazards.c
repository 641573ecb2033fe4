/* helper_hazards.c: what went wrong in others' backends, by number. */
#include "helper_rig.h"

#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>

#include "backend/sockaddr.h"

/* A reproducible byte for each place of a stream. */
static unsigned char byte_at(size_t place)
{
    return (unsigned char)((place * 2654435761u) >> 13);
}

static void fill(unsigned char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] = byte_at(i);
}

static bool is_filled(const unsigned char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] != byte_at(i))
            return false;
    return true;
}

static void nothing_happens(struct rig *rig)
{
    CU_ASSERT_EQUAL(rig_wait(rig, 5 * RNL_MILLISECOND), 0);
}

/* ---- A: lifetime ------------------------------------------------------- */

static void a1_one_event_for_both_halves(void)
{
    static unsigned char block[1 << 16];
    struct rnl_bytes piece = {block, sizeof(block)};
    struct rig rig;
    struct probe recv, send;
    rnl_socket sock;
    size_t sent;
    int peer;
    int64_t os;

    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    while (rig.ops->try_send(rig.backend, sock, &piece, 1, &sent, &os) == RNL_OK)
        continue;
    probe_recv(&rig, &recv, sock);
    probe_send(&rig, &send, sock, &piece, 1);
    nothing_happens(&rig);
    plain_reset(peer); /* readable, writable and an error at once */
    CU_ASSERT_TRUE(rig_wait_max(&rig, RNL_SECOND, 1) == 1);
    if (!recv.final)
        rig.ops->cancel(rig.backend, &recv.op); /* the first ends the second */
    if (!send.final)
        rig.ops->cancel(rig.backend, &send.op);
    CU_ASSERT_TRUE(rig_final(&rig, &recv) && rig_final(&rig, &send));
    CU_ASSERT_EQUAL(recv.entries + send.entries, 2);
    rig_shut(&rig, sock, -1);
    nothing_happens(&rig);
    probe_free(&recv);
    rig_close(&rig);
}

static void a12_nothing_is_closed_twice(void)
{
    struct stat before[8], after;
    struct rig rig;
    rnl_socket sock[8];
    int peer[8], decoy[8], null;

    rig_open(&rig);
    for (int i = 0; i < 8; i++)
        rig_pair(&rig, RNL_UNIX, &sock[i], &peer[i]);
    for (int i = 0; i < 8; i++) {
        rig.ops->close_socket(rig.backend, sock[i]);
        null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        decoy[i] = (int)sock[i]; /* the same number */
        if (null != decoy[i]) {
            CU_ASSERT_EQUAL(dup3(null, decoy[i], O_CLOEXEC), decoy[i]);
            close(null);
        }
        fstat(decoy[i], &before[i]);
        close(peer[i]);
        rig_settle(&rig);
    }
    rig.ops->close(rig.backend);
    for (int i = 0; i < 8; i++) {
        CU_ASSERT_EQUAL(fstat(decoy[i], &after), 0);
        CU_ASSERT_EQUAL(after.st_ino, before[i].st_ino);
        close(decoy[i]);
    }
    CU_ASSERT_EQUAL(count_fds(), rig.fds);
}

/* ---- B: identity of a descriptor --------------------------------------- */

/* A connected Unix socket under the number `fd`, which is free; attached. */
static int attach_at(struct rig *rig, int fd)
{
    int pair[2];
    int64_t os;

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    if (pair[1] == fd) {
        pair[1] = pair[0];
    } else if (pair[0] != fd) {
        CU_ASSERT_EQUAL_FATAL(dup3(pair[0], fd, O_CLOEXEC), fd);
        close(pair[0]);
    }
    CU_ASSERT_EQUAL_FATAL(rig->ops->attach(rig->backend, fd, &os), RNL_OK);
    return pair[1];
}

/* The new owner of a number hears nothing of the old one's bytes, and its own. */
static void only_its_own(struct rig *rig, rnl_socket sock, int old_peer, int peer)
{
    struct probe recv;

    probe_recv(rig, &recv, sock);
    plain_write(old_peer, "stale", 5);
    nothing_happens(rig);
    CU_ASSERT_EQUAL(recv.entries, 0);
    CU_ASSERT_EQUAL(recv.lends, 0); /* not even looked */
    plain_write(peer, "new", 3);
    CU_ASSERT_TRUE(rig_bytes(rig, &recv, 3));
    CU_ASSERT_EQUAL(memcmp(recv.got, "new", 3), 0);
    probe_stop(rig, &recv);
    probe_free(&recv);
}

static void b1_events_of_an_old_owner(void)
{
    struct rig rig;
    rnl_socket sock;
    int peer, next_peer;

    rig_open(&rig);
    for (int i = 0; i < 20; i++) {
        rig_pair(&rig, RNL_UNIX, &sock, &peer);
        rig_settle(&rig);
        plain_write(peer, "stale", 5); /* ready, and not told yet */
        rig.ops->close_socket(rig.backend, sock);
        next_peer = attach_at(&rig, (int)sock);
        only_its_own(&rig, sock, peer, next_peer);
        rig_shut(&rig, sock, next_peer);
        close(peer);
    }
    rig_close(&rig);
}

/* The harder case: a copy keeps the old registration alive under the old number. */
static void b1_events_of_a_copy(void)
{
    struct rig rig;
    rnl_socket sock;
    int peer, copy, next_peer;

    rig_open(&rig);
    rig_pair(&rig, RNL_UNIX, &sock, &peer);
    rig_settle(&rig);
    copy = fcntl((int)sock, F_DUPFD_CLOEXEC, 100);
    close((int)sock); /* behind the backend's back */
    next_peer = attach_at(&rig, (int)sock);
    only_its_own(&rig, sock, peer, next_peer);
    rig_shut(&rig, sock, next_peer);
    close(copy);
    close(peer);
    rig_close(&rig);
}

static void b1_the_old_owner_learns_that_it_lost(void)
{
    struct rig rig;
    struct probe old;
    rnl_socket sock, next, hold[64];
    int peer, held = 0;
    int64_t os;

    rig_open(&rig);
    rig_pair(&rig, RNL_UNIX, &sock, &peer);
    probe_recv(&rig, &old, sock);
    rig_settle(&rig);
    close((int)sock);
    do { /* until the number comes again */
        CU_ASSERT_EQUAL_FATAL(rig.ops->open_socket(rig.backend, RNL_UNIX, &next, &os), RNL_OK);
        hold[held++] = next;
    } while (next != sock && held < 64);
    CU_ASSERT_EQUAL_FATAL(next, sock);
    CU_ASSERT_TRUE(rig_final(&rig, &old));
    CU_ASSERT_EQUAL(old.code, RNL_EBADF);
    rig_settle(&rig);
    CU_ASSERT_EQUAL(old.entries, 1);
    probe_free(&old);
    while (held > 0)
        rig_shut(&rig, hold[--held], -1);
    close(peer);
    rig_close(&rig);
}

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* That a wait sleeps: next to no processor time in a fifth of a second. */
static void it_sleeps(struct rig *rig)
{
    double before = cpu_seconds();

    CU_ASSERT_EQUAL(rig_wait(rig, 200 * RNL_MILLISECOND), 0);
    CU_ASSERT_TRUE(cpu_seconds() - before < 0.05);
}

/* An edge of a socket that is no longer ours would not spin, but wake: seen by the
 * count of the system's waits. */
static void b2_a_copy_of_a_closed_socket(void)
{
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    int peer, copy;

    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    probe_recv(&rig, &recv, sock);
    rig_settle(&rig);
    probe_stop(&rig, &recv);
    probe_free(&recv);
    copy = dup((int)sock);
    rig.ops->close_socket(rig.backend, sock);
    plain_write(peer, "nobody's", 8);
    if (faults_start("epoll_wait epoll_pwait2 kevent select", 0, 0, 0)) {
        nothing_happens(&rig);
        CU_ASSERT_EQUAL(faults_stop(), 1);
    }
    it_sleeps(&rig);
    close(copy);
    close(peer);
    rig_close(&rig);
}

/* A listener whose queue is full does not answer: connects hang. */
static rnl_socket black_hole(struct rig *rig, struct rnl_address *address, int fill_fds[8])
{
    rnl_socket listener = rig_listener(rig, RNL_INET, LEAST_BACKLOG, address);
    struct rnli_sockaddr sa;

    rnli_sockaddr_from(&sa, address);
    for (int i = 0; i < 8; i++) {
        fill_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(fill_fds[i], &sa.u.any, sa.len);
    }
    return listener;
}

static void b3_a_cancelled_connect_and_its_number(void)
{
    struct rnl_address address;
    struct rig rig;
    struct probe connect, recv;
    rnl_socket hole, sock, next;
    int fill_fds[8], peer;
    int64_t os;

    rig_open(&rig);
    hole = black_hole(&rig, &address, fill_fds);
    for (int i = 0; i < 500; i++) {
        CU_ASSERT_EQUAL(rig.ops->open_socket(rig.backend, RNL_INET, &sock, &os), RNL_OK);
        probe_init(&connect, RNL_OP_CONNECT, sock);
        connect.op.address = address;
        CU_ASSERT_EQUAL(probe_submit(&rig, &connect), RNL_OK);
        probe_stop(&rig, &connect);
        CU_ASSERT_EQUAL(connect.code, RNL_ECANCELED);
        rig.ops->close_socket(rig.backend, sock);
    }
    rig_pair(&rig, RNL_UNIX, &next, &peer); /* gets the number again, and serves */
    probe_recv(&rig, &recv, next);
    plain_write(peer, "x", 1);
    CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 1));
    CU_ASSERT_EQUAL(connect.entries, 1);
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, next, peer);
    for (int i = 0; i < 8; i++)
        close(fill_fds[i]);
    rig_shut(&rig, hole, -1);
    rig_close(&rig);
}

static void b4_two_at_once(void)
{
    struct rig rig;
    struct probe first, second;
    rnl_socket sock;
    int peer;

    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    probe_recv(&rig, &first, sock);
    probe_init(&second, RNL_OP_RECV, sock);
    CU_ASSERT_EQUAL(probe_submit(&rig, &second), RNL_EBUSY);
    free(second.got);
    plain_write(peer, "x", 1);
    CU_ASSERT_TRUE(rig_bytes(&rig, &first, 1));
    probe_stop(&rig, &first);
    probe_free(&first);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void *write_singles(void *arg)
{
    int fd = *(int *)arg;
    char go;

    for (int i = 0; i < 10000; i++) {
        plain_write(fd, "x", 1);
        if (i % 7 == 0) /* sometimes in step, sometimes racing the receive */
            if (!plain_read(fd, &go, 1))
                break;
    }
    return NULL;
}

static void b5_bytes_between_receive_and_wait(void)
{
    struct rnl_bytes go = {(const unsigned char *)"g", 1};
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    pthread_t thread;
    size_t sent, answered = 0;
    int peer;
    int64_t os;

    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    probe_recv(&rig, &recv, sock);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, write_singles, &peer), 0);
    while (recv.len < 10000) {
        if (rig_wait(&rig, 5 * RNL_SECOND) <= 0)
            break; /* a byte was missed: it would hang here */
        for (; answered * 7 < recv.len; answered++)
            CU_ASSERT_EQUAL(rig.ops->try_send(rig.backend, sock, &go, 1, &sent, &os), RNL_OK);
    }
    CU_ASSERT_EQUAL(recv.len, 10000);
    shutdown((int)sock, SHUT_RDWR);
    pthread_join(thread, NULL);
    CU_ASSERT_TRUE(rig_final(&rig, &recv));
    probe_free(&recv);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void *write_and_close(void *arg)
{
    static unsigned char data[1000000];
    int fd = *(int *)arg;

    fill(data, sizeof(data));
    plain_write(fd, data, sizeof(data));
    close(fd);
    return NULL;
}

static void b6_the_end_comes_after_the_bytes(void)
{
    enum rnl_family family;

    for (int i = 0; tcp_or_local(i, &family); i++) {
        struct rig rig;
        struct probe recv;
        rnl_socket sock;
        pthread_t thread;
        int peer;

        rig_open(&rig);
        rig_pair(&rig, family, &sock, &peer);
        CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, write_and_close, &peer), 0);
        probe_init(&recv, RNL_OP_RECV, sock);
        recv.lend_len = 1000; /* small: most comes after the hang-up */
        CU_ASSERT_EQUAL(probe_submit(&rig, &recv), RNL_OK);
        CU_ASSERT_TRUE(rig_final(&rig, &recv));
        CU_ASSERT_TRUE(recv.ended);
        CU_ASSERT_EQUAL(recv.len, 1000000);
        CU_ASSERT_TRUE(is_filled(recv.got, recv.len));
        pthread_join(thread, NULL);
        probe_free(&recv);
        rig_shut(&rig, sock, -1);
        rig_close(&rig);
    }
}

enum { BULK = 10 * 1000 * 1000 };

static void *read_bulk(void *arg)
{
    static unsigned char data[BULK];

    if (!plain_read(*(int *)arg, data, BULK))
        return NULL;
    return is_filled(data, BULK) ? arg : NULL;
}

/* Sends `len` bytes, as many operations as it takes. */
static bool send_all(struct rig *rig, rnl_socket sock, const unsigned char *data, size_t len)
{
    while (len > 0) {
        struct rnl_bytes piece = {data, len};
        struct probe send;

        probe_send(rig, &send, sock, &piece, 1);
        if (!rig_final(rig, &send) || send.code || send.len == 0 || send.len > len)
            return false;
        data += send.len;
        len -= send.len;
    }
    return true;
}

static void b7_half_closed_is_not_closed(void)
{
    static unsigned char data[BULK];
    enum rnl_family family;

    fill(data, BULK);
    for (int i = 0; tcp_or_local(i, &family); i++) {
        struct rig rig;
        struct probe recv;
        rnl_socket sock;
        pthread_t thread;
        void *whole;
        int peer;

        rig_open(&rig);
        rig_pair(&rig, family, &sock, &peer);
        probe_recv(&rig, &recv, sock);
        shutdown(peer, SHUT_WR);
        CU_ASSERT_TRUE(rig_final(&rig, &recv));
        CU_ASSERT_TRUE(recv.ended);
        CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, read_bulk, &peer), 0);
        CU_ASSERT_TRUE(send_all(&rig, sock, data, BULK));
        pthread_join(thread, &whole);
        CU_ASSERT_PTR_NOT_NULL(whole);
        probe_free(&recv);
        rig_shut(&rig, sock, peer);
        rig_close(&rig);
    }
}

enum { MANY = 1200 };

/* Takes all numbers below 1,200. */
static int take_numbers(int fds[MANY])
{
    struct rlimit limit;
    int count = 0;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < MANY + 50) {
        limit.rlim_cur = limit.rlim_max < 4000 ? limit.rlim_max : 4000;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    while (count < MANY) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (fd < 0)
            break;
        fds[count++] = fd;
        if (fd >= MANY)
            break;
    }
    return count;
}

static void b8_more_descriptors_than_a_set_holds(void)
{
    static int fds[MANY];
    struct rnl_backend *second;
    bool bounded = strcmp(rig_name, "select") == 0;
    struct rig rig;
    rnl_socket sock;
    int pair[2], count, code;
    int64_t os;

    rig_open(&rig);
    count = take_numbers(fds);
    CU_ASSERT_EQUAL_FATAL(pipe2(pair, O_CLOEXEC), 0);
    CU_ASSERT_FATAL(pair[0] >= FD_SETSIZE);
    CU_ASSERT_EQUAL(rig.ops->attach(rig.backend, pair[0], &os), bounded ? RNL_ERANGE : RNL_OK);
    code = rig.ops->open_socket(rig.backend, RNL_INET, &sock, &os);
    CU_ASSERT_EQUAL(code, bounded ? RNL_ERANGE : RNL_OK);
    if (code == RNL_OK)
        rig_shut(&rig, sock, -1);
    else
        CU_ASSERT_EQUAL(sock, RNL_NO_SOCKET);
    rig.ops->detach(rig.backend, pair[0]);
    code = rig.ops->open(rig_config(), &second);
    CU_ASSERT_EQUAL(code, bounded ? RNL_ERANGE : RNL_OK);
    CU_ASSERT_EQUAL(second == NULL, bounded);
    rig.ops->close(second);
    rig_settle(&rig);
    for (int i = 0; i < count; i++)
        close(fds[i]);
    close(pair[0]);
    close(pair[1]);
    rig_close(&rig);
}

static void b9_closed_by_somebody_else(void)
{
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    int peer;
    int64_t os;
    rnl_socket other;
    int other_peer;

    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &other, &other_peer);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    probe_recv(&rig, &recv, sock);
    rig_settle(&rig);
    close((int)sock);
    rig_wait(&rig, 10 * RNL_MILLISECOND);
    CU_ASSERT_TRUE(recv.entries <= 1);
    if (recv.final) /* select can tell */
        CU_ASSERT_EQUAL(recv.code, RNL_EBADF);
    it_sleeps(&rig);
    probe_stop(&rig, &recv);
    CU_ASSERT_EQUAL(recv.entries, 1);
    rig.ops->close_socket(rig.backend, sock);
    CU_ASSERT_EQUAL(rig.ops->attach(rig.backend, sock, &os), RNL_EBADF);
    probe_free(&recv);
    close(peer);
    probe_recv(&rig, &recv, other); /* the others live on */
    plain_write(other_peer, "x", 1);
    CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 1));
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, other, other_peer);
    rig_close(&rig);
}

static void b9_a_poll_of_what_is_gone(void)
{
    struct rig rig;
    struct probe poll;
    rnl_socket sock;
    int peer;

    rig_open(&rig);
    rig_pair(&rig, RNL_UNIX, &sock, &peer);
    close((int)sock);
    probe_poll(&rig, &poll, sock, RNL_POLL_READ);
    CU_ASSERT_TRUE(rig_final(&rig, &poll));
    CU_ASSERT_EQUAL(poll.code, RNL_EBADF);
    it_sleeps(&rig);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void b10_files_cannot_be_waited_for(void)
{
    struct rig rig;
    char path[] = "/tmp/runnel-file-XXXXXX";
    int fd = mkstemp(path), dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int64_t os;

    CU_ASSERT_FATAL(fd >= 0 && dir >= 0);
    unlink(path);
    rig_open(&rig);
    CU_ASSERT_EQUAL(rig.ops->attach(rig.backend, fd, &os), RNL_EINVAL);
    CU_ASSERT_EQUAL(rig.ops->attach(rig.backend, dir, &os), RNL_EINVAL);
    CU_ASSERT_EQUAL(rig.ops->attach(rig.backend, -1, &os), RNL_EBADF);
    CU_ASSERT_EQUAL(rig.ops->attach(rig.backend, 3999, &os),
                    strcmp(rig_name, "select") == 0 ? RNL_ERANGE : RNL_EBADF);
    rig_close(&rig);
    close(fd);
    close(dir);
}

static void b11_one_bad_among_many(void)
{
    enum { COUNT = 64, BAD = 31 };
    static struct probe recv[COUNT];
    struct rig rig;
    rnl_socket sock[COUNT];
    int peer[COUNT], bad = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    int64_t os;

    rig_open(&rig);
    for (int i = 0; i < COUNT; i++) {
        if (i == BAD) {
            CU_ASSERT_EQUAL(rig.ops->attach(rig.backend, bad, &os), RNL_EINVAL);
            continue;
        }
        rig_pair(&rig, RNL_UNIX, &sock[i], &peer[i]);
        probe_recv(&rig, &recv[i], sock[i]);
    }
    for (int i = 0; i < COUNT; i++)
        if (i != BAD)
            plain_write(peer[i], "x", 1);
    for (int i = 0; i < COUNT; i++) {
        if (i == BAD)
            continue;
        CU_ASSERT_TRUE(rig_bytes(&rig, &recv[i], 1));
        probe_stop(&rig, &recv[i]);
        probe_free(&recv[i]);
        rig_shut(&rig, sock[i], peer[i]);
    }
    rig_close(&rig);
    close(bad);
}

/* ---- E: accept and connect --------------------------------------------- */

static void e4_a_flood_of_connections_starves_nobody(void)
{
    enum { FLOOD = 200 };
    static struct probe accept, recv;
    struct rnl_address address;
    struct rig rig;
    rnl_socket listener, sock;
    int clients[FLOOD], peer;

    rig_open(&rig);
    listener = rig_listener(&rig, RNL_UNIX, FLOOD, &address);
    rig_pair(&rig, RNL_UNIX, &sock, &peer);
    probe_recv(&rig, &recv, sock);
    rig_settle(&rig);
    for (int i = 0; i < FLOOD; i++)
        clients[i] = plain_connect(&address);
    probe_init(&accept, RNL_OP_ACCEPT, listener);
    CU_ASSERT_EQUAL(probe_submit(&rig, &accept), RNL_OK);
    plain_write(peer, "x", 1);
    for (int waits = 0; waits < 2; waits++)
        rig_wait_max(&rig, RNL_SECOND, 100);
    CU_ASSERT_EQUAL(recv.len, 1); /* within two waits of 100 entries */
    CU_ASSERT_TRUE(rig_accepted(&rig, &accept, FLOOD));
    probe_stop(&rig, &accept);
    probe_stop(&rig, &recv);
    probe_free(&recv);
    for (int i = 0; i < FLOOD; i++)
        rig_shut(&rig, accept.accepted[i], clients[i]);
    rig_shut(&rig, listener, -1);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void e7_a_connect_that_meets_itself(void)
{
    struct rnl_address address;
    struct rig rig;
    struct probe connect;
    rnl_socket sock;
    int64_t os;

    rig_open(&rig);
    memset(&address, 0, sizeof(address));
    address.family = RNL_INET;
    memcpy(address.ip, (unsigned char[]){127, 0, 0, 1}, 4);
    CU_ASSERT_EQUAL_FATAL(rig.ops->open_socket(rig.backend, RNL_INET, &sock, &os), RNL_OK);
    CU_ASSERT_EQUAL_FATAL(rig.ops->bind(rig.backend, sock, &address, &os), RNL_OK);
    CU_ASSERT_EQUAL_FATAL(rig.ops->get_name(rig.backend, sock, false, &address, &os), RNL_OK);
    probe_init(&connect, RNL_OP_CONNECT, sock);
    connect.op.address = address; /* what the kernel may pick by chance */
    CU_ASSERT_EQUAL(probe_submit(&rig, &connect), RNL_OK);
    CU_ASSERT_TRUE(rig_final(&rig, &connect));
    CU_ASSERT_EQUAL(connect.code, RNL_ECONNREFUSED);
    rig_shut(&rig, sock, -1);
    rig_close(&rig);
}

static void e8_a_unix_listener_with_a_full_queue(void)
{
    struct rnl_address address;
    struct rig rig;
    struct probe connect[3], accept;
    rnl_socket listener, sock[3];
    int64_t os;

    if (!UNIX_AS_LINUX)
        return;
    rig_open(&rig);
    listener = rig_listener(&rig, RNL_UNIX, 0, &address);
    for (int i = 0; i < 3; i++) { /* one fits, the others would block */
        CU_ASSERT_EQUAL(rig.ops->open_socket(rig.backend, RNL_UNIX, &sock[i], &os), RNL_OK);
        probe_init(&connect[i], RNL_OP_CONNECT, sock[i]);
        connect[i].op.address = address;
        CU_ASSERT_EQUAL(probe_submit(&rig, &connect[i]), RNL_OK);
    }
    CU_ASSERT_TRUE(rig_final(&rig, &connect[0]));
    CU_ASSERT_EQUAL(connect[0].code, RNL_OK);
    it_sleeps(&rig);
    CU_ASSERT_FALSE(connect[1].final || connect[2].final);
    probe_stop(&rig, &connect[2]); /* waiting, it can be cancelled */
    CU_ASSERT_EQUAL(connect[2].code, RNL_ECANCELED);
    probe_init(&accept, RNL_OP_ACCEPT, listener);
    CU_ASSERT_EQUAL(probe_submit(&rig, &accept), RNL_OK);
    CU_ASSERT_TRUE(rig_final(&rig, &connect[1]));
    CU_ASSERT_EQUAL(connect[1].code, RNL_OK);
    CU_ASSERT_TRUE(rig_accepted(&rig, &accept, 2));
    probe_stop(&rig, &accept);
    for (int i = 0; i < 2; i++)
        rig_shut(&rig, accept.accepted[i], -1);
    for (int i = 0; i < 3; i++)
        rig_shut(&rig, sock[i], -1);
    rig_shut(&rig, listener, -1);
    rig_close(&rig);
}

/* ---- F, H: writing ----------------------------------------------------- */

static void f1_short_writes_lose_and_repeat_nothing(void)
{
    static unsigned char data[BULK];
    enum rnl_family family;

    fill(data, BULK);
    for (int i = 0; tcp_or_local(i, &family); i++) {
        struct rig rig;
        rnl_socket sock;
        pthread_t thread;
        void *whole;
        int peer;
        int64_t os;

        rig_open(&rig);
        rig_pair(&rig, family, &sock, &peer);
        CU_ASSERT_EQUAL(rig.ops->set_option(rig.backend, sock, RNL_SO_SNDBUF, 4096, &os), RNL_OK);
        CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, read_bulk, &peer), 0);
        CU_ASSERT_TRUE(send_all(&rig, sock, data, BULK));
        pthread_join(thread, &whole);
        CU_ASSERT_PTR_NOT_NULL(whole);
        rig_shut(&rig, sock, peer);
        rig_close(&rig);
    }
}

static void f9_nothing_to_send(void)
{
    struct rnl_bytes none = {NULL, 0};
    struct rig rig;
    struct probe send;
    rnl_socket sock;
    size_t sent;
    int peer;
    int64_t os;

    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    for (size_t pieces = 0; pieces < 2; pieces++) {
        probe_send(&rig, &send, sock, &none, pieces);
        CU_ASSERT_TRUE(rig_final(&rig, &send));
        CU_ASSERT_EQUAL(send.code, RNL_OK);
        CU_ASSERT_EQUAL(send.len, 0);
        CU_ASSERT_EQUAL(rig.ops->try_send(rig.backend, sock, &none, pieces, &sent, &os), RNL_OK);
        CU_ASSERT_EQUAL(sent, 0);
    }
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void f10_more_pieces_than_the_system_takes(void)
{
    enum { PIECES = 5000, EACH = 3 };
    static unsigned char data[PIECES * EACH], back[PIECES * EACH];
    static struct rnl_bytes pieces[PIECES];
    struct rig rig;
    rnl_socket sock;
    size_t first = 0;
    int peer;

    fill(data, sizeof(data));
    for (size_t i = 0; i < PIECES; i++)
        pieces[i] = (struct rnl_bytes){data + i * EACH, EACH};
    rig_open(&rig);
    rig_pair(&rig, RNL_UNIX, &sock, &peer);
    while (first < PIECES) {
        struct probe send;

        probe_send(&rig, &send, sock, pieces + first, PIECES - first);
        CU_ASSERT_TRUE_FATAL(rig_final(&rig, &send));
        CU_ASSERT_EQUAL_FATAL(send.code, RNL_OK);
        CU_ASSERT_FATAL(send.len > 0 && send.len % EACH == 0);
        CU_ASSERT_TRUE(plain_read(peer, back + first * EACH, send.len));
        first += send.len / EACH;
    }
    CU_ASSERT_TRUE(is_filled(back, sizeof(back)));
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void h10_the_peer_no_longer_reads(void)
{
    enum rnl_family family;

    for (int i = 0; tcp_or_local(i, &family); i++) { /* SIGPIPE would end us here */
        struct rnl_bytes piece = {(const unsigned char *)"x", 1};
        struct rig rig;
        struct probe send;
        rnl_socket sock;
        size_t sent;
        int peer, code = RNL_OK;
        int64_t os;

        rig_open(&rig);
        rig_pair(&rig, family, &sock, &peer);
        plain_reset(peer);
        for (int k = 0; k < 3 && code == RNL_OK; k++)
            code = rig.ops->try_send(rig.backend, sock, &piece, 1, &sent, &os);
        CU_ASSERT_TRUE(code == RNL_EPIPE || code == RNL_ECONNRESET);
        probe_send(&rig, &send, sock, &piece, 1);
        CU_ASSERT_TRUE(rig_final(&rig, &send));
        CU_ASSERT_EQUAL(send.code, RNL_EPIPE);
        rig_shut(&rig, sock, -1);
        rig_close(&rig);
    }
}

/* ---- K: time ----------------------------------------------------------- */

static void k1_no_wait_is_short(void)
{
    static const int64_t times[] = {0,
                                    1,
                                    999,
                                    300 * RNL_MICROSECOND,
                                    RNL_MILLISECOND - 1,
                                    RNL_MILLISECOND + 1,
                                    20 * RNL_MILLISECOND};
    struct rig rig;

    rig_open(&rig);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        int64_t before = rig.ops->now(rig.backend);

        CU_ASSERT_EQUAL(rig_wait(&rig, times[i]), 0);
        CU_ASSERT_TRUE(rig.ops->now(rig.backend) - before >= times[i]);
    }
    rig_close(&rig);
}

struct late {
    pid_t waiter; /* the first thread of ours */
    int fd;
};

/* Returns once the thread waits in the kernel, where that can be seen; tests are right without. */
static void until_it_waits(pid_t thread)
{
    char path[64], text[256];
    const char *state;

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)thread);
    do {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

        if (fd >= 0)
            close(fd);
        text[n < 0 ? 0 : n] = 0;
        state = strrchr(text, ')'); /* "4711 (name) S ..." */
    } while (state && state[1] == ' ' && state[2] == 'R' && sched_yield() == 0);
}

static void *write_later(void *arg)
{
    const struct late *late = arg;

    until_it_waits(late->waiter);
    plain_write(late->fd, "x", 1);
    return NULL;
}

static void no_wait_overflows(bool without_nanoseconds)
{
    static const int64_t times[] = {INT_MAX * RNL_MILLISECOND - 1,
                                    INT_MAX * RNL_MILLISECOND,
                                    (INT_MAX + INT64_C(1)) * RNL_MILLISECOND,
                                    UINT32_MAX * RNL_MILLISECOND,
                                    (UINT32_MAX + INT64_C(1)) * RNL_MILLISECOND, /* cut: 0 */
                                    INT64_MAX,
                                    -1};
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    struct late late = {.waiter = getpid()};
    int peer;

    rig_open(&rig);
    if (without_nanoseconds && faults_start("epoll_pwait2", ENOSYS, 0, 1)) {
        CU_ASSERT_EQUAL(rig_wait(&rig, 1), 0); /* which it remembers */
        faults_stop();
    }
    rig_pair(&rig, RNL_UNIX, &sock, &peer);
    late.fd = peer;
    probe_recv(&rig, &recv, sock);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        pthread_t thread;
        double before = cpu_seconds();

        CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, write_later, &late), 0);
        if (faults_start("epoll_pwait2 epoll_wait kevent select", 0, 0, 0)) {
            CU_ASSERT_EQUAL(rig_wait(&rig, times[i]), 1); /* neither early nor spinning */
            CU_ASSERT_TRUE(faults_stop() <= 3);
        } else {
            CU_ASSERT_EQUAL(rig_wait(&rig, times[i]), 1);
            CU_ASSERT_TRUE(cpu_seconds() - before < 0.015);
        }
        pthread_join(thread, NULL);
    }
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void k1_no_wait_overflows(void)
{
    no_wait_overflows(false);
}

static void k1_no_count_of_milliseconds_overflows(void)
{
    no_wait_overflows(true);
}

/* ---- M, O: addresses --------------------------------------------------- */

static int bind_path(struct rig *rig, const char *path, size_t len, struct rnl_address *got)
{
    struct rnl_address address;
    rnl_socket sock;
    int code;
    int64_t os;

    memset(&address, 0, sizeof(address));
    address.family = RNL_UNIX;
    address.path_len = len;
    memcpy(address.path, path, len < sizeof(address.path) ? len : sizeof(address.path));
    CU_ASSERT_EQUAL_FATAL(rig->ops->open_socket(rig->backend, RNL_UNIX, &sock, &os), RNL_OK);
    code = rig->ops->bind(rig->backend, sock, &address, &os);
    memset(got, 0xff, sizeof(*got));
    if (code == RNL_OK) {
        CU_ASSERT_EQUAL(rig->ops->get_name(rig->backend, sock, false, got, &os), RNL_OK);
        if (len > 0)
            CU_ASSERT_EQUAL(memcmp(got, &address, sizeof(address)), 0); /* padding too */
        if (len > 0 && path[0] != '\0')
            unlink(path);
    }
    rig_shut(rig, sock, -1);
    return code;
}

static void o1_names_of_unix_sockets(void)
{
    const size_t room = sizeof((struct sockaddr_un *)0)->sun_path;
    struct rnl_address got;
    struct rig rig;
    char path[120];
    int prefix;

    memset(path, 'p', sizeof(path));
    prefix = snprintf(path, sizeof(path), "/tmp/runnel-%ld-", (long)getpid());
    path[prefix] = 'p';
    rig_open(&rig);
    path[room - 1] = '\0';
    CU_ASSERT_EQUAL(bind_path(&rig, path, room - 1, &got), RNL_OK);
    path[room - 1] = 'p';
    CU_ASSERT_EQUAL(bind_path(&rig, path, room, &got), RNL_ENAMETOOLONG);
    CU_ASSERT_EQUAL(bind_path(&rig, path, room + 1, &got), RNL_ENAMETOOLONG);
    CU_ASSERT_EQUAL(bind_path(&rig, path, SIZE_MAX, &got), RNL_ENAMETOOLONG);
    path[50] = '\0';
    CU_ASSERT_EQUAL(bind_path(&rig, path, 60, &got), RNL_EINVAL);
    path[0] = '\0'; /* abstract: all bytes count, '\0' too */
    if (UNIX_AS_LINUX) {
        CU_ASSERT_EQUAL(bind_path(&rig, path, 60, &got), RNL_OK);
        CU_ASSERT_EQUAL(bind_path(&rig, path, room, &got), RNL_OK);
        CU_ASSERT_EQUAL(bind_path(&rig, path, 0, &got), RNL_OK); /* the system picks one */
        CU_ASSERT_TRUE(got.path_len > 0 && got.path[0] == '\0');
    }
    CU_ASSERT_EQUAL(bind_path(&rig, path, room + 1, &got), RNL_ENAMETOOLONG);
    rig_close(&rig);
}

static void m8_no_byte_of_an_address_is_left_over(void)
{
    struct rnl_address address, got, zero;
    struct rig rig;
    rnl_socket sock;
    int64_t os;

    memset(&zero, 0, sizeof(zero));
    rig_open(&rig);
    sock = rig_listener(&rig, RNL_INET, 1, &address);
    memset(&got, 0xa5, sizeof(got));
    CU_ASSERT_EQUAL(rig.ops->get_name(rig.backend, sock, false, &got, &os), RNL_OK);
    zero.family = RNL_INET;
    zero.port = got.port;
    memcpy(zero.ip, got.ip, 4);
    CU_ASSERT_EQUAL(memcmp(&got, &zero, sizeof(got)), 0);
    rig_shut(&rig, sock, -1);
    rig_close(&rig);
}

void suite_hazards(CU_pSuite suite)
{
    CU_add_test(suite, "A1 one event for both halves", a1_one_event_for_both_halves);
    CU_add_test(suite, "A12 nothing is closed twice", a12_nothing_is_closed_twice);
    CU_add_test(suite, "B1 events of an old owner", b1_events_of_an_old_owner);
    CU_add_test(suite, "B1 events of a copy", b1_events_of_a_copy);
    CU_add_test(suite, "B1 the old owner learns that it lost",
                b1_the_old_owner_learns_that_it_lost);
    CU_add_test(suite, "B2 a copy of a closed socket", b2_a_copy_of_a_closed_socket);
    CU_add_test(suite, "B3 a cancelled connect and its number",
                b3_a_cancelled_connect_and_its_number);
    CU_add_test(suite, "B4 two at once", b4_two_at_once);
    CU_add_test(suite, "B5 bytes between receive and wait", b5_bytes_between_receive_and_wait);
    CU_add_test(suite, "B6 the end comes after the bytes", b6_the_end_comes_after_the_bytes);
    CU_add_test(suite, "B7 half closed is not closed", b7_half_closed_is_not_closed);
    CU_add_test(suite, "B8 more descriptors than a set holds",
                b8_more_descriptors_than_a_set_holds);
    CU_add_test(suite, "B9 closed by somebody else", b9_closed_by_somebody_else);
    CU_add_test(suite, "B9 a poll of what is gone", b9_a_poll_of_what_is_gone);
    CU_add_test(suite, "B10 files cannot be waited for", b10_files_cannot_be_waited_for);
    CU_add_test(suite, "B11 one bad among many", b11_one_bad_among_many);
    CU_add_test(suite, "E4 a flood of connections starves nobody",
                e4_a_flood_of_connections_starves_nobody);
    CU_add_test(suite, "E7 a connect that meets itself", e7_a_connect_that_meets_itself);
    CU_add_test(suite, "E8 a Unix listener with a full queue",
                e8_a_unix_listener_with_a_full_queue);
    CU_add_test(suite, "F1 short writes lose and repeat nothing",
                f1_short_writes_lose_and_repeat_nothing);
    CU_add_test(suite, "F9 nothing to send", f9_nothing_to_send);
    CU_add_test(suite, "F10 more pieces than the system takes",
                f10_more_pieces_than_the_system_takes);
    CU_add_test(suite, "H10 the peer no longer reads", h10_the_peer_no_longer_reads);
    CU_add_test(suite, "K1 no wait is short", k1_no_wait_is_short);
    CU_add_test(suite, "K1 no wait overflows", k1_no_wait_overflows);
    CU_add_test(suite, "K1 no count of milliseconds overflows",
                k1_no_count_of_milliseconds_overflows);
    CU_add_test(suite, "M8 no byte of an address is left over",
                m8_no_byte_of_an_address_is_left_over);
    CU_add_test(suite, "O1 names of Unix sockets", o1_names_of_unix_sockets);
}
