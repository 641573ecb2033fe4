/* common.h: what the example servers share: a port from the command line, the
 * address told, and a server that stops in order on Ctrl-C. */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#include <runnel.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* A port from text; exits with a word where it is none. */
static inline uint16_t port_of(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);

    if (end == text || *end || port < 0 || port > 65535) {
        fprintf(stderr, "not a port: %s\n", text);
        exit(2);
    }
    return (uint16_t)port;
}

/* "serving on 127.0.0.1:8888", a line for each address. */
static inline void tell_addresses(void *arg)
{
    const struct rnl_server *server = arg;
    char text[RNL_ADDRESS_TEXT_MAX];
    struct rnl_address address;

    for (size_t i = 0; rnl_server_address(server, i, &address) == RNL_OK; i++) {
        rnl_address_format(&address, text, sizeof text);
        printf("serving on %s\n", text);
    }
    fflush(stdout);
}

/* Stops accepting and ends the connections: in order, but whoever has not taken
 * what was sent to it within a second is cut off. */
static inline int end_server(struct rnl_server *server)
{
    struct rnl_timeout grace;
    int err;

    rnl_server_close(server);
    rnl_server_close_clients(server);
    rnl_timeout_begin(&grace, 1 * RNL_SECOND);
    err = rnl_timeout_end(&grace, rnl_server_wait_closed(server));
    if (err != RNL_ETIMEDOUT)
        return err;
    rnl_server_abort_clients(server);
    return rnl_server_wait_closed(server);
}

/* Serves until SIGINT or SIGTERM; then ends the server and frees it. */
static inline int serve_until_signal(struct rnl_server *server)
{
    static const int stop[] = {SIGINT, SIGTERM};
    int err;

    err = rnl_call_soon(tell_addresses, server); /* when a signal would be noticed */
    if (!err)
        err = rnl_wait_signal(stop, 2, NULL);
    if (!err)
        err = end_server(server);
    rnl_server_free(server);
    return err;
}

/* What main answers for what rnl_run answered. */
static inline int exit_status(const char *program, int err)
{
    if (err >= 0)
        return err;
    fprintf(stderr, "%s: %s\n", program, rnl_strerror(err));
    return 1;
}

#endif
