/* Hazards that only a network under control can show: each fault by itself, as often as
 * can be, over many seeds; and events at one instant. */
#include "sim/helper_sim.h"

enum { SEEDS = 40, MANY_SEEDS = 1000, LENGTH = 60000 };

static size_t limit;

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 31 + i / 251);
}

static int send_all(void *arg)
{
    struct rnl_writer *w = arg;
    unsigned char piece[1000];
    int err = RNL_OK;

    for (size_t at = 0; at < LENGTH && !err; at += sizeof piece) {
        for (size_t i = 0; i < sizeof piece; i++)
            piece[i] = byte_at(at + i);
        err = rnl_write(w, piece, sizeof piece);
        if (!err)
            err = rnl_drain(w);
    }
    return err ? err : rnl_write_eof(w);
}

/* LENGTH bytes there and back, each of them looked at. */
static void there_and_back(void)
{
    struct rnl_connect_options o = RNL_CONNECT_OPTIONS_INIT;
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes b = {NULL, 0};
    struct rnl_task *task;
    size_t got = 0, bad = 0;

    o.stream.limit = limit;
    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    OK(rnl_sleep(RNL_SECOND));
    OK(rnl_open_connection("server", 7, &o, &r, &w));
    task = start(send_all, w);
    do {
        OK(rnl_read(r, 777, &b));
        for (size_t i = 0; i < b.len; i++)
            bad += b.data[i] != byte_at(got + i);
        got += b.len;
    } while (b.len > 0);
    IS(got, LENGTH);
    IS(bad, 0);
    OK(join(task));
    rnl_close(w);
    OK(rnl_wait_closed(w));
    rnl_stream_free(r, w);
}

/* With these faults, of a million times, and none but these. */
static void with_faults(enum rnl_sim_fault a, uint32_t chance_a, enum rnl_sim_fault b,
                        uint32_t chance_b)
{
    uint64_t before = 0;

    sim_reset();
    limit = 0;
    if (a == RNL_SIM_MORE_ENDS) /* readiness knows no such thing */
        config.model = RNL_SIM_COMPLETIONS;
    config.faults[a] = chance_a;
    config.faults[b] = chance_b;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        config.seed = seed;
        OK(sim_run(there_and_back));
        before += result.faults[a];
    }
    CU_ASSERT(before > SEEDS);
}

static void short_sends(void)
{
    with_faults(RNL_SIM_SHORT_WRITE, 900000, RNL_SIM_WOULD_BLOCK, 100000);
}

static void would_block(void)
{
    with_faults(RNL_SIM_WOULD_BLOCK, 900000, RNL_SIM_WOULD_BLOCK, 900000);
}

static void short_completions(void)
{
    with_faults(RNL_SIM_SHORT_READ, 900000, RNL_SIM_SHORT_WRITE, 500000);
}

static void ends_though_more(void)
{
    with_faults(RNL_SIM_MORE_ENDS, 1000000, RNL_SIM_LATE, 200000);
}

static void no_buffers(void)
{
    with_faults(RNL_SIM_NO_BUFFERS, 500000, RNL_SIM_LATE, 200000);
}

static void lost_segments(void)
{
    with_faults(RNL_SIM_LOSS, 200000, RNL_SIM_REORDER, 300000);
}

static void small_limits(void)
{
    sim_reset();
    config.faults[RNL_SIM_SHORT_READ] = 300000;
    config.faults[RNL_SIM_LATE] = 300000;
    for (limit = 1; limit <= 16; limit++) {
        config.seed = limit;
        OK(sim_run(there_and_back));
    }
}

/* ---- Ends -------------------------------------------------------------- */

static size_t sunk;

static int sink(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_bytes b;
    int err;

    (void)writer;
    (void)arg;
    while ((err = rnl_read(reader, 5000, &b)) == RNL_OK && b.len > 0)
        sunk += b.len;
    return err;
}

static void end_with_data_queued(void)
{
    static unsigned char block[500000];
    struct rnl_server *server;
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes b;

    sunk = 0;
    OK(rnl_start_server(sink, NULL, NULL, 7, NULL, &server));
    OK(rnl_open_connection("localhost", 7, NULL, &r, &w));
    OK(rnl_write(w, block, sizeof block));
    OK(rnl_write_eof(w));
    CU_ASSERT(rnl_queued(w) > 0);
    OK(rnl_read(r, 1, &b)); /* the handler has seen the end */
    IS(b.len, 0);
    IS(sunk, sizeof block);
    rnl_stream_free(r, w);
    rnl_server_free(server);
}

static void eof_behind_the_data(void)
{
    sim_reset();
    config.faults[RNL_SIM_SHORT_WRITE] = 300000;
    config.faults[RNL_SIM_WOULD_BLOCK] = 300000;
    for (config.seed = 1; config.seed <= SEEDS; config.seed++)
        OK(sim_run(end_with_data_queued));
}

static int come_and_go(void *arg)
{
    struct rnl_reader *r = NULL;
    struct rnl_writer *w = NULL;
    struct rnl_bytes b;
    int err;

    (void)arg;
    err = rnl_sleep(1 + rnl_sim_random(sim(), 2000) * RNL_MICROSECOND);
    if (!err)
        err = rnl_open_connection("localhost", 7, NULL, &r, &w);
    if (!err)
        err = rnl_read(r, 1, &b);
    rnl_stream_free(r, w);
    return err == RNL_ECONNREFUSED || err == RNL_ECONNRESET ? RNL_OK : err;
}

static bool aborts;

static void clients_and_an_end(void)
{
    enum { CLIENTS = 6 };
    struct rnl_task *clients[CLIENTS];
    struct rnl_server *server;

    OK(rnl_start_server(echo, NULL, NULL, 7, NULL, &server));
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = start(come_and_go, NULL);
    OK(rnl_sleep(1 + rnl_sim_random(sim(), 2500) * RNL_MICROSECOND));
    rnl_server_close(server);
    if (aborts)
        rnl_server_abort_clients(server);
    else
        rnl_server_close_clients(server);
    OK(rnl_server_wait_closed(server));
    IS(rnl_server_connections(server), 0);
    rnl_server_free(server);
    for (int i = 0; i < CLIENTS; i++)
        OK(join(clients[i]));
}

static void ended_while_they_come(void)
{
    sim_reset();
    config.faults[RNL_SIM_LATE_CANCEL] = 300000;
    config.faults[RNL_SIM_CANCEL_LOSES] = 300000;
    config.faults[RNL_SIM_LATE] = 200000;
    for (config.seed = 1; config.seed <= MANY_SEEDS; config.seed++) {
        aborts = config.seed % 2;
        OK(sim_run(clients_and_an_end));
    }
}

/* ---- Cancels ----------------------------------------------------------- */

/* Every operation that is cancelled ends late, or succeeds, or both kinds at once, while
 * its owner has been freed long ago. */
static void freed_at_any_time(void)
{
    struct rnl_server *server;

    OK(rnl_start_server(echo, NULL, NULL, 7, NULL, &server));
    for (int i = 0; i < 20; i++) {
        struct rnl_reader *r = NULL;
        struct rnl_writer *w = NULL;
        struct rnl_timeout time;
        int err;

        OK(rnl_timeout_begin(&time, 1 + rnl_sim_random(sim(), 150) * RNL_MICROSECOND));
        err = rnl_open_connection("127.0.0.1", 7, NULL, &r, &w);
        err = rnl_timeout_end(&time, err);
        if (err)
            IS(err, RNL_ETIMEDOUT);
        else
            OK(rnl_write_str(w, "never read"));
        if (!err)
            OK(rnl_flush(w));
        rnl_stream_free(r, w);
    }
    rnl_server_free(server);
}

static void late_cancels(void)
{
    sim_reset();
    for (config.seed = 1; config.seed <= SEEDS; config.seed++) {
        config.faults[RNL_SIM_LATE_CANCEL] = config.seed % 3 ? 900000 : 0;
        config.faults[RNL_SIM_CANCEL_LOSES] = config.seed % 2 ? 900000 : 0;
        OK(sim_run(freed_at_any_time));
    }
}

static int failures;

static int fail_sometime(void *arg)
{
    int err = rnl_sleep(rnl_sim_random(sim(), 4) * RNL_MICROSECOND);

    (void)arg;
    if (!err && rnl_sim_random(sim(), 2))
        err = RNL_EUSER;
    failures += err == RNL_EUSER;
    return err;
}

static void one_group(void)
{
    struct rnl_group *group;
    int err;

    failures = 0;
    OK(rnl_group_open(&group));
    for (int i = 0; i < 5; i++)
        OK(rnl_group_spawn(group, fail_sometime, NULL, NULL));
    err = rnl_group_close(group, RNL_OK);
    IS(err, failures > 0 ? RNL_EUSER : RNL_OK);
    OK(rnl_yield()); /* no cancel of the group's is left over */
}

static void failures_at_one_instant(void)
{
    sim_reset();
    for (config.seed = 1; config.seed <= MANY_SEEDS; config.seed++)
        OK(sim_run(one_group));
}

/* ---- One instant -------------------------------------------------------- */

/* Both addresses of a host answer within the same tick, for some of the seeds at the same
 * nanosecond. */
static void two_winners(void)
{
    struct rnl_connect_options o = RNL_CONNECT_OPTIONS_INIT;
    struct rnl_sim_result now;
    struct rnl_reader *r;
    struct rnl_writer *w;

    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    OK(rnl_sleep(RNL_SECOND));
    rnl_sim_look(sim(), &now);
    IS(now.sockets, 2); /* a listener for each family */
    o.happy_eyeballs_delay_ns = 1;
    OK(rnl_open_connection("server", 7, &o, &r, &w));
    OK(rnl_sleep(RNL_SECOND));
    rnl_sim_look(sim(), &now);
    IS(now.sockets, 4); /* and the two ends of the one that won */
    rnl_stream_free(r, w);
}

static void a_race_with_two_winners(void)
{
    sim_reset();
    config.jitter_ns = 4;
    for (config.seed = 1; config.seed <= SEEDS; config.seed++)
        OK(sim_run(two_winners));
}

SUITE("hazards", {"F1 short sends", short_sends},
      {"F2 would block, at nearly every send", would_block},
      {"C8 short completions", short_completions},
      {"C10 an operation ends though it could go on", ends_though_more},
      {"C11 no buffers", no_buffers}, {"lost segments, overtaken completions", lost_segments},
      {"G8 limits of 1 to 16", small_limits},
      {"H1 the end comes behind the data", eof_behind_the_data},
      {"H8 clients come while the server ends them", ended_while_they_come},
      {"C1 C4 C14 cancels that come late or lose", late_cancels},
      {"D11 failures at one instant", failures_at_one_instant},
      {"E9 a race with two winners", a_race_with_two_winners})
