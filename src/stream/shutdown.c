/* shutdown.c: what the loop does with streams and servers at its end.
 *
 * No task of the program's runs any more. What is still open is aborted, and its
 * memory freed when the kernel is done with it: handles that the program kept
 * are dead with the loop. Pins are left only by tasks that were given up. */
#include "stream/server.h"

static void end_servers(struct rnli_loop_face *face)
{
    struct rnli_list *node, *next;

    for (node = face->servers.next; node != &face->servers; node = next) {
        struct rnl_server *server = RNLI_CONTAINER(node, struct rnl_server, node);

        next = node->next;
        server->pins = 0;
        rnli_server_free(server);
    }
}

static void report_unclosed(struct rnl_loop *loop, const struct rnli_conn *conn)
{
    if (rnli_face(loop)->debug && conn->refs > 0 && !conn->closing)
        rnli_report(loop, RNL_REPORT_WARNING, RNL_OK, 0, NULL,
                    "a stream was never closed (rnl_stream_free)");
}

void rnli_streams_shutdown(struct rnl_loop *loop)
{
    struct rnli_loop_face *face = rnli_face(loop);
    struct rnli_list *node, *next;

    end_servers(face);
    for (node = face->streams.next; node != &face->streams; node = next) {
        struct rnli_conn *conn = RNLI_CONTAINER(node, struct rnli_conn, node);

        next = node->next;
        report_unclosed(loop, conn);
        conn->refs = 1;
        conn->pins = 0;
        conn->handled = false;
        conn->over = false;
        rnl_stream_free(&conn->reader, &conn->writer);
    }
}
