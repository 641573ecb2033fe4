/* tls_proxy PORT CERT.pem HOST PORT, or tls_proxy PORT CERT.pem PATH: accepts TLS
 * and forwards what is inside to a plain TCP server or a Unix socket, both ways,
 * with half-close and back-pressure. */
#include <runnel/tls.h>

#include "common.h"

struct target {
    const char *cert, *host, *path; /* one of the two is NULL */
    uint16_t port, listen;
};

struct way {
    struct rnl_reader *from;
    struct rnl_writer *to;
};

/* Until the end of input, which is passed on: as close_notify, or as a FIN. */
static int forward(void *arg)
{
    const struct way *way = arg;
    struct rnl_bytes piece;
    int err;

    while (!(err = rnl_read(way->from, 65536, &piece)) && piece.len > 0) {
        if ((err = rnl_write(way->to, piece.data, piece.len)) || (err = rnl_drain(way->to)))
            return err;
    }
    return err ? err : rnl_write_eof(way->to);
}

static int forward_both(struct rnl_reader *reader, struct rnl_writer *writer,
                        struct rnl_reader *far_reader, struct rnl_writer *far_writer)
{
    struct way up = {reader, far_writer}, down = {far_reader, writer};
    struct rnl_group *group;
    int err = rnl_group_open(&group);

    if (err)
        return err;
    err = rnl_group_spawn(group, forward, &up, NULL);
    if (!err)
        err = rnl_group_spawn(group, forward, &down, NULL);
    return rnl_group_close(group, err);
}

static int proxy(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    const struct target *target = arg;
    struct rnl_reader *far_reader;
    struct rnl_writer *far_writer;
    int err;

    if (target->path)
        err = rnl_open_unix_connection(target->path, RNL_ALL, NULL, &far_reader, &far_writer);
    else
        err = rnl_open_connection(target->host, target->port, NULL, &far_reader, &far_writer);
    if (err)
        return err;
    err = forward_both(reader, writer, far_reader, far_writer);
    if (!err) {
        rnl_close(far_writer);
        err = rnl_wait_closed(far_writer);
    }
    rnl_stream_free(far_reader, far_writer);
    return err;
}

static int run(void *arg)
{
    struct target *target = arg;
    struct rnl_server_options options = RNL_SERVER_OPTIONS_INIT;
    struct rnl_tls_options tls = RNL_TLS_OPTIONS_INIT;
    struct rnl_server *server;
    char why[300] = "";
    int err;

    tls.cert_file = target->cert;
    tls.error_text = why;
    tls.error_text_size = sizeof why;
    err = rnl_tls_server(&options.ssl.context, &tls);
    if (err) {
        fprintf(stderr, "tls_proxy: %s: %s\n", target->cert, why);
        return err;
    }
    err = rnl_start_server(proxy, target, "127.0.0.1", target->listen, &options, &server);
    rnl_tls_free(options.ssl.context);
    return err ? err : serve_until_signal(server);
}

int main(int argc, char **argv)
{
    struct target target = {.host = NULL};

    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: tls_proxy PORT CERT.pem HOST PORT\n"
                        "       tls_proxy PORT CERT.pem PATH\n");
        return 2;
    }
    target.listen = port_of(argv[1]);
    target.cert = argv[2];
    if (argc == 5) {
        target.host = argv[3];
        target.port = port_of(argv[4]);
    } else {
        target.path = argv[3];
    }
    return exit_status("tls_proxy", rnl_run(run, &target, NULL));
}
