/* Descriptors that come from elsewhere, and go there; pipes, terminals, pairs. */
#include "stream/helper_net.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "support/system.h"

/* ---- A descriptor of one's own ----------------------------------------- */

static int readable(void *arg)
{
    return rnl_wait_readable((rnl_socket)(intptr_t)arg);
}

static void own_descriptor(struct net *net)
{
    struct rnl_task *task;
    int fds[2];
    char bytes[4096] = "";

    (void)net;
    IS(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    task = start(readable, (void *)(intptr_t)fds[0]);
    turns(3);
    CU_ASSERT(!rnl_task_done(task));
    IS(rnl_wait_readable(fds[0]), RNL_EBUSY);
    OK(rnl_wait_writable(fds[1]));
    IS(write(fds[1], "x", 1), 1);
    OK(join(task));
    OK(rnl_wait_readable(fds[0])); /* nothing was taken */
    IS(read(fds[0], bytes, sizeof bytes), 1);
    task = start(readable, (void *)(intptr_t)fds[0]);
    turns(3);
    CU_ASSERT(rnl_task_cancel(task));
    IS(join(task), RNL_ECANCELED);
    turns(2);
    while (write(fds[1], bytes, sizeof bytes) > 0)
        ;
    OK(rnl_wait_readable(fds[0]));
    close(fds[1]);
    OK(rnl_wait_readable(fds[0]));
    close(fds[0]);
    IS(rnl_wait_readable(fds[0]), RNL_EBADF);
}
EACH_SYSTEM_RAW(own_descriptor)

/* The number of what was waited for is a stream's at once. */
static void number_again(struct net *net)
{
    struct rnl_timeout limit;
    struct rnl_bytes view;
    struct rnl_reader *r[2];
    struct rnl_writer *w[2];
    int fds[2];

    (void)net;
    IS(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    for (int i = 0; i < 2; i++) {
        OK(rnl_timeout_begin(&limit, RNL_MILLISECOND));
        IS(rnl_timeout_end(&limit, rnl_wait_readable(fds[0])), RNL_ETIMEDOUT);
    }
    close(fds[0]);
    OK(rnl_open_pair(NULL, r, w));
    CU_ASSERT_EQUAL(rnl_get_socket(w[0]), fds[0]);
    turns(3);
    OK(rnl_write_str(w[1], "there\n"));
    OK(rnl_readline(r[0], &view));
    CU_ASSERT(same(&view, "there\n"));
    for (int i = 0; i < 2; i++)
        rnl_stream_free(r[i], w[i]);
    close(fds[1]);
}
EACH_SYSTEM_RAW(number_again)

static void no_files(struct net *net)
{
    struct rnl_reader *r;
    struct rnl_writer *w;
    char path[] = "/tmp/runnel-file-XXXXXX";
    int fd = mkstemp(path);

    (void)net;
    unlink(path);
    IS(rnl_wait_readable(fd), RNL_EINVAL);
    IS(rnl_open_read_pipe(fd, NULL, &r), RNL_EINVAL);
    IS(rnl_open_write_pipe(fd, NULL, &w), RNL_EINVAL);
    IS(write(fd, "mine", 4), 4); /* still open, and the caller's */
    close(fd);
    IS(rnl_open_read_pipe(fd, NULL, &r), RNL_EBADF);
}
EACH_SYSTEM_RAW(no_files)

/* ---- Pipes ------------------------------------------------------------- */

enum { MUCH = 1024 * 1024 };
static char much[MUCH];

static int write_much(void *arg)
{
    int err = rnl_write(arg, much, MUCH);

    if (!err)
        err = rnl_write_str(arg, "end\n");
    rnl_close(arg);
    return err ? err : rnl_wait_closed(arg);
}

static void pipes(struct net *net)
{
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_task *task;
    struct rnl_bytes view;
    int fds[2];

    (void)net;
    IS(pipe2(fds, O_CLOEXEC), 0);
    OK(rnl_open_read_pipe(fds[0], NULL, &r));
    OK(rnl_open_write_pipe(fds[1], NULL, &w));
    OK(rnl_write_str(w, "a line\n"));
    OK(rnl_readline(r, &view));
    CU_ASSERT(same(&view, "a line\n"));
    task = start(write_much, w);
    OK(rnl_readexactly(r, MUCH, &view));
    OK(rnl_readline(r, &view));
    CU_ASSERT(same(&view, "end\n"));
    OK(rnl_readline(r, &view));
    IS(view.len, 0);
    OK(join(task));
    rnl_stream_free(r, NULL);
    rnl_stream_free(NULL, w);
}
EACH_SYSTEM_RAW(pipes)

static int write_much_and_eof(void *arg)
{
    int err = rnl_write(arg, much, MUCH);

    if (!err)
        err = rnl_write_str(arg, "end\n");
    return err ? err : rnl_write_eof(arg);
}

/* The end of a pipe's one side is its close: once all is written, and no error. */
static void pipes_eof(struct net *net)
{
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_task *task;
    struct rnl_bytes view;
    int fds[2];

    (void)net;
    for (int closes = 0; closes < 2; closes++) {
        IS(pipe2(fds, O_CLOEXEC), 0);
        OK(rnl_open_read_pipe(fds[0], NULL, &r));
        OK(rnl_open_write_pipe(fds[1], NULL, &w));
        CU_ASSERT(rnl_can_write_eof(w) && !rnl_can_write_eof(rnl_reader_writer(r)));
        IS(rnl_write_eof(rnl_reader_writer(r)), RNL_ENOTSUP);
        task = start(write_much_and_eof, w);
        OK(rnl_readexactly(r, MUCH, &view));
        OK(rnl_readline(r, &view));
        CU_ASSERT(same(&view, "end\n"));
        OK(join(task));
        OK(rnl_write_eof(w));
        IS(rnl_write_str(w, "more\n"), RNL_EINVAL);
        if (closes)
            rnl_close(w);
        OK(rnl_readline(r, &view));
        IS(view.len, 0);
        OK(rnl_drain(w));
        OK(rnl_wait_flushed(w));
        OK(rnl_wait_closed(w));
        OK(rnl_drain(w));
        OK(rnl_write_eof(w));
        IS(rnl_write_str(w, "more\n"), RNL_EINVAL);
        CU_ASSERT(rnl_is_closing(w) && rnl_at_eof(r));
        rnl_stream_free(r, NULL);
        rnl_stream_free(NULL, w);
    }
}
EACH_SYSTEM_RAW(pipes_eof)

/* Nothing is queued: the end comes at once. */
static void pipes_eof_at_once(struct net *net)
{
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes view;
    int fds[2];

    (void)net;
    IS(pipe2(fds, O_CLOEXEC), 0);
    OK(rnl_open_read_pipe(fds[0], NULL, &r));
    OK(rnl_open_write_pipe(fds[1], NULL, &w));
    OK(rnl_write_eof(w));
    OK(rnl_drain(w));
    OK(rnl_read(r, 1, &view));
    IS(view.len, 0);
    OK(rnl_wait_closed(w));
    rnl_stream_free(r, NULL);
    rnl_stream_free(NULL, w);
}
EACH_SYSTEM_RAW(pipes_eof_at_once)

/* A pipe's wrong end is refused, and still the caller's. */
static void pipes_wrong_way(struct net *net)
{
    struct rnl_reader *r = NULL;
    struct rnl_writer *w = NULL;
    int fds[2];

    (void)net;
    IS(pipe2(fds, O_CLOEXEC), 0);
    if ((fcntl(fds[0], F_GETFL) & O_ACCMODE) == O_RDONLY) /* else they go both ways */
        IS(rnl_open_write_pipe(fds[0], NULL, &w), RNL_EINVAL);
    if ((fcntl(fds[1], F_GETFL) & O_ACCMODE) == O_WRONLY)
        IS(rnl_open_read_pipe(fds[1], NULL, &r), RNL_EINVAL);
    CU_ASSERT(!r && !w);
    IS(close(fds[0]), 0);
    IS(close(fds[1]), 0);
}
EACH_SYSTEM_RAW(pipes_wrong_way)

/* F8: neither a signal nor silence. */
static void broken_pipe(struct net *net)
{
    struct rnl_writer *w;
    int fds[2];

    (void)net;
    signal(SIGPIPE, SIG_DFL);
    IS(pipe2(fds, O_CLOEXEC), 0);
    OK(rnl_open_write_pipe(fds[1], NULL, &w));
    close(fds[0]);
    OK(rnl_write_str(w, "into nothing\n"));
    IS(rnl_flush(w), RNL_EPIPE);
    IS(rnl_wait_closed(w), RNL_EPIPE);
    rnl_stream_free(NULL, w);
}
EACH_SYSTEM_RAW(broken_pipe)

/* A terminal gives a line for each read, however many there are. */
static void terminal(struct net *net)
{
    struct rnl_reader *r;
    struct rnl_bytes view;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
    struct termios quiet;

    (void)net;
    IS(grantpt(master), 0);
    IS(unlockpt(master), 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    IS(tcgetattr(slave, &quiet), 0);
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    IS(tcsetattr(slave, TCSANOW, &quiet), 0);
    OK(rnl_open_read_pipe(slave, NULL, &r));
    IS(write(master, "one\ntwo\nthree\n", 14), 14);
    OK(rnl_readline(r, &view));
    CU_ASSERT(same(&view, "one\n"));
    OK(rnl_readline(r, &view));
    OK(rnl_readline(r, &view));
    CU_ASSERT(same(&view, "three\n"));
    IS(write(master, "four\n\004", 6), 6); /* and the end: Ctrl-D */
    OK(rnl_readline(r, &view));
    OK(rnl_readline(r, &view));
    IS(view.len, 0);
    rnl_stream_free(r, NULL);
    turns(3);
    close(master);
}
EACH_SYSTEM_RAW(terminal)

static void pairs(struct net *net)
{
    struct rnl_reader *r[2];
    struct rnl_writer *w[2];
    struct rnl_bytes view;

    (void)net;
    OK(rnl_open_pair(NULL, r, w));
    OK(rnl_write_str(w[0], "to you\n"));
    OK(rnl_write_str(w[1], "to me\n"));
    OK(rnl_readline(r[1], &view));
    CU_ASSERT(same(&view, "to you\n"));
    OK(rnl_readline(r[0], &view));
    CU_ASSERT(same(&view, "to me\n"));
    rnl_stream_free(r[0], w[0]);
    OK(rnl_readline(r[1], &view));
    IS(view.len, 0);
    rnl_stream_free(r[1], w[1]);
}
EACH_RAW(pairs)

/* ---- Detaching --------------------------------------------------------- */

static int read_line(void *arg)
{
    struct rnl_bytes view;

    return rnl_readline(arg, &view);
}

static void detached(struct net *net)
{
    struct rnl_bytes view;
    struct rnl_task *reader;
    rnl_socket sock = RNL_NO_SOCKET;
    char text[16] = "";

    reader = start(read_line, net->r);
    turns(2);
    IS(rnl_stream_detach(net->r, net->w, &sock, &view), RNL_EBUSY);
    OK(rnl_write_str(net->pw, "first\nsecond\nthi"));
    OK(join(reader));
    OK(rnl_write_str(net->w, "queued\n"));
    IS(rnl_stream_detach(net->r, net->w, &sock, NULL), RNL_EINVAL);
    IS(rnl_stream_detach(net->r, net->w, NULL, &view), RNL_EINVAL);
    OK(rnl_stream_detach(net->r, net->w, &sock, &view));
    CU_ASSERT(same(&view, "second\nthi"));
    CU_ASSERT(rnl_is_closing(net->w));
    IS(rnl_stream_detach(net->r, net->w, &sock, &view), RNL_ECLOSED);
    OK(rnl_readline(net->pr, &view));
    CU_ASSERT(same(&view, "queued\n"));
    rnl_stream_free(net->r, net->w);
    OK(rnl_write_str(net->pw, "rd\n"));
    OK(rnl_flush(net->pw));
    OK(rnl_wait_readable(sock));
    IS(read((int)sock, text, sizeof text), 3); /* nothing lost in between */
    CU_ASSERT_STRING_EQUAL(text, "rd\n");
    OK(rnl_open_connection_socket(sock, NULL, &net->r, &net->w)); /* and back */
    OK(rnl_write_str(net->w, "here again\n"));
    OK(rnl_readline(net->pr, &view));
    CU_ASSERT(same(&view, "here again\n"));
}
EACH_SYSTEM(detached)

static int keeps_its_own(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct net *net = arg;
    struct rnl_reader *r[2];
    struct rnl_writer *w[2];

    OK(rnl_open_pair(NULL, r, w));
    IS(rnl_stream_keep(reader, w[0]), RNL_EINVAL);
    IS(rnl_stream_keep(r[0], writer), RNL_EINVAL);
    for (int i = 0; i < 2; i++)
        rnl_stream_free(r[i], w[i]);
    net->pr = reader;
    net->pw = writer;
    rnl_event_set(net->accepted);
    return rnl_stream_keep(reader, writer);
}

/* Ends of two connections are no pair: refused, and both go on. */
static void mixed_ends(struct net *net)
{
    struct rnl_address address;
    struct rnl_bytes view;
    rnl_socket sock = RNL_NO_SOCKET;

    OK(rnl_event_open(&net->accepted));
    OK(rnl_start_server(keeps_its_own, net, "127.0.0.1", 0, NULL, &net->server));
    OK(rnl_server_address(net->server, 0, &address));
    OK(rnl_open_connection("127.0.0.1", address.port, NULL, &net->r, &net->w));
    OK(rnl_event_wait(net->accepted));
    IS(rnl_stream_detach(net->r, net->pw, &sock, &view), RNL_EINVAL);
    IS(rnl_stream_detach(net->pr, net->w, &sock, &view), RNL_EINVAL);
    CU_ASSERT_EQUAL(sock, RNL_NO_SOCKET);
    OK(rnl_write_str(net->pw, "goes on\n"));
    OK(rnl_readline(net->r, &view));
    CU_ASSERT(same(&view, "goes on\n"));
    net_close(net);
}
EACH_SYSTEM_RAW(mixed_ends)

/* ---- Between processes ------------------------------------------------- */

static void passed(struct net *net)
{
    struct rnl_bytes view;
    rnl_socket sock, copy = RNL_NO_SOCKET;
    int channel[2];

    IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
    OK(rnl_stream_detach(net->r, net->w, &sock, &view));
    rnl_stream_free(net->r, net->w);
    OK(rnl_pass_socket(channel[0], sock));
    close((int)sock);
    OK(rnl_receive_socket(channel[1], &copy));
    IS(fcntl((int)copy, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    OK(rnl_open_connection_socket(copy, NULL, &net->r, &net->w));
    OK(rnl_write_str(net->w, "passed on\n"));
    OK(rnl_readline(net->pr, &view));
    CU_ASSERT(same(&view, "passed on\n"));
    IS(write(channel[0], "x", 1), 1);
    IS(rnl_receive_socket(channel[1], &copy), RNL_EPROTO);
    close(channel[0]);
    IS(rnl_receive_socket(channel[1], &copy), RNL_EINCOMPLETE);
    IS(rnl_pass_socket(channel[1], rnl_get_socket(net->w)), RNL_EPIPE);
    close(channel[1]);
}
EACH_SYSTEM(passed)

static int channel_fds[2];

static int receive_one(void *arg)
{
    return rnl_receive_socket(channel_fds[1], arg);
}

/* The receiver waits; the channel fills, and the sender waits. */
static void passed_later(struct net *net)
{
    rnl_socket copy = RNL_NO_SOCKET;
    struct rnl_task *task;

    IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel_fds), 0);
    task = start(receive_one, &copy);
    turns(3);
    CU_ASSERT(!rnl_task_done(task));
    OK(rnl_pass_socket(channel_fds[0], rnl_get_socket(net->w)));
    OK(join(task));
    CU_ASSERT(copy != RNL_NO_SOCKET && copy != rnl_get_socket(net->w));
    close((int)copy);
    close(channel_fds[0]);
    close(channel_fds[1]);
}
EACH_SYSTEM(passed_later)

enum { SEVERAL = 100 }; /* descriptors; a message takes a few more, on every system */

/* `count` copies of `fd` in one message, in one piece of it or in one each. */
static void send_several(int channel, int fd, size_t count, bool apart)
{
    static union {
        char buf[SEVERAL * CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    size_t pieces = apart ? count : 1, each = count / pieces * sizeof fd, size = CMSG_SPACE(each);
    struct iovec byte = {.iov_base = "F", .iov_len = 1};
    struct msghdr msg = {.msg_iov = &byte, .msg_iovlen = 1, .msg_control = control.buf};

    memset(&control, 0, sizeof control);
    for (size_t i = 0; i < pieces; i++) {
        struct cmsghdr *header = (void *)(control.buf + i * size);

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = (socklen_t)CMSG_LEN(each);
        for (size_t at = 0; at < each; at += sizeof fd)
            memcpy(CMSG_DATA(header) + at, &fd, sizeof fd);
    }
    msg.msg_controllen = (socklen_t)(pieces * size);
    IS(sendmsg(channel, &msg, 0), 1);
}

/* None of those that come together is left open, and the next one is taken. */
static void several_at_once(struct net *net)
{
    static const struct {
        size_t count;
        bool apart;
    } sent[] = {{2, false}, {3, false}, {SEVERAL, false}, {2, true}, {3, true}};
    rnl_socket copy = RNL_NO_SOCKET;
    int channel[2], before;

    (void)net;
    IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
    before = open_descriptors();
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++) {
        send_several(channel[0], channel[0], sent[i].count, sent[i].apart);
        IS(rnl_receive_socket(channel[1], &copy), RNL_EPROTO);
        CU_ASSERT_EQUAL(copy, RNL_NO_SOCKET);
        IS(open_descriptors(), before);
    }
    send_several(channel[0], channel[0], 1, false);
    OK(rnl_receive_socket(channel[1], &copy));
    IS(open_descriptors(), before + 1);
    close((int)copy);
    close(channel[0]);
    close(channel[1]);
}
EACH_SYSTEM_RAW(several_at_once)

/* The same where there is no number for all of them. */
static void several_and_no_room(struct net *net)
{
    struct rlimit old, tight;
    rnl_socket copy = RNL_NO_SOCKET;
    int channel[2], before;

    (void)net;
    IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
    before = open_descriptors();
    send_several(channel[0], channel[0], SEVERAL, false);
    IS(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = old;
    tight.rlim_cur = (rlim_t)dup(channel[0]) + 3; /* the lowest that is free, and two more */
    close((int)tight.rlim_cur - 3);
    IS(setrlimit(RLIMIT_NOFILE, &tight), 0);
    CU_ASSERT(rnl_receive_socket(channel[1], &copy) != RNL_OK); /* systems differ in the code */
    IS(setrlimit(RLIMIT_NOFILE, &old), 0);
    CU_ASSERT_EQUAL(copy, RNL_NO_SOCKET);
    IS(open_descriptors(), before);
    close(channel[0]);
    close(channel[1]);
}
EACH_SYSTEM_RAW(several_and_no_room)

static void credentials(struct net *net)
{
    struct rnl_credentials who = {0, 0, 0};

    if (net->kind == NET_TCP) {
        IS(rnl_get_peer_credentials(net->w, &who), RNL_ENOTSUP);
        return;
    }
    OK(rnl_get_peer_credentials(net->pw, &who));
    CU_ASSERT(who.uid == (int64_t)getuid() && who.gid == (int64_t)getgid());
    CU_ASSERT(who.pid == (int64_t)getpid());
}
EACH_SYSTEM(credentials)

static void inherited(struct net *net)
{
    rnl_socket socks[4] = {0};
    char pid[32];
    size_t count = 99;
    int flags;

    (void)net;
    OK(rnl_inherited_listeners(socks, 4, &count));
    IS(count, 0);
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "many", 1);
    IS(rnl_inherited_listeners(socks, 4, &count), RNL_EINVAL);
    IS(count, 0);
    setenv("LISTEN_FDS", "9000", 1); /* more than there are: the first stays as it was */
    count = 99;
    flags = fcntl(3, F_GETFD);
    if (flags >= 0)
        IS(fcntl(3, F_SETFD, 0), 0);
    IS(rnl_inherited_listeners(socks, 4, &count), RNL_EINVAL);
    IS(count, 0);
    if (flags >= 0) {
        IS(fcntl(3, F_GETFD), 0);
        IS(fcntl(3, F_SETFD, flags), 0);
    }
    setenv("LISTEN_PID", "1", 1); /* for somebody else */
    OK(rnl_inherited_listeners(socks, 4, &count));
    IS(count, 0);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
}
EACH_SYSTEM_RAW(inherited)

SUITE("handover", {"a descriptor of one's own", own_descriptor_each},
      {"B3 a cancelled wait and its number", number_again_each},
      {"B10 regular files are refused", no_files_each}, {"pipes", pipes_each},
      {"pipes, and the end of writing", pipes_eof_each},
      {"pipes, and the end of writing nothing", pipes_eof_at_once_each},
      {"F8 a broken pipe, and no signal", broken_pipe_each}, {"a terminal", terminal_each},
      {"a pipe's wrong end", pipes_wrong_way_each}, {"ends of two connections", mixed_ends_each},
      {"pairs", pairs_each}, {"detached", detached_each}, {"passed on", passed_each},
      {"passed on, with waiting", passed_later_each},
      {"several passed at once", several_at_once_each},
      {"several, and no room for them", several_and_no_room_each},
      {"credentials of the peer", credentials_each}, {"inherited listeners", inherited_each})
