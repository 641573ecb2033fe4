/* table.c: the simulator as a backend. */
#include "backend/sim/sim.h"
#include "backend/backends.h"

#include <string.h>

#include "core/alloc.h"
#include "core/timerq.h"

static void fill_in(struct rnl_sim_config *c)
{
    if (c->latency_ns == 0)
        c->latency_ns = 500 * RNL_MICROSECOND;
    if (c->latency_ns == RNL_OFF)
        c->latency_ns = 0;
    if (c->jitter_ns == 0)
        c->jitter_ns = c->latency_ns / 10;
    if (c->jitter_ns == RNL_OFF)
        c->jitter_ns = 0;
    if (c->send_buffer == 0)
        c->send_buffer = 64 * 1024;
    if (c->receive_buffer == 0)
        c->receive_buffer = 64 * 1024;
    if (c->segment == 0)
        c->segment = 16 * 1024;
    if (c->descriptors == 0)
        c->descriptors = 4096;
    if (c->start_ns == 0)
        c->start_ns = RNL_SECOND;
}

static void init(struct rnl_backend *sim)
{
    rnli_flag_init(&sim->woken);
    rnli_list_init(&sim->events);
    rnli_list_init(&sim->ready);
    rnli_list_init(&sim->socks);
    rnli_list_init(&sim->links);
    rnli_list_init(&sim->names);
    rnli_list_init(&sim->paths);
    rnli_list_init(&sim->queries);
    sim->now_ns = sim->start_ns = sim->config.start_ns;
    sim->result.hash = UINT64_C(0xcbf29ce484222325);
    rnli_sim_note(sim, "seed", (int64_t)sim->config.seed, 0, 0);
    rnli_sim_dice_init(sim);
    sim->result.model = sim->config.model;
    sim->model = &rnli_sim_completions;
    if (sim->config.model != RNL_SIM_COMPLETIONS)
        sim->model = &rnli_sim_readiness;
}

static void rnli_sim_close(struct rnl_backend *sim)
{
    struct rnl_allocator allocator;
    size_t n;

    if (!sim)
        return;
    allocator = sim->allocator;
    if (sim->config.result)
        rnl_sim_look((const struct rnl_sim *)(const void *)sim, sim->config.result);
    rnli_sim_names_close(sim);
    while (!rnli_list_empty(&sim->socks))
        rnli_sim_sock_free(sim, RNLI_CONTAINER(sim->socks.next, struct rnli_sim_sock, node));
    rnli_sim_paths_close(sim);
    rnli_sim_shared_close(sim);
    n = sim->nhosts;
    rnli_free(&allocator, sim->table, sim->ntable * sizeof(struct rnli_sim_sock *));
    rnli_free(&allocator, sim->hosts, n * sizeof *sim->hosts);
    rnli_free(&allocator, sim->ways, n * n * sizeof *sim->ways);
    rnli_free(&allocator, sim, sizeof *sim);
}

static int rnli_sim_open(const struct rnl_backend_config *config, struct rnl_backend **out)
{
    struct rnl_backend *sim = rnli_zalloc(config->allocator, sizeof *sim);
    char why[RNLI_SIM_WHY];
    unsigned host;
    int code;

    *out = NULL;
    if (!sim)
        return RNL_ENOMEM;
    sim->allocator = *config->allocator;
    code = rnli_sim_config_read(&sim->config, config->user, why);
    if (code) {
        rnli_free(config->allocator, sim, sizeof *sim);
        return code;
    }
    fill_in(&sim->config);
    init(sim);
    code = rnli_sim_host_add(sim, "main", &host);
    if (!code && sim->model == &rnli_sim_readiness)
        code = rnli_sim_shared_open(sim);
    if (code)
        rnli_sim_close(sim);
    else
        *out = sim;
    return code;
}

/* ---- What depends on the model ------------------------------------------ */

static int submit_op(struct rnl_backend *sim, struct rnl_op *op)
{
    return sim->model->submit(sim, op);
}

static void cancel_op(struct rnl_backend *sim, struct rnl_op *op)
{
    sim->model->cancel(sim, op);
}

static int wait_entries(struct rnl_backend *sim, int64_t timeout_ns, struct rnl_entry *entries,
                        int max)
{
    return sim->model->wait(sim, timeout_ns, entries, max);
}

static void wake(struct rnl_backend *sim)
{
    sim->model->wake(sim);
}

static int try_send(struct rnl_backend *sim, rnl_socket fd, const struct rnl_bytes *pieces,
                    size_t npieces, size_t *sent, int64_t *os)
{
    return sim->model->try_send(sim, fd, pieces, npieces, sent, os);
}

static int open_socket(struct rnl_backend *sim, enum rnl_family family, rnl_socket *out,
                       int64_t *os)
{
    return sim->model->open_socket(sim, family, out, os);
}

static int attach(struct rnl_backend *sim, rnl_socket fd, int64_t *os)
{
    return sim->model->attach(sim, fd, os);
}

static void detach(struct rnl_backend *sim, rnl_socket fd)
{
    sim->model->detach(sim, fd);
}

static void close_socket(struct rnl_backend *sim, rnl_socket fd)
{
    sim->model->close_socket(sim, fd);
}

/* ---- What does not ------------------------------------------------------- */

static int64_t rnli_sim_now(struct rnl_backend *sim)
{
    return sim->now_ns;
}

static int64_t rnli_sim_thread_delay(struct rnl_backend *sim)
{
    return RNL_MILLISECOND + rnli_sim_draw_ns(sim, 10 * RNL_MILLISECOND);
}

static void rnli_sim_enter(struct rnl_backend *sim, enum rnl_loop_step step, unsigned place,
                           const char *name)
{
    static const char *const words[] = {"?", "task", "timer", "call"};

    sim->place = place;
    rnli_sim_note(sim, words[step], place, 0, 0);
    if (name && *name)
        rnli_sim_note_text(sim, "name", name);
}

const struct rnl_backend_ops rnli_sim_ops = {
    .version = RNL_BACKEND_VERSION,
    .size = sizeof(struct rnl_backend_ops),
    .name = "sim",
    .open = rnli_sim_open,
    .close = rnli_sim_close,
    .now = rnli_sim_now,
    .submit = submit_op,
    .cancel = cancel_op,
    .wait = wait_entries,
    .wake = wake,
    .try_send = try_send,
    .open_socket = open_socket,
    .attach = attach,
    .detach = detach,
    .close_socket = close_socket,
    .bind = rnli_sim_bind,
    .listen = rnli_sim_listen,
    .shutdown = rnli_sim_shutdown,
    .get_name = rnli_sim_get_name,
    .set_option = rnli_sim_set_option,
    .info = rnli_sim_info,
    .unix_stat = rnli_sim_unix_stat,
    .unix_unlink = rnli_sim_unix_unlink,
    .resolve = rnli_sim_resolve,
    .thread_delay = rnli_sim_thread_delay,
    .enter = rnli_sim_enter,
};
