/* clients SERVER COUNT [unix]: COUNT connections, over TCP or to a Unix path, to a server
 * that is replaced 8 times meanwhile; each sends a line and must get it back whole. Some
 * are held open over a restart. Prints what went wrong; answers 1 then. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <runnel.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RESTARTS = 8, LANES = 8 };

struct crowd {
    const char *server;
    const char *path;   /* NULL: over TCP */
    int count;
    uint16_t port;
    pid_t pid;          /* of the newest server */
    struct rnl_reader *told; /* what the servers print; goes with the loop */
    int started, failed;
    int clean;          /* servers that aborted nobody */
};

static int start_server(struct crowd *crowd)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC))
        return RNL_EMFILE;
    crowd->pid = fork();
    if (crowd->pid == 0) {
        dup2(fds[1], 1);
        execl(crowd->server, crowd->server, crowd->path ? crowd->path : "0", (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    return rnl_open_read_pipe(fds[0], NULL, &crowd->told);
}

static void note_end(struct crowd *crowd, const struct rnl_bytes *line)
{
    static const char clean[] = " 0 aborted\n";
    size_t len = sizeof clean - 1;

    crowd->clean += line->len > len && memcmp(line->data + line->len - len, clean, len) == 0;
}

/* "serving on 127.0.0.1:PORT" and "process PID serves", of the next that is up. */
static int await_server(struct crowd *crowd)
{
    char text[128];
    struct rnl_bytes line;
    int err;

    while (!(err = rnl_readline(crowd->told, &line)) && line.len > 0) {
        size_t len;
        const char *colon;

        note_end(crowd, &line);
        len = line.len < sizeof text ? line.len : sizeof text - 1;
        memcpy(text, line.data, len);
        text[len] = '\0';
        colon = strrchr(text, ':');
        if (strncmp(text, "serving", 7) == 0 && colon)
            crowd->port = (uint16_t)atoi(colon + 1);
        if (strncmp(text, "process ", 8) == 0) {
            crowd->pid = (pid_t)atol(text + 8);
            return RNL_OK;
        }
    }
    return err ? err : RNL_EINCOMPLETE;
}

static int talk(struct rnl_reader *reader, struct rnl_writer *writer, int number, bool slowly)
{
    char text[32];
    struct rnl_bytes line;
    int err;

    snprintf(text, sizeof text, "line %d\n", number);
    rnl_write_str(writer, text);
    err = rnl_readline(reader, &line);
    if (!err && slowly) { /* a second one, perhaps after a restart */
        err = rnl_sleep(20 * RNL_MILLISECOND);
        rnl_write_str(writer, text);
        if (!err)
            err = rnl_readline(reader, &line);
    }
    if (!err && (line.len != strlen(text) || memcmp(line.data, text, line.len) != 0))
        err = RNL_EPROTO;
    return err;
}

static int visit(struct crowd *crowd, int number)
{
    struct rnl_reader *reader;
    struct rnl_writer *writer;
    int err = crowd->path
                  ? rnl_open_unix_connection(crowd->path, RNL_ALL, NULL, &reader, &writer)
                  : rnl_open_connection("127.0.0.1", crowd->port, NULL, &reader, &writer);

    if (err)
        return err;
    err = talk(reader, writer, number, number % 50 == 0);
    rnl_stream_free(reader, writer);
    return err;
}

static int lane(void *arg)
{
    struct crowd *crowd = arg;

    while (crowd->started < crowd->count) {
        int number = crowd->started++, err = visit(crowd, number);

        if (err) {
            fprintf(stderr, "client %d: %s\n", number, rnl_strerror(err));
            crowd->failed++;
        }
    }
    return RNL_OK;
}

static int restart_while_busy(struct crowd *crowd)
{
    int err = RNL_OK;

    for (int i = 1; i <= RESTARTS && !err; i++) {
        while (!err && crowd->started < i * crowd->count / (RESTARTS + 1))
            err = rnl_yield();
        kill(crowd->pid, SIGHUP);
        if (!err)
            err = await_server(crowd);
    }
    return err;
}

/* Stops the newest; until the last of them has ended, each tells what it left undone. */
static int end_servers(struct crowd *crowd)
{
    struct rnl_bytes line;
    int err;

    kill(crowd->pid, SIGTERM);
    crowd->pid = 0;
    while (!(err = rnl_readline(crowd->told, &line)) && line.len > 0)
        note_end(crowd, &line);
    return err;
}

static int run(void *arg)
{
    struct crowd *crowd = arg;
    struct rnl_group *group;
    int err = start_server(crowd);

    if (!err)
        err = await_server(crowd);
    if (!err)
        err = rnl_group_open(&group);
    if (err)
        return err;
    for (int i = 0; i < LANES && !err; i++)
        err = rnl_group_spawn(group, lane, crowd, NULL);
    if (!err)
        err = restart_while_busy(crowd);
    err = rnl_group_close(group, err);
    return err ? err : end_servers(crowd);
}

/* Servers whose parent has ended are our children (we are their reaper). */
static int bad_ends(void)
{
    int status, bad = 0;

    while (wait(&status) > 0)
        bad += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    return bad;
}

int main(int argc, char **argv)
{
    struct crowd crowd = {.server = argv[1], .count = argc > 2 ? atoi(argv[2]) : 2000};
    char path[] = "/tmp/runnel-restart-XXXXXX/s";
    char *slash = strrchr(path, '/');
    int err;

    if (argc < 2)
        return 2;
    if (argc > 3) {
        *slash = '\0';
        if (!mkdtemp(path))
            return 2;
        *slash = '/';
        crowd.path = path;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    err = rnl_run(run, &crowd, NULL);
    if (crowd.pid > 0)
        kill(crowd.pid, SIGTERM);
    printf("%d connections, %d failed, %d servers ended in order: %s\n", crowd.started,
           crowd.failed, crowd.clean, rnl_strerror(err));
    err = err || crowd.failed || crowd.started != crowd.count || bad_ends() > 0 ||
          crowd.clean != RESTARTS + 1;
    if (crowd.path) {
        *slash = '\0';
        if (rmdir(path)) { /* the last one took the socket away */
            fprintf(stderr, "%s is not empty\n", path);
            err = 1;
        }
    }
    return err;
}
