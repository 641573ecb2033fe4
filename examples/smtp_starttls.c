/* smtp_starttls HOST PORT [CA.pem]: greets a mail server, goes over to TLS by
 * STARTTLS, and says goodbye. It never goes on in clear: a server that does not
 * offer TLS, or puts something behind its answer, ends it. */
#include <runnel/tls.h>
#include <string.h>

#include "common.h"

struct call {
    const char *host;
    uint16_t port;
    const char *ca_file;
};

/* An answer's last line has a blank behind the number. */
static int expect(struct rnl_reader *reader, const char *number, bool *offers_tls)
{
    struct rnl_bytes line;
    int err;

    do {
        if ((err = rnl_readline(reader, &line)))
            return err;
        if (line.len < 4 || memcmp(line.data, number, 3) != 0)
            return RNL_EPROTO;
        printf("S: %.*s", (int)line.len, (const char *)line.data);
        if (offers_tls && line.len >= 12 && memcmp(line.data + 4, "STARTTLS", 8) == 0)
            *offers_tls = true;
    } while (line.data[3] == '-');
    return RNL_OK;
}

static int say(struct rnl_writer *writer, struct rnl_reader *reader, const char *words,
               const char *number, bool *offers_tls)
{
    int err;

    printf("C: %s", words);
    err = rnl_write_str(writer, words);
    return err ? err : expect(reader, number, offers_tls);
}

static int go_secure(struct rnl_writer *writer, struct rnl_tls_context *context, const char *name)
{
    struct rnl_start_tls_options options = RNL_START_TLS_OPTIONS_INIT;
    int err;

    options.ssl.context = context;
    options.ssl.server_hostname = name;
    err = rnl_start_tls(writer, &options);
    if (err)
        fprintf(stderr, "smtp_starttls: %s\n", rnl_error_detail(writer));
    return err;
}

static int converse(struct rnl_reader *reader, struct rnl_writer *writer,
                    struct rnl_tls_context *context, const char *name)
{
    bool offers_tls = false;
    int err = expect(reader, "220", NULL);

    if (!err)
        err = say(writer, reader, "EHLO client.example\r\n", "250", &offers_tls);
    if (!err && !offers_tls)
        err = RNL_EPROTO;
    if (!err)
        err = say(writer, reader, "STARTTLS\r\n", "220", NULL);
    if (!err)
        err = go_secure(writer, context, name);
    if (!err) /* what was said before does not count */
        err = say(writer, reader, "EHLO client.example\r\n", "250", NULL);
    return err ? err : say(writer, reader, "QUIT\r\n", "221", NULL);
}

static int run(void *arg)
{
    const struct call *call = arg;
    struct rnl_tls_options options = RNL_TLS_OPTIONS_INIT;
    struct rnl_tls_context *context;
    struct rnl_reader *reader;
    struct rnl_writer *writer;
    int err;

    options.ca_file = call->ca_file;
    err = rnl_tls_client(&context, &options);
    if (err)
        return err;
    err = rnl_open_connection(call->host, call->port, NULL, &reader, &writer);
    if (!err) {
        err = converse(reader, writer, context, call->host);
        rnl_stream_free(reader, writer);
    }
    rnl_tls_free(context);
    return err;
}

int main(int argc, char **argv)
{
    struct call call = {.host = NULL};

    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: smtp_starttls HOST PORT [CA.pem]\n");
        return 2;
    }
    call.host = argv[1];
    call.port = port_of(argv[2]);
    call.ca_file = argc > 3 ? argv[3] : NULL;
    return exit_status("smtp_starttls", rnl_run(run, &call, NULL));
}
