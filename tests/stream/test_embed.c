/* A loop inside another, counters, the dump and the census. */
#include "stream/helper_net.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Counters and census ----------------------------------------------- */

static int echo_once(void *arg)
{
    struct rnl_bytes view;
    int err = rnl_readline(arg, &view);

    if (!err)
        err = rnl_write(rnl_reader_writer(arg), view.data, view.len);
    return err;
}

static void counters(struct net *net)
{
    struct rnl_counters before = RNL_COUNTERS_INIT, after = RNL_COUNTERS_INIT;
    struct rnl_task *task;
    struct rnl_bytes view;

    OK(rnl_counters_get(&before));
    IS(before.streams, 2);
    IS(before.servers, 1);
    CU_ASSERT(before.streams_opened == 2 && before.operations >= 3);
    task = start(echo_once, net->pr);
    OK(rnl_write_str(net->w, "counted\n"));
    OK(rnl_readline(net->r, &view));
    OK(join(task));
    OK(rnl_sleep(RNL_MILLISECOND));
    OK(rnl_counters_get(&after));
    IS(after.bytes_sent - before.bytes_sent, 16);
    IS(after.bytes_received - before.bytes_received, 16);
    IS(after.tasks_spawned - before.tasks_spawned, 1);
    CU_ASSERT(after.turns > before.turns && after.max_lag_ns >= after.lag_ns);
    CU_ASSERT(after.max_lag_ns > 0);
    after = (struct rnl_counters){.size = offsetof(struct rnl_counters, tasks_spawned),
                                   .tasks_spawned = 77};
    OK(rnl_counters_get(&after)); /* an older program: no further than its struct */
    IS(after.tasks_spawned, 77);
    after.size = 0;
    IS(rnl_counters_get(&after), RNL_EINVAL);
}
EACH_SYSTEM(counters)

static int deep(void *arg)
{
    volatile char room[40 * 1024];

    for (size_t i = 0; i < sizeof room; i += 512)
        room[i] = (char)i;
    return rnl_event_wait(arg) + room[0];
}

static int shallow(void *arg)
{
    return rnl_event_wait(arg);
}

static void census(struct net *net)
{
    struct rnl_task_options options = RNL_TASK_OPTIONS_INIT;
    struct rnl_stack_use use[8];
    struct rnl_event *event;
    struct rnl_task *tasks[3];
    size_t count = 0, seen = 0;
    int before = net_reports();

    (void)net;
    options.stack_size = 768 * 1024; /* nobody else's */
    options.name = "deep one";
    OK(rnl_event_open(&event));
    OK(rnl_task_spawn(&tasks[0], deep, event, &options));
    OK(rnl_task_spawn(&tasks[1], deep, event, &options));
    tasks[2] = start(shallow, event);
    turns(2);
    OK(rnl_stack_census(use, 8, &count));
    for (size_t i = 0; i < count; i++) {
        if (use[i].fn != deep)
            continue;
        seen++;
        IS(use[i].tasks, 2);
        CU_ASSERT(use[i].most >= 40 * 1024 && use[i].most < 512 * 1024);
        CU_ASSERT(use[i].size >= 768 * 1024 && strcmp(use[i].name, "deep one") == 0);
    }
    IS(seen, 1);
    IS(count, 3); /* main, deep, shallow */
    OK(rnl_stack_census(use, 1, &count));
    CU_ASSERT(count >= 2);
    rnl_dump_tasks(RNL_REPORT_DEBUG);
    IS(net_reports() - before, 4); /* a line each */
    rnl_event_set(event);
    for (int i = 0; i < 3; i++)
        OK(join(tasks[i]));
    rnl_event_free(event);
}
EACH_SYSTEM_RAW(census)

static struct rnl_event *hold_end;
static int holding;

static int hold(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    (void)reader;
    (void)writer;
    (void)arg;
    holding++;
    return rnl_event_wait(hold_end);
}

static char dumped[8][200];
static int ndumped;

static void keep_line(void *user, const struct rnl_report *report)
{
    (void)user;
    if (ndumped < 8)
        snprintf(dumped[ndumped], sizeof dumped[0], "%s", report->what);
    ndumped++;
}

static int lines_with(const char *text)
{
    int count = 0;

    for (int i = 0; i < ndumped && i < 8; i++)
        count += strstr(dumped[i], text) != NULL;
    return count;
}

/* A server's tasks appear by the program's handler, the main task by its function. */
static void handlers(struct net *net)
{
    rnl_task_fn *as_task = (rnl_task_fn *)(void (*)(void))hold;
    struct rnl_stack_use use[8];
    struct rnl_address address;
    struct rnl_server *server;
    struct rnl_reader *r[2];
    struct rnl_writer *w[2];
    size_t count = 0, seen = 0;
    char text[64];

    holding = 0;
    OK(rnl_event_open(&hold_end));
    if (net->kind == NET_UNIX)
        OK(rnl_start_unix_server(hold, NULL, net->path, RNL_ALL, NULL, &server));
    else
        OK(rnl_start_server(hold, NULL, "127.0.0.1", 0, NULL, &server));
    OK(rnl_server_address(server, 0, &address));
    net->port = address.port;
    for (int i = 0; i < 2; i++)
        OK(net_connect(net, &r[i], &w[i]));
    while (holding < 2)
        OK(rnl_yield());
    OK(rnl_stack_census(use, 8, &count));
    IS(count, 2);
    for (size_t i = 0; i < count; i++)
        if (use[i].fn == as_task)
            seen += use[i].tasks;
    IS(seen, 2);
    ndumped = 0;
    rnl_dump_tasks(RNL_REPORT_DEBUG);
    IS(ndumped, 3);
    snprintf(text, sizeof text, "; function %p, spawned at the library", (void *)(uintptr_t)hold);
    IS(lines_with(text), 2);
    IS(lines_with("task handler waits for event"), 2);
    rnl_event_set(hold_end);
    for (int i = 0; i < 2; i++)
        rnl_stream_free(r[i], w[i]);
    OK(rnl_server_shutdown(server, RNL_MINUTE, NULL));
    rnl_server_free(server);
    rnl_event_free(hold_end);
}

static void handlers_each(void)
{
    net_report = keep_line;
    each_raw(handlers);
    net_report = NULL;
}

/* ---- Driven from outside ----------------------------------------------- */

static int served;

static int echo(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes line;
    int err;

    (void)arg;
    while (!(err = rnl_readline(reader, &line)) && line.len > 0)
        if ((err = rnl_write(writer, line.data, line.len)))
            break;
    served++;
    return err;
}

static int conversation(void *arg)
{
    struct rnl_loop *loop = arg;
    struct rnl_server *server;
    struct rnl_address address;
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes view;

    IS(rnl_loop_step(loop), RNL_EINVAL); /* not from inside */
    IS(rnl_loop_close(loop), RNL_EINVAL);
    OK(rnl_start_server(echo, NULL, "127.0.0.1", 0, NULL, &server));
    OK(rnl_server_address(server, 0, &address));
    OK(rnl_open_connection("127.0.0.1", address.port, NULL, &r, &w));
    for (int i = 0; i < 100; i++) {
        OK(rnl_write_str(w, "to and fro\n"));
        OK(rnl_readline(r, &view));
    }
    OK(rnl_sleep(5 * RNL_MILLISECOND));
    rnl_stream_free(r, w);
    OK(rnl_server_shutdown(server, RNL_MINUTE, NULL));
    rnl_server_free(server);
    return RNL_OK;
}

/* poll(2) stands for the other loop. Never waits for longer than it was told. */
static void drive(struct rnl_loop *loop)
{
    int steps = 0;

    while (rnl_loop_tasks(loop) > 0 && steps++ < 100000) {
        int64_t rest = rnl_loop_wait_time(loop);
        rnl_socket fd = rnl_loop_descriptor(loop);
        struct pollfd one = {.fd = (int)fd, .events = POLLIN};
        int ms = rest < 0 ? 5000 : (int)((rest + RNL_MILLISECOND - 1) / RNL_MILLISECOND);

        if (fd == RNL_NO_SOCKET && ms > 1)
            ms = 1;
        if (poll(&one, fd == RNL_NO_SOCKET ? 0 : 1, ms) == 0 && ms >= 5000)
            CU_FAIL("the loop slept though it had something to do");
        OK(rnl_loop_step(loop));
    }
    CU_ASSERT(steps < 100000);
}

static void driven(void)
{
    for (const char *const *name = rnl_backend_names(); *name; name++) {
        if (strcmp(*name, "sim") == 0)
            continue; /* its time is not that of poll(2) */
        struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
        struct rnl_loop *loop, *other;
        int before = descriptors_at_rest();

        served = 0;
        options.backend = *name;
        OK(rnl_loop_open(&loop, &options));
        IS(rnl_loop_open(&other, NULL), RNL_EINVAL); /* one to a thread */
        CU_ASSERT(rnl_loop_current() == loop);
        IS(rnl_loop_wait_time(loop), RNL_OFF);
        OK(rnl_task_spawn(NULL, conversation, loop, NULL));
        IS(rnl_loop_wait_time(loop), 0);
        drive(loop);
        IS(served, 1);
        OK(rnl_loop_close(loop));
        CU_ASSERT_PTR_NULL(rnl_loop_current());
        IS(descriptors_left(before), before);
    }
}

static int sleeper(void *arg)
{
    int err = rnl_sleep(RNL_HOUR);

    *(int *)arg = err;
    return err == RNL_ECANCELED ? RNL_OK : err;
}

static void closed_with_tasks(void)
{
    struct rnl_loop *loop;
    int result = 0;

    OK(rnl_loop_open(&loop, NULL));
    OK(rnl_task_spawn(NULL, sleeper, &result, NULL));
    OK(rnl_loop_step(loop));
    CU_ASSERT(rnl_loop_wait_time(loop) > 59 * RNL_MINUTE);
    IS(rnl_loop_tasks(loop), 1);
    OK(rnl_loop_close(loop));
    IS(result, RNL_ECANCELED);
}

static int answers_seven(void *arg)
{
    (void)arg;
    return 7;
}

static int has_work_done(void *arg)
{
    return rnl_to_thread(answers_seven, NULL, NULL, arg);
}

/* The cancel comes first, and the end of the work before the task is told of it. */
static void cancelled_as_work_ends(void)
{
    for (const char *const *name = rnl_backend_names(); *name; name++) {
        struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
        struct rnl_loop *loop;
        struct rnl_task *task;
        int answer = 0;

        if (strcmp(*name, "sim") == 0)
            continue; /* without threads */
        options.backend = *name;
        OK(rnl_loop_open(&loop, &options));
        OK(rnl_task_spawn(&task, has_work_done, &answer, NULL));
        OK(rnl_loop_step(loop));
        while (rnl_loop_wait_time(loop) != 0) /* until the thread has posted */
            sched_yield();
        CU_ASSERT(rnl_task_cancel(task));
        OK(rnl_loop_step(loop));
        OK(rnl_loop_step(loop));
        CU_ASSERT_FATAL(rnl_task_done(task));
        IS(answer, 7);
        rnl_task_free(task);
        OK(rnl_loop_close(loop));
    }
}

static struct rnl_loop *reporting_loop;
static int told, refused;

static void drives_from_the_hook(void *user, const struct rnl_report *report)
{
    (void)user;
    (void)report;
    told++;
    refused += rnl_loop_step(reporting_loop) == RNL_EINVAL;
    refused += rnl_loop_close(reporting_loop) == RNL_EINVAL;
}

/* A hook is in the middle of the call that reports, and a loop that is gone is none. */
static void at_odd_moments(void)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    int result = 0;

    options.report = drives_from_the_hook;
    OK(rnl_loop_open(&reporting_loop, &options));
    OK(rnl_task_spawn(NULL, sleeper, &result, NULL));
    told = refused = 0;
    rnl_dump_tasks(RNL_REPORT_ERROR);
    IS(told, 1);
    IS(refused, 2);
    OK(rnl_loop_close(reporting_loop));
    IS(rnl_loop_step(reporting_loop), RNL_EINVAL);
    IS(rnl_loop_close(reporting_loop), RNL_EINVAL);
    IS(rnl_loop_step(NULL), RNL_EINVAL);
    IS(rnl_loop_close(NULL), RNL_EINVAL);
}

/* In a child the loop is refused, and the child has one of its own. */
static void forked(void)
{
    struct rnl_loop *loop, *own;
    int status = -1, result = 0;
    pid_t pid;

    OK(rnl_loop_open(&loop, NULL));
    OK(rnl_task_spawn(NULL, sleeper, &result, NULL));
    OK(rnl_loop_step(loop));
    pid = fork();
    if (pid == 0) {
        int bad = rnl_loop_step(loop) != RNL_EINVAL;

        bad |= rnl_loop_close(loop) != RNL_OK || result != RNL_ECANCELED;
        bad |= rnl_loop_open(&own, NULL) != RNL_OK;
        bad |= rnl_task_spawn(NULL, conversation, own, NULL) != RNL_OK;
        drive(own);
        bad |= rnl_loop_close(own) != RNL_OK;
        _exit(bad || CU_get_number_of_failures() > 0);
    }
    IS(waitpid(pid, &status, 0), pid);
    IS(status, 0);
    IS(result, 0);
    OK(rnl_loop_step(loop)); /* the parent's goes on */
    OK(rnl_loop_close(loop));
}

SUITE("embed", {"counters", counters_each}, {"the stack census, and a dump", census_each},
      {"handlers by the program's functions", handlers_each},
      {"driven by another loop", driven}, {"closed with tasks in it", closed_with_tasks},
      {"D2 a cancel, and work that ends before it is told", cancelled_as_work_ends},
      {"driven at odd moments", at_odd_moments},
      {"N5 a child after a fork", forked})
