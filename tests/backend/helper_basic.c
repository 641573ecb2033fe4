/* helper_basic.c: the promises of runnel/backend.h, one by one. */
#include "helper_rig.h"

#include <runnel/loop.h>
#include <stdio.h>

/* ---- Receiving --------------------------------------------------------- */

static void recv_brings_bytes_then_the_end(void)
{
    enum rnl_family family;

    for (int i = 0; tcp_or_local(i, &family); i++) {
        struct rig rig;
        struct probe recv;
        rnl_socket sock;
        int peer;

        rig_open(&rig);
        rig_pair(&rig, family, &sock, &peer);
        probe_recv(&rig, &recv, sock);
        CU_ASSERT_EQUAL(rig_wait(&rig, 0), 0);
        plain_write(peer, "hello", 5);
        CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 5));
        CU_ASSERT_EQUAL(memcmp(recv.got, "hello", 5), 0);
        CU_ASSERT_EQUAL(recv.entries, 1);
        CU_ASSERT_EQUAL(rig_wait(&rig, 0), 0);
        close(peer);
        CU_ASSERT_TRUE(rig_final(&rig, &recv));
        CU_ASSERT_TRUE(recv.ended);
        CU_ASSERT_EQUAL(recv.len, 5);
        probe_free(&recv);
        probe_recv(&rig, &recv, sock); /* the end stays the end */
        CU_ASSERT_TRUE(rig_final(&rig, &recv));
        CU_ASSERT_TRUE(recv.ended);
        probe_free(&recv);
        rig_shut(&rig, sock, -1);
        rig_close(&rig);
    }
}

static void recv_goes_on_after_full_loans(void)
{
    enum rnl_family family;

    for (int i = 0; tcp_or_local(i, &family); i++) {
        struct rig rig;
        struct probe recv;
        rnl_socket sock;
        int peer, rounds = 0;

        rig_open(&rig);
        rig_pair(&rig, family, &sock, &peer);
        probe_init(&recv, RNL_OP_RECV, sock);
        recv.lend_len = 3;
        CU_ASSERT_EQUAL(probe_submit(&rig, &recv), RNL_OK);
        plain_write(peer, "0123456789", 10);
        while (recv.len < 10 && rounds++ < 20) {
            int lends = recv.lends;

            rig_wait(&rig, RNL_SECOND);
            CU_ASSERT_TRUE(recv.lends <= lends + 1); /* one loan at a time */
        }
        CU_ASSERT_EQUAL(recv.len, 10);
        CU_ASSERT_EQUAL(memcmp(recv.got, "0123456789", 10), 0);
        probe_stop(&rig, &recv);
        CU_ASSERT_EQUAL(recv.code, RNL_ECANCELED);
        probe_free(&recv);
        rig_shut(&rig, sock, peer);
        rig_close(&rig);
    }
}

static void recv_ends_when_lend_refuses(void)
{
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    int peer;

    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    probe_init(&recv, RNL_OP_RECV, sock);
    recv.refuse = RNL_EUSER - 7;
    CU_ASSERT_EQUAL(probe_submit(&rig, &recv), RNL_OK);
    plain_write(peer, "kept", 4);
    CU_ASSERT_TRUE(rig_final(&rig, &recv));
    CU_ASSERT_EQUAL(recv.code, RNL_EUSER - 7);
    recv.refuse = 0;
    CU_ASSERT_EQUAL(probe_submit(&rig, &recv), RNL_OK);
    CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 4));
    CU_ASSERT_EQUAL(memcmp(recv.got, "kept", 4), 0);
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void recv_tells_a_reset(void)
{
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    int peer;

    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    probe_recv(&rig, &recv, sock);
    plain_reset(peer);
    CU_ASSERT_TRUE(rig_final(&rig, &recv));
    CU_ASSERT_EQUAL(recv.code, RNL_ECONNRESET);
    CU_ASSERT_EQUAL(recv.os, rnli_sys_os_code(ECONNRESET));
    probe_free(&recv);
    rig_shut(&rig, sock, -1);
    rig_close(&rig);
}

/* ---- Accepting and connecting ------------------------------------------- */

static void accept_yields_many_and_ends_once(void)
{
    enum { CLIENTS = 20 };
    enum rnl_family family;

    for (int i = 0; tcp_or_local(i, &family); i++) {
        struct rnl_address address;
        struct rig rig;
        struct probe accept;
        rnl_socket listener;
        int clients[CLIENTS];

        rig_open(&rig);
        listener = rig_listener(&rig, family, CLIENTS, &address);
        probe_init(&accept, RNL_OP_ACCEPT, listener);
        CU_ASSERT_EQUAL(probe_submit(&rig, &accept), RNL_OK);
        for (int k = 0; k < CLIENTS; k++)
            clients[k] = plain_connect(&address);
        CU_ASSERT_TRUE(rig_accepted(&rig, &accept, CLIENTS));
        CU_ASSERT_FALSE(accept.final);
        CU_ASSERT_EQUAL(accept.peer.family, family);
        probe_stop(&rig, &accept);
        CU_ASSERT_EQUAL(accept.code, RNL_ECANCELED);
        CU_ASSERT_EQUAL(accept.entries, CLIENTS + 1);
        for (int k = 0; k < CLIENTS; k++)
            rig_shut(&rig, accept.accepted[k], clients[k]);
        rig_shut(&rig, listener, -1);
        rig_close(&rig);
    }
}

static void accept_fits_the_room_it_is_given(void)
{
    struct rnl_address address;
    struct rig rig;
    struct probe accept;
    rnl_socket listener;
    int clients[5];

    rig_open(&rig);
    listener = rig_listener(&rig, RNL_INET, 8, &address);
    probe_init(&accept, RNL_OP_ACCEPT, listener);
    CU_ASSERT_EQUAL(probe_submit(&rig, &accept), RNL_OK);
    for (int k = 0; k < 5; k++)
        clients[k] = plain_connect(&address);
    for (int rounds = 0; accept.naccepted < 5 && rounds < 10; rounds++)
        CU_ASSERT_TRUE(rig_wait_max(&rig, RNL_SECOND, 2) <= 2);
    CU_ASSERT_EQUAL(accept.naccepted, 5);
    probe_stop(&rig, &accept);
    for (int k = 0; k < 5; k++)
        rig_shut(&rig, accept.accepted[k], clients[k]);
    rig_shut(&rig, listener, -1);
    rig_close(&rig);
}

static void connect_to(struct rig *rig, const struct rnl_address *address, rnl_socket *sock,
                       struct probe *connect)
{
    int64_t os;

    CU_ASSERT_EQUAL_FATAL(rig->ops->open_socket(rig->backend, address->family, sock, &os), RNL_OK);
    probe_init(connect, RNL_OP_CONNECT, *sock);
    connect->op.address = *address;
    CU_ASSERT_EQUAL_FATAL(probe_submit(rig, connect), RNL_OK);
}

static void connect_meets_accept(void)
{
    enum rnl_family family;

    for (int i = 0; tcp_or_local(i, &family); i++) {
        struct rnl_address address, peer;
        struct rig rig;
        struct probe accept, connect, send, recv;
        struct rnl_bytes piece = {(const unsigned char *)"ping", 4};
        rnl_socket listener, client;
        int64_t os;

        rig_open(&rig);
        listener = rig_listener(&rig, family, 4, &address);
        probe_init(&accept, RNL_OP_ACCEPT, listener);
        CU_ASSERT_EQUAL(probe_submit(&rig, &accept), RNL_OK);
        connect_to(&rig, &address, &client, &connect);
        CU_ASSERT_TRUE(rig_final(&rig, &connect));
        CU_ASSERT_EQUAL(connect.code, RNL_OK);
        CU_ASSERT_TRUE(rig_accepted(&rig, &accept, 1));
        CU_ASSERT_EQUAL(rig.ops->get_name(rig.backend, client, true, &peer, &os), RNL_OK);
        CU_ASSERT_EQUAL(memcmp(&peer, &address, sizeof(peer)), 0);
        CU_ASSERT_EQUAL(rig.ops->attach(rig.backend, accept.accepted[0], &os), RNL_OK);
        probe_recv(&rig, &recv, accept.accepted[0]);
        probe_send(&rig, &send, client, &piece, 1);
        CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 4));
        CU_ASSERT_TRUE(rig_final(&rig, &send));
        CU_ASSERT_EQUAL(send.len, 4);
        probe_stop(&rig, &recv);
        probe_stop(&rig, &accept);
        probe_free(&recv);
        rig_shut(&rig, accept.accepted[0], -1);
        rig_shut(&rig, client, -1);
        rig_shut(&rig, listener, -1);
        rig_close(&rig);
    }
}

static void connect_that_is_refused(void)
{
    enum rnl_family family;

    for (int i = 0; tcp_or_local(i, &family); i++) {
        struct rnl_address address;
        struct rig rig;
        struct probe connect;
        rnl_socket listener, client;

        rig_open(&rig);
        listener = rig_listener(&rig, family, 4, &address);
        rig_shut(&rig, listener, -1);
        connect_to(&rig, &address, &client, &connect);
        CU_ASSERT_TRUE(rig_final(&rig, &connect));
        CU_ASSERT_EQUAL(connect.code, RNL_ECONNREFUSED);
        CU_ASSERT_EQUAL(connect.os, rig_simulated() ? RNL_ECONNREFUSED : rnli_sys_os_code(ECONNREFUSED));
        rig_shut(&rig, client, -1);
        rig_close(&rig);
    }
}

/* ---- Sending ----------------------------------------------------------- */

static void try_send_until_full_then_send(void)
{
    static unsigned char block[65536], back[65536];
    enum rnl_family family;

    for (int i = 0; tcp_or_local(i, &family); i++) {
        struct rnl_bytes piece = {block, sizeof(block)};
        struct rig rig;
        struct probe send;
        rnl_socket sock;
        size_t total = 0, sent;
        int peer, code;
        int64_t os;

        rig_open(&rig);
        rig_pair(&rig, family, &sock, &peer);
        while ((code = rig.ops->try_send(rig.backend, sock, &piece, 1, &sent, &os)) == RNL_OK)
            total += sent;
        CU_ASSERT_EQUAL(code, RNL_EAGAIN);
        CU_ASSERT_EQUAL(sent, 0);
        probe_send(&rig, &send, sock, &piece, 1);
        CU_ASSERT_EQUAL(rig_wait(&rig, 0), 0); /* it waits */
        CU_ASSERT_EQUAL(rig.ops->try_send(rig.backend, sock, &piece, 1, &sent, &os), RNL_EINVAL);
        while (total > 0 && !send.final) {
            size_t part = total < sizeof(back) ? total : sizeof(back);

            CU_ASSERT_TRUE_FATAL(plain_read(peer, back, part));
            total -= part;
            rig_wait(&rig, 0);
        }
        CU_ASSERT_TRUE(rig_final(&rig, &send));
        CU_ASSERT_EQUAL(send.code, RNL_OK);
        CU_ASSERT_TRUE(send.len > 0);
        rig_shut(&rig, sock, peer);
        CU_ASSERT_EQUAL(rig.ops->try_send(rig.backend, sock, &piece, 1, &sent, &os), RNL_EINVAL);
        rig_close(&rig);
    }
}

/* ---- Polling ----------------------------------------------------------- */

static void poll_tells_once_and_afresh(void)
{
    struct rig rig;
    struct probe poll;
    int fds[2];
    char byte;
    int64_t os;

    rig_open(&rig);
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    CU_ASSERT_EQUAL_FATAL(rig.ops->attach(rig.backend, fds[0], &os), RNL_OK);
    probe_poll(&rig, &poll, fds[0], RNL_POLL_READ);
    CU_ASSERT_EQUAL(rig_wait(&rig, 0), 0);
    CU_ASSERT_EQUAL(write(fds[1], "x", 1), 1);
    CU_ASSERT_TRUE(rig_final(&rig, &poll));
    CU_ASSERT_EQUAL(poll.code, RNL_OK);
    probe_poll(&rig, &poll, fds[0], RNL_POLL_READ); /* nobody read: still ready */
    CU_ASSERT_TRUE(rig_final(&rig, &poll));
    CU_ASSERT_EQUAL(read(fds[0], &byte, 1), 1);
    probe_poll(&rig, &poll, fds[0], RNL_POLL_READ); /* read behind our back */
    CU_ASSERT_EQUAL(rig_wait(&rig, 0), 0);
    CU_ASSERT_FALSE(poll.final);
    CU_ASSERT_EQUAL(write(fds[1], "x", 1), 1);
    CU_ASSERT_TRUE(rig_final(&rig, &poll));
    CU_ASSERT_EQUAL(read(fds[0], &byte, 1), 1);
    probe_poll(&rig, &poll, fds[0], RNL_POLL_READ);
    close(fds[1]);
    CU_ASSERT_TRUE(rig_final(&rig, &poll)); /* the other end has gone */
    rig.ops->detach(rig.backend, fds[0]);
    CU_ASSERT_TRUE(fcntl(fds[0], F_GETFD) >= 0); /* let go, open */
    close(fds[0]);
    rig_close(&rig);
}

static void poll_for_both(void)
{
    struct rig rig;
    struct probe poll;
    rnl_socket sock;
    int peer;

    rig_open(&rig);
    rig_pair(&rig, rig_local(), &sock, &peer);
    probe_poll(&rig, &poll, sock, RNL_POLL_READ | RNL_POLL_WRITE);
    CU_ASSERT_TRUE(rig_final(&rig, &poll));
    CU_ASSERT_EQUAL(poll.entries, 1);
    rig_settle(&rig);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

/* ---- Cancelling -------------------------------------------------------- */

static void cancel_ends_each_kind_once(void)
{
    struct rnl_address address;
    struct rig rig;
    struct probe accept, recv, send, poll;
    struct rnl_bytes piece = {(const unsigned char *)"x", 1};
    rnl_socket listener, a, b;
    int peer_a, peer_b;

    rig_open(&rig);
    listener = rig_listener(&rig, RNL_INET, 4, &address);
    rig_pair(&rig, RNL_INET, &a, &peer_a);
    rig_pair(&rig, RNL_INET, &b, &peer_b);
    probe_init(&accept, RNL_OP_ACCEPT, listener);
    CU_ASSERT_EQUAL(probe_submit(&rig, &accept), RNL_OK);
    probe_recv(&rig, &recv, a);
    probe_poll(&rig, &poll, b, RNL_POLL_READ);
    probe_send(&rig, &send, a, &piece, 1);
    rig.ops->cancel(rig.backend, &recv.op); /* twice is once */
    probe_stop(&rig, &recv);
    probe_stop(&rig, &send);
    probe_stop(&rig, &accept);
    probe_stop(&rig, &poll);
    CU_ASSERT_EQUAL(recv.code, RNL_ECANCELED);
    CU_ASSERT_EQUAL(accept.code, RNL_ECANCELED);
    CU_ASSERT_EQUAL(poll.code, RNL_ECANCELED);
    CU_ASSERT_TRUE(send.code == RNL_ECANCELED ? send.len == 0 : send.len == 1);
    rig.ops->cancel(rig.backend, &recv.op); /* after the end: nothing */
    rig_settle(&rig);
    CU_ASSERT_EQUAL(recv.entries + accept.entries + send.entries + poll.entries, 4);
    probe_free(&recv);
    rig_shut(&rig, a, peer_a);
    rig_shut(&rig, b, peer_b);
    rig_shut(&rig, listener, -1);
    rig_close(&rig);
}

static void cancel_does_not_lose_bytes(void)
{
    enum rnl_family family;

    for (int i = 0; tcp_or_local(i, &family); i++) {
        struct rig rig;
        struct probe recv;
        rnl_socket sock;
        int peer;

        rig_open(&rig);
        rig_pair(&rig, family, &sock, &peer);
        for (int k = 0; k < 50; k++) {
            probe_recv(&rig, &recv, sock);
            plain_write(peer, "abc", 3);
            if (k % 2)
                rig_wait(&rig, 0);
            probe_stop(&rig, &recv); /* with or without the bytes */
            if (recv.len < 3) {
                CU_ASSERT_EQUAL(probe_submit(&rig, &recv), RNL_OK);
                CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 3));
                probe_stop(&rig, &recv);
            }
            CU_ASSERT_EQUAL(recv.len, 3);
            CU_ASSERT_EQUAL(memcmp(recv.got, "abc", 3), 0);
            probe_free(&recv);
        }
        rig_shut(&rig, sock, peer);
        rig_close(&rig);
    }
}

static void cancelled_accept_leaks_no_socket(void)
{
    struct rnl_address address;
    struct rig rig;
    struct probe accept;
    rnl_socket listener;

    rig_open(&rig);
    listener = rig_listener(&rig, RNL_INET, 16, &address);
    for (int k = 0; k < 50; k++) {
        int client;

        probe_init(&accept, RNL_OP_ACCEPT, listener);
        CU_ASSERT_EQUAL(probe_submit(&rig, &accept), RNL_OK);
        client = plain_connect(&address);
        if (k % 2)
            rig_wait(&rig, 0);
        probe_stop(&rig, &accept);
        if (accept.naccepted == 0) { /* still in the queue */
            CU_ASSERT_EQUAL(probe_submit(&rig, &accept), RNL_OK);
            CU_ASSERT_TRUE(rig_accepted(&rig, &accept, 1));
            probe_stop(&rig, &accept);
        }
        CU_ASSERT_EQUAL(accept.naccepted, 1);
        rig_shut(&rig, accept.accepted[0], client);
    }
    rig_shut(&rig, listener, -1);
    rig_close(&rig);
}

/* ---- Refusals ---------------------------------------------------------- */

static void submit_refuses_what_it_cannot_do(void)
{
    struct rig rig;
    struct probe recv, poll, other;
    struct rnl_entry entry;
    rnl_socket sock;
    int peer;

    rig_open(&rig);
    probe_init(&other, RNL_OP_RECV, 3);
    CU_ASSERT_EQUAL(probe_submit(&rig, &other), RNL_EINVAL); /* not attached */
    other.op.sock = RNL_NO_SOCKET;
    CU_ASSERT_EQUAL(probe_submit(&rig, &other), RNL_EINVAL);
    free(other.got);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    probe_recv(&rig, &recv, sock);
    probe_init(&poll, RNL_OP_POLL, sock);
    CU_ASSERT_EQUAL(probe_submit(&rig, &poll), RNL_EINVAL); /* for nothing */
    poll.op.poll = RNL_POLL_READ;
    CU_ASSERT_EQUAL(probe_submit(&rig, &poll), RNL_EBUSY);
    probe_init(&other, (enum rnl_op_kind)99, sock);
    CU_ASSERT_EQUAL(probe_submit(&rig, &other), RNL_EINVAL);
    rig_settle(&rig);
    CU_ASSERT_EQUAL(poll.entries + other.entries, 0); /* refused: no entry */
    CU_ASSERT_EQUAL(rig.ops->wait(rig.backend, 0, &entry, 0), RNL_EINVAL);
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void sockets_know_what_they_are(void)
{
    struct rnl_socket_info info;
    struct rnl_address address;
    struct rig rig;
    rnl_socket sock;
    int peer;
    int64_t os;

    rig_open(&rig);
    sock = rig_listener(&rig, RNL_INET, 4, &address);
    CU_ASSERT_EQUAL(rig.ops->info(rig.backend, sock, &info, &os), RNL_OK);
    CU_ASSERT_TRUE(info.family == RNL_INET && info.listening && info.tcp && !info.connected);
    CU_ASSERT_NOT_EQUAL(address.port, 0);
    rig_shut(&rig, sock, -1);
    rig_pair(&rig, rig_local(), &sock, &peer);
    CU_ASSERT_EQUAL(rig.ops->info(rig.backend, sock, &info, &os), RNL_OK);
    CU_ASSERT_TRUE(info.family == rig_local() && info.stream && info.connected);
    CU_ASSERT_TRUE(info.tcp == (rig_local() == RNL_INET) && !info.listening);
    CU_ASSERT_EQUAL(rig.ops->set_option(rig.backend, sock, RNL_SO_NODELAY, 1, &os),
                    info.tcp ? RNL_OK : RNL_ENOTSUP);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void shutdown_half_and_whole(void)
{
    struct rig rig;
    rnl_socket sock;
    int peer;
    char byte;
    int64_t os;

    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    CU_ASSERT_EQUAL(rig.ops->shutdown(rig.backend, sock, RNL_SHUT_WRITE, &os), RNL_OK);
    CU_ASSERT_EQUAL(read(peer, &byte, 1), 0);
    CU_ASSERT_EQUAL(rig.ops->shutdown(rig.backend, sock, (enum rnl_shut)9, &os), RNL_EINVAL);
    rig_shut(&rig, sock, peer);
    CU_ASSERT_EQUAL(rig.ops->shutdown(rig.backend, sock, RNL_SHUT_BOTH, &os), RNL_EBADF);
    rig_close(&rig);
}

static void names_of_backends(void)
{
    const char *const *names = rnl_backend_names();
    int count = 0;

    for (; names[count]; count++) {
        const struct rnl_backend_ops *ops = rnli_backend_find(names[count]);

        CU_ASSERT_PTR_NOT_NULL_FATAL(ops);
        CU_ASSERT_STRING_EQUAL(ops->name, names[count]);
        CU_ASSERT_EQUAL(ops->version, RNL_BACKEND_VERSION);
        CU_ASSERT_EQUAL(ops->size, sizeof(*ops));
    }
    CU_ASSERT_TRUE(count >= 1);
    CU_ASSERT_PTR_EQUAL(rnli_backend_find(NULL), rnli_backend_find(names[0]));
    CU_ASSERT_PTR_NULL(rnli_backend_find("no such backend"));
}

static void the_clock_goes_forward(void)
{
    struct rig rig;
    int64_t last, now;

    rig_open(&rig);
    last = rig.ops->now(rig.backend);
    for (int i = 0; i < 1000; i++, last = now) {
        now = rig.ops->now(rig.backend);
        CU_ASSERT_TRUE(now >= last);
    }
    rig_close(&rig);
}

void suite_table(CU_pSuite suite)
{
    CU_ADD_TEST(suite, connect_meets_accept);
    CU_ADD_TEST(suite, connect_that_is_refused);
    CU_ADD_TEST(suite, names_of_backends);
    CU_ADD_TEST(suite, the_clock_goes_forward);
}

void suite_basic(CU_pSuite suite)
{
    CU_ADD_TEST(suite, recv_brings_bytes_then_the_end);
    CU_ADD_TEST(suite, recv_goes_on_after_full_loans);
    CU_ADD_TEST(suite, recv_ends_when_lend_refuses);
    CU_ADD_TEST(suite, recv_tells_a_reset);
    CU_ADD_TEST(suite, accept_yields_many_and_ends_once);
    CU_ADD_TEST(suite, accept_fits_the_room_it_is_given);
    CU_ADD_TEST(suite, try_send_until_full_then_send);
    CU_ADD_TEST(suite, poll_tells_once_and_afresh);
    CU_ADD_TEST(suite, poll_for_both);
    CU_ADD_TEST(suite, cancel_ends_each_kind_once);
    CU_add_test(suite, "C4 a cancel does not lose bytes", cancel_does_not_lose_bytes);
    CU_add_test(suite, "C5 a cancelled accept leaks no socket", cancelled_accept_leaks_no_socket);
    CU_ADD_TEST(suite, submit_refuses_what_it_cannot_do);
    CU_ADD_TEST(suite, sockets_know_what_they_are);
    CU_ADD_TEST(suite, shutdown_half_and_whole);
}
