/* parked [abort]: a server with 100 parked handlers, for the job that looks at it;
 * it leaves a core then, if told to. */
#include <runnel.h>
#include <stdio.h>
#include <stdlib.h>

enum { CUSTOMERS = 100 };

static int waiting;

__attribute__((noinline)) static int wait_for_order(struct rnl_reader *reader)
{
    struct rnl_bytes line;
    int err;

    err = rnl_readline(reader, &line);
    return err ? err : line.len > 0;
}

static int serve_customer(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    int err;

    (void)writer;
    (void)arg;
    waiting++;
    err = wait_for_order(reader);
    waiting--;
    return err;
}

/* No handler, though the library has a function of this name. */
static int serve(void *arg)
{
    struct rnl_timeout limit;
    int err = rnl_timeout_begin(&limit, RNL_HOUR);

    if (!err)
        err = rnl_event_wait(arg);
    return rnl_timeout_end(&limit, err);
}

/* The debugger stops here. */
__attribute__((noinline)) void all_are_parked(void);
void all_are_parked(void)
{
    printf("%d parked\n", waiting);
    fflush(stdout);
}

static int run(void *arg)
{
    static struct rnl_reader *readers[CUSTOMERS];
    static struct rnl_writer *writers[CUSTOMERS];
    struct rnl_address address;
    struct rnl_server *server;
    struct rnl_event *event;
    int err = rnl_start_server(serve_customer, NULL, "127.0.0.1", 0, NULL, &server);

    if (!err)
        err = rnl_server_address(server, 0, &address);
    for (int i = 0; i < CUSTOMERS && !err; i++)
        err = rnl_open_connection("127.0.0.1", address.port, NULL, &readers[i], &writers[i]);
    if (!err)
        err = rnl_event_open(&event);
    if (!err)
        err = rnl_task_spawn(NULL, serve, event, NULL);
    while (!err && waiting < CUSTOMERS)
        err = rnl_yield();
    if (err)
        return err;
    all_are_parked();
    if (*(int *)arg > 1)
        abort();
    rnl_event_set(event);
    for (int i = 0; i < CUSTOMERS; i++)
        rnl_stream_free(readers[i], writers[i]);
    err = rnl_server_shutdown(server, RNL_SECOND, NULL);
    rnl_server_free(server);
    rnl_event_free(event);
    return err;
}

int main(int argc, char **argv)
{
    (void)argv;
    return rnl_run(run, &argc, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
