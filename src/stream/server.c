/* server.c: accepting, handlers, and the end of a server.
 *
 * A server lives until it is freed, closed, and its last connection is gone. An
 * accept is one operation per listener that yields a socket per entry. When the
 * process is out of descriptors the accept ends; one report, one second's pause,
 * and it is submitted again (asyncio's way, without its hundred reports). The
 * backlog keeps the clients meanwhile; to accept and close at once, by a spare
 * descriptor, would tell them a lie. */
#include "stream/server.h"

#include "core/alloc.h"
#include "core/options.h"
#include "task/misuse.h"
#include "stream/filters.h"

#define ACCEPT_PAUSE (1 * RNL_SECOND)

static void accept_done(struct rnl_op *op, const struct rnl_entry *entry);
static void accept_again(struct rnli_timer *timer);

/* ---- Making one -------------------------------------------------------- */

int rnli_server_options_read(struct rnl_server_options *own,
                             const struct rnl_server_options *given)
{
    int code = rnli_options_read(own, sizeof *own, given);

    if (!code)
        code = rnli_stream_options_check(&own->stream);
    if (!code)
        code = rnli_stream_tls_check(&own->ssl);
    if (!code && own->ssl.context) {
        const struct rnli_filter_source *ssl = (struct rnli_filter_source *)own->ssl.context;

        code = ssl->is_server(ssl) ? RNL_OK : RNL_EINVAL;
    }
    if (!code && (own->backlog < 0 || own->family > RNL_INET6 || (own->nhosts && !own->hosts)))
        code = RNL_EINVAL;
    if (own->backlog == 0)
        own->backlog = 100;
    return code;
}

int rnli_server_new(struct rnl_loop *loop, rnl_handler_fn *handler, void *arg,
                    const struct rnl_server_options *options, size_t nlisteners,
                    struct rnl_server **out)
{
    struct rnli_loop_face *face = rnli_face(loop);
    struct rnl_server *server = rnli_zalloc(&face->allocator, sizeof *server);

    if (!server)
        return RNL_ENOMEM;
    server->listeners =
        rnli_zalloc(&face->allocator, nlisteners * sizeof *server->listeners);
    if (!server->listeners) {
        rnli_free(&face->allocator, server, sizeof *server);
        return RNL_ENOMEM;
    }
    server->loop = loop;
    server->handler = handler;
    server->arg = arg;
    server->options = *options;
    server->nlisteners = nlisteners;
    if (options->ssl.context) {
        server->ssl = (struct rnli_filter_source *)options->ssl.context;
        server->ssl->ref(server->ssl);
    }
    rnli_list_init(&server->conns);
    rnli_waitlist_init(&server->waiting);
    rnli_waitlist_init(&server->forever);
    rnli_list_init(&server->held);
    rnli_list_init(&server->node);
    rnli_list_push(&face->servers, &server->node);
    *out = server;
    return RNL_OK;
}

void rnli_server_add(struct rnl_server *server, rnl_socket sock)
{
    struct rnli_loop_face *face = rnli_face(server->loop);
    struct rnli_listener *l = &server->listeners[server->nopen++];
    int64_t os;

    l->server = server;
    l->open = true;
    l->op.kind = RNL_OP_ACCEPT;
    l->op.sock = sock;
    l->op.done = accept_done;
    l->retry.fire = accept_again;
    (void)face->ops->get_name(face->backend, sock, false, &l->address, &os);
}

int rnli_server_ready(struct rnl_server *server, int code, struct rnl_server **out)
{
    if (!code && server->options.start_serving != RNL_NO)
        code = rnl_server_start_serving(server);
    if (code) {
        rnl_server_free(server);
        return code;
    }
    *out = server;
    return RNL_OK;
}

/* ---- The end of one ---------------------------------------------------- */

static void free_if_unused(struct rnl_server *server)
{
    const struct rnl_allocator *a = &rnli_face(server->loop)->allocator;

    if (!server->freed || server->nopen > 0 || server->pins > 0)
        return;
    rnli_list_remove(&server->node);
    if (server->ssl)
        server->ssl->unref(server->ssl);
    rnli_free(a, server->listeners, server->nlisteners * sizeof *server->listeners);
    rnli_free(a, server, sizeof *server);
}

void rnli_server_unpin(struct rnl_server *server)
{
    server->pins--;
    free_if_unused(server);
}

static bool is_over(const struct rnl_server *server)
{
    return server->closed && server->nopen == 0 && server->nconns == 0;
}

static void tell_if_over(struct rnl_server *server)
{
    if (is_over(server))
        rnli_wake_all(&server->waiting, RNL_OK);
}

/* Only while the file at the path is the one that we made. */
static void unlink_path(struct rnl_server *server, const struct rnl_address *address)
{
    struct rnli_loop_face *face = rnli_face(server->loop);
    uint64_t id[2];
    bool is_socket;
    int64_t os;

    if (!server->unlink_path)
        return;
    server->unlink_path = false;
    if (face->ops->unix_stat(face->backend, address, id, &is_socket, &os) == RNL_OK &&
        is_socket && id[0] == server->path_id[0] && id[1] == server->path_id[1])
        (void)face->ops->unix_unlink(face->backend, address, &os);
}

static void close_listener(struct rnli_listener *l)
{
    struct rnli_loop_face *face = rnli_face(l->server->loop);

    if (l->accepting)
        return; /* its final entry comes first */
    l->open = false;
    face->ops->close_socket(face->backend, l->op.sock);
    l->server->nopen--;
}

static struct rnli_listener *listener_at(const struct rnl_server *server, size_t index)
{
    return server->closed || index >= server->nopen ? NULL : &server->listeners[index];
}

void rnl_server_close(struct rnl_server *server)
{
    size_t count;

    RNLI_CHECK(server, !server->freed, server->loop);
    if (server->closed)
        return;
    count = server->nopen;
    server->closed = true;
    server->serving = false;
    for (size_t i = 0; i < count; i++) {
        struct rnli_listener *l = &server->listeners[i];

        unlink_path(server, &l->address);
        rnli_timer_stop(server->loop, &l->retry);
        if (l->accepting)
            rnli_cancel(server->loop, &l->op);
        close_listener(l);
    }
    rnli_server_drop_held(server);
    rnli_wake_all(&server->forever, RNL_ECANCELED);
    tell_if_over(server);
}

void rnl_server_free(struct rnl_server *server)
{
    if (!server)
        return;
    RNLI_CHECK(server, !server->freed, server->loop);
    rnli_server_free(server);
}

void rnli_server_free(struct rnl_server *server)
{
    struct rnli_list *node;

    if (server->freed)
        return;
    rnl_server_close(server);
    server->freed = true;
    while ((node = rnli_list_shift(&server->conns)) != NULL)
        RNLI_CONTAINER(node, struct rnli_conn, peers)->server = NULL;
    rnli_wake_all(&server->waiting, RNL_ECLOSED);
    free_if_unused(server);
}

void rnli_server_forget(struct rnli_conn *conn)
{
    struct rnl_server *server = conn->server;

    conn->server = NULL;
    rnli_list_remove(&conn->peers);
    server->nconns--;
    if (conn->cut)
        server->ncut++;
    server->pins++; /* a report hook may free it */
    rnli_server_has_room(server);
    tell_if_over(server);
    rnli_server_unpin(server);
}

/* ---- Accepting --------------------------------------------------------- */

/* The reports come last: their hook may close the server, or free it. */
static void pause_accepting(struct rnli_listener *l, int code, int64_t os_code)
{
    struct rnl_loop *loop = l->server->loop;
    bool given_up = rnli_timer_start(loop, &l->retry, ACCEPT_PAUSE) != RNL_OK;
    bool starved = code == RNL_EMFILE || code == RNL_ENFILE || code == RNL_ENOBUFS ||
                   code == RNL_ENOMEM;

    rnli_report(loop, RNL_REPORT_ERROR, code, os_code, NULL,
                starved ? "accept is out of system resources; trying again in a second"
                        : "accept failed; trying again in a second");
    if (given_up)
        rnli_report(loop, RNL_REPORT_ERROR, RNL_ENOMEM, 0, NULL, "a listener was given up");
}

static int start_accepting(struct rnli_listener *l)
{
    int code = rnli_submit(l->server->loop, &l->op);

    l->accepting = code == RNL_OK;
    return code;
}

static void accept_again(struct rnli_timer *timer)
{
    struct rnli_listener *l = RNLI_CONTAINER(timer, struct rnli_listener, retry);
    int code = start_accepting(l);

    if (code)
        pause_accepting(l, code, 0);
}

/* The connection's own end is no failure of the handler's: its error, or ours when
 * we ended it under the handler. */
static bool is_failure(const struct rnli_conn *conn, int code)
{
    if (code >= 0 || code == RNL_ECANCELED || code == conn->error)
        return false;
    return !conn->closing || (code != RNL_ECONNRESET && code != RNL_ECLOSED);
}

/* With TLS the handler is not called before the handshake is done. A peer that
 * fails it is every scanner's daily work: told in debug mode only, and not when the
 * end was ours. */
static int shake(struct rnli_conn *conn)
{
    int code = conn->filters ? rnli_filters_handshake(conn) : RNL_OK;
    bool ours = code == RNL_ECANCELED || code == RNL_ECLOSED;

    if (code && !ours && rnli_face(conn->loop)->debug)
        rnli_report(conn->loop, RNL_REPORT_WARNING, code, 0, NULL,
                    rnl_error_detail(&conn->writer));
    return code;
}

static int serve(void *arg)
{
    struct rnli_conn *conn = arg;
    struct rnl_loop *loop = conn->loop;
    rnl_handler_fn *handler = conn->handler;
    int code;

    rnli_conn_pin(conn); /* a handler that keeps the pair may free it before its end */
    code = shake(conn);
    if (!code)
        code = handler(&conn->reader, &conn->writer, conn->handler_arg);
    else
        code = RNL_ECANCELED; /* told already */
    if (is_failure(conn, code))
        rnli_report(loop, RNL_REPORT_ERROR, code, 0, rnl_task_name(rnl_task_current()),
                    "a connection's handler failed");
    rnli_conn_handler_over(conn);
    rnli_conn_unpin(conn);
    return RNL_OK;
}

/* A connection and its task; neither if one cannot be had. */
static int start_handler(struct rnl_server *server, const struct rnl_entry *entry)
{
    struct rnl_task_options options = RNL_TASK_OPTIONS_INIT;
    struct rnli_origin origin = {NULL, (rnli_any_fn *)server->handler};
    struct rnli_conn *conn;
    int code = rnli_conn_open(server->loop, entry->accepted, entry->peer,
                              &server->options.stream, &conn);

    if (code)
        return code;
    if (server->ssl)
        code = rnli_filters_push(conn, &server->options.ssl, true, NULL);
    options.name = "handler";
    options.stack_size = server->options.stack_size;
    conn->handled = true;
    conn->handler = server->handler;
    conn->handler_arg = server->arg;
    conn->server = server;
    rnli_list_push(&server->conns, &conn->peers);
    server->nconns++;
    if (!code)
        code = rnli_spawn(server->loop, NULL, serve, conn, &options, origin);
    if (code) {
        rnli_report(server->loop, RNL_REPORT_ERROR, code, 0, NULL,
                    "no task for an accepted connection; it is closed");
        conn->over = true;
        rnli_conn_abort(conn);
        conn->ended = true;
        conn->refs--;
    }
    return RNL_OK;
}

void rnli_server_take(struct rnl_server *server, const struct rnl_entry *entry)
{
    struct rnli_loop_face *face = rnli_face(server->loop);
    int64_t os = 0;
    int code = face->ops->attach(face->backend, entry->accepted, &os);

    if (!code && !server->closed)
        code = start_handler(server, entry);
    else if (!code)
        code = RNL_ECLOSED;
    if (!code)
        return;
    if (code != RNL_ECLOSED)
        rnli_report(server->loop, RNL_REPORT_ERROR, code, os, NULL,
                    "an accepted connection could not be set up");
    face->ops->close_socket(face->backend, entry->accepted);
}

static bool must_wait(const struct rnl_server *server)
{
    return server->options.when_full == RNL_FULL_WAIT && rnli_server_is_full(server);
}

/* The accepts under way end; those that they still bring are held. */
static void stop_accepting(struct rnl_server *server)
{
    for (size_t i = 0; i < server->nopen; i++)
        if (server->listeners[i].accepting)
            rnli_cancel(server->loop, &server->listeners[i].op);
}

void rnli_server_accept(struct rnl_server *server)
{
    for (size_t i = 0; !server->closed && i < server->nopen; i++) {
        struct rnli_listener *l = &server->listeners[i];
        int code = l->accepting || l->retry.index > 0 ? RNL_OK : start_accepting(l);

        if (code)
            pause_accepting(l, code, 0);
    }
}

static void take_or_hold(struct rnl_server *server, const struct rnl_entry *entry)
{
    if (!server->closed && rnli_server_is_full(server)) {
        rnli_server_overflow(server, entry);
        return;
    }
    rnli_server_take(server, entry);
    if (!server->closed && must_wait(server))
        stop_accepting(server);
}

static void accept_done(struct rnl_op *op, const struct rnl_entry *entry)
{
    struct rnli_listener *l = RNLI_CONTAINER(op, struct rnli_listener, op);
    struct rnl_server *server = l->server;
    int code = entry->code;

    if (code == RNL_OK && entry->accepted != RNL_NO_SOCKET)
        take_or_hold(server, entry);
    if (entry->more)
        return;
    l->accepting = false;
    if (server->closed) {
        close_listener(l);
        tell_if_over(server);
        free_if_unused(server);
        return;
    }
    if (code == RNL_ECANCELED && must_wait(server))
        return; /* until there is room */
    if (code == RNL_OK || code == RNL_ECANCELED)
        code = start_accepting(l);
    if (code)
        pause_accepting(l, code, entry->os_code);
}

/* ---- Calls ------------------------------------------------------------- */

int rnl_server_start_serving(struct rnl_server *server)
{
    struct rnli_loop_face *face;
    int code = RNL_OK;
    int64_t os;

    RNLI_CHECK(server, !server->freed, server->loop);
    if (server->serving || server->closed)
        return server->closed ? RNL_ECLOSED : RNL_OK;
    face = rnli_face(server->loop);
    for (size_t i = 0; i < server->nopen && !code; i++) {
        struct rnli_listener *l = &server->listeners[i];

        code = face->ops->listen(face->backend, l->op.sock, server->options.backlog, &os);
        if (!code && !l->accepting)
            code = start_accepting(l);
    }
    server->serving = code == RNL_OK;
    return code;
}

bool rnl_server_is_serving(const struct rnl_server *server)
{
    return server->serving;
}

static int wait_over(struct rnl_server *server)
{
    int code = RNL_OK;

    while (!code && !is_over(server))
        code = rnli_wait(&server->waiting, "server wait_closed");
    return code;
}

/* The checkpoint may wait, and the server be freed meanwhile: pinned before. */
int rnl_server_wait_closed(struct rnl_server *server)
{
    int code;

    RNLI_CHECK(server, !server->freed, server->loop);
    server->pins++;
    code = rnli_checkpoint();
    if (!code)
        code = server->freed ? RNL_ECLOSED : wait_over(server);
    rnli_server_unpin(server);
    return code;
}

static int serve_until_told(struct rnl_server *server)
{
    int code = server->closed ? RNL_ECLOSED : RNL_OK;

    if (!code && !rnli_waitlist_empty(&server->forever))
        code = RNL_EBUSY;
    if (!code)
        code = rnl_server_start_serving(server);
    if (code)
        return code;
    code = rnli_wait(&server->forever, "serve_forever");
    if (!server->freed) {
        rnl_server_close(server);
        (void)wait_over(server);
    }
    return code;
}

int rnl_server_serve_forever(struct rnl_server *server)
{
    int code;

    RNLI_CHECK(server, !server->freed, server->loop);
    server->pins++;
    code = rnli_checkpoint();
    if (!code)
        code = serve_until_told(server);
    rnli_server_unpin(server);
    return code;
}

void rnl_server_close_clients(struct rnl_server *server)
{
    struct rnli_list *node, *next;

    RNLI_CHECK(server, !server->freed, server->loop);
    for (node = server->conns.next; node != &server->conns; node = next) {
        next = node->next;
        rnli_conn_close(RNLI_CONTAINER(node, struct rnli_conn, peers));
    }
}

/* One whose own end is a turn away has ended by itself. */
static void cut(struct rnli_conn *conn)
{
    if (!conn->ending && rnli_list_empty(&conn->soon.node))
        conn->cut = true;
    rnli_conn_abort(conn);
}

void rnl_server_abort_clients(struct rnl_server *server)
{
    struct rnli_list *node, *next;

    RNLI_CHECK(server, !server->freed, server->loop);
    for (node = server->conns.next; node != &server->conns; node = next) {
        next = node->next;
        cut(RNLI_CONTAINER(node, struct rnli_conn, peers));
    }
}

size_t rnl_server_connections(const struct rnl_server *server)
{
    return server->nconns;
}

size_t rnl_server_listeners(const struct rnl_server *server)
{
    return server->closed ? 0 : server->nopen;
}

int rnl_server_address(const struct rnl_server *server, size_t index, struct rnl_address *out)
{
    const struct rnli_listener *l = listener_at(server, index);

    if (!l)
        return RNL_EINVAL;
    *out = l->address;
    return RNL_OK;
}

rnl_socket rnl_server_socket(const struct rnl_server *server, size_t index)
{
    const struct rnli_listener *l = listener_at(server, index);

    return l ? l->op.sock : RNL_NO_SOCKET;
}

void *rnl_server_user(const struct rnl_server *server)
{
    return server->options.user;
}
