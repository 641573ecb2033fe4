/* register_socket: waits for data on a socket that the program already has. A
 * callback plays the part of whatever would send it. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

static void send_something(void *arg)
{
    const int *fd = arg;

    if (send(*fd, "hello", 5, 0) != 5)
        perror("send");
}

static int run(void *arg)
{
    struct rnl_reader *reader;
    struct rnl_writer *writer;
    struct rnl_bytes data;
    int pair[2];
    int err;

    (void)arg;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return RNL_ESYS;
    err = rnl_open_connection_socket(pair[0], NULL, &reader, &writer);
    if (err) {
        close(pair[0]); /* on an error it is still ours */
        close(pair[1]);
        return err;
    }
    err = rnl_call_soon(send_something, &pair[1]);
    if (!err)
        err = rnl_read(reader, 100, &data);
    if (!err)
        printf("Received: %.*s\n", (int)data.len, (const char *)data.data);
    rnl_stream_free(reader, writer);
    close(pair[1]);
    return err;
}

int main(void)
{
    return exit_status("register_socket", rnl_run(run, NULL, NULL));
}
