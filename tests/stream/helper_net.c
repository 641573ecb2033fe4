#include "stream/helper_net.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "support/system.h"
#include "task/sched.h"

/* ---- An allocator that counts ------------------------------------------ */

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
    if (!ptr)
        live++;
    return realloc(ptr, size);
}

static void count_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    live--;
    free(ptr);
}

/* ---- A net ------------------------------------------------------------- */

static int take_pair(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct net *net = arg;

    if (net->pr)
        return RNL_OK;
    net->pr = reader;
    net->pw = writer;
    rnl_event_set(net->accepted);
    return rnl_stream_keep(reader, writer);
}

int net_connect(struct net *net, struct rnl_reader **r, struct rnl_writer **w)
{
    if (net->kind == NET_UNIX)
        return rnl_open_unix_connection(net->path, RNL_ALL, &net->client, r, w);
    return rnl_open_connection("127.0.0.1", net->port, &net->client, r, w);
}

void net_open(struct net *net)
{
    struct rnl_address address;

    OK(rnl_event_open(&net->accepted));
    if (net->kind == NET_UNIX)
        OK(rnl_start_unix_server(take_pair, net, net->path, RNL_ALL, &net->options, &net->server));
    else
        OK(rnl_start_server(take_pair, net, "127.0.0.1", 0, &net->options, &net->server));
    OK(rnl_server_address(net->server, 0, &address));
    net->port = address.port;
    OK(net_connect(net, &net->r, &net->w));
    OK(rnl_event_wait(net->accepted));
}

void net_close(struct net *net)
{
    rnl_stream_free(net->r, net->w);
    rnl_stream_free(net->pr, net->pw);
    rnl_server_free(net->server);
    rnl_event_free(net->accepted);
}

/* ---- Running ----------------------------------------------------------- */

static int reports;
static char last_report[200];

static void count_report(void *user, const struct rnl_report *report)
{
    reports++;
    snprintf(last_report, sizeof last_report, "%s", report->what);
    rnl_report_to_stderr(user, report);
}

int net_reports(void)
{
    return reports;
}

const char *net_last_report(void)
{
    return last_report;
}

struct trial {
    net_body *body;
    struct net net;
    bool raw;
};

static int run_trial(void *arg)
{
    struct trial *trial = arg;

    if (trial->raw) {
        trial->body(&trial->net);
        return RNL_OK;
    }
    net_open(&trial->net);
    trial->body(&trial->net);
    net_close(&trial->net);
    return RNL_OK;
}

/* A thread that was resolving a name as the last loop ended may have opened its files
 * since: the fewest there ever were are what stays. */
int descriptors_at_rest(void)
{
    static int fewest = -1;
    int now = open_descriptors();

    if (fewest < 0 || now < fewest)
        fewest = now;
    return fewest;
}

/* And it has them open a little longer. */
int descriptors_left(int at_rest)
{
    time_t end = time(NULL) + 20;
    int now;

    while ((now = open_descriptors()) != at_rest && time(NULL) < end)
        sched_yield();
    return now;
}

void (*net_report)(void *user, const struct rnl_report *report);

static void try_on(net_body *body, const char *backend, const struct rnl_backend_ops *ops,
                   enum net_kind kind, bool raw)
{
    static const struct rnl_allocator counting = {count_alloc, count_realloc, count_free, NULL};
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    struct rnl_server_options server = RNL_SERVER_OPTIONS_INIT;
    struct rnl_connect_options client = RNL_CONNECT_OPTIONS_INIT;
    struct trial trial = {.body = body, .raw = raw};
    int before = descriptors_at_rest();

    live = 0;
    trial.net.kind = kind;
    trial.net.options = server;
    trial.net.client = client;
    snprintf(trial.net.path, sizeof trial.net.path, "/tmp/runnel-test-%ld.sock", (long)getpid());
    options.backend = ops ? NULL : backend;
    options.backend_ops = ops;
    options.allocator = &counting;
    options.report = net_report ? net_report : count_report;
    reports = 0;
    last_report[0] = '\0';
    IS(rnl_run(run_trial, &trial, &options), RNL_OK);
    IS(live, 0);
    IS(descriptors_left(before), before);
    IS(access(trial.net.path, F_OK), -1);
    unlink(trial.net.path);
}

static void try_one(net_body *body, const char *backend, enum net_kind kind, bool raw)
{
    try_on(body, backend, NULL, kind, raw);
}

void once_raw(net_body *body, const char *backend, const struct rnl_backend_ops *ops)
{
    try_on(body, backend, ops, NET_TCP, true);
}

bool has_unix_sockets(void)
{
    int fd = (int)socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* RUNNEL_TEST_BACKENDS lists those to go through ("select sim"); without it, all. */
static bool is_wanted(const char *name)
{
    const char *names = getenv("RUNNEL_TEST_BACKENDS");

    return !names || strstr(names, name);
}

static void everywhere(net_body *body, bool raw, bool simulated)
{
    int tried = 0;

    for (const char *const *name = rnl_backend_names(); *name; name++) {
        if (!is_wanted(*name) || (!simulated && strcmp(*name, "sim") == 0))
            continue;
        tried++;
        try_one(body, *name, NET_TCP, raw);
        if (has_unix_sockets())
            try_one(body, *name, NET_UNIX, raw);
    }
    CU_ASSERT(tried > 0);
}

void each(net_body *body)
{
    everywhere(body, false, true);
}

void each_raw(net_body *body)
{
    everywhere(body, true, true);
}

void each_system(net_body *body)
{
    everywhere(body, false, false);
}

void each_system_raw(net_body *body)
{
    everywhere(body, true, false);
}

/* ---- Small things ------------------------------------------------------ */

struct rnl_task *start(rnl_task_fn *fn, void *arg)
{
    struct rnl_task *task = NULL;

    OK(rnl_task_spawn(&task, fn, arg, NULL));
    return task;
}

int join(struct rnl_task *task)
{
    int result = RNL_ESYS;

    OK(rnl_task_join(task, &result));
    rnl_task_free(task);
    return result;
}

void reset_on_abort(struct rnl_writer *w)
{
    struct rnli_loop_face *face = rnli_face(rnl_loop_current());
    int64_t os;

    OK(face->ops->set_option(face->backend, rnl_get_socket(w), RNL_SO_LINGER, 0, &os));
}

void turns(int n)
{
    while (n-- > 0)
        OK(rnl_yield());
}

bool same(const struct rnl_bytes *bytes, const char *text)
{
    return bytes->len == strlen(text) && (bytes->len == 0 || memcmp(bytes->data, text, bytes->len) == 0);
}
