/* echo_client HOST PORT [MESSAGE]: sends a line, prints what comes back. */
#include "common.h"

struct args {
    const char *host;
    uint16_t port;
    const char *message;
};

static int talk(struct rnl_reader *reader, struct rnl_writer *writer, const char *message)
{
    struct rnl_bytes line;
    int err;

    printf("send: %s\n", message);
    rnl_write_str(writer, message);
    rnl_write_str(writer, "\n");
    if ((err = rnl_drain(writer)) || (err = rnl_readline(reader, &line)))
        return err;
    if (line.len == 0)
        return RNL_EINCOMPLETE; /* it ended instead */
    printf("received: %.*s", (int)line.len, (const char *)line.data);
    rnl_close(writer);
    return rnl_wait_closed(writer);
}

static int run(void *arg)
{
    const struct args *args = arg;
    struct rnl_reader *reader;
    struct rnl_writer *writer;
    int err = rnl_open_connection(args->host, args->port, NULL, &reader, &writer);

    if (err)
        return err;
    err = talk(reader, writer, args->message);
    rnl_stream_free(reader, writer);
    return err;
}

int main(int argc, char **argv)
{
    struct args args;

    if (argc < 3) {
        fprintf(stderr, "usage: echo_client HOST PORT [MESSAGE]\n");
        return 2;
    }
    args.host = argv[1];
    args.port = port_of(argv[2]);
    args.message = argc > 3 ? argv[3] : "Hello World!";
    return exit_status("echo_client", rnl_run(run, &args, NULL));
}
