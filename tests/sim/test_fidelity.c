/* Does the simulator behave as kernels do? Each case is one story, told by the table of a
 * backend alone; the simulator's log has to be the log of every other backend. */
#include "sim/helper_table.h"

#include <stdio.h>
#include <string.h>

#include "sim/helper_sim.h"

typedef void story(struct table *t, enum rnl_family family);

static void names_of(struct table *t, rnl_socket sock, const char *what)
{
    struct rnl_address a, b;
    int64_t os;
    int own = t->ops->get_name(t->backend, sock, false, &a, &os);
    int peer = t->ops->get_name(t->backend, sock, true, &b, &os);

    say(t, "%s own %s %d %d peer %s", what, rnl_error_name(own), own ? 0 : (int)a.family,
        own ? 0 : a.port != 0, rnl_error_name(peer));
}

static void info_of(struct table *t, rnl_socket sock)
{
    struct rnl_socket_info info;
    int64_t os;
    int code = t->ops->info(t->backend, sock, &info, &os);

    say(t, "info %s stream %d listening %d connected %d tcp %d", rnl_error_name(code), info.stream,
        info.listening, info.connected, info.tcp);
}

/* ---- Ends -------------------------------------------------------------- */

static void end_after_data(struct table *t, enum rnl_family family)
{
    rnl_socket a, b;

    pair(t, family, &a, &b);
    transmit(t, a, "hello");
    shut(t, a);
    settle(t);
    receive(t, b, 5);
    receive(t, b, 1);
    receive(t, b, 1);
    shut(t, b);
}

static void end_at_once(struct table *t, enum rnl_family family)
{
    rnl_socket a, b;

    pair(t, family, &a, &b);
    shut(t, b);
    settle(t);
    receive(t, a, 1);
    shut(t, a);
}

static void half_close(struct table *t, enum rnl_family family)
{
    rnl_socket a, b;

    pair(t, family, &a, &b);
    transmit(t, a, "question");
    half(t, a, RNL_SHUT_WRITE);
    half(t, a, RNL_SHUT_WRITE);
    transmit(t, a, "more");
    receive(t, b, 8);
    receive(t, b, 1);
    transmit(t, b, "answer");
    shut(t, b);
    settle(t);
    receive(t, a, 6);
    receive(t, a, 1);
    shut(t, a);
}

static void half_close_reading(struct table *t, enum rnl_family family)
{
    rnl_socket a, b;

    pair(t, family, &a, &b);
    half(t, a, RNL_SHUT_READ);
    receive(t, a, 1);
    transmit(t, a, "still");
    receive(t, b, 5);
    shut(t, a);
    shut(t, b);
}

static void shutdown_both(struct table *t, enum rnl_family family)
{
    rnl_socket a, b;

    pair(t, family, &a, &b);
    half(t, a, RNL_SHUT_BOTH);
    transmit(t, a, "no");
    receive(t, a, 1);
    receive(t, b, 1);
    shut(t, a);
    shut(t, b);
}

static void both_end_in_order(struct table *t, enum rnl_family family)
{
    rnl_socket a, b;

    pair(t, family, &a, &b);
    half(t, a, RNL_SHUT_WRITE);
    half(t, b, RNL_SHUT_WRITE);
    receive(t, a, 1);
    receive(t, b, 1);
    transmit(t, a, "x");
    names_of(t, a, "a");
    shut(t, a);
    shut(t, b);
}

/* ---- Resets ------------------------------------------------------------ */

static void closed_with_unread_bytes(struct table *t, enum rnl_family family)
{
    rnl_socket a, b;

    pair(t, family, &a, &b);
    transmit(t, a, "nobody reads this");
    shut(t, b);
    settle(t);
    receive(t, a, 1);
    receive(t, a, 1);
    transmit(t, a, "x");
    shut(t, a);
}

static void data_before_a_reset(struct table *t, enum rnl_family family)
{
    rnl_socket a, b;

    pair(t, family, &a, &b);
    transmit(t, a, "unread");
    transmit(t, b, "last words");
    shut(t, b);
    settle(t);
    receive(t, a, 10);
    receive(t, a, 1);
    receive(t, a, 1);
    shut(t, a);
}

static void a_reset_and_a_send(struct table *t, enum rnl_family family)
{
    rnl_socket a, b;

    pair(t, family, &a, &b);
    transmit(t, a, "unread");
    shut(t, b);
    settle(t);
    transmit(t, a, "x");
    transmit(t, a, "y");
    receive(t, a, 1);
    shut(t, a);
}

static void linger_zero(struct table *t, enum rnl_family family)
{
    rnl_socket a, b;

    pair(t, family, &a, &b);
    transmit(t, b, "before");
    say(t, "linger %s", rnl_error_name(option(t, b, RNL_SO_LINGER, 0)));
    shut(t, b);
    settle(t);
    receive(t, a, 6);
    receive(t, a, 1);
    receive(t, a, 1);
    names_of(t, a, "a");
    shut(t, a);
}

static void sent_to_a_closed_peer(struct table *t, enum rnl_family family)
{
    rnl_socket a, b;

    pair(t, family, &a, &b);
    shut(t, b);
    settle(t);
    transmit(t, a, "one");
    transmit(t, a, "two");
    receive(t, a, 1);
    receive(t, a, 1);
    shut(t, a);
}

static void a_reset_after_the_end(struct table *t, enum rnl_family family)
{
    rnl_socket a, b;

    pair(t, family, &a, &b);
    shut(t, b);
    settle(t);
    receive(t, a, 1);
    transmit(t, a, "one");
    receive(t, a, 1);
    transmit(t, a, "two");
    info_of(t, a);
    shut(t, a);
}

/* ---- Connecting -------------------------------------------------------- */

static void nobody_listens(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket l = listener(t, family, 1, &address), a;

    shut(t, l);
    a = new_socket(t, family);
    connect_to(t, a, &address);
    names_of(t, a, "refused");
    shut(t, a);
}

static void connected_twice(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket l = listener(t, family, 2, &address), a = new_socket(t, family);

    connect_to(t, a, &address);
    connect_to(t, a, &address);
    shut(t, a);
    shut(t, l);
}

static void names_on_both_sides(struct table *t, enum rnl_family family)
{
    struct rnl_address own, peer;
    rnl_socket a, b;
    int64_t os;

    pair(t, family, &a, &b);
    names_of(t, a, "client");
    names_of(t, b, "server");
    t->ops->get_name(t->backend, a, false, &own, &os);
    t->ops->get_name(t->backend, b, true, &peer, &os);
    say(t, "agree %d", memcmp(&own, &peer, sizeof own) == 0);
    t->ops->get_name(t->backend, b, false, &own, &os);
    t->ops->get_name(t->backend, a, true, &peer, &os);
    say(t, "agree %d", memcmp(&own, &peer, sizeof own) == 0);
    info_of(t, a);
    info_of(t, b);
    shut(t, a);
    shut(t, b);
}

static void an_unconnected_socket(struct table *t, enum rnl_family family)
{
    rnl_socket a = new_socket(t, family);

    names_of(t, a, "fresh");
    info_of(t, a);
    half(t, a, RNL_SHUT_WRITE);
    transmit(t, a, "x");
    shut(t, a);
}

static void the_wrong_family(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket a = new_socket(t, family);

    loopback(&address, family == RNL_INET ? RNL_INET6 : RNL_INET, 0);
    say(t, "bind %d", bind_to(t, a, &address) != RNL_OK);
    shut(t, a);
}

static void data_before_accept(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket l = listener(t, family, 2, &address), a = new_socket(t, family), b;

    connect_to(t, a, &address);
    transmit(t, a, "early");
    shut(t, a);
    settle(t);
    b = accept_one(t, l);
    receive(t, b, 5);
    receive(t, b, 1);
    transmit(t, b, "x");
    shut(t, b);
    shut(t, l);
}

static void reset_before_accept(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket l = listener(t, family, 2, &address), a = new_socket(t, family), b;

    connect_to(t, a, &address);
    option(t, a, RNL_SO_LINGER, 0);
    shut(t, a);
    settle(t);
    b = accept_one(t, l);
    receive(t, b, 1);
    receive(t, b, 1);
    shut(t, b);
    shut(t, l);
}

static void a_full_backlog(struct table *t, enum rnl_family family)
{
    enum { CLIENTS = 4 };
    struct rnl_address address;
    rnl_socket l = listener(t, family, 1, &address), socks[CLIENTS];
    struct table_op ops[CLIENTS];
    int count = 0;

    memset(ops, 0, sizeof ops);
    for (int i = 0; i < CLIENTS; i++) {
        socks[i] = new_socket(t, family);
        ops[i].op.address = address;
        CU_ASSERT_EQUAL(begin(t, &ops[i], RNL_OP_CONNECT, socks[i]), RNL_OK);
        settle(t);
        count += ops[i].final && ops[i].code == RNL_OK;
    }
    say(t, "connected %d", count);
    for (int i = 0; i < CLIENTS; i++) {
        stop(t, &ops[i]);
        shut(t, socks[i]);
    }
    shut(t, l);
}

static void a_listener_closes_on_those_who_wait(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket l = listener(t, family, 2, &address), a = new_socket(t, family);

    connect_to(t, a, &address);
    shut(t, l);
    settle(t);
    receive(t, a, 1);
    receive(t, a, 1);
    shut(t, a);
}

static void wrong_operations(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket l = listener(t, family, 2, &address), a, b;
    struct table_op op;
    int64_t os;

    memset(&op, 0, sizeof op);
    info_of(t, l);
    say(t, "again %s", rnl_error_name(t->ops->listen(t->backend, l, 3, &os)));
    half(t, l, RNL_SHUT_WRITE);
    names_of(t, l, "listener");
    shut(t, l);
    pair(t, family, &a, &b);
    say(t, "listen %s", rnl_error_name(t->ops->listen(t->backend, a, 3, &os)));
    say(t, "poll nothing %s", rnl_error_name(begin(t, &op, RNL_OP_POLL, a)));
    shut(t, a);
    shut(t, b);
    say(t, "closed %s", rnl_error_name(begin(t, &op, RNL_OP_RECV, a)));
    say(t, "closed %s", rnl_error_name(t->ops->shutdown(t->backend, a, RNL_SHUT_BOTH, &os)));
}

/* ---- Operations -------------------------------------------------------- */

static void a_receive_that_waits(struct table *t, enum rnl_family family)
{
    struct table_op first, second;
    rnl_socket a, b;

    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    pair(t, family, &a, &b);
    say(t, "%s", rnl_error_name(begin(t, &first, RNL_OP_RECV, b)));
    say(t, "%s", rnl_error_name(begin(t, &second, RNL_OP_RECV, b)));
    settle(t);
    say(t, "final %d", first.final);
    transmit(t, a, "abc");
    say(t, "len %zu final %d", first.len, first.final);
    shut(t, a);
    say(t, "final %d %s", finish(t, &first), rnl_error_name(first.code));
    shut(t, b);
}

static void a_cancelled_receive(struct table *t, enum rnl_family family)
{
    struct table_op op;
    rnl_socket a, b;

    memset(&op, 0, sizeof op);
    pair(t, family, &a, &b);
    CU_ASSERT_EQUAL(begin(t, &op, RNL_OP_RECV, b), RNL_OK);
    stop(t, &op);
    say(t, "%s %zu", rnl_error_name(op.code), op.len);
    transmit(t, a, "later");
    receive(t, b, 5);
    t->ops->cancel(t->backend, &op.op); /* after the end: nothing */
    settle(t);
    shut(t, a);
    shut(t, b);
}

static void a_cancelled_accept(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket l = listener(t, family, 2, &address), a = new_socket(t, family), b;
    struct table_op op;

    memset(&op, 0, sizeof op);
    CU_ASSERT_EQUAL(begin(t, &op, RNL_OP_ACCEPT, l), RNL_OK);
    stop(t, &op);
    say(t, "%s", rnl_error_name(op.code));
    connect_to(t, a, &address);
    b = accept_one(t, l);
    shut(t, a);
    shut(t, b);
    shut(t, l);
}

static void a_full_send_buffer(struct table *t, enum rnl_family family)
{
    struct rnl_bytes piece = {(const unsigned char *)"x", 1};
    struct table_op op;
    rnl_socket a, b;
    size_t total, sent;
    int64_t os;

    memset(&op, 0, sizeof op);
    pair(t, family, &a, &b);
    total = fill(t, a);
    say(t, "full %d", total > 0);
    op.op.pieces = &piece;
    op.op.npieces = 1;
    CU_ASSERT_EQUAL(begin(t, &op, RNL_OP_SEND, a), RNL_OK);
    settle(t);
    say(t, "final %d", op.final);
    say(t, "%s", rnl_error_name(t->ops->try_send(t->backend, a, &piece, 1, &sent, &os)));
    drain_all(t, b, total + 1);
    say(t, "final %d %s %zu", finish(t, &op), rnl_error_name(op.code), op.len);
    shut(t, a);
    shut(t, b);
}

static void a_send_that_waits_and_a_peer_that_goes(struct table *t, enum rnl_family family)
{
    struct rnl_bytes piece = {(const unsigned char *)"x", 1};
    struct table_op op;
    rnl_socket a, b;

    memset(&op, 0, sizeof op);
    pair(t, family, &a, &b);
    (void)fill(t, a);
    op.op.pieces = &piece;
    op.op.npieces = 1;
    CU_ASSERT_EQUAL(begin(t, &op, RNL_OP_SEND, a), RNL_OK);
    shut(t, b);
    say(t, "final %d %s", finish(t, &op), rnl_error_name(op.code));
    shut(t, a);
}

static void pieces(struct table *t, enum rnl_family family)
{
    static const struct rnl_bytes three[] = {
        {(const unsigned char *)"one", 3}, {NULL, 0}, {(const unsigned char *)"two", 3}};
    rnl_socket a, b;
    size_t sent;
    int64_t os;

    pair(t, family, &a, &b);
    say(t, "%s", rnl_error_name(t->ops->try_send(t->backend, a, three, 3, &sent, &os)));
    say(t, "%zu", sent);
    receive(t, b, 6);
    shut(t, a);
    shut(t, b);
}

static void polls(struct table *t, enum rnl_family family)
{
    struct table_op op;
    rnl_socket a, b;

    memset(&op, 0, sizeof op);
    pair(t, family, &a, &b);
    op.op.poll = RNL_POLL_WRITE;
    CU_ASSERT_EQUAL(begin(t, &op, RNL_OP_POLL, a), RNL_OK);
    say(t, "writable %d %s", finish(t, &op), rnl_error_name(op.code));
    op.op.poll = RNL_POLL_READ;
    CU_ASSERT_EQUAL(begin(t, &op, RNL_OP_POLL, b), RNL_OK);
    settle(t);
    say(t, "readable %d", op.final);
    transmit(t, a, "x");
    say(t, "readable %d", finish(t, &op));
    receive(t, b, 1);
    CU_ASSERT_EQUAL(begin(t, &op, RNL_OP_POLL, b), RNL_OK);
    settle(t);
    say(t, "readable %d", op.final);
    shut(t, a);
    say(t, "readable %d", finish(t, &op));
    receive(t, b, 1);
    shut(t, b);
}

static void numbers_are_used_again(struct table *t, enum rnl_family family)
{
    rnl_socket a = new_socket(t, family), b = new_socket(t, family), c;

    shut(t, a);
    c = new_socket(t, family);
    say(t, "same %d", a == c);
    shut(t, b);
    shut(t, c);
}

static void detached_and_attached(struct table *t, enum rnl_family family)
{
    struct table_op op;
    rnl_socket a, b;
    int64_t os;

    memset(&op, 0, sizeof op);
    pair(t, family, &a, &b);
    t->ops->detach(t->backend, b);
    say(t, "%s", rnl_error_name(begin(t, &op, RNL_OP_RECV, b)));
    transmit(t, a, "meanwhile");
    say(t, "%s", rnl_error_name(t->ops->attach(t->backend, b, &os)));
    receive(t, b, 9);
    shut(t, a);
    shut(t, b);
}

/* ---- TCP alone --------------------------------------------------------- */

static rnl_socket bound(struct table *t, enum rnl_family family, const struct rnl_address *address,
                        bool reuse, bool port)
{
    rnl_socket sock = new_socket(t, family);

    if (reuse)
        option(t, sock, RNL_SO_REUSEADDR, 1);
    if (port)
        option(t, sock, RNL_SO_REUSEPORT, 1);
    say(t, "bind %s", rnl_error_name(bind_to(t, sock, address)));
    return sock;
}

static void sharing_a_port(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket socks[5];
    int64_t os;

    loopback(&address, family, 0);
    socks[0] = bound(t, family, &address, true, false);
    t->ops->get_name(t->backend, socks[0], false, &address, &os);
    socks[1] = bound(t, family, &address, false, false);
    socks[2] = bound(t, family, &address, true, false);
    say(t, "listen %s", rnl_error_name(t->ops->listen(t->backend, socks[0], 1, &os)));
    say(t, "listen %s", rnl_error_name(t->ops->listen(t->backend, socks[2], 1, &os)));
    socks[3] = bound(t, family, &address, true, false);
    memset(address.ip, 0, sizeof address.ip);
    socks[4] = bound(t, family, &address, false, false);
    say(t, "bind %s", rnl_error_name(bind_to(t, socks[0], &address)));
    for (int i = 0; i < 5; i++)
        shut(t, socks[i]);
}

static void sharing_by_reuse_port(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket socks[3];
    int64_t os;

    loopback(&address, family, 0);
    socks[0] = bound(t, family, &address, false, true);
    t->ops->get_name(t->backend, socks[0], false, &address, &os);
    socks[1] = bound(t, family, &address, false, true);
    socks[2] = bound(t, family, &address, false, false);
    say(t, "listen %s", rnl_error_name(t->ops->listen(t->backend, socks[0], 1, &os)));
    say(t, "listen %s", rnl_error_name(t->ops->listen(t->backend, socks[1], 1, &os)));
    for (int i = 0; i < 3; i++)
        shut(t, socks[i]);
}

static void not_our_address(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket a = new_socket(t, family);

    loopback(&address, family, 0);
    if (family == RNL_INET)
        memcpy(address.ip, (unsigned char[]){192, 0, 2, 1}, 4);
    else
        memcpy(address.ip, (unsigned char[]){0x20, 1, 0xd, 0xb8, [15] = 9}, 16);
    say(t, "bind %s", rnl_error_name(bind_to(t, a, &address)));
    shut(t, a);
}

static void listening_unbound(struct table *t, enum rnl_family family)
{
    rnl_socket a = new_socket(t, family);
    int64_t os;

    say(t, "listen %s", rnl_error_name(t->ops->listen(t->backend, a, 1, &os)));
    names_of(t, a, "unbound");
    shut(t, a);
}

static void meeting_itself(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket a = new_socket(t, family);
    int64_t os;

    loopback(&address, family, 0);
    CU_ASSERT_EQUAL(bind_to(t, a, &address), RNL_OK);
    t->ops->get_name(t->backend, a, false, &address, &os);
    connect_to(t, a, &address);
    shut(t, a);
}

static void every_interface(struct table *t, enum rnl_family family)
{
    struct rnl_address any, to;
    rnl_socket l = new_socket(t, family), a = new_socket(t, family), b;
    int64_t os;

    memset(&any, 0, sizeof any);
    any.family = family;
    CU_ASSERT_EQUAL(bind_to(t, l, &any), RNL_OK);
    CU_ASSERT_EQUAL(t->ops->listen(t->backend, l, 1, &os), RNL_OK);
    t->ops->get_name(t->backend, l, false, &any, &os);
    loopback(&to, family, any.port);
    if (family == RNL_INET)
        to.ip[3] = 5;
    connect_to(t, a, &to);
    b = accept_one(t, l);
    t->ops->get_name(t->backend, b, false, &any, &os);
    say(t, "to %d", any.ip[family == RNL_INET ? 3 : 15]);
    shut(t, a);
    shut(t, b);
    shut(t, l);
}

static void to_the_wildcard(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket l = listener(t, family, 1, &address), a = new_socket(t, family);

    memset(address.ip, 0, sizeof address.ip);
    connect_to(t, a, &address);
    shut(t, a);
    shut(t, l);
}

static void both_families(struct table *t, enum rnl_family family)
{
    for (int only = 0; only < 2; only++) {
        struct rnl_address any, to;
        rnl_socket l = new_socket(t, RNL_INET6), a = new_socket(t, RNL_INET), b;
        int64_t os;

        memset(&any, 0, sizeof any);
        any.family = RNL_INET6;
        say(t, "only %s", rnl_error_name(option(t, l, RNL_SO_V6ONLY, only)));
        CU_ASSERT_EQUAL(bind_to(t, l, &any), RNL_OK);
        CU_ASSERT_EQUAL(t->ops->listen(t->backend, l, 1, &os), RNL_OK);
        t->ops->get_name(t->backend, l, false, &any, &os);
        loopback(&to, RNL_INET, any.port);
        if (connect_to(t, a, &to) == RNL_OK) {
            b = accept_one(t, l);
            t->ops->get_name(t->backend, b, true, &any, &os);
            say(t, "mapped %d %d", (int)any.family, any.ip[10]);
            shut(t, b);
        }
        shut(t, a);
        shut(t, l);
    }
    (void)family;
}

static void options(struct table *t, enum rnl_family family)
{
    rnl_socket a = new_socket(t, family);

    for (int o = RNL_SO_NODELAY; o <= RNL_SO_USER_TIMEOUT; o++)
        if (o != RNL_SO_V6ONLY && o != RNL_SO_REUSEPORT) /* Unix: kernels differ */
            say(t, "%d %s", o, rnl_error_name(option(t, a, (enum rnl_sockopt)o, 1)));
    say(t, "%s", rnl_error_name(option(t, a, (enum rnl_sockopt)99, 1)));
    shut(t, a);
}

/* ---- Unix alone -------------------------------------------------------- */

static rnl_socket bound_path(struct table *t, bool listens)
{
    struct rnl_address address;
    rnl_socket sock = new_socket(t, RNL_UNIX);
    int64_t os;

    path_address(&address, t->path);
    say(t, "bind %s", rnl_error_name(bind_to(t, sock, &address)));
    if (listens)
        say(t, "listen %s", rnl_error_name(t->ops->listen(t->backend, sock, 1, &os)));
    return sock;
}

static void stat_path(struct table *t, uint64_t id[2])
{
    struct rnl_address address;
    bool is_socket = false;
    int64_t os;
    int code;

    path_address(&address, t->path);
    code = t->ops->unix_stat(t->backend, &address, id, &is_socket, &os);
    say(t, "stat %s %d", rnl_error_name(code), is_socket);
}

static void unlink_path(struct table *t)
{
    struct rnl_address address;
    int64_t os;

    path_address(&address, t->path);
    say(t, "unlink %s", rnl_error_name(t->ops->unix_unlink(t->backend, &address, &os)));
}

static void a_path(struct table *t, enum rnl_family family)
{
    uint64_t id[2];
    rnl_socket a;

    (void)family;
    stat_path(t, id);
    unlink_path(t);
    a = bound_path(t, true);
    stat_path(t, id);
    shut(t, bound_path(t, false));
    shut(t, a);
    stat_path(t, id); /* it outlives its socket */
    shut(t, bound_path(t, false));
    unlink_path(t);
    stat_path(t, id);
    shut(t, bound_path(t, false));
    unlink_path(t);
}

static void a_stale_path(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket a = new_socket(t, RNL_UNIX);

    (void)family;
    path_address(&address, t->path);
    connect_to(t, a, &address);
    shut(t, bound_path(t, true));
    connect_to(t, a, &address);
    shut(t, a);
    unlink_path(t);
}

static void a_path_that_is_bound_but_silent(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket b = bound_path(t, false), a = new_socket(t, RNL_UNIX);

    (void)family;
    path_address(&address, t->path);
    connect_to(t, a, &address);
    shut(t, a);
    shut(t, b);
    unlink_path(t);
}

static void a_path_taken_away_under_its_listener(struct table *t, enum rnl_family family)
{
    struct rnl_address address;
    rnl_socket l = bound_path(t, true), a = new_socket(t, RNL_UNIX), l2;
    uint64_t id[2], id2[2];

    (void)family;
    path_address(&address, t->path);
    stat_path(t, id);
    unlink_path(t);
    connect_to(t, a, &address);
    l2 = bound_path(t, true);
    stat_path(t, id2);
    say(t, "another %d", id[0] != id2[0] || id[1] != id2[1]);
    connect_to(t, a, &address);
    shut(t, a);
    shut(t, l);
    shut(t, l2);
    unlink_path(t);
}

static void unix_listening_unbound(struct table *t, enum rnl_family family)
{
    rnl_socket a = new_socket(t, family);
    int64_t os;

    say(t, "listen %s", rnl_error_name(t->ops->listen(t->backend, a, 1, &os)));
    shut(t, a);
}

/* ---- Telling the stories ------------------------------------------------ */

enum { TCP4 = 1, TCP6 = 2, LOCAL = 4, TCP = TCP4 | TCP6, ALL = TCP | LOCAL };

static const struct {
    const char *name;
    story *fn;
    int families;
} stories[] = {
    {"end after data", end_after_data, ALL},
    {"end at once", end_at_once, ALL},
    {"half close", half_close, ALL},
    {"half close, reading", half_close_reading, ALL},
    {"shutdown of both", shutdown_both, ALL},
    {"both end in order", both_end_in_order, ALL},
    {"closed with unread bytes", closed_with_unread_bytes, ALL},
    {"data before a reset", data_before_a_reset, ALL},
    {"a reset and a send", a_reset_and_a_send, ALL},
    {"linger 0", linger_zero, ALL},
    {"sent to a closed peer", sent_to_a_closed_peer, ALL},
    {"a reset after the end", a_reset_after_the_end, ALL},
    {"nobody listens", nobody_listens, ALL},
    {"connected twice", connected_twice, LOCAL}, /* TCP: Linux says OK once more */
    {"names on both sides", names_on_both_sides, ALL},
    {"an unconnected socket", an_unconnected_socket, ALL},
    {"the wrong family", the_wrong_family, ALL},
    {"data before accept", data_before_accept, ALL},
    {"reset before accept", reset_before_accept, ALL},
    {"a full backlog", a_full_backlog, ALL},
    {"a listener closes on those who wait", a_listener_closes_on_those_who_wait, ALL},
    {"wrong operations", wrong_operations, ALL},
    {"a receive that waits", a_receive_that_waits, ALL},
    {"a cancelled receive", a_cancelled_receive, ALL},
    {"a cancelled accept", a_cancelled_accept, ALL},
    {"a full send buffer", a_full_send_buffer, ALL},
    {"a send that waits, a peer that goes", a_send_that_waits_and_a_peer_that_goes, ALL},
    {"pieces", pieces, ALL},
    {"polls", polls, ALL},
    {"numbers are used again", numbers_are_used_again, ALL},
    {"detached and attached", detached_and_attached, ALL},
    {"sharing a port", sharing_a_port, TCP},
    {"sharing by reuse_port", sharing_by_reuse_port, TCP},
    {"not our address", not_our_address, TCP},
    {"listening unbound", listening_unbound, TCP},
    {"meeting itself", meeting_itself, TCP},
    {"every interface", every_interface, TCP},
    {"to the wildcard", to_the_wildcard, TCP},
    {"both families", both_families, TCP6},
    {"options", options, TCP | LOCAL},
    {"a path", a_path, LOCAL},
    {"a stale path", a_stale_path, LOCAL},
    {"a path that is bound but silent", a_path_that_is_bound_but_silent, LOCAL},
    {"a path taken away under its listener", a_path_taken_away_under_its_listener, LOCAL},
    {"listening unbound, Unix", unix_listening_unbound, LOCAL},
};

static void tell(char *log, size_t size, const char *backend, enum rnl_sim_model model, story *fn,
                 enum rnl_family family)
{
    static struct table t;

    table_open(&t, backend, model);
    fn(&t, family);
    table_close(&t);
    snprintf(log, size, "%s", t.log);
}

static bool has_ipv6(void)
{
    static struct table t;
    struct rnl_address address;
    rnl_socket sock;
    int64_t os;
    bool has;

    table_open(&t, rnl_backend_names()[0], RNL_SIM_ANY);
    loopback(&address, RNL_INET6, 0);
    has = t.ops->open_socket(t.backend, RNL_INET6, &sock, &os) == RNL_OK;
    if (has) {
        has = bind_to(&t, sock, &address) == RNL_OK;
        shut(&t, sock);
    }
    table_close(&t);
    return has;
}

static int cases;

static void compare_with(const char *simulated, const char *backend, enum rnl_sim_model model,
                         const char *name, story *fn, enum rnl_family family)
{
    static char other[4096];

    tell(other, sizeof other, backend, model, fn, family);
    if (strcmp(simulated, other) == 0)
        return;
    printf("\n%s, family %d\n  sim:  %s\n  %s, model %d: %s\n", name, (int)family, simulated,
           backend, (int)model, other);
    CU_FAIL("the simulator tells another story");
}

/* The simulator, where it completes operations, with each real backend; and with itself where
 * it tells edges and levels. */
static void compare(const char *name, story *fn, enum rnl_family family)
{
    static char simulated[4096];

    tell(simulated, sizeof simulated, "sim", RNL_SIM_COMPLETIONS, fn, family);
    for (const char *const *backend = rnl_backend_names(); *backend; backend++)
        if (strcmp(*backend, "sim") != 0)
            compare_with(simulated, *backend, RNL_SIM_ANY, name, fn, family);
    compare_with(simulated, "sim", RNL_SIM_EDGES, name, fn, family);
    compare_with(simulated, "sim", RNL_SIM_LEVELS, name, fn, family);
    CU_ASSERT(simulated[0] != '\0');
    cases++;
}

static void agree(void)
{
    bool ipv6 = has_ipv6();

    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
        if (stories[i].families & TCP4)
            compare(stories[i].name, stories[i].fn, RNL_INET);
        if ((stories[i].families & TCP6) && ipv6)
            compare(stories[i].name, stories[i].fn, RNL_INET6);
        if (stories[i].families & LOCAL)
            compare(stories[i].name, stories[i].fn, RNL_UNIX);
    }
    CU_ASSERT(cases >= 60);
    printf("%d cases over %d stories ", cases, (int)(sizeof stories / sizeof *stories));
}

SUITE("fidelity", {"the simulator agrees with kernels", agree})
