/* end.c: ending a connection, and what is known of it. */
#include <string.h>

#include "stream/filters.h"

void rnl_close(struct rnl_writer *writer)
{
    RNLI_CHECK_PAIR(rnli_writer_conn(writer));
    rnli_conn_close(rnli_writer_conn(writer));
}

void rnl_abort(struct rnl_writer *writer)
{
    RNLI_CHECK_PAIR(rnli_writer_conn(writer));
    rnli_conn_abort(rnli_writer_conn(writer));
}

bool rnl_is_closing(const struct rnl_writer *writer)
{
    return rnli_writer_conn(writer)->closing;
}

int rnl_wait_closed(struct rnl_writer *writer)
{
    struct rnli_conn *conn = rnli_writer_conn(writer);
    int code;

    RNLI_CHECK_PAIR(conn);
    rnli_conn_pin(conn); /* the checkpoint may wait, and the pair be freed meanwhile */
    code = rnli_checkpoint();
    if (!code && !conn->closed)
        code = rnli_wait(&writer->closing, "wait_closed");
    if (!code)
        code = conn->error;
    rnli_conn_unpin(conn);
    return code;
}

struct rnl_writer *rnl_reader_writer(struct rnl_reader *reader)
{
    return &rnli_reader_conn(reader)->writer;
}

struct rnl_reader *rnl_writer_reader(struct rnl_writer *writer)
{
    return &rnli_writer_conn(writer)->reader;
}

void *rnl_stream_user(const struct rnl_reader *reader)
{
    return rnli_reader_conn(reader)->user;
}

void rnl_stream_set_user(struct rnl_reader *reader, void *user)
{
    rnli_reader_conn(reader)->user = user;
}

struct rnl_server *rnl_stream_server(const struct rnl_writer *writer)
{
    return rnli_writer_conn(writer)->server;
}

int rnl_get_peername(const struct rnl_writer *writer, struct rnl_address *out)
{
    const struct rnli_conn *conn = rnli_writer_conn(writer);

    if (!conn->has_peername)
        return RNL_ENOTCONN;
    *out = conn->peername;
    return RNL_OK;
}

int rnl_get_sockname(const struct rnl_writer *writer, struct rnl_address *out)
{
    const struct rnli_conn *conn = rnli_writer_conn(writer);

    if (!conn->has_sockname)
        return RNL_ENOTCONN;
    *out = conn->sockname;
    return RNL_OK;
}

rnl_socket rnl_get_socket(const struct rnl_writer *writer)
{
    return rnli_writer_conn(writer)->sock;
}

const void *rnl_get_extra_info(const struct rnl_writer *writer, const char *name)
{
    const struct rnli_conn *conn = rnli_writer_conn(writer);

    if (!name)
        return NULL;
    if (strcmp(name, "peername") == 0)
        return conn->has_peername ? &conn->peername : NULL;
    if (strcmp(name, "sockname") == 0)
        return conn->has_sockname ? &conn->sockname : NULL;
    if (strcmp(name, "socket") == 0)
        return conn->sock != RNL_NO_SOCKET ? &conn->sock : NULL;
    if (conn->filters)
        return conn->filters->top->ops->info(conn->filters->top, name);
    return NULL;
}

const char *rnl_error_detail(const struct rnl_writer *writer)
{
    const struct rnli_conn *conn = rnli_writer_conn(writer);
    const struct rnli_filter *f = conn->filters ? conn->filters->bottom : NULL;

    while (f && f->above && !f->detail[0])
        f = f->above;
    return f ? f->detail : "";
}

int64_t rnl_os_code(const struct rnl_writer *writer)
{
    return rnli_writer_conn(writer)->os_code;
}
