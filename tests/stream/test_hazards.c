/* Hazards of streams that have no better place, by number. */
#include "stream/helper_net.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/system.h"
#include "task/overflow.h"
#include "task/stack.h"
#include "task/under.h"

/* ---- D7: every wait has an end ----------------------------------------- */

#define SOON (2 * RNL_MILLISECOND)

static struct rnl_bytes view;
static struct rnl_event *never;
static struct rnl_queue *empty, *full;

static int wait_all(struct net *n)
{
    return rnl_read(n->r, RNL_ALL, &view);
}

static int wait_line(struct net *n)
{
    return rnl_readline(n->r, &view);
}

static int wait_exactly(struct net *n)
{
    return rnl_readexactly(n->r, 9, &view);
}

static int wait_until(struct net *n)
{
    return rnl_readuntil(n->r, "ab", 2, &view);
}

static int wait_discard(struct net *n)
{
    return rnl_discard_until(n->r, "ab", 2, NULL);
}

static int wait_closed(struct net *n)
{
    return rnl_wait_closed(n->w);
}

static int wait_server(struct net *n)
{
    return rnl_server_wait_closed(n->server);
}

static int wait_event(struct net *n)
{
    (void)n;
    return rnl_event_wait(never);
}

static int wait_get(struct net *n)
{
    void *item;

    (void)n;
    return rnl_queue_get(empty, &item);
}

static int wait_put(struct net *n)
{
    (void)n;
    return rnl_queue_put(full, n);
}

static int wait_sleep(struct net *n)
{
    (void)n;
    return rnl_sleep(RNL_HOUR);
}

static int wait_any(struct net *n)
{
    const struct rnl_bytes seps[2] = {{(const unsigned char *)"ab", 2},
                                      {(const unsigned char *)"c", 1}};

    return rnl_readuntil_any(n->r, seps, 2, 0, &view, NULL);
}

static int wait_part(struct net *n)
{
    bool done;

    return rnl_readuntil_part(n->r, "ab", 2, &view, &done);
}

static int wait_drain(struct net *n)
{
    static char big[1 << 20];
    int err = RNL_OK;

    while (!err && !(err = rnl_write(n->w, big, sizeof big))) /* nobody reads */
        err = rnl_drain(n->w);
    return err;
}

static int wait_signal(struct net *n)
{
    static const int usr2 = SIGUSR2;

    (void)n;
    return rnl_wait_signal(&usr2, 1, NULL);
}

static int ends_as_told(void *event)
{
    return rnl_event_wait(event);
}

static int wait_join(struct net *n)
{
    struct rnl_task *task = start(ends_as_told, never);
    int err = rnl_task_join(task, NULL);

    (void)n;
    rnl_task_free(task);
    return err;
}

static int wait_group(struct net *n)
{
    struct rnl_group *group;
    int err = rnl_group_open(&group);

    (void)n;
    if (!err)
        err = rnl_group_spawn(group, ends_as_told, never, NULL);
    return rnl_group_close(group, err);
}

static void every_wait(struct net *n)
{
    static int (*const waits[])(struct net * n) = {
        wait_all,   wait_line,   wait_exactly, wait_until,  wait_discard, wait_any,
        wait_part,  wait_closed, wait_server,  wait_event,  wait_get,     wait_put,
        wait_sleep, wait_join,   wait_group,   wait_signal, wait_drain};

    OK(rnl_event_open(&never));
    OK(rnl_queue_open(&empty, 1));
    OK(rnl_queue_open(&full, 1));
    OK(rnl_queue_put(full, n));
    OK(rnl_write_str(n->pw, "a")); /* half a separator */
    OK(rnl_flush(n->pw));
    while (rnl_buffered(n->r) == 0)
        turns(1);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        struct rnl_timeout limit;
        int64_t began = rnl_now();

        OK(rnl_timeout_begin(&limit, SOON));
        IS(rnl_timeout_end(&limit, waits[i](n)), RNL_ETIMEDOUT);
        CU_ASSERT(rnl_now() - began >= SOON);
        IS(rnl_task_cancelling(rnl_task_current()), 0);
    }
    rnl_queue_free(full);
    rnl_queue_free(empty);
    rnl_event_free(never);
}
EACH_SYSTEM(every_wait)

/* A listener whose queue is full answers no connect: only the time limit ends it. */
static int full_listener(struct net *n, int *clients, size_t count)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr *sa = n->kind == NET_UNIX ? (struct sockaddr *)&un : (struct sockaddr *)&in;
    socklen_t len = n->kind == NET_UNIX ? sizeof un : sizeof in;
    int fd = socket(sa->sa_family, SOCK_STREAM, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    strcpy(un.sun_path, n->path);
    IS(bind(fd, sa, len), 0);
    IS(listen(fd, LEAST_BACKLOG), 0);
    IS(getsockname(fd, sa, &len), 0);
    n->port = ntohs(in.sin_port);
    for (size_t i = 0; i < count; i++) {
        clients[i] = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(clients[i], sa, len);
    }
    return fd;
}

static void connecting(struct net *n)
{
    enum { CLIENTS = 4 };
    int clients[CLIENTS], listener;
    struct rnl_timeout limit;

    if (n->kind == NET_UNIX && !UNIX_AS_LINUX)
        return;
    listener = full_listener(n, clients, CLIENTS);
    for (int i = 0; i < 5; i++) {
        OK(rnl_timeout_begin(&limit, SOON));
        IS(rnl_timeout_end(&limit, net_connect(n, &n->r, &n->w)), RNL_ETIMEDOUT);
    }
    for (size_t i = 0; i < CLIENTS; i++)
        close(clients[i]);
    close(listener);
    unlink(n->path);
}
EACH_SYSTEM_RAW(connecting)

/* The peer stops after byte k; when it goes on later, nothing has been lost. */
static const char answer[] = "a line\n"
                             "12345678"
                             "up to##";

static int read_answer(struct net *n, int *step)
{
    int err = RNL_OK;

    if (*step == 0 && !(err = rnl_readline(n->r, &view)))
        ++*step;
    if (*step == 1 && !(err = rnl_readexactly(n->r, 8, &view)))
        ++*step;
    if (*step == 2 && !(err = rnl_readuntil(n->r, "##", 2, &view)))
        ++*step;
    return err;
}

static void stops_answering(struct net *n)
{
    const size_t len = sizeof answer - 1;

    for (size_t k = 0; k < len; k++) {
        struct rnl_timeout limit;
        int step = 0;

        OK(rnl_write(n->pw, answer, k));
        OK(rnl_timeout_begin(&limit, SOON));
        IS(rnl_timeout_end(&limit, read_answer(n, &step)), RNL_ETIMEDOUT);
        OK(rnl_write(n->pw, answer + k, len - k));
        OK(read_answer(n, &step));
        CU_ASSERT(same(&view, "up to##"));
        IS(rnl_buffered(n->r), 0);
    }
}
EACH_SYSTEM(stops_answering)

/* ---- H3: the loop ends when it should ---------------------------------- */

static int sleeps_long(void *arg)
{
    (void)arg;
    return rnl_sleep(RNL_HOUR);
}

static void nothing(void *arg)
{
    (void)arg;
}

static int64_t ended_at;

/* What would come in an hour does not keep it, nor do the closed ones. */
static int closes_all(void *arg)
{
    struct net *n = arg;

    net_open(n);
    OK(rnl_task_spawn(NULL, sleeps_long, NULL, NULL));
    OK(rnl_call_later(NULL, RNL_HOUR, nothing, NULL));
    net_close(n);
    ended_at = rnl_now();
    return RNL_OK;
}

static void ends_at_once(void)
{
    struct rnl_server_options server = RNL_SERVER_OPTIONS_INIT;
    struct rnl_connect_options client = RNL_CONNECT_OPTIONS_INIT;

    for (const char *const *name = rnl_backend_names(); *name; name++) {
        struct net n = {.kind = NET_TCP, .options = server, .client = client};
        struct rnl_run_options o = RNL_RUN_OPTIONS_INIT;
        struct timespec now;

        if (strcmp(*name, "sim") == 0)
            continue; /* its clock is its own */
        o.backend = *name;
        OK(rnl_run(closes_all, &n, &o));
        clock_gettime(CLOCK_MONOTONIC, &now);
        CU_ASSERT((int64_t)now.tv_sec * RNL_SECOND + now.tv_nsec - ended_at < RNL_SECOND);
    }
}

static void *connect_from_outside(void *arg)
{
    const struct net *n = arg;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(n->port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool ok;

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ok = connect(fd, (struct sockaddr *)&in, sizeof in) == 0;
    close(fd);
    return ok ? arg : NULL;
}

/* With nothing but a listener it waits: no deadlock, and no end. */
static struct rnl_event *came;

static int tells(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    (void)r, (void)w, (void)arg;
    rnl_event_set(came);
    return RNL_OK;
}

static void only_a_listener(struct net *n)
{
    struct rnl_address a;
    struct rnl_server *server;
    pthread_t thread;
    void *result;

    if (n->kind != NET_TCP)
        return;
    OK(rnl_event_open(&came));
    OK(rnl_start_server(tells, NULL, "127.0.0.1", 0, NULL, &server));
    OK(rnl_server_address(server, 0, &a));
    n->port = a.port;
    IS(pthread_create(&thread, NULL, connect_from_outside, n), 0);
    OK(rnl_event_wait(came));
    pthread_join(thread, &result);
    CU_ASSERT(result == n);
    rnl_server_free(server);
    rnl_event_free(came);
}
EACH_SYSTEM_RAW(only_a_listener)

/* ---- H5: the last reply gets through ----------------------------------- */

/* Our end first, then the rest of the peer's is read away: no reset can overtake. */
static int replies_and_reads_on(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    struct rnl_bytes b;
    int err;

    (void)arg;
    if ((err = rnl_read(r, 1, &b)) || (err = rnl_write_str(w, "that is enough")) ||
        (err = rnl_write_eof(w)))
        return err;
    while (!(err = rnl_read(r, 65536, &b)) && b.len > 0)
        continue;
    return err;
}

static void last_reply(struct net *n)
{
    enum { MUCH = 4 << 20 };
    char *much = calloc(1, MUCH);
    struct rnl_address a;
    struct rnl_bytes b;

    if (n->kind == NET_UNIX)
        OK(rnl_start_unix_server(replies_and_reads_on, NULL, n->path, RNL_ALL, NULL, &n->server));
    else
        OK(rnl_start_server(replies_and_reads_on, NULL, "127.0.0.1", 0, NULL, &n->server));
    OK(rnl_server_address(n->server, 0, &a));
    n->port = a.port;
    OK(net_connect(n, &n->r, &n->w));
    OK(rnl_write(n->w, much, MUCH));
    OK(rnl_drain(n->w));
    OK(rnl_write_eof(n->w));
    OK(rnl_read(n->r, RNL_ALL, &b));
    CU_ASSERT(same(&b, "that is enough"));
    rnl_stream_free(n->r, n->w);
    rnl_server_free(n->server);
    free(much);
}
EACH_SYSTEM_RAW(last_reply)

/* ---- L4: what a task needs of its stack -------------------------------- */

static size_t deepest;

static void look_how_deep(void)
{
    const struct rnli_stack *stack;
    const char *name;

    CU_ASSERT_FATAL(rnli_current_stack(&stack, &name));
    if (rnli_stack_used(stack) > deepest)
        deepest = rnli_stack_used(stack);
}

static int is_served(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    char text[64];
    struct rnl_bytes b;
    int err = rnl_readline(r, &b);

    (void)arg;
    snprintf(text, sizeof text, "%.17g and %Lg\n", 1.0 / 3, 1.0L / 3);
    if (!err)
        err = rnl_write_str(w, text);
    if (!err)
        err = rnl_drain(w);
    look_how_deep();
    return err;
}

/* Names, connecting, printing, reading, writing, and the end. */
static int does_everything(void *arg)
{
    struct net *n = arg;
    struct rnl_server *server;
    struct rnl_address a;
    struct rnl_reader *r;
    struct rnl_writer *w;

    OK(rnl_start_server(is_served, NULL, "localhost", 0, &n->options, &server));
    OK(rnl_server_address(server, 0, &a));
    OK(rnl_open_connection("localhost", a.port, NULL, &r, &w));
    OK(rnl_write_str(w, "line\n"));
    OK(rnl_readuntil(r, " and ", 5, &view));
    OK(rnl_read(r, RNL_ALL, &view));
    rnl_close(w);
    OK(rnl_wait_closed(w));
    rnl_stream_free(r, w);
    rnl_server_close(server);
    OK(rnl_server_wait_closed(server));
    rnl_server_free(server);
    look_how_deep();
    return RNL_OK;
}

static void small_stacks(struct net *n)
{
    deepest = 0;
    OK(join(start(does_everything, n)));
    CU_ASSERT(deepest > 0);
    if (!UNDER_CHECKER) /* their frames are larger */
        CU_ASSERT(deepest <= 16 * 1024);
}
EACH_SYSTEM_RAW(small_stacks)

/* ---- B12: the program watches our socket too --------------------------- */

/* In a poller of its own, where it is epoll: neither takes anything from the other. */
static void watched(struct net *n)
{
    struct pollfd watch = {.fd = (int)rnl_get_socket(n->w), .events = POLLIN | POLLOUT};
#ifdef __linux__
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP};
    int own = epoll_create1(EPOLL_CLOEXEC);

    IS(epoll_ctl(own, EPOLL_CTL_ADD, watch.fd, &event), 0);
#endif
    for (int i = 0; i < 100; i++) {
        OK(rnl_write_str(n->pw, "ping"));
        OK(rnl_flush(n->pw));
        (void)poll(&watch, 1, 0);
#ifdef __linux__
        (void)epoll_wait(own, &event, 1, 0);
#endif
        OK(rnl_readexactly(n->r, 4, &view));
        OK(rnl_write_str(n->w, "pong"));
        OK(rnl_readexactly(n->pr, 4, &view));
    }
#ifdef __linux__
    IS(epoll_ctl(own, EPOLL_CTL_DEL, watch.fd, NULL), 0);
    close(own);
#endif
    OK(rnl_write_str(n->pw, "more"));
    OK(rnl_readexactly(n->r, 4, &view));
}
EACH_SYSTEM(watched)

/* ---- F11: lengths beyond an int ---------------------------------------- */

struct flood {
    struct net *net;
    const void *data;
    size_t len;
};

static int writes_at_once(void *arg)
{
    const struct flood *flood = arg;
    int err = rnl_write(flood->net->w, flood->data, flood->len);

    return err ? err : rnl_drain(flood->net->w);
}

#ifndef MAP_NORESERVE /* FreeBSD */
#define MAP_NORESERVE 0
#endif

/* RUNNEL_BIG=1 makes it two gigabytes and a byte, which take as much memory. */
static void beyond_an_int(struct net *n)
{
    size_t len = ((size_t)1 << (getenv("RUNNEL_BIG") ? 31 : 24)) + 1, got = 0;
    struct flood flood = {n, NULL, len};
    struct rnl_task *task;
    void *zeros = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    CU_ASSERT_FATAL(zeros != MAP_FAILED);
    flood.data = zeros;
    task = start(writes_at_once, &flood);
    while (got < len) {
        OK(rnl_read(n->pr, RNL_DEFAULT_LIMIT, &view));
        if (view.len == 0)
            break;
        got += view.len;
    }
    IS(got, len);
    OK(join(task));
    munmap(zeros, len);
}
EACH_SYSTEM(beyond_an_int)

/* ---- O7: small limits of memory and stack ------------------------------ */

static int opens_and_closes(void *arg)
{
    struct net *n = arg;
    struct rnl_reader *r;
    struct rnl_writer *w;
    int err = rnl_start_server(is_served, NULL, "127.0.0.1", 0, &n->options, &n->server);

    if (err)
        return err;
    err = rnl_open_connection("localhost", 1, NULL, &r, &w);
    rnl_server_free(n->server);
    return err == RNL_ECONNREFUSED ? RNL_OK : err;
}

static void quiet(void *user, const struct rnl_report *report)
{
    (void)user;
    (void)report;
}

#if defined(__linux__)
static size_t mapped(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    if (!file || fscanf(file, "%lu", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}
#endif

/* The names are numbers of a type that differs from system to system. */
static int set_limit(int which, const struct rlimit *limit)
{
    if (which == RLIMIT_STACK)
        return setrlimit(RLIMIT_STACK, limit);
    if (which == RLIMIT_MEMLOCK)
        return setrlimit(RLIMIT_MEMLOCK, limit);
#if defined(RLIMIT_AS) /* not OpenBSD */
    if (which == RLIMIT_AS)
        return setrlimit(RLIMIT_AS, limit);
#endif
    return -1;
}

/* In a child: 0 if it went well, 1 if it was told why not, else something is wrong. */
static int with_limit(int which, rlim_t bytes)
{
    struct rnl_server_options server = RNL_SERVER_OPTIONS_INIT;
    struct net n = {.kind = NET_TCP, .options = server};
    struct rnl_run_options o = RNL_RUN_OPTIONS_INIT;
    struct rlimit limit = {bytes, bytes};
    int code, status = 0;
    pid_t child = fork();

    if (child == 0) {
        o.report = quiet;
        code = set_limit(which, &limit) ? RNL_ESYS : rnl_run(opens_and_closes, &n, &o);
        _exit(code == RNL_OK ? 0 : code == RNL_ENOMEM || code == RNL_EAGAIN ? 1 : 2);
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

static void little_address_space(void)
{
#if defined(__linux__) /* which tells how much is mapped, and keeps the limit */
    int good = 0, told = 0;

    if (UNDER_CHECKER || UNDER_EMULATOR)
        return; /* they map more than any such limit, or do not keep it */
    for (size_t more = 0; more < 64 * 1024 * 1024; more += more < 1024 * 1024 ? 64 * 1024 : more) {
        int code = with_limit(RLIMIT_AS, (rlim_t)(mapped() + more));

        good += code == 0;
        told += code == 1;
        CU_ASSERT(code <= 1);
    }
    CU_ASSERT(good > 0 && told > 0);
#endif
}

static void small_limits(void)
{
    IS(with_limit(RLIMIT_STACK, 64 * 1024), 0);
    IS(with_limit(RLIMIT_MEMLOCK, 0), 0);
    little_address_space();
}

SUITE("hazards", {"D7 every wait ends at its limit of time", every_wait_each},
      {"D7 a connect that nobody answers", connecting_each},
      {"D7 D1 a peer that stops after any byte", stops_answering_each},
      {"H3 the loop ends after the last close", ends_at_once},
      {"H3 a listener alone keeps the loop", only_a_listener_each},
      {"H5 the last reply, past unread input", last_reply_each},
      {"L4 what tasks need of their stacks", small_stacks_each},
      {"B12 the program watches our socket too", watched_each},
      {"F11 lengths beyond an int", beyond_an_int_each},
      {"O7 small limits of memory and stack", small_limits})
