/* listen.c: from a host, a path or a socket to bound listeners.
 *
 * All or nothing: a server that fails to bind one of its addresses binds none.
 * Exceptions are asyncio's: a family that the system lacks, and an address that
 * is not ours, are skipped while another one works. */
#include <string.h>

#include "core/alloc.h"
#include "stream/race.h"
#include "stream/server.h"
#include "stream/unix.h"

enum { SAME_PORT_TRIES = 16 };

struct address_list {
    struct rnl_address *items;
    size_t count;
};

/* ---- Addresses --------------------------------------------------------- */

static void free_list(struct rnl_loop *loop, struct address_list *list)
{
    rnli_free(&rnli_face(loop)->allocator, list->items, list->count * sizeof *list->items);
    list->items = NULL;
    list->count = 0;
}

static bool contains(const struct address_list *list, const struct rnl_address *a)
{
    for (size_t i = 0; i < list->count; i++)
        if (memcmp(&list->items[i], a, sizeof *a) == 0)
            return true;
    return false;
}

/* Appends those of `more` that are not in yet. */
static int append(struct rnl_loop *loop, struct address_list *list,
                  const struct rnl_address *more, size_t count)
{
    const struct rnl_allocator *a = &rnli_face(loop)->allocator;
    size_t item = sizeof *list->items;
    struct rnl_address *items;

    for (size_t i = 0; i < count; i++) {
        if (contains(list, &more[i]))
            continue;
        items = rnli_realloc(a, list->items, list->count * item, (list->count + 1) * item);
        if (!items)
            return RNL_ENOMEM;
        list->items = items;
        list->items[list->count++] = more[i];
    }
    return RNL_OK;
}

static int add_host(struct rnl_loop *loop, const char *host, uint16_t port,
                    const struct rnl_server_options *o, struct address_list *list)
{
    struct rnl_address *found;
    size_t count;
    int code;

    if (host && host[0] == '\0')
        host = NULL;
    code = rnli_resolve(host, port ? NULL : o->service, port, o->family,
                        o->flags | RNLI_RESOLVE_PASSIVE, &found, &count);
    if (code)
        return code;
    code = append(loop, list, found, count);
    rnli_free(&rnli_face(loop)->allocator, found, count * sizeof *found);
    return code;
}

static int add_hosts(struct rnl_loop *loop, const char *host, uint16_t port,
                     const struct rnl_server_options *o, struct address_list *list)
{
    int code = RNL_OK;

    if (!o->hosts)
        return add_host(loop, host, port, o, list);
    if (host)
        return RNL_EINVAL;
    for (size_t i = 0; i < o->nhosts && !code; i++)
        code = add_host(loop, o->hosts[i], port, o, list);
    return code;
}

/* ---- Binding ----------------------------------------------------------- */

static int set_listen_options(struct rnli_loop_face *face, rnl_socket sock,
                              const struct rnl_address *a, const struct rnl_server_options *o)
{
    int64_t os;
    int code = RNL_OK;

    if (o->reuse_address != RNL_NO)
        code = face->ops->set_option(face->backend, sock, RNL_SO_REUSEADDR, 1, &os);
    if (!code && o->reuse_port == RNL_YES)
        code = face->ops->set_option(face->backend, sock, RNL_SO_REUSEPORT, 1, &os);
    if (!code && a->family == RNL_INET6)
        code = face->ops->set_option(face->backend, sock, RNL_SO_V6ONLY, o->v6only != RNL_NO,
                                     &os);
    return code;
}

static int bind_address(struct rnli_loop_face *face, const struct rnl_address *a,
                        const struct rnl_server_options *o, rnl_socket *out)
{
    rnl_socket sock;
    int64_t os;
    int code = face->ops->open_socket(face->backend, a->family, &sock, &os);

    if (code)
        return code;
    if (a->family != RNL_UNIX)
        code = set_listen_options(face, sock, a, o);
    if (!code)
        code = face->ops->bind(face->backend, sock, a, &os);
    if (code) {
        face->ops->close_socket(face->backend, sock);
        return code;
    }
    *out = sock;
    return RNL_OK;
}

static bool may_skip(int code)
{
    return code == RNL_EAFNOSUPPORT || code == RNL_EADDRNOTAVAIL;
}

/* Binds each address. With `same_port` a port 0 becomes that of the one before. */
static int bind_all(struct rnl_server *server, const struct address_list *list, bool same_port)
{
    struct rnli_loop_face *face = rnli_face(server->loop);
    int skipped = RNL_EADDRNOTAVAIL;
    uint16_t port = 0;

    for (size_t i = 0; i < list->count; i++) {
        struct rnl_address a = list->items[i];
        rnl_socket sock;
        int code;

        if (same_port && a.port == 0)
            a.port = port;
        code = bind_address(face, &a, &server->options, &sock);
        if (may_skip(code)) {
            skipped = code;
            continue;
        }
        if (code)
            return code;
        rnli_server_add(server, sock);
        port = server->listeners[server->nopen - 1].address.port;
    }
    return server->nopen > 0 ? RNL_OK : skipped;
}

/* One port on all addresses can meet a port that is taken on one of them. */
static int make_server(struct rnl_loop *loop, rnl_handler_fn *handler, void *arg,
                       const struct rnl_server_options *o, const struct address_list *list,
                       struct rnl_server **out)
{
    bool same = o->same_port == RNL_YES;
    int code = RNL_EADDRINUSE;

    for (int tries = 0; tries < (same ? SAME_PORT_TRIES : 1) && code == RNL_EADDRINUSE; tries++) {
        struct rnl_server *server;

        code = rnli_server_new(loop, handler, arg, o, list->count, &server);
        if (!code)
            code = rnli_server_ready(server, bind_all(server, list, same), out);
    }
    return code;
}

int rnl_start_server(rnl_handler_fn *handler, void *arg, const char *host, uint16_t port,
                     const struct rnl_server_options *options, struct rnl_server **out)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_server_options o;
    struct address_list list = {NULL, 0};
    int code = rnli_checkpoint();

    if (!code)
        code = handler ? rnli_server_options_read(&o, options) : RNL_EINVAL;
    if (code)
        return code;
    code = add_hosts(loop, host, port, &o, &list);
    if (!code && list.count == 0)
        code = RNL_EADDRNOTAVAIL;
    if (!code)
        code = make_server(loop, handler, arg, &o, &list, out);
    free_list(loop, &list);
    return code;
}

int rnl_start_server_socket(rnl_handler_fn *handler, void *arg, rnl_socket sock,
                            const struct rnl_server_options *options, struct rnl_server **out)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnli_loop_face *face;
    struct rnl_server_options o;
    struct rnl_socket_info info;
    struct rnl_server *server = NULL;
    int64_t os;
    int code = rnli_checkpoint();

    if (!code)
        code = handler ? rnli_server_options_read(&o, options) : RNL_EINVAL;
    if (code)
        return code;
    face = rnli_face(loop);
    code = face->ops->info(face->backend, sock, &info, &os);
    if (!code && (!info.stream || info.connected))
        code = RNL_EINVAL;
    if (!code)
        code = face->ops->attach(face->backend, sock, &os);
    if (code)
        return code;
    code = rnli_server_new(loop, handler, arg, &o, 1, &server);
    if (!code && o.start_serving != RNL_NO)
        code = face->ops->listen(face->backend, sock, o.backlog, &os);
    if (code) {
        if (server)
            rnl_server_free(server);
        face->ops->detach(face->backend, sock);
        return code;
    }
    rnli_server_add(server, sock);
    return rnli_server_ready(server, RNL_OK, out);
}

/* ---- Unix paths -------------------------------------------------------- */

/* Whether somebody listens at the path. */
static int probe(struct rnl_loop *loop, const struct rnl_address *address)
{
    struct rnli_loop_face *face = rnli_face(loop);
    struct rnli_race_plan plan = {.addresses = address, .count = 1, .delay_ns = -1};
    rnl_socket sock;
    size_t winner;
    int code = rnli_race(loop, &plan, &sock, &winner);

    if (code == RNL_OK)
        face->ops->close_socket(face->backend, sock);
    return code;
}

/* Removes a socket that nobody listens at. RNL_EADDRINUSE: it is in use, or is
 * no socket. */
static int remove_stale(struct rnl_loop *loop, const struct rnl_address *address)
{
    struct rnli_loop_face *face = rnli_face(loop);
    uint64_t id[2];
    bool is_socket;
    int64_t os;
    int code = face->ops->unix_stat(face->backend, address, id, &is_socket, &os);

    if (code == RNL_ENOENT)
        return RNL_OK;
    if (code || !is_socket)
        return RNL_EADDRINUSE;
    code = probe(loop, address);
    if (code == RNL_ECANCELED || code == RNL_EMFILE || code == RNL_ENFILE || code == RNL_ENOMEM)
        return code;
    if (code == RNL_ENOENT)
        return RNL_OK;
    if (code != RNL_ECONNREFUSED)
        return RNL_EADDRINUSE;
    code = face->ops->unix_unlink(face->backend, address, &os);
    return code == RNL_ENOENT ? RNL_OK : code;
}

static int bind_path(struct rnl_loop *loop, const struct rnl_address *address,
                     const struct rnl_server_options *o, rnl_socket *sock)
{
    struct rnli_loop_face *face = rnli_face(loop);
    int code = bind_address(face, address, o, sock);

    if (code != RNL_EADDRINUSE || address->path[0] == '\0')
        return code;
    code = remove_stale(loop, address);
    return code ? code : bind_address(face, address, o, sock);
}

static void note_path(struct rnl_server *server, const struct rnl_address *address)
{
    struct rnli_loop_face *face = rnli_face(server->loop);
    bool is_socket;
    int64_t os;

    if (server->options.cleanup_socket == RNL_NO || address->path[0] == '\0')
        return;
    server->unlink_path = face->ops->unix_stat(face->backend, address, server->path_id,
                                               &is_socket, &os) == RNL_OK;
}

int rnl_start_unix_server(rnl_handler_fn *handler, void *arg, const char *path, size_t path_len,
                          const struct rnl_server_options *options, struct rnl_server **out)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_server_options o;
    struct rnl_address address;
    struct rnl_server *server;
    rnl_socket sock = RNL_NO_SOCKET;
    int code = rnli_checkpoint();

    if (!code)
        code = handler ? rnli_server_options_read(&o, options) : RNL_EINVAL;
    if (!code)
        code = rnli_unix_address(&address, path, path_len);
    if (!code)
        code = rnli_server_new(loop, handler, arg, &o, 1, &server);
    if (code)
        return code;
    code = bind_path(loop, &address, &o, &sock);
    if (!code) {
        rnli_server_add(server, sock);
        server->listeners[0].address = address;
        note_path(server, &address);
    }
    return rnli_server_ready(server, code, out);
}
