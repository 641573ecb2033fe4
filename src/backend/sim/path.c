/* path.c: Unix paths and abstract names.
 *
 *      (host, path) -> a number that is never used again, and the socket bound to it
 *
 * A path outlives its socket, as files do: connecting to one whose socket is closed is
 * refused, binding to it says that it is in use, until somebody unlinks it. An abstract
 * name goes with its socket. */
#include "backend/sim/sim.h"

#include <string.h>

#include "core/alloc.h"

struct path {
    struct rnli_list node;
    unsigned host;
    uint64_t number;
    struct rnl_address address;
    struct rnli_sim_sock *sock; /* NULL: it is closed */
};

static bool same(const struct rnl_address *a, const struct rnl_address *b)
{
    return a->path_len == b->path_len && memcmp(a->path, b->path, a->path_len) == 0;
}

static struct path *find(struct rnl_backend *sim, unsigned host, const struct rnl_address *address)
{
    for (struct rnli_list *node = sim->paths.next; node != &sim->paths; node = node->next) {
        struct path *path = RNLI_CONTAINER(node, struct path, node);

        if (path->host == host && same(&path->address, address))
            return path;
    }
    return NULL;
}

static void drop(struct rnl_backend *sim, struct path *path)
{
    rnli_list_remove(&path->node);
    rnli_free(&sim->allocator, path, sizeof *path);
}

struct rnli_sim_sock *rnli_sim_path_find(struct rnl_backend *sim, unsigned host,
                                         const struct rnl_address *address, bool *there)
{
    const struct path *path = find(sim, host, address);

    /* An abstract name that nobody has is refused, not missing. */
    *there = path != NULL || (address->path_len > 0 && address->path[0] == '\0');
    return path ? path->sock : NULL;
}

int rnli_sim_path_bind(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    struct path *path;

    if (sock->local.path_len == 0)
        return RNL_EINVAL;
    if (find(sim, sock->host, &sock->local))
        return RNL_EADDRINUSE;
    path = rnli_zalloc(&sim->allocator, sizeof *path);
    if (!path)
        return RNL_ENOMEM;
    path->host = sock->host;
    path->number = ++sim->npaths;
    path->address = sock->local;
    path->sock = sock;
    rnli_list_push(&sim->paths, &path->node);
    return RNL_OK;
}

void rnli_sim_path_release(struct rnl_backend *sim, struct rnli_sim_sock *sock)
{
    struct rnli_list *node, *next;

    for (node = sim->paths.next; node != &sim->paths; node = next) {
        struct path *path = RNLI_CONTAINER(node, struct path, node);

        next = node->next;
        if (path->sock != sock)
            continue;
        path->sock = NULL;
        if (path->address.path[0] == '\0')
            drop(sim, path);
    }
}

int rnli_sim_unix_stat(struct rnl_backend *sim, const struct rnl_address *address, uint64_t id[2],
                       bool *is_socket, int64_t *os)
{
    const struct path *path = find(sim, sim->place, address);

    *os = 0;
    if (!path)
        return RNL_ENOENT;
    id[0] = 1;
    id[1] = path->number;
    *is_socket = true;
    return RNL_OK;
}

/* A socket that listens there goes on, but nobody finds it any more. */
int rnli_sim_unix_unlink(struct rnl_backend *sim, const struct rnl_address *address, int64_t *os)
{
    struct path *path = find(sim, sim->place, address);

    *os = 0;
    if (!path)
        return RNL_ENOENT;
    drop(sim, path);
    return RNL_OK;
}

void rnli_sim_paths_close(struct rnl_backend *sim)
{
    while (!rnli_list_empty(&sim->paths))
        drop(sim, RNLI_CONTAINER(sim->paths.next, struct path, node));
}
