/* simulated.c: what tasks and a simulator have to do with each other.
 *
 * Hosts: a task runs in a place, which is its spawner's; a host is a place with a task
 * that was put there. Stopping one silences its sockets (the backend's affair) and
 * cancels every task of the place.
 *
 * Threads: when their work would end is nothing that a seed decides. So the work is
 * done on the loop's own stack, after a while of virtual time that the backend draws. */
#include "backend/sim/sim.h"

#include "backend/backends.h"
#include "task/loop.h"

/* ---- Work -------------------------------------------------------------- */

static void job_fires(struct rnli_timer *timer)
{
    struct rnli_job *job = RNLI_CONTAINER(timer, struct rnli_job, timer);
    struct rnl_loop *loop = rnl_loop_current();

    rnli_list_remove(&job->node);
    job->work(job);
    if (job->orphaned) {
        job->dispose(job);
        return;
    }
    loop->outside--;
    job->finished = true;
    job->done(job);
}

int rnli_job_simulate(struct rnl_loop *loop, struct rnli_job *job)
{
    int64_t delay = loop->face.ops->thread_delay(loop->face.backend);
    int code;

    job->timer.fire = job_fires;
    job->timer.index = 0;
    code = rnli_timer_start(loop, &job->timer, delay);
    if (code)
        return code;
    rnli_list_push(&loop->simulated, &job->node);
    loop->outside++;
    return RNL_OK;
}

static void free_hosts(struct rnl_backend *backend)
{
    for (size_t i = 0; i < backend->nhosts; i++) {
        rnl_task_free(backend->hosts[i].task);
        backend->hosts[i].task = NULL;
    }
}

/* Nobody waits for what is left: the tasks have ended. */
void rnli_simulated_free(struct rnl_loop *loop)
{
    struct rnli_list *node;

    if (loop->face.ops == &rnli_sim_ops)
        free_hosts(loop->face.backend);
    while ((node = rnli_list_shift(&loop->simulated)) != NULL) {
        struct rnli_job *job = RNLI_CONTAINER(node, struct rnli_job, node);

        rnli_timer_stop(loop, &job->timer);
        job->dispose(job);
    }
}

/* ---- What makes no sense ----------------------------------------------- */

static int refuse(struct rnl_loop *loop, const char *why)
{
    const struct rnl_task *task = loop->face.current; /* NULL: before the first one */

    rnli_report(loop, RNL_REPORT_ERROR, RNL_EINVAL, 0, task ? task->name : NULL, why);
    return RNL_EINVAL;
}

int rnli_simulated_check(struct rnl_loop *loop, const void *config)
{
    struct rnl_sim_config read;
    char why[RNLI_SIM_WHY];

    if (loop->face.ops != &rnli_sim_ops)
        return RNL_OK;
    return rnli_sim_config_read(&read, config, why) ? refuse(loop, why) : RNL_OK;
}

void rnl_sim_set_fault(struct rnl_sim *sim, enum rnl_sim_fault fault, uint32_t per_million)
{
    if ((unsigned)fault >= RNL_SIM_FAULTS)
        (void)refuse(rnl_loop_current(), "rnl_sim_set_fault: there is no such fault");
    else if (per_million > 1000000)
        (void)refuse(rnl_loop_current(), "rnl_sim_set_fault: more than a million of a million");
    else
        rnli_sim_of(sim)->config.faults[fault] = per_million;
}

/* ---- Hosts ------------------------------------------------------------- */

struct rnl_sim *rnl_sim_current(void)
{
    struct rnl_loop *loop = rnl_loop_current();

    if (!loop || loop->face.ops != &rnli_sim_ops)
        return NULL;
    return (struct rnl_sim *)(void *)loop->face.backend;
}

/* Spawns a host's task in its place. */
static int boot(struct rnl_loop *loop, struct rnl_backend *backend, unsigned place)
{
    struct rnl_task_options options = RNL_TASK_OPTIONS_INIT;
    struct rnli_sim_host *host = &backend->hosts[place];
    unsigned here = loop->face.place;
    int code;

    options.name = host->name;
    loop->face.place = place;
    code = rnl_task_spawn(&host->task, host->main_fn, host->arg, &options);
    loop->face.place = here;
    return code;
}

int rnl_sim_host(struct rnl_sim *sim, const char *name, rnl_task_fn *main_fn, void *arg)
{
    struct rnl_backend *backend = rnli_sim_of(sim);
    char why[RNLI_SIM_WHY];
    unsigned place;
    int code;

    if (!sim || sim != rnl_sim_current() || !main_fn)
        return RNL_EINVAL;
    if (rnli_sim_host_check(name, why))
        return refuse(rnl_loop_current(), why);
    code = rnli_sim_host_add(backend, name, &place);
    if (code)
        return code;
    backend->hosts[place].main_fn = main_fn;
    backend->hosts[place].arg = arg;
    code = boot(rnl_loop_current(), backend, place);
    if (code)
        backend->hosts[place].stopped = true;
    return code;
}

int rnl_sim_wait_host(struct rnl_sim *sim, const char *name, int *result)
{
    struct rnl_backend *backend = rnli_sim_of(sim);
    unsigned place;
    int code = rnli_sim_host_find(backend, name, &place);

    if (!code && !backend->hosts[place].task)
        code = RNL_ENOENT;
    return code ? code : rnl_task_wait(backend->hosts[place].task, result);
}

static void cancel_place(struct rnl_loop *loop, unsigned place)
{
    for (struct rnli_list *node = loop->tasks.next; node != &loop->tasks; node = node->next) {
        struct rnl_task *task = RNLI_CONTAINER(node, struct rnl_task, all);

        if (task->place == place)
            (void)rnl_task_cancel(task);
    }
}

int rnl_sim_stop_host(struct rnl_sim *sim, const char *name)
{
    struct rnl_backend *backend = rnli_sim_of(sim);
    unsigned place;
    int code = rnli_sim_host_find(backend, name, &place);

    if (!code && place == 0)
        code = RNL_EINVAL;
    if (code || backend->hosts[place].stopped)
        return code;
    rnli_sim_note(backend, "stop", place, 0, 0);
    backend->hosts[place].stopped = true;
    rnli_sim_host_silence(backend, place);
    cancel_place(rnl_loop_current(), place);
    return RNL_OK;
}

int rnl_sim_restart_host(struct rnl_sim *sim, const char *name)
{
    struct rnl_backend *backend = rnli_sim_of(sim);
    unsigned place;
    int code = rnli_sim_host_find(backend, name, &place);

    if (!code && !backend->hosts[place].stopped)
        code = RNL_EBUSY;
    if (code)
        return code;
    rnli_sim_note(backend, "restart", place, 0, 0);
    rnl_task_free(backend->hosts[place].task);
    backend->hosts[place].task = NULL;
    backend->hosts[place].stopped = false;
    return boot(rnl_loop_current(), backend, place);
}
