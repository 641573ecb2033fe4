/* helper_windows.c: the contract suite on Windows, and what is Windows' own. */
#include "helper_rig.h"

#include <stdio.h>

/* ---- Accepting --------------------------------------------------------- */

/* What came of a batch is closed again. */
static void close_accepted(struct rig *rig, struct probe *accept)
{
    while (accept->naccepted > 0)
        rig->ops->close_socket(rig->backend, accept->accepted[--accept->naccepted]);
}

/* An accept that fails with its client is the client's end, not the listener's. */
static void resets_before_accept(void)
{
    enum { CLIENTS = 10000, BATCH = 8 }; /* fewer than wait in the kernel at a time */
    struct rnl_address address;
    struct rig rig;
    struct probe accept;
    rnl_socket listener;
    int client;

    rig_open(&rig);
    listener = rig_listener(&rig, RNL_INET, 128, &address);
    probe_init(&accept, RNL_OP_ACCEPT, listener);
    CU_ASSERT_EQUAL_FATAL(probe_submit(&rig, &accept), RNL_OK);
    for (int i = 0; i < CLIENTS && !accept.final; i++) {
        client = plain_connect(&address);
        CU_ASSERT_FATAL(client >= 0);
        plain_reset(client);
        if (i % BATCH == BATCH - 1) {
            rig_settle(&rig);
            close_accepted(&rig, &accept);
        }
    }
    rig_settle(&rig);
    close_accepted(&rig, &accept);
    if (accept.final)
        printf("(the listener failed: %d, %d) ", accept.code, (int)accept.os);
    CU_ASSERT_FALSE_FATAL(accept.final);
    client = plain_connect(&address);
    CU_ASSERT_TRUE(rig_accepted(&rig, &accept, 1));
    close_accepted(&rig, &accept);
    probe_stop(&rig, &accept);
    rig_shut(&rig, listener, client);
    rig_close(&rig);
}

/* ---- Many -------------------------------------------------------------- */

/* An fd_set of Windows' own has room for 64. */
static void more_than_a_set_holds(void)
{
    enum { PAIRS = 150 };
    static struct probe recv[PAIRS];
    static rnl_socket sock[PAIRS];
    static int peer[PAIRS];
    struct rig rig;

    rig_open(&rig);
    for (int i = 0; i < PAIRS; i++) {
        rig_pair(&rig, RNL_INET, &sock[i], &peer[i]);
        probe_recv(&rig, &recv[i], sock[i]);
    }
    for (int i = PAIRS - 1; i >= 0; i--)
        plain_write(peer[i], "mine", 4);
    for (int i = 0; i < PAIRS; i++)
        CU_ASSERT_TRUE(rig_bytes(&rig, &recv[i], 4));
    for (int i = 0; i < PAIRS; i++) {
        CU_ASSERT_EQUAL(recv[i].len, 4);
        probe_stop(&rig, &recv[i]);
        probe_free(&recv[i]);
        rig_shut(&rig, sock[i], peer[i]);
    }
    rig_close(&rig);
}

/* ---- Cancelling what the kernel has ------------------------------------- */

static void a_send_that_is_cancelled(void)
{
    static unsigned char block[65536];
    struct rnl_bytes piece = {block, sizeof block};
    struct rig rig;
    struct probe send;
    rnl_socket sock;
    size_t sent;
    int peer;
    int64_t os;

    rig_open(&rig);
    for (int i = 0; i < 20; i++) {
        rig_pair(&rig, RNL_INET, &sock, &peer);
        while (rig.ops->try_send(rig.backend, sock, &piece, 1, &sent, &os) == RNL_OK)
            continue;
        probe_send(&rig, &send, sock, &piece, 1);
        if (i % 2)
            CU_ASSERT_EQUAL(rig_wait(&rig, 0), 0);
        probe_stop(&rig, &send);
        CU_ASSERT_TRUE(send.code == RNL_ECANCELED ? send.len == 0 : send.len > 0);
        rig_settle(&rig);
        CU_ASSERT_EQUAL(send.entries, 1);
        rig_shut(&rig, sock, peer);
    }
    rig_close(&rig);
}

static void a_connect_that_is_cancelled(void)
{
    struct rnl_address address;
    struct rig rig;
    struct probe connect;
    rnl_socket listener, sock;
    int64_t os;

    rig_open(&rig);
    listener = rig_listener(&rig, RNL_INET, 64, &address);
    for (int i = 0; i < 50; i++) {
        CU_ASSERT_EQUAL_FATAL(rig.ops->open_socket(rig.backend, RNL_INET, &sock, &os), RNL_OK);
        probe_init(&connect, RNL_OP_CONNECT, sock);
        connect.op.address = address;
        CU_ASSERT_EQUAL(probe_submit(&rig, &connect), RNL_OK);
        probe_stop(&rig, &connect);
        CU_ASSERT_TRUE(connect.code == RNL_ECANCELED || connect.code == RNL_OK);
        CU_ASSERT_EQUAL(connect.entries, 1);
        rig_shut(&rig, sock, -1);
    }
    rig_shut(&rig, listener, -1);
    rig_close(&rig);
}

/* ---- No memory to wait with --------------------------------------------- */

static unsigned char bulk[65536];

static rnl_socket full_pair(struct rig *rig, int *peer, size_t *total)
{
    struct rnl_bytes piece = {bulk, sizeof bulk};
    rnl_socket sock;
    size_t sent;
    int64_t os;

    rig_pair(rig, RNL_INET, &sock, peer);
    *total = 0;
    while (rig->ops->try_send(rig->backend, sock, &piece, 1, &sent, &os) == RNL_OK)
        *total += sent;
    return sock;
}

static void read_all(int peer, size_t total)
{
    while (total > 0) {
        size_t part = total < sizeof bulk ? total : sizeof bulk;

        CU_ASSERT_TRUE_FATAL(plain_read(peer, bulk, part));
        total -= part;
    }
}

static void no_buffers_to_receive(void)
{
    bool iocp = strcmp(rig_name, "iocp") == 0; /* select has no such calls */
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    int peer;

    if (!faults_start("WSARecv", ENOBUFS, 0, 2))
        return;
    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    probe_recv(&rig, &recv, sock);
    for (int i = 0; iocp && i < 100 && faults_injected() < 2; i++)
        rig_wait(&rig, 50 * RNL_MILLISECOND);
    CU_ASSERT_EQUAL(faults_injected(), iocp ? 2 : 0);
    plain_write(peer, "abc", 3);
    CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 3));
    faults_stop();
    probe_stop(&rig, &recv);
    CU_ASSERT_EQUAL(recv.code, RNL_ECANCELED);
    probe_free(&recv);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

/* Whether it has to wait is the system's to say: it may find room after all. */
static void no_buffers_to_send(void)
{
    struct rnl_bytes piece = {bulk, sizeof bulk};
    struct rig rig;
    struct probe send;
    rnl_socket sock;
    size_t total;
    int peer;

    if (!faults_start("WSASend", ENOBUFS, 0, 2))
        return;
    rig_open(&rig);
    sock = full_pair(&rig, &peer, &total);
    probe_send(&rig, &send, sock, &piece, 1);
    for (int i = 0; i < 10 && faults_injected() < 2 && !send.final; i++)
        rig_wait(&rig, 20 * RNL_MILLISECOND);
    read_all(peer, total);
    CU_ASSERT_TRUE(rig_final(&rig, &send));
    faults_stop();
    CU_ASSERT_EQUAL(send.code, RNL_OK);
    CU_ASSERT_TRUE(send.len > 0);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

/* ---- Polling, and coming again ------------------------------------------ */

static void polls_of_both_halves(void)
{
    static unsigned char block[65536];
    struct rnl_bytes piece = {block, sizeof block};
    struct rig rig;
    struct probe in, out;
    rnl_socket sock;
    size_t sent, total = 0;
    int peer;
    int64_t os;

    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    while (rig.ops->try_send(rig.backend, sock, &piece, 1, &sent, &os) == RNL_OK)
        total += sent;
    probe_poll(&rig, &in, sock, RNL_POLL_READ);
    probe_poll(&rig, &out, sock, RNL_POLL_WRITE);
    rig_wait(&rig, 20 * RNL_MILLISECOND);
    CU_ASSERT_FALSE(in.final);
    while (total > 0) {
        size_t part = total < sizeof block ? total : sizeof block;

        CU_ASSERT_TRUE_FATAL(plain_read(peer, block, part));
        total -= part;
    }
    CU_ASSERT_TRUE(rig_final(&rig, &out));
    CU_ASSERT_EQUAL(out.code, RNL_OK);
    plain_write(peer, "x", 1);
    CU_ASSERT_TRUE(rig_final(&rig, &in));
    CU_ASSERT_EQUAL(in.code, RNL_OK);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

/* The peer's end is no room to write: nobody goes round and round for it. */
static void a_poll_for_room_past_the_end(void)
{
    enum { LOOKS = 100 }; /* in 200 ms, each 10 ms at most */
    struct rig rig;
    struct probe out;
    rnl_socket sock;
    size_t total;
    int peer;

    if (!faults_start("poll", 0, 0, 0))
        return;
    rig_open(&rig);
    sock = full_pair(&rig, &peer, &total);
    CU_ASSERT_EQUAL(shutdown((SOCKET)peer, SD_SEND), 0);
    probe_poll(&rig, &out, sock, RNL_POLL_WRITE);
    rig_wait(&rig, 200 * RNL_MILLISECOND);
    CU_ASSERT_TRUE(faults_stop() <= LOOKS);
    read_all(peer, total);
    CU_ASSERT_TRUE(rig_final(&rig, &out));
    CU_ASSERT_EQUAL(out.code, RNL_OK);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

/* Urgent data is nothing to one that waits for room; bytes it is, once they are read. */
static void urgent_data_beside_a_send(void)
{
    enum { LOOKS = 100 };
    struct rnl_bytes piece = {bulk, sizeof bulk};
    struct rig rig;
    struct probe outgoing;
    rnl_socket sock;
    size_t total;
    int peer;

    if (!faults_start("select", 0, 0, 0))
        return;
    rig_open(&rig);
    sock = full_pair(&rig, &peer, &total);
    probe_send(&rig, &outgoing, sock, &piece, 1);
    CU_ASSERT_EQUAL(send((SOCKET)peer, "!", 1, MSG_OOB), 1);
    for (int i = 0; i < 4 && !outgoing.final; i++)
        rig_wait(&rig, 50 * RNL_MILLISECOND);
    CU_ASSERT_TRUE(faults_stop() <= LOOKS);
    read_all(peer, total);
    CU_ASSERT_TRUE(rig_final(&rig, &outgoing));
    CU_ASSERT_EQUAL(outgoing.code, RNL_OK);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void let_go_and_taken_back(void)
{
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    int peer;
    int64_t os;

    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    rig.ops->detach(rig.backend, sock);
    CU_ASSERT_EQUAL(rig.ops->attach(rig.backend, sock, &os), RNL_OK);
    probe_recv(&rig, &recv, sock);
    plain_write(peer, "again", 5);
    CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 5));
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

/* It stays with the port: what the program begins there by itself ends in our wait, too. */
static void completions_of_the_program(void)
{
    struct {
        OVERLAPPED overlapped;
        unsigned char behind[512]; /* nothing of ours */
    } own;
    struct rig rig;
    rnl_socket sock;
    char byte = 0;
    WSABUF buf = {1, &byte};
    DWORD got = 0, flags = 0;
    int peer;
    int64_t os;

    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    rig.ops->detach(rig.backend, sock);
    memset(&own, 0xff, sizeof own);
    memset(&own.overlapped, 0, sizeof own.overlapped);
    CU_ASSERT_EQUAL(WSARecv((SOCKET)sock, &buf, 1, NULL, &flags, &own.overlapped, NULL), -1);
    CU_ASSERT_EQUAL(WSAGetLastError(), WSA_IO_PENDING);
    plain_write(peer, "x", 1);
    for (int i = 0; i < 100 && !HasOverlappedIoCompleted(&own.overlapped); i++)
        CU_ASSERT_EQUAL(rig_wait(&rig, 50 * RNL_MILLISECOND), 0);
    CU_ASSERT_TRUE(WSAGetOverlappedResult((SOCKET)sock, &own.overlapped, &got, FALSE, &flags));
    CU_ASSERT_EQUAL(got, 1);
    CU_ASSERT_EQUAL(byte, 'x');
    rig_settle(&rig);
    CU_ASSERT_EQUAL(rig.ops->attach(rig.backend, sock, &os), RNL_OK);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void no_unix_sockets_is_an_error(void)
{
    struct rig rig;
    rnl_socket sock;
    int64_t os;
    int code;

    rig_open(&rig);
    code = rig.ops->open_socket(rig.backend, RNL_UNIX, &sock, &os);
    CU_ASSERT_TRUE(code == RNL_OK || (code == RNL_EAFNOSUPPORT && os == WSAEAFNOSUPPORT));
    CU_ASSERT_EQUAL(code == RNL_OK, rig_local() == RNL_UNIX);
    if (code == RNL_OK)
        rig_shut(&rig, sock, -1);
    rig_close(&rig);
}

static void suite_windows(CU_pSuite suite)
{
    CU_add_test(suite, "C12 E3 ten thousand resets before accept", resets_before_accept);
    CU_add_test(suite, "B8 more sockets than a set holds", more_than_a_set_holds);
    CU_add_test(suite, "C1 C14 C15 a send that is cancelled", a_send_that_is_cancelled);
    CU_add_test(suite, "C14 C15 a connect that is cancelled", a_connect_that_is_cancelled);
    CU_add_test(suite, "O6 no buffers to wait for bytes with", no_buffers_to_receive);
    CU_add_test(suite, "O6 no buffers to wait for room with", no_buffers_to_send);
    CU_ADD_TEST(suite, polls_of_both_halves);
    CU_ADD_TEST(suite, a_poll_for_room_past_the_end);
    CU_ADD_TEST(suite, urgent_data_beside_a_send);
    CU_ADD_TEST(suite, let_go_and_taken_back);
    CU_ADD_TEST(suite, completions_of_the_program);
    CU_ADD_TEST(suite, no_unix_sockets_is_an_error);
}

void suites(void)
{
    add_suite("basic", suite_basic);
    add_suite("windows", suite_windows);
    if (strcmp(rig_name, "select") == 0) /* they are faults of its calls */
        add_suite("faults", suite_faults);
}
