/* http_hello [PORT]: a web server with one page. Enough HTTP/1.0 for a browser. */
#include <string.h>

#include "common.h"

static const char page[] = "Hello from Runnel\n";

/* Up to and including the empty line. RNL_EINCOMPLETE if it never comes. */
static int skip_headers(struct rnl_reader *reader)
{
    struct rnl_bytes line;
    int err;

    while (!(err = rnl_readline(reader, &line))) {
        if (line.len == 0)
            return RNL_EINCOMPLETE;
        if (line.data[0] == '\n' || (line.len == 2 && line.data[0] == '\r'))
            return RNL_OK;
    }
    return err;
}

static int answer(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    char head[128];
    struct rnl_bytes request;
    bool only_head;
    int err = rnl_readline(reader, &request);

    (void)arg;
    if (err || request.len == 0)
        return err;
    only_head = request.len > 5 && memcmp(request.data, "HEAD ", 5) == 0;
    err = skip_headers(reader);
    if (err)
        return err == RNL_EINCOMPLETE ? RNL_OK : err; /* it has thought better of it */
    snprintf(head, sizeof head,
             "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
             sizeof page - 1);
    rnl_write_str(writer, head);
    if (!only_head)
        rnl_write_str(writer, page);
    return rnl_drain(writer);
}

static int run(void *arg)
{
    const uint16_t *port = arg;
    struct rnl_server *server;
    int err = rnl_start_server(answer, NULL, "127.0.0.1", *port, NULL, &server);

    return err ? err : serve_until_signal(server);
}

int main(int argc, char **argv)
{
    uint16_t port = argc > 1 ? port_of(argv[1]) : 8080;

    return exit_status("http_hello", rnl_run(run, &port, NULL));
}
