/* helper_faults.c: system calls that fail, by number of the hazard. */
#include "helper_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct rnl_bytes text(const char *s)
{
    return (struct rnl_bytes){(const unsigned char *)s, strlen(s)};
}

/* ---- E: accept and connect --------------------------------------------- */

static void accept_two_with(int err)
{
    struct rnl_address address;
    struct rig rig;
    struct probe accept;
    rnl_socket listener;
    int clients[2];

    rig_open(&rig);
    listener = rig_listener(&rig, RNL_INET, 4, &address);
    for (int i = 0; i < 2; i++)
        clients[i] = plain_connect(&address);
    probe_init(&accept, RNL_OP_ACCEPT, listener);
    CU_ASSERT_EQUAL(probe_submit(&rig, &accept), RNL_OK);
    faults_start("accept", err, 0, 3);
    CU_ASSERT_TRUE(rig_accepted(&rig, &accept, 2));
    CU_ASSERT_FALSE(accept.final);
    CU_ASSERT_EQUAL(faults_injected(), 3);
    CU_ASSERT_TRUE(faults_stop() <= 6); /* 3 failed, 2 brought one, 1 found nothing */
    probe_stop(&rig, &accept);
    for (int i = 0; i < 2; i++)
        rig_shut(&rig, accept.accepted[i], clients[i]);
    rig_shut(&rig, listener, -1);
    rig_close(&rig);
}

static void e3_errors_of_one_peer(void)
{
    static const int errs[] = {ECONNABORTED, EPROTO,      ENETDOWN, ENOPROTOOPT, EHOSTDOWN,
                               EHOSTUNREACH, ENETUNREACH, EPERM,    EINTR};

    if (!faults_start(NULL, 0, 0, 0))
        return;
    for (size_t i = 0; i < COUNT(errs); i++)
        accept_two_with(errs[i]);
}

static void e1_out_of_descriptors(void)
{
    static const int errs[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    static const int codes[] = {RNL_EMFILE, RNL_ENFILE, RNL_ENOBUFS, RNL_ENOMEM};

    if (!faults_start(NULL, 0, 0, 0))
        return;
    for (size_t i = 0; i < COUNT(errs); i++) {
        struct rnl_address address;
        struct rig rig;
        struct probe accept;
        rnl_socket listener;
        int client;

        rig_open(&rig);
        listener = rig_listener(&rig, RNL_INET, 4, &address);
        client = plain_connect(&address);
        probe_init(&accept, RNL_OP_ACCEPT, listener);
        CU_ASSERT_EQUAL(probe_submit(&rig, &accept), RNL_OK);
        faults_start("accept", errs[i], 0, 1);
        CU_ASSERT_TRUE(rig_final(&rig, &accept));
        faults_stop();
        CU_ASSERT_EQUAL(accept.code, codes[i]);
        CU_ASSERT_EQUAL(accept.os, rnli_sys_os_code(errs[i]));
        CU_ASSERT_EQUAL(probe_submit(&rig, &accept), RNL_OK); /* it still waits there */
        CU_ASSERT_TRUE(rig_accepted(&rig, &accept, 1));
        probe_stop(&rig, &accept);
        rig_shut(&rig, accept.accepted[0], client);
        rig_shut(&rig, listener, -1);
        rig_close(&rig);
    }
}

/* ---- F, O: writing ----------------------------------------------------- */

static void f2_a_send_that_would_block(void)
{
    enum rnl_family family;

    for (int i = 0; tcp_or_local(i, &family); i++) {
        struct rnl_bytes piece = text("all or nothing");
        struct rig rig;
        struct probe send, recv;
        rnl_socket sock;
        size_t sent;
        char back[14];
        int peer;
        int64_t os;

        rig_open(&rig);
        rig_pair(&rig, family, &sock, &peer);
        rig_settle(&rig);
        if (!faults_start("send", EAGAIN, 0, 1)) {
            rig_shut(&rig, sock, peer);
            rig_close(&rig);
            return;
        }
        CU_ASSERT_EQUAL(rig.ops->try_send(rig.backend, sock, &piece, 1, &sent, &os), RNL_EAGAIN);
        CU_ASSERT_EQUAL(sent, 0);
        probe_send(&rig, &send, sock, &piece, 1);
        probe_recv(&rig, &recv, sock);
        plain_write(peer, "x", 1); /* an event at last: writable too */
        CU_ASSERT_TRUE(rig_final(&rig, &send));
        CU_ASSERT_EQUAL(send.code, RNL_OK);
        CU_ASSERT_EQUAL(send.len, piece.len);
        CU_ASSERT_EQUAL(faults_stop(), 2); /* the refused one, and the one */
        CU_ASSERT_TRUE(plain_read(peer, back, sizeof(back)));
        CU_ASSERT_EQUAL(memcmp(back, piece.data, sizeof(back)), 0);
        probe_stop(&rig, &recv);
        probe_free(&recv);
        rig_shut(&rig, sock, peer);
        rig_close(&rig);
    }
}

static void o6_no_buffers_is_back_pressure(void)
{
    static const int errs[] = {ENOBUFS, ENOMEM};

    if (!faults_start(NULL, 0, 0, 0))
        return;
    for (size_t i = 0; i < COUNT(errs); i++) {
        struct rnl_bytes piece = text("later");
        struct rig rig;
        struct probe send;
        rnl_socket sock;
        int64_t before, os;
        size_t sent;
        int peer;

        rig_open(&rig);
        rig_pair(&rig, rig_local(), &sock, &peer);
        before = rig.ops->now(rig.backend);
        faults_start("send", errs[i], 0, 4);
        CU_ASSERT_EQUAL(rig.ops->try_send(rig.backend, sock, &piece, 1, &sent, &os), RNL_EAGAIN);
        probe_send(&rig, &send, sock, &piece, 1);
        CU_ASSERT_TRUE(rig_final(&rig, &send));
        CU_ASSERT_EQUAL(send.code, RNL_OK);
        CU_ASSERT_EQUAL(send.len, 5);
        CU_ASSERT_EQUAL(faults_stop(), 5); /* it does not spin */
        CU_ASSERT_TRUE(rig.ops->now(rig.backend) - before >= 30 * RNL_MILLISECOND);
        rig_shut(&rig, sock, peer);
        rig_close(&rig);
    }
}

static void a_receive_without_buffers_comes_later(void)
{
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    int peer;

    if (!faults_start(NULL, 0, 0, 0))
        return;
    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    plain_write(peer, "abc", 3);
    probe_recv(&rig, &recv, sock);
    faults_start("recv", ENOBUFS, 0, 2);
    CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 3));
    CU_ASSERT_EQUAL(faults_stop(), 3);
    probe_stop(&rig, &recv);
    CU_ASSERT_EQUAL(recv.entries, 2);
    probe_free(&recv);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void o3_a_name_that_is_not_to_be_had(void)
{
    struct rnl_address address;
    struct rig rig;
    rnl_socket sock;
    int peer;
    int64_t os;

    if (!faults_start(NULL, 0, 0, 0))
        return;
    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    faults_start("getsockname getpeername", ENOTCONN, 0, 2);
    CU_ASSERT_EQUAL(rig.ops->get_name(rig.backend, sock, false, &address, &os), RNL_ENOTCONN);
    CU_ASSERT_EQUAL(rig.ops->get_name(rig.backend, sock, true, &address, &os), RNL_ENOTCONN);
    faults_start("getsockname", EINVAL, 0, 1);
    CU_ASSERT_EQUAL(rig.ops->get_name(rig.backend, sock, false, &address, &os), RNL_EINVAL);
    CU_ASSERT_EQUAL(os, rnli_sys_os_code(EINVAL));
    faults_stop();
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

/* ---- K: time ----------------------------------------------------------- */

/* Rounded up: neither early, nor spinning through the last part of a millisecond. */
static void k1_without_nanoseconds(void)
{
    static const int64_t times[] = {1, 300 * RNL_MICROSECOND, RNL_MILLISECOND + 1};
    struct rig rig;

    if (!faults_start("epoll_pwait2", ENOSYS, 0, INT_MAX))
        return;
    rig_open(&rig);
    CU_ASSERT_EQUAL(rig_wait(&rig, 1), 0);
    CU_ASSERT_TRUE(faults_stop() <= 1);
    for (size_t i = 0; i < COUNT(times); i++) {
        int64_t before = rig.ops->now(rig.backend);

        faults_start("epoll_pwait2 epoll_wait kevent select", 0, 0, 0);
        CU_ASSERT_EQUAL(rig_wait(&rig, times[i]), 0);
        CU_ASSERT_TRUE(faults_stop() <= 2);
        CU_ASSERT_TRUE(rig.ops->now(rig.backend) - before >= times[i]);
    }
    rig_close(&rig);
}

/* ---- A whole conversation ---------------------------------------------- */

struct talk {
    struct rig rig;
    struct probe accept, connect, recv, send;
    rnl_socket listener, client, server;
    bool accepting, connecting, receiving, sending;
};

static int talk_listen(struct talk *talk, enum rnl_family family, struct rnl_address *address)
{
    const struct rnl_backend_ops *ops = talk->rig.ops;
    struct rnl_backend *backend = talk->rig.backend;
    int64_t os;
    int code = ops->open_socket(backend, family, &talk->listener, &os);

    memset(address, 0, sizeof(*address)); /* any port, any name */
    address->family = family;
    memcpy(address->ip, (unsigned char[]){127, 0, 0, 1}, 4);
    if (code || (code = ops->bind(backend, talk->listener, address, &os)) ||
        (code = ops->listen(backend, talk->listener, 4, &os)))
        return code;
    return ops->get_name(backend, talk->listener, false, address, &os);
}

static int talk_connect(struct talk *talk, const struct rnl_address *address)
{
    int64_t os;
    int code;

    probe_init(&talk->accept, RNL_OP_ACCEPT, talk->listener);
    code = probe_submit(&talk->rig, &talk->accept);
    talk->accepting = code == RNL_OK;
    if (code ||
        (code = talk->rig.ops->open_socket(talk->rig.backend, address->family, &talk->client, &os)))
        return code;
    probe_init(&talk->connect, RNL_OP_CONNECT, talk->client);
    talk->connect.op.address = *address;
    code = probe_submit(&talk->rig, &talk->connect);
    talk->connecting = code == RNL_OK;
    if (code || !rig_final(&talk->rig, &talk->connect) || (code = talk->connect.code))
        return code;
    if (!rig_accepted(&talk->rig, &talk->accept, 1))
        return talk->accept.code ? talk->accept.code : RNL_ETIMEDOUT;
    code = talk->rig.ops->attach(talk->rig.backend, talk->accept.accepted[0], &os);
    talk->server = talk->accept.accepted[0];
    return code;
}

static int talk_messages(struct talk *talk)
{
    static const struct rnl_bytes piece = {(const unsigned char *)"ping", 4};
    int code;

    probe_init(&talk->recv, RNL_OP_RECV, talk->server);
    code = probe_submit(&talk->rig, &talk->recv);
    talk->receiving = code == RNL_OK;
    for (size_t i = 1; i <= 10 && code == RNL_OK; i++) {
        probe_init(&talk->send, RNL_OP_SEND, talk->client);
        talk->send.op.pieces = &piece;
        talk->send.op.npieces = 1;
        code = probe_submit(&talk->rig, &talk->send);
        talk->sending = code == RNL_OK;
        if (code || !rig_final(&talk->rig, &talk->send) || (code = talk->send.code))
            return code;
        if (!rig_bytes(&talk->rig, &talk->recv, 4 * i))
            code = talk->recv.code ? talk->recv.code : RNL_ETIMEDOUT;
    }
    return code;
}

static void talk_stop(struct talk *talk, bool started, struct probe *probe)
{
    if (started)
        probe_stop(&talk->rig, probe);
    free(probe->got);
}

/* Everything ends tidy, whatever failed on the way. */
static int talk_all(enum rnl_family family)
{
    static struct talk talk;
    struct rnl_address address;
    int fds = count_fds(), code;

    memset(&talk, 0, sizeof(talk));
    talk.listener = talk.client = talk.server = RNL_NO_SOCKET;
    talk.rig.ops = rnli_backend_find(rig_name);
    code = talk.rig.ops->open(rig_config(), &talk.rig.backend);
    if (code == RNL_OK) {
        code = talk_listen(&talk, family, &address);
        if (code == RNL_OK)
            code = talk_connect(&talk, &address);
        if (code == RNL_OK)
            code = talk_messages(&talk);
        faults_stop(); /* what ends must be able to end */
        talk_stop(&talk, talk.sending, &talk.send);
        talk_stop(&talk, talk.receiving, &talk.recv);
        talk_stop(&talk, talk.connecting, &talk.connect);
        talk_stop(&talk, talk.accepting, &talk.accept);
        if (talk.accept.naccepted)
            rig_shut(&talk.rig, talk.accept.accepted[0], -1);
        if (talk.client != RNL_NO_SOCKET)
            rig_shut(&talk.rig, talk.client, -1);
        if (talk.listener != RNL_NO_SOCKET)
            rig_shut(&talk.rig, talk.listener, -1);
    }
    talk.rig.ops->close(talk.rig.backend);
    CU_ASSERT_EQUAL(rig_live_memory(), 0);
    CU_ASSERT_EQUAL(count_fds(), fds);
    return code;
}

static void n8_interrupted_everywhere(void)
{
    static const char slow[] = "recv send accept connect poll select epoll_wait epoll_pwait2 "
                               "read write";
    enum rnl_family family;

    for (int i = 0; tcp_or_local(i, &family); i++) {
        if (!faults_start(slow, EINTR, 0, INT_MAX))
            return;
        faults_alternate();
        CU_ASSERT_EQUAL(talk_all(family), RNL_OK);
        CU_ASSERT_TRUE(faults_injected() > 20);
    }
}

/* Each call in turn fails once, with each of these. */
static void every_call_fails_in_turn(void)
{
    static const int errs[] = {EMFILE, ENOMEM, EIO, EINTR};

    for (size_t i = 0; i < COUNT(errs); i++) {
        for (int n = 0; n < 1000; n++) {
            if (!faults_start(NULL, errs[i], n, 1))
                return;
            talk_all(n % 2 ? RNL_INET : rig_local());
            faults_stop();
            if (faults_injected() == 0)
                break; /* there are no more */
            CU_ASSERT_NOT_EQUAL(n, 999);
        }
    }
}

/* ---- Speed, as a count -------------------------------------------------- */

static void two_system_calls_over(enum rnl_family family)
{
    enum { MESSAGES = 50 };
    static const char calls[] = "recv recvmsg send sendmsg poll epoll_ctl fcntl read write";
    bool looks_again = strcmp(rig_name, "kqueue") == 0; /* for urgent data: kqueue.c */
    struct rnl_bytes piece = text("pong");
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    size_t sent;
    int peer, waits;
    int64_t os;

    rig_open(&rig);
    rig_pair(&rig, family, &sock, &peer);
    probe_recv(&rig, &recv, sock);
    rig_settle(&rig);
    for (int round = 0; round < 2; round++) { /* counts all but waiting; then all */
        waits = round || looks_again ? MESSAGES : 0;
        if (!faults_start(round ? NULL : calls, 0, 0, 0))
            break;
        for (size_t i = 0; i < MESSAGES; i++) {
            char back[4];
            size_t had = recv.len;

            plain_write(peer, "ping", 4);
            CU_ASSERT_TRUE(rig_bytes(&rig, &recv, had + 4));
            CU_ASSERT_EQUAL(rig.ops->try_send(rig.backend, sock, &piece, 1, &sent, &os), RNL_OK);
            CU_ASSERT_TRUE(plain_read(peer, back, sizeof(back)));
            if (round == 0)
                rig_settle(&rig); /* and none that finds nothing */
        }
        CU_ASSERT_EQUAL(faults_stop(), 2 * MESSAGES + waits);
    }
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void two_system_calls_a_message(void)
{
    enum rnl_family family;

    for (int i = 0; tcp_or_local(i, &family); i++)
        two_system_calls_over(family);
}

/* What was told of a socket before it connected is void, and costs no receive. */
static void no_receive_that_fails_after_a_connect(void)
{
    enum { MESSAGES = 10 };
    struct rnl_address address;
    struct rig rig;
    struct probe connect, recv, accept;
    rnl_socket listener, sock;
    int64_t os;
    int looks = strcmp(rig_name, "kqueue") == 0 ? 2 : 1; /* one for urgent data: kqueue.c */

    if (!faults_start(NULL, 0, 0, 0))
        return;
    rig_open(&rig);
    listener = rig_listener(&rig, RNL_INET, 4, &address);
    CU_ASSERT_EQUAL_FATAL(rig.ops->open_socket(rig.backend, RNL_INET, &sock, &os), RNL_OK);
    rig_settle(&rig); /* epoll calls it hung up and writable */
    probe_init(&connect, RNL_OP_CONNECT, sock);
    connect.op.address = address;
    CU_ASSERT_EQUAL(probe_submit(&rig, &connect), RNL_OK);
    CU_ASSERT_TRUE(rig_final(&rig, &connect));
    CU_ASSERT_EQUAL(connect.code, RNL_OK);
    probe_init(&accept, RNL_OP_ACCEPT, listener);
    CU_ASSERT_EQUAL(probe_submit(&rig, &accept), RNL_OK);
    CU_ASSERT_TRUE_FATAL(rig_accepted(&rig, &accept, 1));
    probe_recv(&rig, &recv, sock);
    faults_start("recv", 0, 0, 0);
    for (size_t i = 1; i <= MESSAGES; i++) {
        CU_ASSERT_EQUAL(send((int)accept.accepted[0], "ping", 4, MSG_NOSIGNAL), 4);
        CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 4 * i));
        rig_settle(&rig);
    }
    CU_ASSERT_EQUAL(faults_stop(), looks * MESSAGES);
    probe_stop(&rig, &accept);
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, accept.accepted[0], -1);
    rig_shut(&rig, sock, -1);
    rig_shut(&rig, listener, -1);
    rig_close(&rig);
}

/* ---- The kernel's TLS, where the backend has it -------------------------- */

static int hand_keys(struct rig *rig, rnl_socket sock, int64_t *os)
{
    static const unsigned char keys[40]; /* of no cipher */

    return rig->ops->tls_send_keys(rig->backend, sock, keys, sizeof(keys), os);
}

static int say_record(struct rig *rig, rnl_socket sock, int64_t *os)
{
    struct rnl_bytes piece = text("ab");
    size_t sent = 1;
    int code = rig->ops->tls_send_record(rig->backend, sock, 21, &piece, 1, &sent, os);

    CU_ASSERT_EQUAL(sent, 0);
    return code;
}

static void keys_that_are_not_taken(struct rig *rig, rnl_socket sock)
{
    int64_t os;

    CU_ASSERT_EQUAL(hand_keys(rig, sock, &os), RNL_ENOTSUP); /* whether the kernel has TLS or not */
    CU_ASSERT_NOT_EQUAL(os, 0);
    faults_start("tls_attach", ENOENT, 0, 1);
    CU_ASSERT_EQUAL(hand_keys(rig, sock, &os), RNL_ENOTSUP);
    CU_ASSERT_EQUAL(os, ENOENT);
    faults_stop();
    faults_start("tls_attach tls_keys", EEXIST, 0, 2); /* the first is no failure */
    CU_ASSERT_EQUAL(hand_keys(rig, sock, &os), RNL_ENOTSUP);
    CU_ASSERT_EQUAL(faults_stop(), 2);
}

static void records_that_are_not_sent(struct rig *rig, rnl_socket sock)
{
    static const int errs[] = {EAGAIN, ENOBUFS, ENOMEM, EPIPE};
    static const int codes[] = {RNL_EAGAIN, RNL_ENOBUFS, RNL_ENOBUFS, RNL_EPIPE};
    int64_t os;

    for (size_t i = 0; i < COUNT(errs); i++) {
        faults_start("tls_record", errs[i], 0, 1);
        CU_ASSERT_EQUAL(say_record(rig, sock, &os), codes[i]);
        CU_ASSERT_EQUAL(os, errs[i] == EPIPE ? EPIPE : 0);
        CU_ASSERT_EQUAL(faults_stop(), 1);
    }
}

/* Not to be closed while TCP has no room. */
static void a_rest(struct rig *rig, rnl_socket sock)
{
    static const unsigned char block[65536];
    struct rnl_bytes piece = {block, sizeof(block)};
    int64_t os;
    size_t sent;

    do {
        while (rig->ops->try_send(rig->backend, sock, &piece, 1, &sent, &os) == RNL_OK)
            ;
        rig_settle(rig); /* an edge, if there is room again */
    } while (rig->ops->tls_send_rest(rig->backend, sock) == RNL_OK);
    faults_start("poll", EBADF, 0, 1);
    CU_ASSERT_EQUAL(rig->ops->tls_send_rest(rig->backend, sock), RNL_OK);
    faults_stop();
}

static void no_tls_of_the_kernel(void)
{
    struct rig rig;
    rnl_socket ours;
    int theirs;

    if (!faults_start(NULL, 0, 0, 0))
        return;
    faults_stop();
    rig_open(&rig);
    if (rig.ops->tls_send_keys) {
        rig_pair(&rig, RNL_INET, &ours, &theirs);
        keys_that_are_not_taken(&rig, ours);
        records_that_are_not_sent(&rig, ours);
        CU_ASSERT_EQUAL(rig.ops->tls_send_rest(rig.backend, ours), RNL_OK);
        a_rest(&rig, ours);
        rig_shut(&rig, ours, theirs);
    }
    rig_close(&rig);
}

void suite_faults(CU_pSuite suite)
{
    CU_add_test(suite, "E1 out of descriptors in accept", e1_out_of_descriptors);
    CU_add_test(suite, "E3 errors of one peer in accept", e3_errors_of_one_peer);
    CU_add_test(suite, "F2 a send that would block", f2_a_send_that_would_block);
    CU_add_test(suite, "K1 without nanoseconds", k1_without_nanoseconds);
    CU_add_test(suite, "N8 interrupted everywhere", n8_interrupted_everywhere);
    CU_add_test(suite, "O3 a name that is not to be had", o3_a_name_that_is_not_to_be_had);
    CU_add_test(suite, "O6 no buffers is back-pressure", o6_no_buffers_is_back_pressure);
    CU_ADD_TEST(suite, a_receive_without_buffers_comes_later);
    CU_ADD_TEST(suite, every_call_fails_in_turn);
    CU_ADD_TEST(suite, two_system_calls_a_message);
    CU_ADD_TEST(suite, no_receive_that_fails_after_a_connect);
    CU_ADD_TEST(suite, no_tls_of_the_kernel);
}
