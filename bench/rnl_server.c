/* rnl_server echo|lines: the same servers on Runnel, written as anybody would
 * write them: no option set, nothing tuned. */
#include "../examples/common.h"
#include <string.h>

static int echo(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes piece;
    int err;

    (void)arg;
    while (!(err = rnl_read(reader, 65536, &piece)) && piece.len > 0) {
        rnl_write(writer, piece.data, piece.len);
        if ((err = rnl_drain(writer)))
            break;
    }
    return err;
}

static int lines(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes line;
    int err;

    (void)arg;
    while (!(err = rnl_readline(reader, &line)) && line.len > 0) {
        rnl_write(writer, line.data, line.len);
        if ((err = rnl_drain(writer)))
            break;
    }
    return err;
}

static int run(void *arg)
{
    struct rnl_server_options options = RNL_SERVER_OPTIONS_INIT;
    struct rnl_server *server;
    int err;

    options.backlog = 1024; /* as the others: ten thousand connect at once */
    err = rnl_start_server(strcmp(arg, "lines") == 0 ? lines : echo, NULL, "127.0.0.1", 0,
                           &options, &server);
    return err ? err : serve_until_signal(server);
}

int main(int argc, char **argv)
{
    return exit_status("rnl_server", rnl_run(run, argc > 1 ? argv[1] : "echo", NULL));
}
