/* helper_posix.c: the contract where descriptors, pipes and Unix sockets are. */
#include "helper_rig.h"

/* A Unix message that carries a descriptor makes a receive stop short. */
static void pass_descriptor(int fd, int passed)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec piece = {.iov_base = "A", .iov_len = 1};
    struct msghdr msg = {.msg_iov = &piece,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};

    memset(&control, 0, sizeof(control));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &passed, sizeof(passed));
    CU_ASSERT_EQUAL(sendmsg(fd, &msg, 0), 1);
}

static void short_receive_is_not_always_the_last(void)
{
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    int peer;

    rig_open(&rig);
    rig_pair(&rig, RNL_UNIX, &sock, &peer);
    pass_descriptor(peer, peer);
    plain_write(peer, "BC", 2);
    probe_recv(&rig, &recv, sock);
    CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 3));
    CU_ASSERT_EQUAL(memcmp(recv.got, "ABC", 3), 0);
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, sock, peer);

    rig_pair(&rig, RNL_INET, &sock, &peer); /* and an urgent byte in TCP */
    plain_write(peer, "AB", 2);
    CU_ASSERT_EQUAL(send(peer, "!", 1, MSG_OOB), 1);
    plain_write(peer, "CD", 2);
    probe_recv(&rig, &recv, sock);
    CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 4));
    CU_ASSERT_EQUAL(memcmp(recv.got, "ABCD", 4), 0);
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void cancel_of_a_connect_that_succeeded(void)
{
    struct rnl_address address;
    struct rig rig;
    struct probe connect;
    rnl_socket listener, client;
    int64_t os;

    rig_open(&rig);
    listener = rig_listener(&rig, RNL_UNIX, 4, &address);
    CU_ASSERT_EQUAL_FATAL(rig.ops->open_socket(rig.backend, RNL_UNIX, &client, &os), RNL_OK);
    probe_init(&connect, RNL_OP_CONNECT, client);
    connect.op.address = address;
    CU_ASSERT_EQUAL_FATAL(probe_submit(&rig, &connect), RNL_OK); /* done within the call */
    probe_stop(&rig, &connect);
    CU_ASSERT_EQUAL(connect.code, RNL_OK);
    rig_shut(&rig, client, -1);
    rig_shut(&rig, listener, -1);
    rig_close(&rig);
}

static void a_pipe_is_no_socket(void)
{
    struct rnl_socket_info info;
    struct rig rig;
    int fds[2];
    int64_t os;

    rig_open(&rig);
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    CU_ASSERT_EQUAL(rig.ops->info(rig.backend, fds[0], &info, &os), RNL_ENOTSOCK);
    CU_ASSERT_EQUAL(os, ENOTSOCK);
    close(fds[0]);
    close(fds[1]);
    rig_close(&rig);
}

static void options_reach_the_socket(void)
{
    static const struct {
        enum rnl_sockopt option;
        int value, level, name;
    } table[] = {
        {RNL_SO_NODELAY, 1, IPPROTO_TCP, TCP_NODELAY},
        {RNL_SO_KEEPALIVE, 1, SOL_SOCKET, SO_KEEPALIVE},
        {RNL_SO_REUSEADDR, 1, SOL_SOCKET, SO_REUSEADDR},
        {RNL_SO_REUSEPORT, 1, SOL_SOCKET, SO_REUSEPORT},
#ifdef TCP_KEEPIDLE /* not OpenBSD */
        {RNL_SO_KEEPIDLE, 77, IPPROTO_TCP, TCP_KEEPIDLE},
        {RNL_SO_KEEPINTVL, 7, IPPROTO_TCP, TCP_KEEPINTVL},
        {RNL_SO_KEEPCNT, 5, IPPROTO_TCP, TCP_KEEPCNT},
#endif
#ifdef TCP_USER_TIMEOUT /* Linux */
        {RNL_SO_USER_TIMEOUT, 1234, IPPROTO_TCP, TCP_USER_TIMEOUT},
#endif
    };
    struct rig rig;
    rnl_socket sock, sock6;
    struct linger linger;
    socklen_t len;
    int64_t os;
    int value;

    rig_open(&rig);
    CU_ASSERT_EQUAL_FATAL(rig.ops->open_socket(rig.backend, RNL_INET, &sock, &os), RNL_OK);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        CU_ASSERT_EQUAL(
            rig.ops->set_option(rig.backend, sock, table[i].option, table[i].value, &os), RNL_OK);
        len = sizeof(value);
        CU_ASSERT_EQUAL(getsockopt((int)sock, table[i].level, table[i].name, &value, &len), 0);
        if (table[i].value == 1) /* a BSD answers with the flag's bit */
            value = value != 0;
        CU_ASSERT_EQUAL(value, table[i].value);
    }
    CU_ASSERT_EQUAL(rig.ops->set_option(rig.backend, sock, RNL_SO_LINGER, 3, &os), RNL_OK);
    len = sizeof(linger);
    getsockopt((int)sock, SOL_SOCKET, SO_LINGER, &linger, &len);
    CU_ASSERT_TRUE(linger.l_onoff && linger.l_linger == 3);
    CU_ASSERT_EQUAL(rig.ops->set_option(rig.backend, sock, (enum rnl_sockopt)99, 1, &os),
                    RNL_ENOTSUP);
    if (rig.ops->open_socket(rig.backend, RNL_INET6, &sock6, &os) == RNL_OK) {
        CU_ASSERT_EQUAL(rig.ops->set_option(rig.backend, sock6, RNL_SO_V6ONLY, 1, &os), RNL_OK);
        rig_shut(&rig, sock6, -1);
    }
    CU_ASSERT_EQUAL(rig.ops->open_socket(rig.backend, RNL_UNSPEC, &sock6, &os), RNL_EAFNOSUPPORT);
    CU_ASSERT_EQUAL(sock6, RNL_NO_SOCKET);
    rig_shut(&rig, sock, -1);
    rig_close(&rig);
}

/* ---- Connects that fail oddly ------------------------------------------- */

/* Connects to a listener of ours while `calls` fail; the final code. */
static int connect_with(enum rnl_family family, const char *calls, int err, int count)
{
    struct rnl_address address;
    struct rig rig;
    struct probe connect;
    rnl_socket listener, sock;
    int64_t os;

    rig_open(&rig);
    listener = rig_listener(&rig, family, 4, &address);
    CU_ASSERT_EQUAL_FATAL(rig.ops->open_socket(rig.backend, family, &sock, &os), RNL_OK);
    probe_init(&connect, RNL_OP_CONNECT, sock);
    connect.op.address = address;
    faults_start(calls, err, 0, count);
    CU_ASSERT_EQUAL(probe_submit(&rig, &connect), RNL_OK);
    CU_ASSERT_TRUE(rig_final(&rig, &connect));
    CU_ASSERT_EQUAL(faults_injected(), count);
    faults_stop();
    CU_ASSERT_EQUAL(connect.entries, 1);
    rig_shut(&rig, sock, -1);
    rig_shut(&rig, listener, -1);
    rig_close(&rig);
    return connect.code;
}

static void e7_no_false_success(void)
{
    if (!faults_start(NULL, 0, 0, 0))
        return;
    /* "In progress", and then no error, because nothing ever began. */
    CU_ASSERT_EQUAL(connect_with(RNL_INET, "connect", EINPROGRESS, 1), RNL_ENOTCONN);
    CU_ASSERT_EQUAL(connect_with(RNL_INET, "getsockopt", ECONNREFUSED, 1), RNL_ECONNREFUSED);
    CU_ASSERT_EQUAL(connect_with(RNL_INET, "poll", EBADF, 1), RNL_EBADF);
}

static void e8_odd_answers_of_connect(void)
{
    if (!faults_start(NULL, 0, 0, 0))
        return;
    CU_ASSERT_EQUAL(connect_with(RNL_INET, "connect", EINTR, 3), RNL_OK);
    CU_ASSERT_EQUAL(connect_with(RNL_UNIX, "connect", EINTR, 3), RNL_OK);
    CU_ASSERT_EQUAL(connect_with(RNL_UNIX, "connect", EAGAIN, 2), RNL_OK);
    CU_ASSERT_EQUAL(connect_with(RNL_INET, "connect", EAGAIN, 1), RNL_EADDRNOTAVAIL);
    CU_ASSERT_EQUAL(connect_with(RNL_INET, "connect", EADDRNOTAVAIL, 1), RNL_EADDRNOTAVAIL);
    CU_ASSERT_EQUAL(connect_with(RNL_UNIX, "connect", ENOENT, 1), RNL_ENOENT);
}

/* More clients in the queues of two listeners than one wait accepts. */
static void two_crowded_listeners(void)
{
    enum { CLIENTS = 100 };
    struct rig rig;
    struct probe accept[2];
    int clients[2][CLIENTS];

    rig_open(&rig);
    for (int i = 0; i < 2; i++) {
        struct rnl_address address;
        rnl_socket listener = rig_listener(&rig, RNL_INET, CLIENTS, &address);

        for (int k = 0; k < CLIENTS; k++)
            CU_ASSERT_FATAL((clients[i][k] = plain_connect(&address)) >= 0);
        probe_init(&accept[i], RNL_OP_ACCEPT, listener);
        CU_ASSERT_EQUAL(probe_submit(&rig, &accept[i]), RNL_OK);
    }
    for (int i = 0; i < 2; i++)
        CU_ASSERT_TRUE(rig_accepted(&rig, &accept[i], CLIENTS));
    for (int i = 0; i < 2; i++) {
        probe_stop(&rig, &accept[i]);
        for (int k = 0; k < CLIENTS; k++)
            rig_shut(&rig, accept[i].accepted[k], clients[i][k]);
        rig_shut(&rig, accept[i].op.sock, -1);
    }
    rig_close(&rig);
}

void suite_posix(CU_pSuite suite)
{
    CU_ADD_TEST(suite, short_receive_is_not_always_the_last);
    CU_ADD_TEST(suite, cancel_of_a_connect_that_succeeded);
    CU_ADD_TEST(suite, a_pipe_is_no_socket);
    CU_ADD_TEST(suite, two_crowded_listeners);
    CU_ADD_TEST(suite, options_reach_the_socket);
    CU_add_test(suite, "E7 no false success of connect", e7_no_false_success);
    CU_add_test(suite, "E8 odd answers of connect", e8_odd_answers_of_connect);
}

void suites(void)
{
    add_suite("basic", suite_basic);
    add_suite("posix", suite_posix);
    add_suite("hazards", suite_hazards);
    add_suite("faults", suite_faults);
    add_suite("process", suite_process);
}
