/* The process at the end of its descriptors, and beyond what select can hold: clear
 * errors from each call, one report a second from a listener, and everything works
 * again afterwards. */
#include "stream/helper_net.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/system.h"
#include "task/loop.h"
#include "task/under.h"

enum { FEW = 128, MANY = 1200 };

/* ---- Descriptors taken ------------------------------------------------- */

static int taken[MANY];
static size_t ntaken;
static struct rlimit old_limit;

static void take(rlim_t limit, size_t most)
{
    struct rlimit now;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    IS(getrlimit(RLIMIT_NOFILE, &old_limit), 0);
    now = old_limit;
    now.rlim_cur = limit;
    IS(setrlimit(RLIMIT_NOFILE, &now), 0);
    for (ntaken = 0; fd >= 0 && ntaken < most; ntaken++) {
        taken[ntaken] = fd;
        fd = fcntl(taken[0], F_DUPFD_CLOEXEC, 0);
    }
    if (fd >= 0)
        close(fd);
}

/* Not one more can be opened. */
static void take_all(void)
{
    take(FEW, MANY);
    CU_ASSERT(ntaken > 0 && ntaken < FEW);
}

static void give_back(void)
{
    while (ntaken > 0)
        close(taken[--ntaken]);
    IS(setrlimit(RLIMIT_NOFILE, &old_limit), 0);
}

/* ---- Small things ------------------------------------------------------ */

static struct rnl_event *reported;
static int reports, report_code;

static void on_report(void *user, const struct rnl_report *report)
{
    (void)user;
    reports++;
    report_code = report->code;
    rnl_event_set(reported);
}

static void await_report(void)
{
    struct rnl_timeout limit;

    rnl_event_clear(reported);
    OK(rnl_timeout_begin(&limit, 30 * RNL_SECOND));
    OK(rnl_timeout_end(&limit, rnl_event_wait(reported)));
}

static void still_talks(struct net *n)
{
    struct rnl_bytes b;

    OK(rnl_write_str(n->w, "there"));
    OK(rnl_readexactly(n->pr, 5, &b));
    OK(rnl_write_str(n->pw, "and back"));
    OK(rnl_readexactly(n->r, 8, &b));
    CU_ASSERT(same(&b, "and back"));
}

static int plain_socket(const struct net *n)
{
    return socket(n->kind == NET_UNIX ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void plain_connect(const struct net *n, int fd)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(n->port)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    strcpy(un.sun_path, n->path);
    if (n->kind == NET_UNIX)
        IS(connect(fd, (struct sockaddr *)&un, sizeof un), 0);
    else
        IS(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
}

static bool is_select(void)
{
    return strcmp(rnl_loop_backend(rnl_loop_current()), "select") == 0;
}

/* ---- Out of descriptors ------------------------------------------------ */

/* A client waits in the backlog meanwhile; the server ends it once it has it. */
static void client_waits(struct net *n, int fd)
{
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes b;
    struct rnl_timeout limit;

    OK(rnl_open_connection_socket(fd, NULL, &r, &w));
    OK(rnl_timeout_begin(&limit, 30 * RNL_SECOND));
    OK(rnl_timeout_end(&limit, rnl_read(r, RNL_ALL, &b)));
    IS(b.len, 0);
    rnl_stream_free(r, w);
    (void)n;
}

static void in_accept(struct net *n)
{
    struct rnli_loop_face *face = rnli_face(rnl_loop_current());
    int fd = plain_socket(n);
    int64_t first, second;
    uint64_t turn;

    OK(rnl_event_open(&reported));
    reports = 0;
    take_all();
    plain_connect(n, fd);
    await_report();
    first = rnl_now();
    IS(report_code, RNL_EMFILE);
    still_talks(n);
    turn = face->turns;
    await_report();
    second = rnl_now();
    CU_ASSERT(second - first >= 900 * RNL_MILLISECOND); /* from its timer to ours */
    CU_ASSERT(face->turns - turn < 10);                 /* it does not spin */
    give_back();
    client_waits(n, fd);
    IS(reports, 2);
    CU_ASSERT(rnl_now() - second >= 900 * RNL_MILLISECOND); /* not before the pause is over */
    rnl_event_free(reported);
}

static void out_of_them_in_accept(void)
{
    if (UNDER_VALGRIND)
        return; /* it keeps descriptors of its own beyond the limit, and accepts with them */
    net_report = on_report;
    each_system(in_accept);
    net_report = NULL;
}

/* ---- A hook that ends the server --------------------------------------- */

static struct net *hooked;
static bool hook_frees;

static void end_server(void *user, const struct rnl_report *report)
{
    if (hooked && report->code == RNL_EMFILE) {
        if (hook_frees)
            rnl_server_free(hooked->server);
        else
            rnl_server_close(hooked->server);
        if (hook_frees)
            hooked->server = NULL;
        hooked = NULL;
    }
    on_report(user, report);
}

static void ended_by_hook(struct net *n)
{
    int fd = plain_socket(n);

    OK(rnl_event_open(&reported));
    reports = 0;
    take_all();
    hooked = n;
    plain_connect(n, fd);
    await_report();
    give_back();
    IS(reports, 1);
    CU_ASSERT(rnl_loop_current()->timers.count == 0); /* it is not tried again */
    if (n->server)
        IS(rnl_server_start_serving(n->server), RNL_ECLOSED);
    close(fd);
    rnl_event_free(reported);
}

static void out_of_them_and_ended(void)
{
    if (UNDER_VALGRIND)
        return;
    net_report = end_server;
    for (int frees = 0; frees < 2; frees++) {
        hook_frees = frees == 1;
        each_system(ended_by_hook);
    }
    net_report = NULL;
}

static int no_handler(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    (void)r, (void)w, (void)arg;
    return RNL_OK;
}

static int answers(void *arg)
{
    return *(int *)arg;
}

static void in_calls(struct net *n)
{
    struct rnl_server *server = NULL;
    struct rnl_reader *r = NULL;
    struct rnl_writer *w = NULL;
    char path[80];
    int five = 5, result = 0;

    snprintf(path, sizeof path, "%s.more", n->path);
    take_all();
    IS(net_connect(n, &r, &w), RNL_EMFILE);
    IS(rnl_start_server(no_handler, NULL, "127.0.0.1", 0, NULL, &server), RNL_EMFILE);
    IS(rnl_start_unix_server(no_handler, NULL, path, RNL_ALL, NULL, &server), RNL_EMFILE);
    IS(access(path, F_OK), -1);
    CU_ASSERT(rnl_open_connection("localhost", n->port, NULL, &r, &w) < 0);
    CU_ASSERT(!r && !w && !server);
    OK(rnl_to_thread(answers, &five, NULL, &result));
    IS(result, 5);
    still_talks(n);
    give_back();
    OK(net_connect(n, &r, &w));
    rnl_stream_free(r, w);
    OK(rnl_start_unix_server(no_handler, NULL, path, RNL_ALL, NULL, &server));
    rnl_server_free(server);
}
EACH_SYSTEM(in_calls)

static void in_the_loop_itself(void)
{
    int zero = 0, before = descriptors_at_rest();

    for (const char *const *name = rnl_backend_names(); *name; name++) {
        if (strcmp(*name, "sim") == 0)
            continue;
        struct rnl_run_options o = RNL_RUN_OPTIONS_INIT;

        o.backend = *name;
        take_all();
        IS(rnl_run(answers, &zero, &o), RNL_EMFILE);
        close(taken[--ntaken]); /* one is not always enough: nothing is left all the same */
        CU_ASSERT(rnl_run(answers, &zero, &o) <= 0);
        give_back();
        OK(rnl_run(answers, &zero, &o));
    }
    IS(descriptors_left(before), before);
}

/* ---- Beyond FD_SETSIZE ------------------------------------------------- */

static void brings_a_socket(struct net *n)
{
    int pair[2], flags;

    IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    CU_ASSERT(pair[0] >= FD_SETSIZE);
    flags = fcntl(pair[0], F_GETFL);
    if (is_select()) {
        struct rnl_reader *r;
        struct rnl_writer *w;

        IS(rnl_open_connection_socket(pair[0], NULL, &r, &w), RNL_ERANGE);
        IS(fcntl(pair[0], F_GETFL), flags); /* still ours, as it was */
        IS(close(pair[0]), 0);
        IS(close(pair[1]), 0);
    } else {
        IS(close(pair[1]), 0);
        client_waits(n, pair[0]);
    }
}

static void beyond_the_set(struct net *n)
{
    struct rnl_server *server;
    struct rnl_reader *r;
    struct rnl_writer *w;
    int fd = plain_socket(n), code;

    OK(rnl_event_open(&reported));
    reports = 0;
    take(MANY + 200, MANY);
    IS(ntaken, MANY);
    code = is_select() ? RNL_ERANGE : RNL_OK;
    IS(net_connect(n, &r, &w), code);
    if (!code)
        rnl_stream_free(r, w);
    IS(rnl_start_server(no_handler, NULL, "127.0.0.1", 0, NULL, &server), code);
    if (!code)
        rnl_server_free(server);
    brings_a_socket(n);
    turns(3);
    reports = 0;
    plain_connect(n, fd);
    client_waits(n, fd); /* accepted, and ended: by the handler, or because it cannot be held */
    IS(reports, is_select());
    if (is_select())
        IS(report_code, RNL_ERANGE);
    still_talks(n);
    give_back();
    OK(net_connect(n, &r, &w));
    rnl_stream_free(r, w);
    rnl_event_free(reported);
}

static void more_than_a_set_holds(void)
{
    net_report = on_report;
    each_system(beyond_the_set);
    net_report = NULL;
}

SUITE("limits", {"E1 out of descriptors in accept: a report a second", out_of_them_in_accept},
      {"A2 the hook that hears of it ends the server", out_of_them_and_ended},
      {"E1 out of descriptors in connect, open and names", in_calls_each},
      {"E1 out of descriptors for the loop itself", in_the_loop_itself},
      {"B8 beyond what select holds", more_than_a_set_holds})
