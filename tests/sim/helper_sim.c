#include "sim/helper_sim.h"

#include <stdio.h>
#include <stdlib.h>

struct rnl_sim_config config;
struct rnl_sim_result result;
int reports;
char last_report[256];
static long live;

static void *count_alloc(void *user, size_t size)
{
    (void)user;
    live++;
    return malloc(size);
}

static void *count_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    (void)user;
    (void)old_size;
    live += ptr == NULL;
    return realloc(ptr, size);
}

static void count_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    live--;
    free(ptr);
}

static void on_report(void *user, const struct rnl_report *report)
{
    (void)user;
    reports++;
    snprintf(last_report, sizeof last_report, "%s", report->what);
}

void sim_reset(void)
{
    struct rnl_sim_config fresh = RNL_SIM_CONFIG_INIT;

    config = fresh;
}

/* CMakeLists.txt runs each suite over each model. */
static enum rnl_sim_model asked_for(void)
{
    const char *name = getenv("SUITE_MODEL");

    if (!name)
        return RNL_SIM_COMPLETIONS;
    CU_ASSERT_FATAL(strcmp(name, "edges") == 0 || strcmp(name, "levels") == 0);
    return name[0] == 'e' ? RNL_SIM_EDGES : RNL_SIM_LEVELS;
}

static int main_task(void *arg)
{
    sim_body **body = arg;

    (*body)();
    return RNL_OK;
}

int sim_run(sim_body *body)
{
    static const struct rnl_allocator counting = {count_alloc, count_realloc, count_free, NULL};
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    int code;

    if (config.size == 0)
        sim_reset();
    if (config.model == RNL_SIM_ANY)
        config.model = asked_for();
    config.result = &result;
    reports = 0;
    live = 0;
    options.backend = "sim";
    options.backend_config = &config;
    options.allocator = &counting;
    options.report = on_report;
    code = rnl_run(main_task, &body, &options);
    IS(live, 0);
    IS(result.sockets, 0);
    return code;
}

struct rnl_sim *sim(void)
{
    return rnl_sim_current();
}

struct rnl_task *start(rnl_task_fn *fn, void *arg)
{
    struct rnl_task *task = NULL;

    OK(rnl_task_spawn(&task, fn, arg, NULL));
    return task;
}

int join(struct rnl_task *task)
{
    int answer = RNL_ESYS;

    OK(rnl_task_join(task, &answer));
    rnl_task_free(task);
    return answer;
}

bool same(const struct rnl_bytes *bytes, const char *text)
{
    return bytes->len == strlen(text) &&
           (bytes->len == 0 || memcmp(bytes->data, text, bytes->len) == 0);
}

int echo(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes bytes;
    int err;

    (void)arg;
    while ((err = rnl_read(reader, 4096, &bytes)) == RNL_OK && bytes.len > 0) {
        err = rnl_write(writer, bytes.data, bytes.len);
        if (!err)
            err = rnl_drain(writer);
        if (err)
            break;
    }
    return err;
}

int echo_host(void *arg)
{
    struct rnl_server *server;
    int err = rnl_start_server(echo, arg, NULL, 7, NULL, &server);

    if (err)
        return err;
    err = rnl_server_serve_forever(server);
    rnl_server_free(server);
    return err == RNL_ECANCELED ? RNL_OK : err;
}
