/* scripted.c: a backend that does what a script says, so that no kernel's buffer
 * decides an outcome.
 *
 * It is handed in as rnl_run_options.backend_ops; its state is the script's own
 * (backend_config). Time stands still. Each wait brings at most one entry, so a
 * task that was woken has had its turn before the next bytes arrive. */
#include "scripted.h"

#include <string.h>

#include "runner.h"

static struct scripted *of(struct rnl_backend *backend)
{
    return (struct scripted *)(void *)backend;
}

size_t scripted_held(const struct scripted *s)
{
    size_t held = 0;

    for (size_t i = s->first; i < s->count; i++)
        held += s->inbox[i].len;
    return held;
}

/* ---- Sending ----------------------------------------------------------- */

/* What the kernel takes of the pieces. */
static int take(struct scripted *s, const struct rnl_bytes *pieces, size_t n, size_t *sent)
{
    *sent = 0;
    if (s->send_error)
        return s->send_error;
    if (s->space == 0)
        return RNL_EAGAIN;
    for (size_t i = 0; i < n && s->space > 0; i++) {
        size_t len = pieces[i].len < s->space ? pieces[i].len : s->space;

        if (len > SCRIPTED_SENT - s->nsent)
            fail("a script sends too much");
        memcpy(s->sent + s->nsent, pieces[i].data, len);
        s->nsent += len;
        s->space -= len;
        *sent += len;
    }
    s->sends++;
    return RNL_OK;
}

static int scripted_try_send(struct rnl_backend *backend, rnl_socket sock,
                             const struct rnl_bytes *pieces, size_t n, size_t *sent, int64_t *os)
{
    (void)sock;
    *os = 0;
    if (of(backend)->send)
        fail("try_send while a send is in flight");
    return take(of(backend), pieces, n, sent);
}

static int finish(struct rnl_op **op, struct rnl_entry *entry, int code)
{
    entry->op = *op;
    entry->code = code;
    *op = NULL;
    return 1;
}

static int send_entry(struct scripted *s, struct rnl_entry *entry)
{
    int code;

    if (!s->send)
        return 0;
    if (s->cancel_send)
        return finish(&s->send, entry, RNL_ECANCELED);
    code = take(s, s->send->pieces, s->send->npieces, &entry->len);
    return code == RNL_EAGAIN ? 0 : finish(&s->send, entry, code);
}

/* ---- Receiving --------------------------------------------------------- */

static void bring_piece(struct scripted *s, struct rnl_entry *entry, unsigned char *data,
                        size_t room)
{
    struct rnl_bytes *piece = &s->inbox[s->first];

    entry->op = s->recv;
    entry->more = true;
    entry->data = data;
    entry->len = piece->len < room ? piece->len : room;
    memcpy(data, piece->data, entry->len);
    piece->data += entry->len;
    piece->len -= entry->len;
    if (piece->len == 0)
        s->first++;
}

/* As readiness has it: the socket can be read, so memory is borrowed, and only then
 * does the receive say what there is. */
static int recv_entry(struct scripted *s, struct rnl_entry *entry)
{
    bool waits = s->first < s->count;
    unsigned char *data;
    size_t room;
    int code;

    if (!s->recv)
        return 0;
    if (s->cancel_recv)
        return finish(&s->recv, entry, RNL_ECANCELED);
    if (!waits && !s->recv_error)
        return 0;
    code = s->recv->lend(s->recv, &data, &room);
    if (code)
        return finish(&s->recv, entry, code);
    if (!waits)
        return finish(&s->recv, entry, s->recv_error);
    if (s->inbox[s->first].len == 0) {
        s->first++;
        return finish(&s->recv, entry, RNL_OK);
    }
    bring_piece(s, entry, data, room);
    return 1;
}

/* ---- The table --------------------------------------------------------- */

static int scripted_wait(struct rnl_backend *backend, int64_t timeout_ns,
                         struct rnl_entry *entries, int max)
{
    struct scripted *s = of(backend);
    int n;

    (void)timeout_ns;
    if (max < 1)
        return 0;
    memset(entries, 0, sizeof *entries);
    n = recv_entry(s, entries);
    if (n == 0)
        n = send_entry(s, entries);
    s->idle = n ? 0 : s->idle + 1;
    return n;
}

static int scripted_open(const struct rnl_backend_config *config, struct rnl_backend **out)
{
    *out = config->user;
    return RNL_OK;
}

static void scripted_close(struct rnl_backend *backend)
{
    (void)backend;
}

static int64_t scripted_now(struct rnl_backend *backend)
{
    (void)backend;
    return RNL_SECOND;
}

static int scripted_submit(struct rnl_backend *backend, struct rnl_op *op)
{
    struct scripted *s = of(backend);
    struct rnl_op **place = op->kind == RNL_OP_RECV ? &s->recv : &s->send;

    if ((op->kind != RNL_OP_RECV && op->kind != RNL_OP_SEND) || *place)
        fail("an operation that a connection does not submit");
    *place = op;
    *(op->kind == RNL_OP_RECV ? &s->cancel_recv : &s->cancel_send) = false;
    return RNL_OK;
}

static void scripted_cancel(struct rnl_backend *backend, struct rnl_op *op)
{
    struct scripted *s = of(backend);

    s->cancel_recv |= op == s->recv;
    s->cancel_send |= op == s->send;
}

static void scripted_wake(struct rnl_backend *backend)
{
    (void)backend;
}

static int scripted_attach(struct rnl_backend *backend, rnl_socket sock, int64_t *os)
{
    (void)backend;
    *os = 0;
    return sock == SCRIPTED_SOCKET ? RNL_OK : RNL_EINVAL;
}

static void scripted_detach(struct rnl_backend *backend, rnl_socket sock)
{
    (void)backend;
    (void)sock;
}

static void scripted_close_socket(struct rnl_backend *backend, rnl_socket sock)
{
    (void)sock;
    if (of(backend)->recv || of(backend)->send)
        fail("the socket is closed under an operation");
    of(backend)->closed = true;
}

static int scripted_shutdown(struct rnl_backend *backend, rnl_socket sock, enum rnl_shut how,
                             int64_t *os)
{
    (void)sock;
    *os = 0;
    of(backend)->shut |= how == RNL_SHUT_WRITE;
    return RNL_OK;
}

static int scripted_get_name(struct rnl_backend *backend, rnl_socket sock, bool peer,
                             struct rnl_address *out, int64_t *os)
{
    (void)backend;
    (void)sock;
    (void)peer;
    *os = 0;
    *out = (struct rnl_address){.family = RNL_UNIX};
    return RNL_OK;
}

static int scripted_set_option(struct rnl_backend *backend, rnl_socket sock,
                               enum rnl_sockopt option, int value, int64_t *os)
{
    (void)backend;
    (void)sock;
    (void)option;
    (void)value;
    *os = 0;
    return RNL_OK;
}

static int scripted_info(struct rnl_backend *backend, rnl_socket sock,
                         struct rnl_socket_info *out, int64_t *os)
{
    (void)backend;
    (void)sock;
    *os = 0;
    *out = (struct rnl_socket_info){.family = RNL_UNIX, .stream = true, .connected = true};
    return RNL_OK;
}

const struct rnl_backend_ops scripted_ops = {
    .version = RNL_BACKEND_VERSION,
    .size = sizeof(struct rnl_backend_ops),
    .name = "scripted",
    .open = scripted_open,
    .close = scripted_close,
    .now = scripted_now,
    .submit = scripted_submit,
    .cancel = scripted_cancel,
    .wait = scripted_wait,
    .wake = scripted_wake,
    .try_send = scripted_try_send,
    .attach = scripted_attach,
    .detach = scripted_detach,
    .close_socket = scripted_close_socket,
    .shutdown = scripted_shutdown,
    .get_name = scripted_get_name,
    .set_option = scripted_set_option,
    .info = scripted_info,
};
