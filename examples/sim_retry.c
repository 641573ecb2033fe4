/* sim_retry.c: a client that retries with backoff, tested on a network that misbehaves.
 *
 * The client asks a server for a number, each time with a limit, and after a failure
 * waits twice as long as before. The server is slow, cut off, and loses its power, for
 * hours of virtual time; all of it takes milliseconds. The same seed is the same story.
 *
 *     sim_retry [SEED]      also: SEED -v, which prints every event */
#include <ctype.h>
#include <runnel.h>
#include <runnel/sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- What is tested: it knows nothing of the simulator ------------------- */

enum { TRIES = 100 };

static int ask_once(const char *host, int *answer)
{
    struct rnl_reader *r = NULL;
    struct rnl_writer *w = NULL;
    struct rnl_bytes line;
    int err = rnl_open_connection(host, 7000, NULL, &r, &w);

    if (!err)
        err = rnl_write_str(w, "what is it?\n");
    if (!err)
        err = rnl_readline(r, &line);
    if (!err && (line.len == 0 || line.data[line.len - 1] != '\n'))
        err = RNL_EINCOMPLETE; /* an end where an answer should be */
    if (!err)
        *answer = line.data[0] - '0';
    rnl_stream_free(r, w);
    return err;
}

static int ask(const char *host, int *answer, int *tries)
{
    int64_t pause = 100 * RNL_MILLISECOND;
    int err = RNL_EINVAL;

    for (*tries = 1; *tries <= TRIES; ++*tries) {
        struct rnl_timeout limit;

        err = rnl_timeout_begin(&limit, 5 * RNL_SECOND);
        if (!err)
            err = rnl_timeout_end(&limit, ask_once(host, answer));
        if (err == RNL_OK || err == RNL_ECANCELED)
            return err;
        err = rnl_sleep(pause);
        if (err)
            return err;
        pause = pause < RNL_MINUTE ? pause * 2 : pause;
    }
    return RNL_ETIMEDOUT;
}

static int serve(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes line;
    int err;

    (void)arg;
    while ((err = rnl_readline(reader, &line)) == RNL_OK && line.len > 0) {
        err = rnl_write_str(writer, "7\n");
        if (!err)
            err = rnl_drain(writer);
        if (err)
            break;
    }
    return err;
}

static int server_main(void *arg)
{
    struct rnl_server *server;
    int err = rnl_start_server(serve, arg, NULL, 7000, NULL, &server);

    if (err)
        return err;
    err = rnl_server_serve_forever(server);
    rnl_server_free(server);
    return err == RNL_ECANCELED ? RNL_OK : err;
}

/* ---- The test ---------------------------------------------------------- */

static int must_answer(const char *story)
{
    int64_t before = rnl_now();
    int answer = 0, tries = 0;
    int err = ask("server", &answer, &tries);

    printf("%-32s %s after %d %s, %.1f s\n", story, err ? rnl_error_name(err) : "answered", tries,
           tries == 1 ? "try" : "tries", (double)(rnl_now() - before) / (double)RNL_SECOND);
    if (err)
        return err;
    return answer == 7 ? RNL_OK : RNL_EPROTO;
}

static int mend(void *arg)
{
    struct rnl_sim *sim = rnl_sim_current();
    int err = rnl_sleep(RNL_HOUR);

    (void)arg;
    if (err)
        return err;
    (void)rnl_sim_heal(sim, NULL, NULL);
    err = rnl_sim_restart_host(sim, "server");
    return err == RNL_EBUSY ? RNL_OK : err; /* it was only cut off */
}

static int trouble(struct rnl_sim *sim, bool power)
{
    int err = power ? rnl_sim_stop_host(sim, "server") : rnl_sim_partition(sim, "main", "server");

    if (!err)
        err = rnl_task_spawn(NULL, mend, NULL, NULL);
    if (!err)
        err = must_answer(power ? "without power for an hour" : "cut off for an hour");
    return err ? err : rnl_sleep(RNL_HOUR);
}

static int test(void *arg)
{
    struct rnl_sim *sim = rnl_sim_current();
    int err = rnl_sim_host(sim, "server", server_main, arg);

    if (!err)
        err = must_answer("all is well");
    if (!err)
        err = rnl_sim_set_way(sim, "server", "main", 2 * RNL_SECOND, 0);
    if (!err)
        err = must_answer("slow: two seconds to answer");
    if (!err)
        err = rnl_sim_set_way(sim, "server", "main", RNL_MILLISECOND, 0);
    if (!err)
        err = trouble(sim, false);
    if (!err)
        err = trouble(sim, true);
    rnl_sim_set_fault(sim, RNL_SIM_RESET, 300000);
    for (int i = 0; i < 5 && !err; i++)
        err = must_answer("three segments of ten reset");
    return err;
}

static void print_line(void *user, const char *line)
{
    (void)user;
    puts(line);
}

int main(int argc, char **argv)
{
    struct rnl_sim_result result;
    struct rnl_sim_config config = RNL_SIM_CONFIG_INIT;
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    char *end = "";
    int err;

    config.seed = argc > 1 ? strtoull(argv[1], &end, 0) : 1;
    if (*end || (argc > 1 && !isdigit((unsigned char)argv[1][0]))) {
        fprintf(stderr, "not a seed: %s\n", argv[1]);
        return 2;
    }
    config.result = &result;
    if (argc > 2 && strcmp(argv[2], "-v") == 0)
        config.trace = print_line;
    options.backend = "sim";
    options.backend_config = &config;
    err = rnl_run(test, NULL, &options);
    if (err) {
        printf("failed: %s; again: sim_retry %llu -v\n", rnl_strerror(err),
               (unsigned long long)config.seed);
        return 1;
    }
    printf("%.1f hours, %llu events, hash %016llx\n", (double)result.time_ns / (double)RNL_HOUR,
           (unsigned long long)result.events, (unsigned long long)result.hash);
    return 0;
}
