/* Peers that take too long: each is ended at its deadline, and reported. */
#include "stream/helper_net.h"

#include <runnel/sim.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "support/system.h"

enum { MUCH = 8 * 1024 * 1024 };
static char much[MUCH];

#define SHORT (50 * RNL_MILLISECOND)

/* Whether about `ns` have gone by since `began`: never less. */
static bool took(int64_t began, int64_t ns)
{
    return rnl_now() - began >= ns;
}

/* The hook's word on what became of the peer, once. */
#define TOLD(words)                                             \
    do {                                                        \
        IS(net_reports(), 1);                                   \
        CU_ASSERT(strstr(net_last_report(), (words)) != NULL);  \
    } while (0)

static void idle(struct net *net)
{
    struct rnl_bytes view;
    int64_t began;

    net->client.stream.idle_timeout_ns = SHORT;
    net_open(net);
    began = rnl_now();
    OK(rnl_write_str(net->pw, "first\nhalf"));
    OK(rnl_readline(net->r, &view));
    IS(rnl_readline(net->r, &view), RNL_ETIMEDOUT);
    CU_ASSERT(took(began, SHORT));
    TOLD("sent nothing for the idle timeout");
    IS(rnl_wait_closed(net->w), RNL_ETIMEDOUT);
    IS(rnl_exception(net->r), RNL_ETIMEDOUT);
    net_close(net);
}
EACH_RAW(idle)

/* Not while it is we who do not receive. */
static void idle_paused(struct net *net)
{
    struct rnl_bytes view;

    net->client.stream.idle_timeout_ns = SHORT;
    net_open(net);
    rnl_pause_reading(net->r);
    OK(rnl_write_str(net->pw, "late\n"));
    OK(rnl_sleep(3 * SHORT));
    rnl_resume_reading(net->r);
    OK(rnl_readline(net->r, &view));
    IS(net_reports(), 0);
    net_close(net);
}
EACH_RAW(idle_paused)

/* The same where nothing comes meanwhile; the clock starts anew at the resume. Virtual time. */
static void idle_held(struct net *net)
{
    struct rnl_bytes view;
    int64_t resumed;

    if (!rnl_sim_current())
        return;
    net->client.stream.idle_timeout_ns = RNL_MINUTE;
    net_open(net);
    OK(rnl_sleep(RNL_MINUTE / 2));
    rnl_pause_reading(net->r);
    OK(rnl_sleep(RNL_HOUR));
    IS(net_reports(), 0);
    resumed = rnl_now();
    rnl_resume_reading(net->r);
    OK(rnl_sleep(RNL_MINUTE / 2));
    rnl_resume_reading(net->r); /* no pause: nothing to take back */
    IS(rnl_read(net->r, 1, &view), RNL_ETIMEDOUT);
    CU_ASSERT_EQUAL(rnl_now() - resumed, RNL_MINUTE);
    TOLD("sent nothing for the idle timeout");
    net_close(net);
}
EACH_RAW(idle_held)

static int one_line(void *arg)
{
    struct rnl_bytes view;

    return rnl_readline(arg, &view);
}

/* Nor is half a message slow while we take no more of it; afterwards it is. */
static void slow_and_held(struct net *net)
{
    struct rnl_task *reader;
    int64_t resumed;

    if (!rnl_sim_current())
        return;
    net->client.stream.min_rate = 10;
    net->client.stream.min_rate_window_ns = RNL_MINUTE;
    net_open(net);
    OK(rnl_write_str(net->pw, "half"));
    reader = start(one_line, net->r);
    while (rnl_buffered(net->r) < 4)
        turns(1);
    OK(rnl_sleep(RNL_MINUTE));
    rnl_pause_reading(net->r);
    OK(rnl_sleep(RNL_HOUR));
    CU_ASSERT(!rnl_task_done(reader));
    IS(net_reports(), 0);
    resumed = rnl_now();
    rnl_resume_reading(net->r);
    IS(join(reader), RNL_ETIMEDOUT);
    CU_ASSERT(rnl_now() - resumed >= RNL_MINUTE && rnl_now() - resumed <= 2 * RNL_MINUTE);
    TOLD("slower than the least rate");
    net_close(net);
}
EACH_RAW(slow_and_held)

static void never_reads(struct net *net)
{
    int64_t began;
    int err = RNL_OK;

    net->client.stream.write_timeout_ns = SHORT;
    net_open(net);
    rnl_pause_reading(net->pr);
    began = rnl_now();
    OK(rnl_write(net->w, much, MUCH));
    err = rnl_drain(net->w);
    IS(err, RNL_ETIMEDOUT);
    CU_ASSERT(took(began, SHORT));
    TOLD("took nothing for the write timeout");
    net_close(net);
}
EACH_RAW(never_reads)

/* A close waits for what is queued, but not for ever. */
static void never_reads_at_close(struct net *net)
{
    net->client.stream.write_timeout_ns = SHORT;
    net_open(net);
    rnl_pause_reading(net->pr);
    OK(rnl_write(net->w, much, MUCH));
    rnl_close(net->w);
    IS(rnl_wait_closed(net->w), RNL_ETIMEDOUT);
    TOLD("took nothing for the write timeout");
    net_close(net);
}
EACH_RAW(never_reads_at_close)

static int dribble(void *arg)
{
    int err = RNL_OK;

    while (!err && !rnl_is_closing(arg)) {
        err = rnl_write(arg, "x", 1);
        if (!err)
            err = rnl_sleep(5 * RNL_MILLISECOND);
    }
    return RNL_OK;
}

static void too_slow(struct net *net)
{
    struct rnl_task *slow;
    struct rnl_bytes view;

    net->client.stream.min_rate = 10000;
    net->client.stream.min_rate_window_ns = SHORT;
    net_open(net);
    slow = start(dribble, net->pw);
    IS(rnl_readline(net->r, &view), RNL_ETIMEDOUT);
    TOLD("slower than the least rate");
    CU_ASSERT(rnl_task_cancel(slow));
    OK(join(slow));
    net_close(net);
}
EACH_RAW(too_slow)

/* More bytes in a window than a number can say. */
static void too_slow_for_any_number(struct net *net)
{
    struct rnl_timeout patience;
    struct rnl_bytes view;

    if (strcmp(rnl_loop_backend(rnl_loop_current()), "sim") != 0)
        return; /* the window is 10 s: of virtual time */
    net->client.stream.min_rate = RNL_ALL;
    net_open(net);
    OK(rnl_write_str(net->pw, "half"));
    OK(rnl_timeout_begin(&patience, RNL_HOUR));
    IS(rnl_readline(net->r, &view), RNL_ETIMEDOUT);
    OK(rnl_timeout_end(&patience, RNL_OK));
    IS(net_reports(), 1);
    net_close(net);
}
EACH_RAW(too_slow_for_any_number)

/* One that rests between messages is not slow. */
static void rests(struct net *net)
{
    struct rnl_bytes view;

    net->client.stream.min_rate = 10000;
    net->client.stream.min_rate_window_ns = SHORT / 2;
    net_open(net);
    for (int i = 0; i < 3; i++) {
        OK(rnl_write_str(net->pw, "a line\n"));
        OK(rnl_readline(net->r, &view));
        OK(rnl_sleep(SHORT));
    }
    IS(net_reports(), 0);
    net_close(net);
}
EACH_RAW(rests)

/* ---- Pipes ------------------------------------------------------------- */

/* Limits of the half that a pipe has not: none is over, and no close waits for it. */
static void pipes(struct net *net)
{
    struct rnl_stream_options o = RNL_STREAM_OPTIONS_INIT;
    struct rnl_timeout patience;
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes view;
    int in[2], out[2];

    (void)net;
    o.idle_timeout_ns = o.linger_close_ns = RNL_HOUR;
    o.write_timeout_ns = SHORT;
    IS(pipe2(in, O_CLOEXEC), 0);
    OK(rnl_open_read_pipe(in[0], &o, &r));
    o.idle_timeout_ns = SHORT;
    o.write_timeout_ns = RNL_HOUR;
    IS(pipe2(out, O_CLOEXEC), 0);
    OK(rnl_open_write_pipe(out[1], &o, &w));
    OK(rnl_sleep(3 * SHORT));
    IS(net_reports(), 0);
    IS(write(in[1], "in\n", 3), 3);
    OK(rnl_readline(r, &view));
    OK(rnl_write_str(w, "out\n"));
    OK(rnl_wait_flushed(w));
    rnl_close(rnl_reader_writer(r)); /* the other ends are open, and say nothing */
    rnl_close(w);
    OK(rnl_timeout_begin(&patience, 30 * RNL_SECOND));
    OK(rnl_wait_closed(rnl_reader_writer(r)));
    OK(rnl_timeout_end(&patience, rnl_wait_closed(w)));
    IS(net_reports(), 0);
    rnl_stream_free(r, NULL);
    rnl_stream_free(NULL, w);
    close(in[1]);
    close(out[0]);
}
EACH_SYSTEM_RAW(pipes)

/* Those of the half that it has are kept to. */
static void pipes_too_slow(struct net *net)
{
    struct rnl_stream_options o = RNL_STREAM_OPTIONS_INIT;
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes view;
    int in[2], out[2];

    (void)net;
    o.idle_timeout_ns = o.write_timeout_ns = SHORT;
    IS(pipe2(in, O_CLOEXEC), 0);
    OK(rnl_open_read_pipe(in[0], &o, &r));
    IS(rnl_read(r, 1, &view), RNL_ETIMEDOUT);
    TOLD("sent nothing for the idle timeout");
    IS(pipe2(out, O_CLOEXEC), 0);
    OK(rnl_open_write_pipe(out[1], &o, &w));
    OK(rnl_write(w, much, MUCH));
    IS(rnl_wait_flushed(w), RNL_ETIMEDOUT);
    IS(net_reports(), 2);
    CU_ASSERT(strstr(net_last_report(), "took nothing for the write timeout") != NULL);
    rnl_stream_free(r, NULL);
    rnl_stream_free(NULL, w);
    close(in[1]);
    close(out[0]);
}
EACH_SYSTEM_RAW(pipes_too_slow)

/* ---- Connecting -------------------------------------------------------- */

enum { FILLERS = 8 };

/* A listener whose queue is full: nobody answers there. */
static int deaf_listener(struct net *net, int fillers[FILLERS])
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    bool local = net->kind == NET_UNIX;
    struct sockaddr *any = local ? (struct sockaddr *)&un : (struct sockaddr *)&in;
    socklen_t len = local ? sizeof un : sizeof in;
    int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd full = {.fd = fd, .events = POLLIN};

    memcpy(un.sun_path, net->path, strlen(net->path) + 1);
    IS(bind(fd, any, len), 0);
    IS(listen(fd, LEAST_BACKLOG), 0);
    IS(getsockname(fd, any, &len), 0);
    net->port = ntohs(in.sin_port);
    for (int i = 0; i < FILLERS; i++) {
        fillers[i] = socket(any->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], any, len);
    }
    IS(poll(&full, 1, 20000), 1); /* one has come, and there is room for one */
    return fd;
}

static void try_deaf(struct net *net)
{
    struct rnl_attempt attempts[2];
    size_t count = 99;
    int64_t began = rnl_now();

    net->client.attempts = attempts;
    net->client.attempts_max = 2;
    net->client.attempts_count = &count;
    IS(net_connect(net, &net->r, &net->w), RNL_ETIMEDOUT);
    CU_ASSERT(took(began, SHORT));
    CU_ASSERT(rnl_now() - began < 20 * RNL_SECOND);
}

/* An attempt's limit, and the limit on all of it: each is told. */
static void limited_connects(struct net *net)
{
    net->client.attempt_timeout_ns = SHORT;
    try_deaf(net);
    TOLD("an attempt to connect was not answered in time");
    net->client.attempt_timeout_ns = 0;
    net->client.timeout_ns = SHORT;
    try_deaf(net);
    IS(net_reports(), 2);
    CU_ASSERT(strstr(net_last_report(), "not made within its time limit") != NULL);
}

static void never_answers(struct net *net)
{
    int fillers[FILLERS], fd;

    if (net->kind == NET_UNIX && !UNIX_AS_LINUX)
        return;
    fd = deaf_listener(net, fillers);
    limited_connects(net);
    for (int i = 0; i < FILLERS; i++)
        close(fillers[i]);
    close(fd);
    unlink(net->path);
    OK(rnl_sleep(SHORT)); /* the cancelled attempts' final entries */
}
EACH_SYSTEM_RAW(never_answers)

/* The same in the simulator, where a connect is lost by a fault. */
static void lost_connects(struct net *net)
{
    if (!rnl_sim_current() || net->kind == NET_UNIX)
        return;
    rnl_sim_set_fault(rnl_sim_current(), RNL_SIM_CONNECT_TIMEOUT, 1000000);
    net->port = 9;
    limited_connects(net);
}
EACH_RAW(lost_connects)

/* ---- Lingering and the socket's options -------------------------------- */

static int upload(void *arg)
{
    struct rnl_writer *w = arg;
    int err = RNL_OK;

    for (int i = 0; i < 64 && !err; i++) {
        err = rnl_write(w, much, 65536);
        if (!err)
            err = rnl_drain(w);
    }
    if (!err)
        err = rnl_write_eof(w);
    return err;
}

/* A last reply reaches a client that is still sending. */
static void lingers(struct net *net)
{
    struct rnl_task *client;
    struct rnl_bytes view;

    net->options.stream.linger_close_ns = 10 * RNL_SECOND;
    net_open(net);
    client = start(upload, net->w);
    OK(rnl_read(net->pr, 10, &view));
    OK(rnl_write_str(net->pw, "too much\n"));
    rnl_close(net->pw);
    OK(rnl_wait_closed(net->pw));
    OK(join(client));
    OK(rnl_readline(net->r, &view));
    CU_ASSERT(same(&view, "too much\n"));
    OK(rnl_readline(net->r, &view));
    IS(view.len, 0);
    net_close(net);
}
EACH_RAW(lingers)

static void lingers_not_for_ever(struct net *net)
{
    int64_t began;

    net->options.stream.linger_close_ns = SHORT;
    net_open(net);
    began = rnl_now();
    rnl_close(net->pw);
    OK(rnl_wait_closed(net->pw));
    CU_ASSERT(took(began, SHORT));
    net_close(net);
}
EACH_RAW(lingers_not_for_ever)

static int option(struct rnl_writer *w, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;

    IS(getsockopt((int)rnl_get_socket(w), level, name, &value, &len), 0);
    return value;
}

static void options_of_sockets(struct net *net)
{
    struct rnl_stream_options *o = &net->client.stream;

    o->keep_alive = RNL_YES;
    o->keep_idle_ns = 7 * RNL_SECOND + 1;
    o->keep_interval_ns = 3 * RNL_SECOND;
    o->keep_count = 4;
    o->user_timeout_ns = 1500 * RNL_MILLISECOND;
    o->recv_buffer = 20000;
    o->send_buffer = 30000;
    o->abort_resets = RNL_YES;
    net_open(net);
#ifdef __linux__ /* tells twice what it is asked for */
    CU_ASSERT(option(net->w, SOL_SOCKET, SO_RCVBUF) == 40000);
    CU_ASSERT(option(net->w, SOL_SOCKET, SO_SNDBUF) == 60000);
#endif
    if (net->kind == NET_TCP) {
        struct rnl_bytes view;

        IS(option(net->w, IPPROTO_TCP, TCP_NODELAY) != 0, 1);
#ifdef TCP_KEEPIDLE /* not OpenBSD */
        IS(option(net->w, IPPROTO_TCP, TCP_KEEPIDLE), 8);
        IS(option(net->w, IPPROTO_TCP, TCP_KEEPINTVL), 3);
        IS(option(net->w, IPPROTO_TCP, TCP_KEEPCNT), 4);
#endif
#ifdef TCP_USER_TIMEOUT
        IS(option(net->w, IPPROTO_TCP, TCP_USER_TIMEOUT), 1500);
#endif
        rnl_abort(net->w);
        IS(rnl_read(net->pr, 1, &view), RNL_ECONNRESET);
    }
    net_close(net);
}
EACH_SYSTEM_RAW(options_of_sockets)

static void senseless(struct net *net)
{
    struct rnl_stream_options usual = net->client.stream, *o = &net->client.stream;
    struct rnl_reader *r = NULL;
    struct rnl_writer *w = NULL;

    net_open(net);
    o->idle_timeout_ns = -5;
    IS(net_connect(net, &r, &w), RNL_EINVAL);
    *o = usual;
    o->keep_idle_ns = -1;
    IS(net_connect(net, &r, &w), RNL_EINVAL);
    *o = usual;
    o->keep_interval_ns = -RNL_SECOND;
    IS(net_connect(net, &r, &w), RNL_EINVAL);
    *o = usual;
    o->keep_count = -1;
    IS(net_connect(net, &r, &w), RNL_EINVAL);
    *o = usual;
    o->user_timeout_ns = INT64_MIN;
    IS(net_connect(net, &r, &w), RNL_EINVAL);
    CU_ASSERT(!r && !w);
    net_close(net);
}
EACH_RAW(senseless)

SUITE("limits", {"D7 idle for too long", idle_each}, {"idle, but held back by us", idle_paused_each},
      {"idle, and paused by hand", idle_held_each},
      {"slow, and paused by hand", slow_and_held_each},
      {"D7 a peer that never reads", never_reads_each},
      {"a peer that never reads, at the close", never_reads_at_close_each},
      {"D7 a byte now and then", too_slow_each}, {"one that rests is not slow", rests_each},
      {"M3 a least rate beyond every number", too_slow_for_any_number_each},
      {"limits of the half that a pipe has not", pipes_each},
      {"limits of a pipe", pipes_too_slow_each},
      {"D7 a connect that is never answered", never_answers_each},
      {"D7 one that is lost in the simulator", lost_connects_each},
      {"H5 a close that lingers", lingers_each}, {"lingers, not for ever", lingers_not_for_ever_each},
      {"options of sockets", options_of_sockets_each}, {"senseless limits", senseless_each})
