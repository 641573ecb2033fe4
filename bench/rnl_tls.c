/* rnl_tls echo|sink|source CERT.pem: raw_tls on Runnel. */
#include <runnel.h>
#include <runnel/tls.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { MEBI = 1 << 20 };

static char **args;
static char block[MEBI];

static int echo(struct rnl_reader *reader, struct rnl_writer *writer)
{
    struct rnl_bytes data;
    int err;

    while (!(err = rnl_read(reader, 65536, &data)) && data.len > 0)
        if ((err = rnl_write(writer, data.data, data.len)) || (err = rnl_drain(writer)))
            return err;
    return err;
}

static int sink(struct rnl_reader *reader, struct rnl_writer *writer)
{
    struct rnl_bytes data;
    size_t counted = 0;
    int err;

    while (!(err = rnl_read(reader, 65536, &data)) && data.len > 0)
        for (counted += data.len; counted >= MEBI; counted -= MEBI)
            if ((err = rnl_write(writer, "x", 1)))
                return err;
    return err;
}

static int source(struct rnl_reader *reader, struct rnl_writer *writer)
{
    struct rnl_bytes data;
    int err;

    while (!(err = rnl_read(reader, 1, &data)) && data.len > 0)
        if ((err = rnl_write(writer, block, sizeof block)) || (err = rnl_drain(writer)))
            return err;
    return err;
}

static int serve(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    (void)arg;
    if (strcmp(args[1], "echo") == 0)
        return echo(reader, writer);
    return strcmp(args[1], "sink") == 0 ? sink(reader, writer) : source(reader, writer);
}

static int run(void *arg)
{
    static const int stop[] = {SIGTERM};
    struct rnl_server_options options = RNL_SERVER_OPTIONS_INIT;
    struct rnl_tls_options tls = RNL_TLS_OPTIONS_INIT;
    struct rnl_address address;
    struct rnl_server *server;
    int err;

    (void)arg;
    tls.cert_file = args[2];
    err = rnl_tls_server(&options.ssl.context, &tls);
    if (err)
        return err;
    err = rnl_start_server(serve, NULL, "127.0.0.1", 0, &options, &server);
    rnl_tls_free(options.ssl.context);
    if (err)
        return err;
    err = rnl_server_address(server, 0, &address);
    printf("port %d\n", address.port);
    fflush(stdout);
    err = rnl_wait_signal(stop, 1, NULL);
    rnl_server_free(server);
    return err;
}

int main(int argc, char **argv)
{
    int err;

    if (argc != 3)
        return 2;
    args = argv;
    err = rnl_run(run, NULL, NULL);
    return err ? 1 : 0;
}
