#include "torture/kit.h"

#include <stdio.h>
#include <unistd.h>

/* ---- Servers and clients ------------------------------------------------ */

static void fresh_name(struct rnl_address *out)
{
    static unsigned counter;

    memset(out, 0, sizeof *out);
    out->family = RNL_UNIX;
    out->path_len = (size_t)snprintf(out->path + 1, sizeof out->path - 1, "runnel-torture-%ld-%u",
                                     (long)getpid(), counter++) +
                    1;
}

int net_serve(struct net *net, rnl_handler_fn *handler, const struct rnl_server_options *options)
{
    int err;

    memset(net, 0, sizeof *net);
    if (torture_over == OVER_UNIX) {
        fresh_name(&net->address);
        TRY(err, rnl_start_unix_server(handler, net, net->address.path, net->address.path_len,
                                       options, &net->server));
        return err;
    }
    TRY(err, rnl_start_server(handler, net, "127.0.0.1", 0, options, &net->server));
    return err ? err : rnl_server_address(net->server, 0, &net->address);
}

int net_dial_once(struct net *net, const struct rnl_connect_options *options, struct rnl_reader **r,
                  struct rnl_writer **w)
{
    if (torture_over == OVER_UNIX)
        return rnl_open_unix_connection(net->address.path, net->address.path_len, options, r, w);
    return rnl_open_connection("127.0.0.1", net->address.port, options, r, w);
}

int net_dial(struct net *net, const struct rnl_connect_options *options, struct rnl_reader **r,
             struct rnl_writer **w)
{
    int err;

    TRY(err, net_dial_once(net, options, r, w));
    return err;
}

int net_open(struct net *net, rnl_handler_fn *handler, const struct rnl_server_options *options)
{
    int err = net_serve(net, handler, options);

    if (!err)
        err = net_dial(net, NULL, &net->r, &net->w);
    if (!err)
        torture_pair(0, net->w);
    return err;
}

void net_close(struct net *net)
{
    torture_pair(0, NULL);
    rnl_stream_free(net->r, net->w);
    rnl_server_free(net->server);
}

/* ---- Bytes ------------------------------------------------------------- */

int put_bytes(struct rnl_writer *w, size_t from, size_t n)
{
    unsigned char piece[3000];
    int err = RNL_OK;

    for (size_t at = 0; at < n && !err; at += sizeof piece) {
        size_t len = n - at < sizeof piece ? n - at : sizeof piece;

        for (size_t i = 0; i < len; i++)
            piece[i] = torture_byte(from + at + i);
        err = rnl_write(w, piece, len);
        if (!err)
            TRY(err, rnl_drain(w));
    }
    return err;
}

void check_bytes(const struct rnl_bytes *bytes, size_t from)
{
    for (size_t i = 0; i < bytes->len; i++) {
        if (bytes->data[i] == torture_byte(from + i))
            continue;
        torture_wrong("a byte that was not sent");
        return;
    }
}

int get_bytes(struct rnl_reader *r, size_t n)
{
    struct rnl_bytes bytes = {NULL, 0};
    size_t got = 0;
    int err;

    do {
        TRY(err, rnl_read(r, 5000, &bytes));
        if (err)
            return err;
        check_bytes(&bytes, got);
        got += bytes.len;
        if (got > n)
            torture_wrong("more bytes than were sent");
    } while (bytes.len > 0);
    return got == n ? RNL_OK : RNL_EINCOMPLETE;
}

void check_text(const struct rnl_bytes *bytes, const char *text)
{
    size_t len = strlen(text);

    if (bytes->len > len || (bytes->len > 0 && memcmp(bytes->data, text, bytes->len) != 0))
        torture_wrong("another text than was sent");
}

/* ---- Handlers ---------------------------------------------------------- */

int echo(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes bytes;
    int err;

    (void)arg;
    torture_pair(1, writer);
    while ((err = rnl_read(reader, 3000, &bytes)) == RNL_OK && bytes.len > 0) {
        err = rnl_write(writer, bytes.data, bytes.len);
        if (!err)
            err = rnl_drain(writer);
        if (err)
            break;
    }
    torture_pair(1, NULL);
    return err;
}

int sink(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes bytes;
    size_t got = 0;
    int err;

    (void)arg;
    torture_pair(1, writer);
    while ((err = rnl_read(reader, 4000, &bytes)) == RNL_OK && bytes.len > 0) {
        check_bytes(&bytes, got);
        got += bytes.len;
    }
    torture_pair(1, NULL);
    return err;
}

int greet(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    int err;

    (void)reader;
    (void)arg;
    torture_pair(1, writer);
    err = rnl_write_str(writer, "hello\n");
    if (!err)
        err = rnl_drain(writer);
    torture_pair(1, NULL);
    return err;
}

int pour(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    int err;

    (void)reader;
    (void)arg;
    torture_pair(1, writer);
    err = put_bytes(writer, 0, POURED);
    torture_pair(1, NULL);
    return err;
}

int lines(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes line;
    int err;

    (void)arg;
    torture_pair(1, writer);
    while ((err = rnl_readline(reader, &line)) == RNL_OK && line.len > 0) {
        err = rnl_write(writer, line.data, line.len);
        if (err)
            break;
    }
    torture_pair(1, NULL);
    return err;
}

int slam(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes bytes;
    int err = rnl_read(reader, 1, &bytes);

    (void)arg;
    rnl_abort(writer);
    return err;
}
