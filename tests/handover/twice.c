/* twice SERVER: a server that is told to restart again while its successor starts
 * serves on, is replaced once, and ends in order.
 *
 * The successor is held where it tells its address: its standard output is a pipe
 * that we have filled. What the old one says comes by standard error. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what)
{
    fprintf(stderr, "twice: %s\n", what);
    exit(1);
}

/* Until both have served, no end is right. */
static void child_ended(int number)
{
    static const char word[] = "twice: the server ended\n";

    (void)number;
    (void)!write(STDERR_FILENO, word, sizeof word - 1);
    _exit(1);
}

/* Reads until a line has `word` in it. */
static void await_line(FILE *from, const char *word, char *line, int size)
{
    do
        if (!fgets(line, size, from))
            fail(word);
    while (!strstr(line, word));
}

static pid_t await_serving(FILE *from)
{
    char line[128];

    await_line(from, "process ", line, sizeof line);
    return (pid_t)atol(line + strlen("process "));
}

static pid_t start_server(const char *program, FILE **told, FILE **said, int *full)
{
    int out[2], err[2];
    pid_t pid;

    if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
        fail("pipe");
    pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        dup2(err[1], 2);
        execl(program, program, "0", (char *)NULL);
        _exit(127);
    }
    close(err[1]);
    *told = fdopen(out[0], "r");
    *said = fdopen(err[0], "r");
    *full = out[1];
    if (pid < 0 || !*told || !*said)
        fail("start");
    return pid;
}

/* A pipe that was empty takes all that it can hold at once. */
static void fill(int fd)
{
    int size = fcntl(fd, F_GETPIPE_SZ);
    char *lines = size > 0 ? malloc((size_t)size) : NULL;

    if (!lines)
        fail("the pipe's size");
    memset(lines, '\n', (size_t)size);
    if (write(fd, lines, (size_t)size) != size)
        fail("filling the pipe");
    free(lines);
    close(fd);
}

static void talk(int port)
{
    struct sockaddr_in to;
    char got[6];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    to.sin_port = htons((in_port_t)port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) || write(fd, "hello\n", 6) != 6 ||
        recv(fd, got, 6, MSG_WAITALL) != 6 || memcmp(got, "hello\n", 6) != 0)
        fail("the echo");
    close(fd);
}

/* Both servers: nobody was cut off, and each ended by itself. */
static void await_ends(FILE *told)
{
    char line[128];
    int clean = 0, ended = 0, status;

    while (fgets(line, sizeof line, told))
        clean += strstr(line, " 0 aborted\n") != NULL;
    while (wait(&status) > 0)
        ended += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (clean != 2 || ended != 2)
        fail("the ends");
}

int main(int argc, char **argv)
{
    FILE *told, *said;
    char line[128];
    int full, port;
    pid_t old, new;

    if (argc < 2)
        return 2;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGCHLD, child_ended);
    old = start_server(argv[1], &told, &said, &full);
    await_line(told, "serving on ", line, sizeof line);
    port = atoi(strrchr(line, ':') + 1);
    if (await_serving(told) != old)
        fail("whose number is that?");
    fill(full);
    kill(old, SIGHUP);
    await_line(said, "a new process starts", line, sizeof line);
    kill(old, SIGHUP);
    await_line(said, "SIGHUP ignored", line, sizeof line);
    signal(SIGCHLD, SIG_DFL);
    new = await_serving(told);
    talk(port);
    kill(new, SIGTERM);
    await_ends(told);
    fclose(told);
    fclose(said);
    printf("%ld was replaced by %ld\n", (long)old, (long)new);
    return 0;
}
