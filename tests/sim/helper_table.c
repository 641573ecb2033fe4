#include "backend/sys.h"

#include "sim/helper_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "sim/helper_sim.h"

enum { ROUNDS = 50 };

static void *plain_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void *plain_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    (void)user;
    (void)old_size;
    return realloc(ptr, size);
}

static void plain_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    free(ptr);
}

void table_open(struct table *t, const char *name, enum rnl_sim_model model)
{
    static const struct rnl_allocator plain = {plain_alloc, plain_realloc, plain_free, NULL};
    static struct rnl_sim_config fresh = RNL_SIM_CONFIG_INIT;
    struct rnl_backend_config backend_config = {sizeof backend_config, &plain, NULL};

    memset(t, 0, sizeof *t);
    t->ops = rnli_backend_find(name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t->ops);
    t->simulated = strcmp(name, "sim") == 0;
    if (t->simulated)
        backend_config.user = &fresh;
    fresh.model = model;
    CU_ASSERT_EQUAL_FATAL(t->ops->open(&backend_config, &t->backend), RNL_OK);
    snprintf(t->path, sizeof t->path, "/tmp/runnel-fidelity-%ld", (long)getpid());
}

void table_close(struct table *t)
{
    t->ops->close(t->backend);
    unlink(t->path);
}

void say(struct table *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->log + t->len, sizeof t->log - t->len, format, args);
    va_end(args);
    t->len += n > 0 ? (size_t)n : 0;
    if (t->len > sizeof t->log - 2)
        t->len = sizeof t->log - 2;
    t->log[t->len++] = ';';
    t->log[t->len] = '\0';
}

/* ---- Waiting ----------------------------------------------------------- */

static int look(struct table *t, int64_t timeout_ns)
{
    struct rnl_entry entries[32];
    int n = t->ops->wait(t->backend, timeout_ns, entries, 32);

    for (int i = 0; i < n; i++)
        entries[i].op->done(entries[i].op, &entries[i]);
    return n;
}

/* Loopback delivers within the call; the simulator takes a virtual moment. */
void settle(struct table *t)
{
    for (int i = 0; i < 4; i++)
        look(t, t->simulated ? RNL_MILLISECOND : 0);
}

bool finish(struct table *t, struct table_op *op)
{
    for (int i = 0; i < ROUNDS && !op->final; i++)
        if (look(t, 100 * RNL_MILLISECOND) < 0)
            break;
    return op->final;
}

static struct table *lender;

static int lend(struct rnl_op *op, unsigned char **data, size_t *len)
{
    const struct table_op *t = (const struct table_op *)(const void *)op;

    (void)t;
    *data = lender->got;
    *len = sizeof lender->got;
    return RNL_OK;
}

static void done(struct rnl_op *op, const struct rnl_entry *entry)
{
    struct table_op *t = (struct table_op *)(void *)op;

    t->len += entry->len;
    if (entry->accepted != RNL_NO_SOCKET && t->naccepted < 16) {
        t->accepted[t->naccepted++] = entry->accepted;
        t->peer = *entry->peer;
    }
    t->final = !entry->more;
    t->code = entry->code;
}

int begin(struct table *t, struct table_op *op, enum rnl_op_kind kind, rnl_socket sock)
{
    lender = t;
    op->op.kind = kind;
    op->op.sock = sock;
    op->op.done = done;
    op->op.lend = lend;
    op->final = false;
    return t->ops->submit(t->backend, &op->op);
}

void stop(struct table *t, struct table_op *op)
{
    if (!op->final)
        t->ops->cancel(t->backend, &op->op);
    CU_ASSERT_TRUE(finish(t, op));
}

/* ---- Sockets ----------------------------------------------------------- */

rnl_socket new_socket(struct table *t, enum rnl_family family)
{
    rnl_socket sock = RNL_NO_SOCKET;
    int64_t os;

    CU_ASSERT_EQUAL(t->ops->open_socket(t->backend, family, &sock, &os), RNL_OK);
    return sock;
}

void loopback(struct rnl_address *out, enum rnl_family family, uint16_t port)
{
    memset(out, 0, sizeof *out);
    out->family = family;
    out->port = port;
    if (family == RNL_INET)
        memcpy(out->ip, (unsigned char[]){127, 0, 0, 1}, 4);
    else
        out->ip[15] = 1;
}

void path_address(struct rnl_address *out, const char *path)
{
    memset(out, 0, sizeof *out);
    out->family = RNL_UNIX;
    out->path_len = strlen(path);
    memcpy(out->path, path, out->path_len);
}

static void abstract_address(struct rnl_address *out)
{
    static int counter;

    memset(out, 0, sizeof *out);
    out->family = RNL_UNIX;
    out->path_len = (size_t)snprintf(out->path + 1, sizeof out->path - 1, "runnel-fidelity-%ld-%d",
                                     (long)getpid(), counter++) +
                    1;
}

int bind_to(struct table *t, rnl_socket sock, const struct rnl_address *address)
{
    int64_t os;

    return t->ops->bind(t->backend, sock, address, &os);
}

rnl_socket listener(struct table *t, enum rnl_family family, int backlog,
                    struct rnl_address *address)
{
    rnl_socket sock = new_socket(t, family);
    int64_t os;

    if (family == RNL_UNIX)
        abstract_address(address);
    else
        loopback(address, family, 0);
    CU_ASSERT_EQUAL(bind_to(t, sock, address), RNL_OK);
    CU_ASSERT_EQUAL(t->ops->listen(t->backend, sock, backlog, &os), RNL_OK);
    CU_ASSERT_EQUAL(t->ops->get_name(t->backend, sock, false, address, &os), RNL_OK);
    return sock;
}

void pair(struct table *t, enum rnl_family family, rnl_socket *client, rnl_socket *server)
{
    struct rnl_address address;
    rnl_socket l = listener(t, family, 4, &address);

    *client = new_socket(t, family);
    CU_ASSERT_EQUAL(connect_to(t, *client, &address), RNL_OK);
    *server = accept_one(t, l);
    shut(t, l);
    t->len = 0; /* what it took is no part of the story */
    t->log[0] = '\0';
}

void shut(struct table *t, rnl_socket sock)
{
    t->ops->close_socket(t->backend, sock);
}

void half(struct table *t, rnl_socket sock, enum rnl_shut how)
{
    int64_t os;

    say(t, "shutdown %s", rnl_error_name(t->ops->shutdown(t->backend, sock, how, &os)));
    settle(t);
}

int option(struct table *t, rnl_socket sock, enum rnl_sockopt o, int value)
{
    int64_t os;

    return t->ops->set_option(t->backend, sock, o, value, &os);
}

/* ---- Steps ------------------------------------------------------------- */

int connect_to(struct table *t, rnl_socket sock, const struct rnl_address *address)
{
    struct table_op op = {.op.address = *address};
    int code = begin(t, &op, RNL_OP_CONNECT, sock);

    if (!code) {
        finish(t, &op);
        code = op.final ? op.code : RNL_EAGAIN;
        if (!op.final)
            stop(t, &op);
    }
    say(t, "connect %s", rnl_error_name(code));
    return code;
}

rnl_socket accept_one(struct table *t, rnl_socket l)
{
    struct table_op op = {.naccepted = 0};
    int64_t os;

    CU_ASSERT_EQUAL(begin(t, &op, RNL_OP_ACCEPT, l), RNL_OK);
    for (int i = 0; i < ROUNDS && op.naccepted == 0 && !op.final; i++)
        look(t, 100 * RNL_MILLISECOND);
    stop(t, &op);
    if (op.naccepted == 0) {
        say(t, "accept %s", rnl_error_name(op.code));
        return RNL_NO_SOCKET;
    }
    say(t, "accept");
    for (int i = 1; i < op.naccepted; i++)
        shut(t, op.accepted[i]);
    CU_ASSERT_EQUAL(t->ops->attach(t->backend, op.accepted[0], &os), RNL_OK);
    return op.accepted[0];
}

void receive(struct table *t, rnl_socket sock, size_t n)
{
    struct table_op op = {.naccepted = 0};
    unsigned char copy[64];
    size_t have = 0;
    int code = begin(t, &op, RNL_OP_RECV, sock);

    for (int i = 0; !code && i < ROUNDS && have < n && !op.final; i++) {
        size_t before = op.len;

        if (look(t, 10 * RNL_MILLISECOND) < 0)
            break;
        for (size_t k = before; k < op.len && k < sizeof copy; k++)
            copy[k] = t->got[k - before];
        have = op.len;
    }
    if (code || (op.final && op.code)) {
        say(t, "recv %s", rnl_error_name(code ? code : op.code));
        return;
    }
    if (op.final && have == 0) {
        say(t, "recv end");
        return;
    }
    if (!op.final)
        stop(t, &op);
    say(t, have ? "recv %zu %.*s" : "recv nothing%.0zu%.*s", have, (int)(have < 64 ? have : 64),
        (const char *)copy);
}

void transmit(struct table *t, rnl_socket sock, const char *text)
{
    struct rnl_bytes piece = {(const unsigned char *)text, strlen(text)};
    size_t sent;
    int64_t os;
    int code = t->ops->try_send(t->backend, sock, &piece, 1, &sent, &os);

    if (code)
        say(t, "send %s", rnl_error_name(code));
    else
        say(t, "send %zu", sent);
    settle(t);
}

/* What a send that may wait takes within a few looks: where levels are told, only an operation
 * learns that there is room again. */
static size_t send_patiently(struct table *t, rnl_socket sock, const struct rnl_bytes *piece)
{
    struct table_op op = {.op.pieces = piece, .op.npieces = 1};

    CU_ASSERT_EQUAL(begin(t, &op, RNL_OP_SEND, sock), RNL_OK);
    settle(t);
    stop(t, &op);
    return op.len;
}

size_t fill(struct table *t, rnl_socket sock)
{
    static const unsigned char block[8192];
    struct rnl_bytes piece = {block, sizeof block};
    size_t total = 0, sent;
    int64_t os;

    for (int quiet = 0; quiet < 3; quiet++) {
        while (t->ops->try_send(t->backend, sock, &piece, 1, &sent, &os) == RNL_OK) {
            total += sent;
            quiet = 0;
        }
        sent = send_patiently(t, sock, &piece);
        total += sent;
        if (sent > 0)
            quiet = 0;
    }
    return total;
}

void drain_all(struct table *t, rnl_socket sock, size_t n)
{
    struct table_op op = {.naccepted = 0};

    CU_ASSERT_EQUAL(begin(t, &op, RNL_OP_RECV, sock), RNL_OK);
    for (int i = 0; i < 100000 && op.len < n && !op.final; i++)
        look(t, 10 * RNL_MILLISECOND);
    CU_ASSERT_EQUAL(op.len, n);
    stop(t, &op);
}
