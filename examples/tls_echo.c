/* tls_echo server CERT.pem [PORT] [CLIENT-CA.pem]: an echo server over TLS; with
 * the second file clients have to show a certificate of that CA.
 * tls_echo client HOST PORT CA.pem [NAME [CERT.pem]]: sends each line of its input and prints
 * what comes back. PEM files hold the certificate, its chain and its key. */
#include <runnel/tls.h>
#include <string.h>

#include "common.h"

struct plan {
    int argc;
    char **argv;
};

static int tell(int err, const char *why)
{
    if (err && *why)
        fprintf(stderr, "tls_echo: %s\n", why);
    return err;
}

static int echo(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes data;
    int err;

    (void)arg;
    while (!(err = rnl_read(reader, 65536, &data)) && data.len > 0) {
        rnl_write(writer, data.data, data.len);
        if ((err = rnl_drain(writer)))
            return err;
    }
    return err;
}

static int serve(void *arg)
{
    const struct plan *plan = arg;
    struct rnl_tls_options tls = RNL_TLS_OPTIONS_INIT;
    struct rnl_server_options options = RNL_SERVER_OPTIONS_INIT;
    struct rnl_server *server;
    char why[300] = "";
    int err;

    tls.cert_file = plan->argv[2];
    tls.error_text = why;
    tls.error_text_size = sizeof why;
    if (plan->argc > 4) {
        tls.ca_file = plan->argv[4];
        tls.client_cert = RNL_CERT_REQUIRED;
    }
    err = rnl_tls_server(&options.ssl.context, &tls);
    if (err)
        return tell(err, why);
    err = rnl_start_server(echo, NULL, "127.0.0.1", plan->argc > 3 ? port_of(plan->argv[3]) : 0,
                           &options, &server);
    rnl_tls_free(options.ssl.context); /* the server keeps it */
    return err ? err : serve_until_signal(server);
}

static int talk(struct rnl_reader *reader, struct rnl_writer *writer)
{
    struct rnl_bytes answer;
    char line[4096];
    int err = RNL_OK;

    while (!err && fgets(line, sizeof line, stdin)) {
        rnl_write_str(writer, line);
        err = rnl_readexactly(reader, strlen(line), &answer);
        if (!err)
            fwrite(answer.data, 1, answer.len, stdout);
    }
    rnl_close(writer);
    return err ? err : rnl_wait_closed(writer);
}

static int call(void *arg)
{
    const struct plan *plan = arg;
    struct rnl_tls_options tls = RNL_TLS_OPTIONS_INIT;
    struct rnl_connect_options options = RNL_CONNECT_OPTIONS_INIT;
    struct rnl_reader *reader;
    struct rnl_writer *writer;
    char why[300] = "";
    int err;

    tls.ca_file = plan->argv[4];
    tls.cert_file = plan->argc > 6 ? plan->argv[6] : NULL;
    tls.error_text = options.ssl.error_text = why;
    tls.error_text_size = options.ssl.error_text_size = sizeof why;
    err = rnl_tls_client(&options.ssl.context, &tls);
    if (err)
        return tell(err, why);
    options.ssl.server_hostname = plan->argc > 5 ? plan->argv[5] : NULL;
    err = rnl_open_connection(plan->argv[2], port_of(plan->argv[3]), &options, &reader, &writer);
    rnl_tls_free(options.ssl.context);
    if (err)
        return tell(err, why);
    printf("%s, %s\n", (const char *)rnl_get_extra_info(writer, "version"),
           (const char *)rnl_get_extra_info(writer, "cipher"));
    err = talk(reader, writer);
    tell(err, rnl_error_detail(writer));
    rnl_stream_free(reader, writer);
    return err;
}

int main(int argc, char **argv)
{
    struct plan plan = {argc, argv};

    if (argc >= 3 && argc <= 5 && strcmp(argv[1], "server") == 0)
        return exit_status("tls_echo", rnl_run(serve, &plan, NULL));
    if (argc >= 5 && argc <= 7 && strcmp(argv[1], "client") == 0)
        return exit_status("tls_echo", rnl_run(call, &plan, NULL));
    fprintf(stderr, "usage: tls_echo server CERT.pem [PORT] [CLIENT-CA.pem]\n"
                    "       tls_echo client HOST PORT CA.pem [NAME [CERT.pem]]\n");
    return 2;
}
