/* connect.c: rnl_open_connection and its relatives.
 *
 * Check the arguments, resolve the names, put the addresses in order, race them,
 * make a connection of the socket that won. Each step owns what it made until
 * the next one has it, so a cancel at any of them leaves nothing open. */
#include <string.h>

#include "core/alloc.h"
#include "core/options.h"
#include "stream/filters.h"
#include "stream/race.h"
#include "stream/unix.h"

#define DEFAULT_DELAY (250 * RNL_MILLISECOND)

int rnli_unix_address(struct rnl_address *out, const char *path, size_t len)
{
    bool abstract;

    memset(out, 0, sizeof *out);
    if (!path)
        return RNL_EINVAL;
    if (len == RNL_ALL)
        len = strlen(path);
    if (len == 0)
        return RNL_EINVAL;
    abstract = path[0] == '\0';
    if (!abstract && memchr(path, '\0', len))
        return RNL_EINVAL;
    if (len > sizeof out->path - (abstract ? 0 : 1))
        return RNL_ENAMETOOLONG;
    out->family = RNL_UNIX;
    out->path_len = len;
    memcpy(out->path, path, len);
    return RNL_OK;
}

/* Each is a time, none, or the default. */
static bool times_fit(const struct rnl_connect_options *o)
{
    return o->happy_eyeballs_delay_ns >= RNL_OFF && o->timeout_ns >= RNL_OFF &&
           o->attempt_timeout_ns >= RNL_OFF;
}

static int check_side(const struct rnl_stream_tls *ssl)
{
    const struct rnli_filter_source *from = (const struct rnli_filter_source *)ssl->context;

    if (!from || !from->is_server(from))
        return RNL_OK;
    rnli_stream_tls_tell(ssl, "the context is a server's");
    return RNL_EINVAL;
}

static int read_options(struct rnl_connect_options *own, const struct rnl_connect_options *given)
{
    int code = rnli_options_read(own, sizeof *own, given);

    if (!code && own->attempts_count)
        *own->attempts_count = 0;
    if (!code)
        rnli_stream_tls_tell(&own->ssl, "");
    if (!code)
        code = rnli_stream_options_check(&own->stream);
    if (!code)
        code = rnli_stream_tls_check(&own->ssl);
    if (!code)
        code = check_side(&own->ssl);
    if (!code && (own->interleave < 0 || own->family > RNL_INET6 || !times_fit(own)))
        code = RNL_EINVAL;
    return code;
}

/* The handshake, if there is to be one. An engine that refuses to begin has no words. */
static int secure(struct rnli_conn *conn, const struct rnl_stream_tls *ssl, const char *name)
{
    int code = rnli_filters_connect(conn, ssl, name);

    if (code == RNL_EINVAL && ssl->error_text_size > 0 && ssl->error_text && !*ssl->error_text)
        rnli_stream_tls_tell(ssl, ssl->server_hostname || name ? "server_hostname is no name"
                                                               : "a client needs server_hostname");
    return code;
}

/* A connection of a socket that is ours; it is closed where that fails. */
static int make_pair(struct rnl_loop *loop, rnl_socket sock,
                     const struct rnl_connect_options *options, const char *name,
                     struct rnl_reader **reader, struct rnl_writer **writer)
{
    struct rnli_loop_face *face = rnli_face(loop);
    struct rnli_conn *conn;
    int code = rnli_conn_open(loop, sock, NULL, &options->stream, &conn);

    if (code) {
        face->ops->close_socket(face->backend, sock);
        return code;
    }
    code = secure(conn, &options->ssl, name);
    if (code)
        return code;
    *reader = &conn->reader;
    *writer = &conn->writer;
    return RNL_OK;
}

/* ---- TCP --------------------------------------------------------------- */

static void free_addresses(struct rnl_loop *loop, const struct rnl_address *list, size_t count)
{
    rnli_free(&rnli_face(loop)->allocator, (void *)(uintptr_t)list, count * sizeof *list);
}

static int resolve_local(const struct rnl_connect_options *o, struct rnli_race_plan *plan)
{
    struct rnl_address *locals;
    int code;

    if (!o->local_host && o->local_port == 0)
        return RNL_OK;
    code = rnli_resolve(o->local_host, NULL, o->local_port, o->family,
                        o->flags | RNLI_RESOLVE_PASSIVE, &locals, &plan->nlocals);
    if (!code)
        plan->locals = locals;
    return code;
}

static struct rnli_race_plan plan_of(const struct rnl_connect_options *o,
                                     const struct rnl_address *addresses, size_t count)
{
    return (struct rnli_race_plan){.addresses = addresses,
                                   .count = count,
                                   .delay_ns = -1,
                                   .attempts = o->attempts,
                                   .attempts_max = o->attempts ? o->attempts_max : 0,
                                   .attempts_count = o->attempts_count,
                                   .attempt_ns = o->attempt_timeout_ns};
}

static int race_to(struct rnl_loop *loop, struct rnl_address *addresses, size_t count,
                   const struct rnl_connect_options *o, rnl_socket *sock)
{
    struct rnli_race_plan plan = plan_of(o, addresses, count);
    size_t winner;
    int code = RNL_OK;

    plan.delay_ns = o->happy_eyeballs_delay_ns ? o->happy_eyeballs_delay_ns : DEFAULT_DELAY;
    if (plan.delay_ns >= 0 || o->interleave > 0)
        code = rnli_interleave(loop, addresses, count,
                               o->interleave ? (size_t)o->interleave : 1);
    if (!code)
        code = resolve_local(o, &plan);
    if (!code)
        code = rnli_race(loop, &plan, sock, &winner);
    free_addresses(loop, plan.locals, plan.nlocals);
    return code;
}

static int connect_host(struct rnl_loop *loop, const char *host, uint16_t port,
                        const struct rnl_connect_options *o, rnl_socket *sock)
{
    struct rnl_address *addresses;
    size_t count;
    int code = rnli_resolve(host, port ? NULL : o->service, port, o->family, o->flags, &addresses,
                            &count);

    if (code)
        return code;
    code = race_to(loop, addresses, count, o, sock);
    free_addresses(loop, addresses, count);
    return code;
}

static int64_t limit_of(const struct rnl_connect_options *o)
{
    return o->timeout_ns > 0 ? o->timeout_ns : RNL_OFF;
}

/* Ends the limit on the whole. The call answers it, so it is no more than a note. */
static int end_limit(struct rnl_loop *loop, struct rnl_timeout *limit, int code)
{
    code = rnl_timeout_end(limit, code);
    if (code == RNL_ETIMEDOUT && rnl_timeout_expired(limit))
        rnli_report(loop, RNL_REPORT_DEBUG, code, 0, rnl_task_name(rnl_task_current()),
                    "a connection was not made within its time limit");
    return code;
}

int rnl_open_connection(const char *host, uint16_t port, const struct rnl_connect_options *options,
                        struct rnl_reader **reader, struct rnl_writer **writer)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_connect_options o;
    struct rnl_timeout limit;
    rnl_socket sock;
    int code = rnli_checkpoint();

    if (!code)
        code = read_options(&o, options);
    if (!code && !host && port == 0 && !o.service)
        code = RNL_EINVAL;
    if (code)
        return code;
    code = rnl_timeout_begin(&limit, limit_of(&o));
    if (!code)
        code = end_limit(loop, &limit, connect_host(loop, host, port, &o, &sock));
    return code ? code : make_pair(loop, sock, &o, host, reader, writer);
}

/* ---- Sockets and paths ------------------------------------------------- */

static int check_socket(struct rnli_loop_face *face, rnl_socket sock)
{
    struct rnl_socket_info info;
    int64_t os;
    int code = face->ops->info(face->backend, sock, &info, &os);

    if (!code && (!info.stream || info.listening))
        code = RNL_EINVAL;
    if (!code && !info.connected)
        code = RNL_ENOTCONN;
    return code;
}

/* TLS on a socket that stays the caller's if it fails: the library has let go of it
 * when this returns, so that whoever has its number next is not disturbed. */
static int secure_lent(struct rnli_conn *conn, const struct rnl_stream_tls *ssl)
{
    struct rnli_loop_face *face = rnli_face(conn->loop);
    int code;

    rnli_conn_pin(conn);
    conn->leaving = true;
    code = secure(conn, ssl, NULL);
    conn->leaving = code != RNL_OK;
    if (code)
        rnli_conn_await_end(conn, "the end of a failed handshake");
    else if (conn->closed)
        face->ops->close_socket(face->backend, conn->left_with); /* lost right after it */
    rnli_conn_unpin(conn);
    return code;
}

int rnl_open_connection_socket(rnl_socket sock, const struct rnl_connect_options *options,
                               struct rnl_reader **reader, struct rnl_writer **writer)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnli_loop_face *face;
    struct rnl_connect_options o;
    struct rnli_conn *conn;
    int64_t os;
    int code = rnli_checkpoint();

    if (!code)
        code = read_options(&o, options);
    if (code)
        return code;
    face = rnli_face(loop);
    code = check_socket(face, sock);
    if (!code)
        code = face->ops->attach(face->backend, sock, &os);
    if (code)
        return code;
    code = rnli_conn_open(loop, sock, NULL, &o.stream, &conn);
    if (code) {
        face->ops->detach(face->backend, sock);
        return code;
    }
    code = secure_lent(conn, &o.ssl);
    if (code)
        return code;
    *reader = &conn->reader;
    *writer = &conn->writer;
    return RNL_OK;
}

int rnl_open_unix_connection(const char *path, size_t path_len,
                             const struct rnl_connect_options *options, struct rnl_reader **reader,
                             struct rnl_writer **writer)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_connect_options o;
    struct rnl_address address;
    struct rnli_race_plan plan;
    struct rnl_timeout limit;
    rnl_socket sock;
    size_t winner;
    int code = rnli_checkpoint();

    if (!code)
        code = read_options(&o, options);
    if (!code)
        code = rnli_unix_address(&address, path, path_len);
    if (code)
        return code;
    plan = plan_of(&o, &address, 1);
    code = rnl_timeout_begin(&limit, limit_of(&o));
    if (!code)
        code = end_limit(loop, &limit, rnli_race(loop, &plan, &sock, &winner));
    return code ? code : make_pair(loop, sock, &o, NULL, reader, writer);
}
