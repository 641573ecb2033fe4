/* filter: copies lines from standard input to standard output, numbered. Both may
 * be pipes or terminals; a regular file is refused (`cat file | filter`). */
#include "common.h"

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
    int err = rnl_open_read_pipe(0, NULL, &in);

    (void)arg;
    if (err)
        return err;
    err = rnl_open_write_pipe(1, NULL, &out);
    if (err)
        goto free_in;
    err = number_lines(in, out);
    rnl_close(out);
    if (!err)
        err = rnl_wait_closed(out); /* all of it is in the pipe */
    rnl_stream_free(NULL, out);
free_in:
    rnl_stream_free(in, NULL);
    return err;
}

int main(void)
{
    return exit_status("filter", rnl_run(run, NULL, NULL));
}
