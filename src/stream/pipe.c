/* pipe.c: streams over pipes and terminals, and pairs inside the process.
 *
 * A pipe is a connection of which one half is never used: one that only writes
 * does not receive. The backend finds out by itself that the descriptor is no
 * socket. The way that lost: a socket pair and tasks that copy; it loses what they
 * hold when the loop ends. */
#include <runnel/handover.h>

#include "backend/backends.h"
#include "backend/pass.h"
#include "core/alloc.h"
#include "stream/conn.h"

static int read_options(struct rnl_stream_options *own, const struct rnl_stream_options *given)
{
    *own = given ? *given : (struct rnl_stream_options)RNL_STREAM_OPTIONS_INIT;
    return rnli_stream_options_check(own);
}

/* What is asked of the half that is never used: nobody is slow there, and nothing that
 * comes keeps the other half open. */
static void without_other_half(struct rnl_stream_options *o, bool writes)
{
    o->linger_close_ns = 0;
    if (writes)
        o->idle_timeout_ns = 0;
    else
        o->write_timeout_ns = 0;
}

static int open_pipe(rnl_socket fd, const struct rnl_stream_options *options, bool writes,
                     struct rnli_conn **out)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_stream_options o;
    int64_t os;
    int code = rnli_checkpoint();

    if (!code)
        code = read_options(&o, options);
    if (!code && !rnli_os_sockets(rnli_face(loop)->ops))
        code = RNL_ENOTSUP;
    if (!code)
        code = rnli_os_check_pipe(fd, writes);
    if (!code)
        code = rnli_face(loop)->ops->attach(rnli_face(loop)->backend, fd, &os);
    if (code)
        return code;
    without_other_half(&o, writes);
    code = rnli_conn_open(loop, fd, NULL, &o, out);
    if (code)
        rnli_face(loop)->ops->detach(rnli_face(loop)->backend, fd);
    return code;
}

int rnl_open_read_pipe(rnl_socket fd, const struct rnl_stream_options *options,
                       struct rnl_reader **reader)
{
    struct rnli_conn *conn = NULL;
    int code = open_pipe(fd, options, false, &conn);

    if (code)
        return code;
    conn->reads_only = true;
    *reader = &conn->reader;
    return RNL_OK;
}

int rnl_open_write_pipe(rnl_socket fd, const struct rnl_stream_options *options,
                        struct rnl_writer **writer)
{
    struct rnli_conn *conn = NULL;
    int code = open_pipe(fd, options, true, &conn);

    if (code)
        return code;
    conn->writes_only = true;
    conn->held = true; /* there is nothing to receive */
    *writer = &conn->writer;
    return RNL_OK;
}

/* ---- Pairs ------------------------------------------------------------- */

static int make_pair(const struct rnli_loop_face *face, rnl_socket socks[2])
{
    int64_t os;

    if (face->ops == &rnli_sim_ops)
        return rnli_sim_pair(face->backend, socks, &os);
    return rnli_os_sockets(face->ops) ? rnli_os_pair(socks, &os) : RNL_ENOTSUP;
}

static int open_end(struct rnl_loop *loop, rnl_socket sock, const struct rnl_stream_options *o,
                    struct rnli_conn **out)
{
    struct rnli_loop_face *face = rnli_face(loop);
    int64_t os;
    int code = face->ops->attach(face->backend, sock, &os);

    if (!code)
        code = rnli_conn_open(loop, sock, NULL, o, out);
    if (code)
        face->ops->close_socket(face->backend, sock);
    return code;
}

int rnl_open_pair(const struct rnl_stream_options *options, struct rnl_reader *readers[2],
                  struct rnl_writer *writers[2])
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_stream_options o;
    struct rnli_loop_face *face;
    struct rnli_conn *a, *b;
    rnl_socket socks[2];
    int code = rnli_checkpoint();

    if (!code)
        code = read_options(&o, options);
    if (code)
        return code;
    face = rnli_face(loop);
    code = make_pair(face, socks);
    if (code)
        return code;
    code = open_end(loop, socks[0], &o, &a);
    if (code) {
        face->ops->close_socket(face->backend, socks[1]);
        return code;
    }
    code = open_end(loop, socks[1], &o, &b);
    if (code) {
        rnl_stream_free(&a->reader, &a->writer);
        return code;
    }
    readers[0] = &a->reader;
    writers[0] = &a->writer;
    readers[1] = &b->reader;
    writers[1] = &b->writer;
    return RNL_OK;
}
