/* echo_server [PORT]: answers each line with itself. Port 0 (the default: 8888)
 * lets the system choose. */
#include "common.h"

static int echo(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
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
    const uint16_t *port = arg;
    struct rnl_server *server;
    int err = rnl_start_server(echo, NULL, "127.0.0.1", *port, NULL, &server);

    return err ? err : serve_until_signal(server);
}

int main(int argc, char **argv)
{
    uint16_t port = argc > 1 ? port_of(argv[1]) : 8888;

    return exit_status("echo_server", rnl_run(run, &port, NULL));
}
