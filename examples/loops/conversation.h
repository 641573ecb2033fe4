/* conversation.h: what the tasks of both programs do: a server, a client, a nap. */
#ifndef EXAMPLES_CONVERSATION_H
#define EXAMPLES_CONVERSATION_H

#include <runnel.h>
#include <stdio.h>

static int echo(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes line;
    int err;

    (void)arg;
    while (!(err = rnl_readline(reader, &line)) && line.len > 0)
        if ((err = rnl_write(writer, line.data, line.len)))
            break;
    return err;
}

static int talk(uint16_t port)
{
    struct rnl_reader *reader;
    struct rnl_writer *writer;
    struct rnl_bytes line;
    int err = rnl_open_connection("127.0.0.1", port, NULL, &reader, &writer);

    if (err)
        return err;
    for (int i = 0; i < 3 && !err; i++) {
        rnl_write_str(writer, "hello from inside\n");
        err = rnl_readline(reader, &line);
        if (!err)
            printf("%.*s", (int)line.len, (const char *)line.data);
        if (!err)
            err = rnl_sleep(10 * RNL_MILLISECOND);
    }
    rnl_stream_free(reader, writer);
    return err;
}

/* Its result goes to *arg, an int. */
static int conversation(void *arg)
{
    struct rnl_address address;
    struct rnl_server *server;
    int err = rnl_start_server(echo, NULL, "127.0.0.1", 0, NULL, &server);

    if (err)
        return *(int *)arg = err;
    err = rnl_server_address(server, 0, &address);
    if (!err)
        err = talk(address.port);
    if (!err)
        err = rnl_server_shutdown(server, RNL_SECOND, NULL);
    rnl_server_free(server);
    return *(int *)arg = err;
}

#endif
