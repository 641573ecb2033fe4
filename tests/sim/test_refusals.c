/* What makes no sense is refused: names of hosts, numbers, a config, the environment. */
#define _GNU_SOURCE /* setenv */
#include "sim/helper_sim.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Names of hosts ---------------------------------------------------- */

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

static void refuses_host(const char *name, const char *text)
{
    int before = reports;

    IS(rnl_sim_host(sim(), name, echo_host, NULL), RNL_EINVAL);
    IS(reports, before + 1);
    CU_ASSERT(strstr(last_report, text) != NULL);
    IS(rnl_sim_restart_host(sim(), name), RNL_ENOENT);
}

static void wrong_names(void)
{
    char name[65];

    memset(name, 'n', 64);
    name[64] = '\0';
    refuses_host(NULL, "needs a name");
    refuses_host("", "needs a name");
    refuses_host(name, "63 bytes");
    refuses_host("localhost", "\"localhost\"");
    refuses_host("10.0.0.1", "\"10.0.0.1\": it is an address");
    refuses_host("::1", "\"::1\": it is an address");
    refuses_host("fe80::1%2", "address");
    IS(rnl_sim_host(sim(), "server", NULL, NULL), RNL_EINVAL);
    IS(rnl_sim_host(sim(), "main", echo_host, NULL), RNL_EEXIST);
    OK(rnl_sim_host(sim(), name + 1, echo_host, NULL)); /* of 63 bytes */
    OK(rnl_sim_host(sim(), "10.0.0.1.example", echo_host, NULL));
    OK(rnl_sleep(RNL_SECOND));
    OK(talk(name + 1, "hello"));
    OK(talk("10.0.0.1.example", "hello"));
    IS(rnl_sim_name(sim(), "", NULL, RNL_ENONAME), RNL_EINVAL);
    IS(rnl_sim_name(sim(), NULL, NULL, RNL_ENONAME), RNL_EINVAL);
    IS(rnl_sim_name(sim(), "nothing.example", NULL, 0), RNL_EINVAL);
}

/* It would be looked up as something else. */
static void hosts_that_cannot_be(void)
{
    sim_reset();
    OK(sim_run(wrong_names));
}

/* ---- Numbers ----------------------------------------------------------- */

static void there_and_back(void)
{
    OK(rnl_sim_host(sim(), "server", echo_host, NULL));
    OK(rnl_sleep(RNL_SECOND));
    OK(talk("server", "hello"));
}

static void wrong_numbers(void)
{
    IS(rnl_sim_set_way(sim(), NULL, NULL, -2, 0), RNL_EINVAL);
    IS(rnl_sim_set_way(sim(), NULL, NULL, INT64_MIN, 0), RNL_EINVAL);
    OK(rnl_sim_set_way(sim(), NULL, NULL, RNL_OFF, (uint64_t)RNL_OFF));
    rnl_sim_set_fault(sim(), RNL_SIM_LOSS, 1000000);
    IS(reports, 0);
    rnl_sim_set_fault(sim(), RNL_SIM_LOSS, 0);
    rnl_sim_set_fault(sim(), RNL_SIM_LOSS, 1000001);
    IS(reports, 1);
    rnl_sim_set_fault(sim(), RNL_SIM_FAULTS, 1);
    IS(reports, 2);
    there_and_back();
}

static enum rnl_sim_verdict delays_by_less(void *user, const struct rnl_sim_segment *segment,
                                           int64_t *arg)
{
    (void)user;
    (void)segment;
    *arg = INT64_MIN;
    return RNL_SIM_DELAY;
}

static void judged_early(void)
{
    rnl_sim_set_rule(sim(), delays_by_less, NULL);
    there_and_back();
}

static void numbers_below_0(void)
{
    sim_reset();
    OK(sim_run(wrong_numbers));
    IS(result.faults[RNL_SIM_LOSS], 0);
    OK(sim_run(judged_early));
}

static void refuses(const char *text)
{
    IS(sim_run(wrong_numbers), RNL_EINVAL);
    IS(reports, 1);
    CU_ASSERT(strstr(last_report, text) != NULL);
    sim_reset();
}

static void one_wrong_field(void)
{
    refuses((config.latency_ns = -2, "latency_ns"));
    refuses((config.jitter_ns = INT64_MIN, "jitter_ns"));
    refuses((config.start_ns = -1, "start_ns"));
    refuses((config.limit_ns = -2, "limit_ns"));
    refuses((config.bandwidth = (uint64_t)-2, "bandwidth"));
    refuses((config.send_buffer = (size_t)-2, "send_buffer"));
    refuses((config.receive_buffer = (size_t)-2, "receive_buffer"));
    refuses((config.segment = (size_t)-2, "segment"));
    refuses((config.descriptors = (size_t)-2, "descriptors"));
    refuses((config.swarm = (enum rnl_switch)3, "swarm"));
    refuses((config.model = (enum rnl_sim_model)(RNL_SIM_LEVELS + 1), "model"));
    refuses((config.faults[RNL_SIM_LOSS] = 1000001, "loss is more than a million"));
    refuses((config.faults[31] = 1, "faults[31]"));
    refuses((config.size = 1, "RNL_SIM_CONFIG_INIT"));
}

/* RNL_OFF is no number below 0: no delay, no bound. */
static void a_config_that_cannot_be(void)
{
    sim_reset();
    one_wrong_field();
    config.latency_ns = config.jitter_ns = config.limit_ns = RNL_OFF;
    config.bandwidth = (uint64_t)RNL_OFF;
    config.send_buffer = config.receive_buffer = config.segment = (size_t)RNL_OFF;
    config.descriptors = (size_t)RNL_OFF;
    config.faults[RNL_SIM_LATE] = 1000000;
    OK(sim_run(there_and_back));
}

/* ---- The environment --------------------------------------------------- */

static char told[256];
static struct rnl_sim_result looked;

static int looks(void *arg)
{
    (void)arg;
    rnl_sim_look(sim(), &looked);
    return RNL_OK;
}

static void keep_report(void *user, const struct rnl_report *report)
{
    (void)user;
    CU_ASSERT(report->task == NULL); /* there is none yet */
    snprintf(told, sizeof told, "%s", report->what);
}

static int by_environment(const char *variable, const char *value)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    int code;

    told[0] = '\0';
    options.backend = "sim";
    options.report = keep_report;
    setenv(variable, value, 1);
    code = rnl_run(looks, NULL, &options);
    unsetenv(variable);
    return code;
}

/* Told with the variable's name and its value. */
static void nonsense(const char *variable, const char *value)
{
    char text[100];

    snprintf(text, sizeof text, "%s is \"%s\"", variable, value);
    IS(by_environment(variable, value), RNL_EINVAL);
    CU_ASSERT(strstr(told, text) != NULL);
}

static uint64_t hash_of_seed(const char *seed)
{
    OK(by_environment("RUNNEL_SIM_SEED", seed));
    return looked.hash;
}

static void variables(void)
{
    static const char *const seeds[] = {"abc",
                                        "12x",
                                        "-1",
                                        " 1",
                                        "1.5",
                                        "0x",
                                        "0xg",
                                        "12f",
                                        "18446744073709551616",
                                        "0x10000000000000000"};
    static const char *const models[] = {"completions", "edges", "levels"};

    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        nonsense("RUNNEL_SIM_SEED", seeds[i]);
    nonsense("RUNNEL_SIM_SWARM", "yes");
    nonsense("RUNNEL_SIM_SWARM", "10");
    nonsense("RUNNEL_SIM_MODEL", "egdes");
    CU_ASSERT(strstr(told, "completions, edges or levels") != NULL);
    for (int i = 0; i < 3; i++) {
        OK(by_environment("RUNNEL_SIM_MODEL", models[i]));
        IS((int)looked.model, RNL_SIM_COMPLETIONS + i);
    }
    OK(by_environment("RUNNEL_SIM_SWARM", "0"));
    OK(by_environment("RUNNEL_SIM_MODEL", "")); /* as if it were not there */
    IS(hash_of_seed("0x2A"), hash_of_seed("42"));
    IS(hash_of_seed("0"), hash_of_seed(""));
    IS(hash_of_seed("0xffffffffffffffff"), hash_of_seed("18446744073709551615"));
    CU_ASSERT_NOT_EQUAL(hash_of_seed("1"), hash_of_seed("2"));
}

SUITE("what makes no sense", {"hosts that cannot be", hosts_that_cannot_be},
      {"numbers below 0, probabilities above 1", numbers_below_0},
      {"a config that cannot be", a_config_that_cannot_be},
      {"variables of the environment", variables})
