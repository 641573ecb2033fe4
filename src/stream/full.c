/* full.c: a server that has all the connections it may have, and stopping in order.
 *
 * Beyond the maximum, accepting stops and the kernel's backlog keeps the clients;
 * they do not know the difference. An accept under way may bring some more before
 * it ends: those are held, and served first when there is room. A server that
 * refuses instead goes on accepting, and closes what it gets: for clients that
 * had better go elsewhere. */
#include "core/alloc.h"
#include "stream/server.h"

struct held {
    struct rnli_list node;
    rnl_socket sock;
    bool has_peer;
    struct rnl_address peer;
};

bool rnli_server_is_full(const struct rnl_server *server)
{
    size_t max = server->options.max_connections;

    return max > 0 && server->nconns >= max;
}

static void refuse(struct rnl_server *server, rnl_socket sock)
{
    struct rnli_loop_face *face = rnli_face(server->loop);

    face->ops->close_socket(face->backend, sock);
}

void rnli_server_overflow(struct rnl_server *server, const struct rnl_entry *entry)
{
    struct held *held = NULL;

    if (server->options.when_full == RNL_FULL_WAIT)
        held = rnli_zalloc(&rnli_face(server->loop)->allocator, sizeof *held);
    if (!held) {
        refuse(server, entry->accepted);
        return;
    }
    held->sock = entry->accepted;
    held->has_peer = entry->peer != NULL;
    if (entry->peer)
        held->peer = *entry->peer;
    rnli_list_push(&server->held, &held->node);
}

static struct held *next_held(struct rnl_server *server)
{
    struct rnli_list *node = rnli_list_shift(&server->held);

    return node ? RNLI_CONTAINER(node, struct held, node) : NULL;
}

static void free_held(struct rnl_server *server, struct held *held)
{
    rnli_free(&rnli_face(server->loop)->allocator, held, sizeof *held);
}

void rnli_server_has_room(struct rnl_server *server)
{
    if (server->options.max_connections == 0 || server->closed || !server->serving)
        return;
    server->pins++; /* a report hook may free the server */
    while (!rnli_server_is_full(server) && !rnli_list_empty(&server->held)) {
        struct held *held = next_held(server);
        struct rnl_entry entry = {.accepted = held->sock,
                                  .peer = held->has_peer ? &held->peer : NULL};

        rnli_server_take(server, &entry);
        free_held(server, held);
    }
    if (!server->closed && !rnli_server_is_full(server))
        rnli_server_accept(server);
    rnli_server_unpin(server);
}

void rnli_server_drop_held(struct rnl_server *server)
{
    struct held *held;

    while ((held = next_held(server)) != NULL) {
        refuse(server, held->sock);
        free_held(server, held);
    }
}

/* ---- Stopping ---------------------------------------------------------- */

/* Of the connections, and of the listeners, whose sockets close a turn after the call. */
static int wait_for_end(struct rnl_server *server, int64_t when)
{
    int code = RNL_OK;

    while (!code && (server->nconns > 0 || server->nopen > 0))
        code = rnli_wait_until(&server->waiting, when, "server shutdown");
    return code;
}

static int shut_down(struct rnl_server *server, int64_t ns, struct rnl_shutdown_counts *counts)
{
    struct rnl_shutdown_counts own = {0, 0};
    size_t before, cut;
    int code;

    rnl_server_close(server);
    before = server->nconns;
    cut = server->ncut;
    code = wait_for_end(server, ns == RNL_OFF ? INT64_MAX : rnli_time_after(rnl_now(), ns));
    if (code == RNL_ETIMEDOUT) {
        rnl_server_abort_clients(server);
        code = wait_for_end(server, INT64_MAX);
    }
    own.aborted = server->ncut - cut; /* whoever called for it */
    own.finished = before - own.aborted;
    if (counts && !code)
        *counts = own;
    return code;
}

/* The checkpoint may wait, and the server be freed meanwhile: pinned before. */
int rnl_server_shutdown(struct rnl_server *server, int64_t ns, struct rnl_shutdown_counts *counts)
{
    int code;

    RNLI_CHECK(server, !server->freed, server->loop);
    server->pins++;
    code = rnli_checkpoint();
    if (!code)
        code = server->freed ? RNL_ECLOSED : shut_down(server, ns, counts);
    rnli_server_unpin(server);
    return code;
}
