/* filter: copies lines from standard input to standard output, numbered. Both may
 * be pipes or terminals; a regular file is refused (`cat file | filter`). */
#define _POSIX_C_SOURCE 200809L
#include "common.h"

#include <fcntl.h>
#include <unistd.h>

/* What the program ends with. */
static int refuse(const char *which, const char *why)
{
    fprintf(stderr, "filter: %s: %s\n", which, why);
    return EXIT_FAILURE;
}

/* RNL_EINVAL is what the library says of a descriptor that cannot be waited for. */
static const char *reason(int err)
{
    return err == RNL_EINVAL ? "neither a pipe nor a terminal" : rnl_strerror(err);
}

static int number_lines(struct rnl_reader *in, struct rnl_writer *out)
{
    struct rnl_bytes line;
    char number[32];
    int err;

    for (int n = 1; !(err = rnl_readline(in, &line)) && line.len > 0; n++) {
        snprintf(number, sizeof number, "%6d  ", n);
        rnl_write_str(out, number);
        rnl_write(out, line.data, line.len);
        if ((err = rnl_drain(out)))
            break;
    }
    return err;
}

static int run(void *arg)
{
    struct rnl_reader *in;
    struct rnl_writer *out;
    int err = rnl_open_read_pipe(STDIN_FILENO, NULL, &in);

    (void)arg;
    if (err)
        return refuse("standard input", reason(err));
    err = rnl_open_write_pipe(STDOUT_FILENO, NULL, &out);
    if (err) {
        err = refuse("standard output", reason(err));
        goto free_in;
    }
    err = number_lines(in, out);
    rnl_close(out);
    if (!err)
        err = rnl_wait_closed(out); /* all of it is in the pipe */
    rnl_stream_free(NULL, out);
free_in:
    rnl_stream_free(in, NULL);
    return err;
}

/* Asked before the loop opens descriptors: they would get the numbers of these. */
static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) != -1;
}

int main(void)
{
    if (!is_open(STDIN_FILENO))
        return refuse("standard input", "closed");
    if (!is_open(STDOUT_FILENO))
        return refuse("standard output", "closed");
    return exit_status("filter", rnl_run(run, NULL, NULL));
}
