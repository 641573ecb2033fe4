/* unix_echo PATH [MESSAGE]: an echo server and its client over a Unix socket, in
 * one program. */
#include "common.h"

struct args {
    const char *path, *message;
};

static int echo(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes piece;
    int err;

    (void)arg;
    while (!(err = rnl_read(reader, 4096, &piece)) && piece.len > 0) {
        rnl_write(writer, piece.data, piece.len);
        if ((err = rnl_drain(writer)))
            break;
    }
    return err;
}

static int talk(const struct args *args)
{
    struct rnl_reader *reader;
    struct rnl_writer *writer;
    struct rnl_bytes all;
    int err = rnl_open_unix_connection(args->path, RNL_ALL, NULL, &reader, &writer);

    if (err)
        return err;
    rnl_write_str(writer, args->message);
    rnl_write_eof(writer); /* our side ends; the answer still comes */
    err = rnl_read(reader, RNL_ALL, &all);
    if (!err)
        printf("received: %.*s\n", (int)all.len, (const char *)all.data);
    rnl_stream_free(reader, writer);
    return err;
}

static int run(void *arg)
{
    const struct args *args = arg;
    struct rnl_server *server;
    int err = rnl_start_unix_server(echo, NULL, args->path, RNL_ALL, NULL, &server);

    if (err)
        return err;
    tell_addresses(server);
    err = talk(args);
    rnl_server_close(server); /* removes the path */
    if (!err)
        err = rnl_server_wait_closed(server);
    rnl_server_free(server);
    return err;
}

int main(int argc, char **argv)
{
    struct args args;

    if (argc < 2) {
        fprintf(stderr, "usage: unix_echo PATH [MESSAGE]\n");
        return 2;
    }
    args.path = argv[1];
    args.message = argc > 2 ? argv[2] : "Hello World!";
    return exit_status("unix_echo", rnl_run(run, &args, NULL));
}
