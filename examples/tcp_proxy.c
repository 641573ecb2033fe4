/* tcp_proxy PORT HOST PORT: forwards connections, both ways, with half-close and
 * with back-pressure: a slow side slows the fast one down. */
#include "common.h"

struct target {
    const char *host;
    uint16_t port, listen;
};

struct way {
    struct rnl_reader *from;
    struct rnl_writer *to;
};

/* Until the end of input, which is passed on. */
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

static int proxy(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    const struct target *target = arg;
    struct rnl_reader *far_reader;
    struct rnl_writer *far_writer;
    struct rnl_group *group;
    struct way up, down;
    int err = rnl_open_connection(target->host, target->port, NULL, &far_reader, &far_writer);

    if (err)
        return err;
    up = (struct way){reader, far_writer};
    down = (struct way){far_reader, writer};
    err = rnl_group_open(&group);
    if (!err) {
        err = rnl_group_spawn(group, forward, &up, NULL);
        if (!err)
            err = rnl_group_spawn(group, forward, &down, NULL);
        err = rnl_group_close(group, err);
    }
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
    struct rnl_server *server;
    int err = rnl_start_server(proxy, target, "127.0.0.1", target->listen, NULL, &server);

    return err ? err : serve_until_signal(server);
}

int main(int argc, char **argv)
{
    struct target target;

    if (argc != 4) {
        fprintf(stderr, "usage: tcp_proxy PORT HOST PORT\n");
        return 2;
    }
    target.listen = port_of(argv[1]);
    target.host = argv[2];
    target.port = port_of(argv[3]);
    return exit_status("tcp_proxy", rnl_run(run, &target, NULL));
}
