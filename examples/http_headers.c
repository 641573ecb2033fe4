/* http_headers URL: asks for the headers of a page and prints each line. https://
 * checks the certificate against the system's store, or --cacert FILE. */
#include <runnel/tls.h>
#include <string.h>

#include "common.h"

struct url {
    char host[256];
    uint16_t port;
    const char *path;
    bool secure;
    const char *ca_file; /* NULL: the system's */
};

static int parse(const char *text, struct url *url)
{
    struct rnl_bytes host;
    size_t len;

    url->secure = strncmp(text, "https://", 8) == 0;
    if (!url->secure && strncmp(text, "http://", 7) != 0)
        return RNL_EINVAL;
    text += url->secure ? 8 : 7;
    len = strcspn(text, "/");
    url->port = url->secure ? 443 : 80;
    url->path = text[len] ? text + len : "/";
    if (rnl_hostport_parse(text, len, &host, &url->port) || host.len == 0 ||
        host.len >= sizeof url->host)
        return RNL_EINVAL;
    memcpy(url->host, host.data, host.len);
    url->host[host.len] = '\0';
    return RNL_OK;
}

static void ask(struct rnl_writer *writer, const struct url *url)
{
    rnl_write_str(writer, "HEAD ");
    rnl_write_str(writer, url->path);
    rnl_write_str(writer, " HTTP/1.0\r\nHost: ");
    rnl_write_str(writer, url->host);
    rnl_write_str(writer, "\r\n\r\n");
}

static int print_headers(struct rnl_reader *reader)
{
    struct rnl_bytes line;
    int err;

    while (!(err = rnl_readline(reader, &line)) && line.len > 0) {
        while (line.len > 0 && (line.data[line.len - 1] == '\n' || line.data[line.len - 1] == '\r'))
            line.len--;
        if (line.len == 0)
            break; /* the headers end with an empty line */
        printf("HTTP header> %.*s\n", (int)line.len, (const char *)line.data);
    }
    return err;
}

static int connect_and_ask(const struct url *url, struct rnl_tls_context *context)
{
    struct rnl_connect_options options = RNL_CONNECT_OPTIONS_INIT;
    struct rnl_reader *reader;
    struct rnl_writer *writer;
    char why[300] = "";
    int err;

    options.ssl.context = context; /* the name to check is the host's */
    if (context) {
        options.ssl.error_text = why;
        options.ssl.error_text_size = sizeof why;
    }
    err = rnl_open_connection(url->host, url->port, &options, &reader, &writer);
    if (*why)
        fprintf(stderr, "http_headers: %s\n", why);
    if (err)
        return err;
    ask(writer, url);
    err = print_headers(reader);
    rnl_stream_free(reader, writer);
    return err;
}

static int run(void *arg)
{
    const struct url *url = arg;
    struct rnl_tls_options options = RNL_TLS_OPTIONS_INIT;
    struct rnl_tls_context *context = NULL;
    struct rnl_timeout limit;
    int err = RNL_OK;

    options.ca_file = url->ca_file;
    if (url->secure)
        err = rnl_tls_client(&context, &options);
    rnl_timeout_begin(&limit, 30 * RNL_SECOND);
    if (!err)
        err = connect_and_ask(url, context);
    rnl_tls_free(context);
    return rnl_timeout_end(&limit, err);
}

int main(int argc, char **argv)
{
    struct url url = {.ca_file = NULL};
    int err;

    if (argc == 4 && strcmp(argv[1], "--cacert") == 0) {
        url.ca_file = argv[2];
        argv += 2;
        argc -= 2;
    }
    if (argc != 2) {
        fprintf(stderr, "usage: http_headers [--cacert FILE] http[s]://HOST[:PORT][/PATH]\n");
        return 2;
    }
    err = parse(argv[1], &url);
    return exit_status("http_headers", err ? err : rnl_run(run, &url, NULL));
}
