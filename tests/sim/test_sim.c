/* The simulator: time, hosts, names, ways, deadlock, and that a run can be replayed. */
#include "sim/helper_sim.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* ---- Time -------------------------------------------------------------- */

static void sleeps(void)
{
    static const int64_t times[] = {1, RNL_MILLISECOND - 1, INT64_C(0x7fffffff) * RNL_MILLISECOND,
                                    INT64_C(0x80000000) * RNL_MILLISECOND, 1000 * 24 * RNL_HOUR};

    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        int64_t before = rnl_now();

        OK(rnl_sleep(times[i]));
        IS(rnl_now() - before, times[i]); /* to the nanosecond */
    }
}

static void time_leaps(void)
{
    sim_reset();
    OK(sim_run(sleeps));
    config.start_ns = (INT64_C(1) << 32) * RNL_MILLISECOND - 5 * RNL_MILLISECOND;
    OK(sim_run(sleeps));
}

static void spin(void)
{
    int64_t end = rnl_now() + RNL_MILLISECOND;

    while (rnl_now() < end)
        OK(rnl_yield());
}

static void spinning_gets_somewhere(void)
{
    sim_reset();
    OK(sim_run(spin));
}

static int sleep_long(void *arg)
{
    int64_t ns = *(const int64_t *)arg, before = rnl_now();

    OK(rnl_sleep(ns));
    CU_ASSERT(rnl_now() - before >= ns);
    return RNL_OK;
}

static void many_sleeps(void)
{
    static int64_t times[100];
    struct rnl_task *tasks[100];

    for (int i = 0; i < 100; i++) {
        times[i] = (int64_t)rnl_sim_random(sim(), 1000) * RNL_MINUTE + 1;
        tasks[i] = start(sleep_long, &times[i]);
    }
    for (int i = 0; i < 100; i++)
        OK(join(tasks[i]));
}

/* No timer is lost, and none is early. */
static void clock_jumps(void)
{
    sim_reset();
    config.faults[RNL_SIM_CLOCK_JUMP] = 500000;
    OK(sim_run(many_sleeps));
    CU_ASSERT(result.faults[RNL_SIM_CLOCK_JUMP] > 10);
}

static int64_t main_ended;

static void leave_everything(void)
{
    struct rnl_server *server;
    struct rnl_reader *r;
    struct rnl_writer *w;

    OK(rnl_start_server(echo, NULL, NULL, 7, NULL, &server));
    OK(rnl_open_connection("localhost", 7, NULL, &r, &w));
    OK(rnl_write_str(w, "left"));
    main_ended = rnl_now();
}

static void ends_at_once(void)
{
    sim_reset();
    config.start_ns = RNL_HOUR;
    OK(sim_run(leave_everything));
    CU_ASSERT(result.time_ns - (main_ended - RNL_HOUR) < RNL_MILLISECOND);
}

/* ---- Hosts ------------------------------------------------------------- */

static int talk(const char *host, const char *text)
{
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes b;
    int err = rnl_open_connection(host, 7, NULL, &r, &w);

    if (err)
        return err;
    err = rnl_write_str(w, text);
    if (!err)
        err = rnl_readexactly(r, strlen(text), &b);
    if (!err)
        CU_ASSERT(same(&b, text));
    rnl_stream_free(r, w);
    return err;
}

static int talk_to(void *arg)
{
    return talk(arg, "hello");
}

static void two_hosts(void)
{
    struct rnl_address a;
    int answer;

    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    IS(rnl_sim_host(sim(), "server", echo_host, NULL), RNL_EEXIST);
    OK(rnl_sim_host(sim(), "client", talk_to, (void *)(uintptr_t) "server"));
    OK(rnl_sim_wait_host(sim(), "client", &answer));
    OK(answer);
    OK(talk("server", "from main"));
    IS(talk("localhost", "nobody"), RNL_ECONNREFUSED); /* each host has its own */
    IS(talk("nowhere", "x"), RNL_ENONAME);
    OK(rnl_sim_address(sim(), "server", RNL_INET, &a));
    OK(rnl_sim_name(sim(), "alias.example", &a, 0));
    OK(talk("alias.example", "by another name"));
    OK(rnl_sim_name(sim(), "broken.example", NULL, RNL_ENAMEFAIL));
    IS(talk("broken.example", "x"), RNL_ENAMEFAIL);
}

static void hosts_and_names(void)
{
    sim_reset();
    OK(sim_run(two_hosts));
}

static int patient_talk(void *arg)
{
    struct rnl_timeout limit;
    int err;

    OK(rnl_timeout_begin(&limit, 10 * RNL_SECOND));
    err = talk(arg, "hello");
    return rnl_timeout_end(&limit, err);
}

static void stopped(void)
{
    int answer;

    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    OK(rnl_sleep(RNL_SECOND));
    IS(rnl_sim_stop_host(sim(), "main"), RNL_EINVAL);
    IS(rnl_sim_restart_host(sim(), "server"), RNL_EBUSY);
    OK(rnl_sim_stop_host(sim(), "server"));
    OK(rnl_sim_wait_host(sim(), "server", &answer));
    OK(answer);
    IS(patient_talk((void *)(uintptr_t) "server"), RNL_ETIMEDOUT); /* silence, not refusal */
    OK(rnl_sim_restart_host(sim(), "server"));
    OK(rnl_sleep(RNL_SECOND));
    OK(talk("server", "again"));
}

static void stop_and_restart(void)
{
    sim_reset();
    OK(sim_run(stopped));
}

/* The peer of a host that lost its power learns when it speaks to the next one. */
static void stopped_under_a_client(void)
{
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes b;

    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    OK(rnl_sleep(RNL_SECOND));
    OK(rnl_open_connection("server", 7, NULL, &r, &w));
    OK(rnl_write_str(w, "x"));
    OK(rnl_readexactly(r, 1, &b));
    OK(rnl_sim_stop_host(sim(), "server"));
    OK(rnl_sleep(RNL_HOUR));
    OK(rnl_exception(r));
    OK(rnl_sim_restart_host(sim(), "server"));
    OK(rnl_write_str(w, "who are you?"));
    IS(rnl_read(r, 1, &b), RNL_ECONNRESET);
    rnl_stream_free(r, w);
}

static void a_reset_by_the_next_life(void)
{
    sim_reset();
    OK(sim_run(stopped_under_a_client));
}

/* ---- Ways -------------------------------------------------------------- */

static void partitioned(void)
{
    struct rnl_task *task;
    int64_t before;

    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    OK(rnl_sleep(RNL_SECOND));
    OK(rnl_sim_partition(sim(), "main", "server"));
    IS(patient_talk((void *)(uintptr_t) "server"), RNL_ETIMEDOUT);
    task = start(talk_to, (void *)(uintptr_t) "server");
    OK(rnl_sleep(20 * RNL_SECOND));
    OK(rnl_sim_heal(sim(), NULL, NULL));
    OK(join(task));
    OK(rnl_sim_set_way(sim(), "main", "server", 2 * RNL_SECOND, 0));
    before = rnl_now();
    OK(talk("server", "slow"));
    CU_ASSERT(rnl_now() - before > 4 * RNL_SECOND); /* SYN, and the text */
}

static void partitions_and_latency(void)
{
    sim_reset();
    OK(sim_run(partitioned));
}

/* Nothing else happens while the answer is under way: the loop has not looked at the
 * clock since it was asked for. */
static void idle_after_the_answer(void)
{
    struct rnl_connect_options o = RNL_CONNECT_OPTIONS_INIT;
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes b;
    int64_t came;

    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    OK(rnl_sleep(RNL_SECOND));
    OK(rnl_sim_set_way(sim(), "server", "main", 8 * RNL_SECOND, 0));
    o.stream.idle_timeout_ns = 10 * RNL_SECOND;
    OK(rnl_open_connection("server", 7, &o, &r, &w));
    OK(rnl_write_str(w, "far away\n"));
    OK(rnl_readline(r, &b));
    came = rnl_now();
    IS(rnl_readline(r, &b), RNL_ETIMEDOUT);
    CU_ASSERT(rnl_now() - came >= 10 * RNL_SECOND);
    rnl_stream_free(r, w);
}

static void idle_from_the_last_byte(void)
{
    sim_reset();
    OK(sim_run(idle_after_the_answer));
}

static void given_up(void)
{
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes b;
    int64_t before;

    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    OK(rnl_sleep(RNL_SECOND));
    OK(rnl_open_connection("server", 7, NULL, &r, &w));
    OK(rnl_sim_cut(sim(), "main", "server"));
    OK(rnl_write_str(w, "into the void"));
    before = rnl_now();
    IS(rnl_read(r, 1, &b), RNL_ETIMEDOUT);
    CU_ASSERT(rnl_now() - before > 10 * RNL_MINUTE);
    rnl_stream_free(r, w);
}

static void a_way_that_stays_cut(void)
{
    sim_reset();
    OK(sim_run(given_up));
}

/* One way is cut, and joined again: what was sent meanwhile gets through. */
static void joined(void)
{
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes b;
    struct rnl_timeout limit;
    int64_t before;

    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    OK(rnl_sleep(RNL_SECOND));
    OK(rnl_open_connection("server", 7, NULL, &r, &w));
    OK(rnl_sim_cut(sim(), "main", "server"));
    IS(rnl_sim_join(sim(), "main", "nobody"), RNL_ENOENT);
    OK(rnl_sim_join(sim(), "server", "main")); /* the other way: nothing changes */
    OK(rnl_write_str(w, "through"));
    OK(rnl_timeout_begin(&limit, RNL_MINUTE));
    IS(rnl_timeout_end(&limit, rnl_readexactly(r, 7, &b)), RNL_ETIMEDOUT);
    OK(rnl_sim_join(sim(), "main", "server"));
    before = rnl_now();
    OK(rnl_readexactly(r, 7, &b));
    CU_ASSERT(same(&b, "through"));
    CU_ASSERT(rnl_now() - before < 2 * RNL_MINUTE);
    rnl_stream_free(r, w);
    OK(rnl_sim_stop_host(sim(), "server"));
}

static void a_way_that_is_joined(void)
{
    sim_reset();
    OK(sim_run(joined));
}

static int64_t silent_after;

/* Nothing of the server's beyond a byte ever arrives. */
static enum rnl_sim_verdict silence(void *user, const struct rnl_sim_segment *s, int64_t *arg)
{
    (void)user;
    if (s->client || (int64_t)(s->offset + s->len) <= silent_after)
        return s->client || !s->end ? RNL_SIM_PASS : RNL_SIM_DROP;
    *arg = silent_after - (int64_t)s->offset;
    return *arg > 0 ? RNL_SIM_SPLIT : RNL_SIM_DROP;
}

static void every_byte(void)
{
    static const char text[] = "0123456789";
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes b;
    struct rnl_timeout limit;

    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    OK(rnl_sleep(RNL_SECOND));
    rnl_sim_set_rule(sim(), silence, NULL);
    for (silent_after = 0; silent_after < 10; silent_after++) {
        int64_t before = rnl_now();

        OK(rnl_open_connection("server", 7, NULL, &r, &w));
        OK(rnl_write_str(w, text));
        before = rnl_now();
        OK(rnl_timeout_begin(&limit, 30 * RNL_SECOND));
        IS(rnl_timeout_end(&limit, rnl_readexactly(r, 10, &b)), RNL_ETIMEDOUT);
        IS(rnl_now() - before, 30 * RNL_SECOND);
        IS(rnl_buffered(r), (size_t)silent_after);
        rnl_stream_free(r, w);
    }
}

static void silent_after_byte_k(void)
{
    sim_reset();
    OK(sim_run(every_byte));
}

/* ---- Replaying --------------------------------------------------------- */

static void busy(void)
{
    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    for (int i = 0; i < 20; i++)
        (void)patient_talk((void *)(uintptr_t) "server");
}

static uint64_t hash_of(uint64_t seed)
{
    config.seed = seed;
    OK(sim_run(busy));
    CU_ASSERT(result.events > 100);
    return result.hash;
}

static void the_same_again(void)
{
    sim_reset();
    config.swarm = RNL_YES;
    for (uint64_t seed = 1; seed < 20; seed++) {
        uint64_t hash = hash_of(seed);

        CU_ASSERT(hash == hash_of(seed));
        CU_ASSERT(hash != hash_of(seed + 1000));
    }
}

static int decisions, changed;

static uint32_t decide(void *user, uint32_t bound)
{
    (void)user;
    (void)bound;
    return (uint32_t)(decisions++ == changed);
}

static void one_decision_changes_the_hash(void)
{
    uint64_t first;

    sim_reset();
    config.choose = decide;
    changed = -1;
    decisions = 0;
    first = hash_of(1);
    for (changed = 0; changed < 40; changed++) {
        decisions = 0;
        CU_ASSERT(hash_of(1) != first);
    }
}

/* ---- Deadlock ---------------------------------------------------------- */

static void wait_for_nobody(void)
{
    struct rnl_server *server;
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes b;

    OK(rnl_start_server(echo, NULL, NULL, 7, NULL, &server));
    OK(rnl_open_connection("localhost", 7, NULL, &r, &w));
    IS(rnl_read(r, 1, &b), RNL_ECANCELED); /* the echo waits for us */
    rnl_stream_free(r, w);
    rnl_server_free(server);
}

static void deadlock_is_told(void)
{
    sim_reset();
    IS(sim_run(wait_for_nobody), RNL_EDEADLOCK);
    CU_ASSERT(reports >= 3); /* the news, main, the handler */
    CU_ASSERT(strstr(last_report, "waits for") != NULL);
}

static const int wanted[] = {SIGTERM};

static void wait_for_the_outside(void)
{
    IS(rnl_wait_signal(wanted, 1, NULL), RNL_ECANCELED);
}

static int sends_itself_a_signal(void *arg)
{
    (void)arg;
    OK(rnl_sleep(RNL_HOUR));
    return raise(SIGTERM);
}

static void wait_for_oneself(void)
{
    int got = 0;
    struct rnl_task *task = start(sends_itself_a_signal, NULL);

    OK(rnl_wait_signal(wanted, 1, &got));
    IS(got, SIGTERM);
    OK(join(task));
}

/* Real signals are not on the virtual clock: nobody waits for them, and the dump says so. */
static void signals_are_not_waited_for(void)
{
    sim_reset();
    IS(sim_run(wait_for_the_outside), RNL_EDEADLOCK);
    CU_ASSERT(strstr(last_report, "main waits for signal") != NULL);
    OK(sim_run(wait_for_oneself));
    CU_ASSERT(result.time_ns >= RNL_HOUR);
}

static void forever(void)
{
    while (rnl_sleep(RNL_SECOND) == RNL_OK)
        continue;
}

static void an_hour(void)
{
    OK(rnl_sleep(RNL_HOUR));
}

static void a_limit_of_time(void)
{
    sim_reset();
    config.limit_ns = RNL_OFF;
    OK(sim_run(an_hour));
    sim_reset();
    config.limit_ns = RNL_HOUR;
    IS(sim_run(forever), RNL_ETIMEDOUT);
    CU_ASSERT(result.time_ns >= RNL_HOUR && result.time_ns < RNL_HOUR + RNL_MINUTE);
}

static enum rnl_sim_verdict delays_for_ever(void *user, const struct rnl_sim_segment *segment,
                                            int64_t *arg)
{
    (void)user;
    (void)segment;
    *arg = INT64_MAX;
    return RNL_SIM_DELAY;
}

static void out_of_reach(void)
{
    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    OK(rnl_sleep(RNL_SECOND));
    rnl_sim_set_rule(sim(), delays_for_ever, NULL);
    IS(patient_talk((void *)(uintptr_t) "server"), RNL_ETIMEDOUT);
}

/* What comes at no time that there is does not come at once. */
static void no_time_overflows(void)
{
    sim_reset();
    OK(sim_run(out_of_reach));
    config.latency_ns = INT64_MAX;
    OK(sim_run(out_of_reach));
    config.latency_ns = INT64_MAX / 2;
    config.jitter_ns = INT64_MAX;
    OK(sim_run(out_of_reach));
}

static void nobody(void)
{
    struct rnl_address a;

    IS(rnl_sim_host(sim(), NULL, echo_host, NULL), RNL_EINVAL);
    IS(rnl_sim_wait_host(sim(), NULL, NULL), RNL_ENOENT);
    IS(rnl_sim_stop_host(sim(), NULL), RNL_ENOENT);
    IS(rnl_sim_restart_host(sim(), NULL), RNL_ENOENT);
    IS(rnl_sim_address(sim(), NULL, RNL_INET, &a), RNL_ENOENT);
}

static void a_host_without_a_name(void)
{
    sim_reset();
    OK(sim_run(nobody));
}

/* ---- Work and paths ---------------------------------------------------- */

static int add(void *arg)
{
    return ++*(int *)arg;
}

static int work(void *arg)
{
    int got = 0, err = rnl_to_thread(add, arg, NULL, &got);

    return err ? err : got;
}

static void nothing(void *arg)
{
    (void)arg;
}

static void *post(void *arg)
{
    IS(rnl_call_soon_threadsafe(arg, nothing, NULL), RNL_ENOTSUP);
    return NULL;
}

static void works(void)
{
    static int n;
    struct rnl_loop_ref *ref;
    int64_t before = rnl_now();
    pthread_t thread;

    n = 1;
    IS(work(&n), 2);
    CU_ASSERT(rnl_now() > before);
    OK(rnl_loop_ref(&ref));
    IS(pthread_create(&thread, NULL, post, ref), 0);
    IS(pthread_join(thread, NULL), 0);
    OK(rnl_call_soon_threadsafe(ref, nothing, NULL)); /* our own thread is no outside */
    rnl_loop_unref(ref);
    IS(rnl_task_spawn(NULL, work, &n, NULL), RNL_OK); /* and the loop ends meanwhile */
    OK(rnl_yield());
}

static void threads_are_virtual(void)
{
    sim_reset();
    OK(sim_run(works));
}

static void bounds(void)
{
    struct rnl_server *a, *b;

    OK(rnl_start_unix_server(echo, NULL, "/run/a", RNL_ALL, NULL, &a));
    IS(rnl_start_unix_server(echo, NULL, "/run/a", RNL_ALL, NULL, &b), RNL_EADDRINUSE);
    rnl_server_free(a);
    OK(rnl_sleep(1));
    OK(rnl_start_unix_server(echo, NULL, "/run/a", RNL_ALL, NULL, &b));
    rnl_server_free(b);
    OK(rnl_start_server(echo, NULL, "127.0.0.1", 80, NULL, &a));
    IS(rnl_start_server(echo, NULL, NULL, 80, NULL, &b), RNL_EADDRINUSE);
    IS(rnl_start_server(echo, NULL, "192.0.2.1", 80, NULL, &b), RNL_EADDRNOTAVAIL);
    rnl_server_free(a);
}

static void ports_and_paths(void)
{
    sim_reset();
    OK(sim_run(bounds));
}

/* ---- Pairs inside the process ------------------------------------------ */

enum { POURED = 300 * 1024 };

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 7 + i / 256);
}

static int pour(void *arg)
{
    struct rnl_writer *w = arg;
    int code = RNL_OK;

    for (size_t i = 0; i < POURED && !code; i++) {
        unsigned char byte = byte_at(i);

        code = rnl_write(w, &byte, 1);
        if (!code && i % 1000 == 0)
            code = rnl_drain(w);
    }
    return code ? code : rnl_write_eof(w);
}

/* Every byte, in order; as far as the faults let them come. */
static void pours(void)
{
    struct rnl_reader *r[2];
    struct rnl_writer *w[2];
    struct rnl_address name;
    struct rnl_bytes view;
    struct rnl_task *task;
    size_t got = 0;
    int code = rnl_open_pair(NULL, r, w);

    if (code) {
        CU_ASSERT(code == RNL_EMFILE || code == RNL_ENOMEM);
        return;
    }
    OK(rnl_get_sockname(w[0], &name));
    IS(name.family, RNL_UNIX);
    IS(name.path_len, 0);
    task = start(pour, w[0]);
    while (!(code = rnl_read(r[1], 4096, &view)) && view.len > 0)
        for (size_t i = 0; i < view.len; i++)
            if (view.data[i] != byte_at(got++))
                code = RNL_EPROTO;
    if (!code)
        IS(got, POURED);
    CU_ASSERT(code != RNL_EPROTO);
    rnl_stream_free(r[1], w[1]);
    (void)join(task);
    rnl_stream_free(r[0], w[0]);
}

static void one_descriptor(void)
{
    struct rnl_reader *r[2];
    struct rnl_writer *w[2];

    IS(rnl_open_pair(NULL, r, w), RNL_EMFILE); /* and the one that there was is back */
}

static void pairs(void)
{
    uint64_t hash;

    sim_reset();
    config.descriptors = 1;
    OK(sim_run(one_descriptor));
    sim_reset();
    OK(sim_run(pours));
    hash = result.hash;
    sim_reset();
    OK(sim_run(pours));
    CU_ASSERT(result.hash == hash);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        sim_reset();
        config.seed = seed;
        config.swarm = RNL_YES;
        OK(sim_run(pours));
    }
}

static void names_of_faults(void)
{
    for (int i = 0; i < RNL_SIM_FAULTS; i++)
        for (int j = 0; j <= i; j++)
            IS(strcmp(rnl_sim_fault_name((enum rnl_sim_fault)i),
                      rnl_sim_fault_name((enum rnl_sim_fault)j)) == 0,
               i == j);
    CU_ASSERT_STRING_EQUAL(rnl_sim_fault_name(RNL_SIM_FAULTS), "unknown");
    CU_ASSERT_PTR_NULL(rnl_sim_current());
}

/* ---- Models ------------------------------------------------------------ */

static void say_hello(void)
{
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes bytes;

    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    OK(rnl_sleep(RNL_SECOND));
    OK(rnl_open_connection("server", 7, NULL, &r, &w));
    OK(rnl_write_str(w, "hello"));
    OK(rnl_readexactly(r, 5, &bytes));
    CU_ASSERT_TRUE(same(&bytes, "hello"));
    rnl_stream_free(r, w);
    OK(rnl_sim_stop_host(sim(), "server"));
}

static void models(void)
{
    uint64_t hashes[RNL_SIM_LEVELS + 1];

    for (int i = RNL_SIM_COMPLETIONS; i <= RNL_SIM_LEVELS; i++) {
        sim_reset();
        config.model = (enum rnl_sim_model)i;
        OK(sim_run(say_hello));
        IS(result.model, (enum rnl_sim_model)i);
        hashes[i] = result.hash;
        OK(sim_run(say_hello));
        IS(result.hash, hashes[i]);
        for (int j = RNL_SIM_COMPLETIONS; j < i; j++)
            CU_ASSERT_NOT_EQUAL(hashes[i], hashes[j]);
    }
    config.model = (enum rnl_sim_model)(RNL_SIM_LEVELS + 1);
    IS(sim_run(say_hello), RNL_EINVAL);
}

static int do_nothing(void *arg)
{
    (void)arg;
    return RNL_OK;
}

/* By itself the simulator completes; with swarm the seed decides. */
static void swarm_draws_a_model(void)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    int drawn[RNL_SIM_LEVELS + 1] = {0};

    options.backend = "sim";
    options.backend_config = &config;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        sim_reset();
        config.seed = seed;
        config.swarm = RNL_YES;
        config.result = &result;
        OK(rnl_run(do_nothing, NULL, &options));
        drawn[result.model]++;
        config.swarm = RNL_NO;
        OK(rnl_run(do_nothing, NULL, &options));
        IS(result.model, RNL_SIM_COMPLETIONS);
    }
    IS(drawn[RNL_SIM_ANY], 0);
    CU_ASSERT(drawn[RNL_SIM_COMPLETIONS] > 70 && drawn[RNL_SIM_EDGES] > 25 &&
              drawn[RNL_SIM_LEVELS] > 25);
}

SUITE("the simulator", {"each model, the same again", models},
      {"swarm draws a model", swarm_draws_a_model},
      {"K1 K2 time leaps, to the nanosecond", time_leaps}, {"K3 the clock jumps", clock_jumps},
      {"H3 the loop ends within the tick", ends_at_once},
      {"spinning gets somewhere", spinning_gets_somewhere}, {"hosts and names", hosts_and_names},
      {"a host stops and starts again", stop_and_restart},
      {"a reset by the next life", a_reset_by_the_next_life},
      {"partitions and latency", partitions_and_latency},
      {"D7 the idle timeout counts from the last byte", idle_from_the_last_byte},
      {"a way that stays cut", a_way_that_stays_cut},
      {"a way that is joined again", a_way_that_is_joined},
      {"D7 a peer that falls silent after byte k", silent_after_byte_k},
      {"the same again", the_same_again},
      {"one decision changes the hash", one_decision_changes_the_hash},
      {"P3 deadlock is told", deadlock_is_told},
      {"signals are not waited for", signals_are_not_waited_for}, {"a limit of time", a_limit_of_time},
      {"K1 no time overflows", no_time_overflows},
      {"a host without a name", a_host_without_a_name},
      {"threads are virtual, posts from them refused", threads_are_virtual}, {"ports and paths", ports_and_paths},
      {"pairs inside the process", pairs},
      {"names of faults", names_of_faults})
