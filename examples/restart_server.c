/* restart_server [PORT | PATH]: an echo server that can be replaced while it serves,
 * over TCP or a Unix socket.
 *
 * On SIGHUP it starts its own program again, hands it the listening socket
 * (LISTEN_FDS, as systemd does), and waits for its word that it serves. Then it
 * stops in order: its clients have ten seconds to finish. The socket is never
 * closed by both, so the kernel keeps whoever connects meanwhile: nobody is
 * refused. A Unix path is the next process's, too, so the library must not unlink
 * it (cleanup_socket); whoever is stopped for good, by SIGTERM, does.
 *
 * A SIGHUP that comes while the new process starts, or once it serves, is ignored
 * with a word: its own handler is the one that the library puts back whenever
 * nobody waits for the signal, so at no moment does it end the process. */
#define _POSIX_C_SOURCE 200809L
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char **program; /* argv */

static int echo(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes line;
    int err;

    (void)arg;
    while (!(err = rnl_readline(reader, &line)) && line.len > 0) {
        rnl_write(writer, line.data, line.len);
        if ((err = rnl_drain(writer)))
            break;
    }
    return err;
}

/* Only calls that are safe in a handler. */
static void ignore_hangup(int number)
{
    static const char word[] = "SIGHUP ignored: a new process starts already\n";
    int saved = errno;

    (void)number;
    if (write(STDERR_FILENO, word, sizeof word - 1) < 0) {
        /* nobody listens */
    }
    errno = saved;
}

static int handle_hangup(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = ignore_hangup;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGHUP, &action, NULL);
}

/* In the child, after fork: only calls that are safe there. The listener becomes
 * descriptor 3, the pipe that takes the word 4. */
static void become_new(int listener, int word)
{
    char pid[32];
    int high_listener = fcntl(listener, F_DUPFD, 10), high_word = fcntl(word, F_DUPFD, 10);

    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    if (dup2(high_listener, 3) != 3 || dup2(high_word, 4) != 4)
        _exit(127);
    close(high_listener);
    close(high_word);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", pid, 1);
    setenv("RESTART_WORD", "4", 1);
    execv("/proc/self/exe", program);
    _exit(127);
}

/* Starts the new process, and waits until it serves. */
static int start_new(const struct rnl_server *server)
{
    struct rnl_reader *reader;
    struct rnl_bytes word;
    int fds[2], err;
    pid_t pid;

    if (pipe(fds))
        return RNL_EMFILE;
    fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    fprintf(stderr, "%ld: a new process starts\n", (long)getpid());
    pid = fork();
    if (pid == 0)
        become_new((int)rnl_server_socket(server, 0), fds[1]);
    close(fds[1]);
    err = pid < 0 ? RNL_ESYS : rnl_open_read_pipe(fds[0], NULL, &reader);
    if (err) {
        close(fds[0]);
        return err;
    }
    err = rnl_readline(reader, &word); /* empty if it died */
    if (!err && word.len == 0)
        err = RNL_EINCOMPLETE;
    rnl_stream_free(reader, NULL);
    return err;
}

static int give_word(void *arg)
{
    const char *fd = getenv("RESTART_WORD");

    (void)arg;
    printf("process %ld serves\n", (long)getpid());
    fflush(stdout);
    if (!fd)
        return RNL_OK;
    if (write(atoi(fd), "serving\n", 8) != 8)
        exit(1);
    close(atoi(fd));
    unsetenv("RESTART_WORD");
    return RNL_OK;
}

static bool is_path(const char *where)
{
    return strchr(where, '/') != NULL;
}

static int open_server(const char *where, struct rnl_server **server)
{
    struct rnl_server_options options = RNL_SERVER_OPTIONS_INIT;
    rnl_socket inherited;
    size_t count;
    int err = rnl_inherited_listeners(&inherited, 1, &count);

    if (err)
        return err;
    if (count > 0)
        return rnl_start_server_socket(echo, NULL, inherited, NULL, server);
    options.cleanup_socket = RNL_NO;
    if (is_path(where))
        return rnl_start_unix_server(echo, NULL, where, RNL_ALL, &options, server);
    return rnl_start_server(echo, NULL, "127.0.0.1", port_of(where), &options, server);
}

static int run(void *arg)
{
    static const int signals[] = {SIGHUP, SIGTERM, SIGINT};
    struct rnl_shutdown_counts counts = {0, 0};
    const char *where = arg;
    struct rnl_server *server;
    int got = SIGTERM, err = open_server(where, &server);

    if (err)
        return err;
    tell_addresses(server);
    err = rnl_task_spawn(NULL, give_word, NULL, NULL); /* once we wait for signals */
    while (!err) {
        err = rnl_wait_signal(signals, 3, &got);
        if (err || got != SIGHUP || start_new(server) == RNL_OK)
            break; /* where the new one does not come up, the old one stays */
    }
    if (got != SIGHUP && is_path(where))
        unlink(where);
    err = rnl_server_shutdown(server, 10 * RNL_SECOND, &counts);
    printf("%ld: %zu finished, %zu aborted\n", (long)getpid(), counts.finished, counts.aborted);
    rnl_server_free(server);
    return err;
}

int main(int argc, char **argv)
{
    char *where = argc > 1 ? argv[1] : (char[]){"8888"};

    program = argv;
    if (handle_hangup())
        return 1;
    return exit_status("restart_server", rnl_run(run, where, NULL));
}
