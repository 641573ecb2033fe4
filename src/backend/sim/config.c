/* config.c: what a simulation is asked to be: by its config, or by the environment for a
 * program that knows nothing of it. What makes no sense is refused with a sentence, since
 * a run over another network than the one meant shows nothing. */
#include "backend/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/options.h"

enum { MILLION = 1000000 };

/* ---- The environment --------------------------------------------------- */

/* NULL: it is not there, or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static int refuse(char *why, const char *name, const char *value, const char *wanted)
{
    snprintf(why, RNLI_SIM_WHY, "%s is \"%.60s\"; it can be %s", name, value, wanted);
    return RNL_EINVAL;
}

/* Decimal, or hexadecimal behind 0x. */
static bool parse_seed(const char *text, uint64_t *out)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    uint64_t base = hex ? 16 : 10, value = 0;

    text += hex ? 2 : 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        const char *found = strchr(digits, *text);
        uint64_t digit = found ? (uint64_t)(found - digits) : base;

        digit -= digit >= 16 ? 6 : 0;
        if (!found || digit >= base || value > (UINT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
    }
    *out = value;
    return true;
}

static int seed_from_environment(uint64_t *seed, char *why)
{
    const char *value = variable("RUNNEL_SIM_SEED");

    if (!value || parse_seed(value, seed))
        return RNL_OK;
    return refuse(why, "RUNNEL_SIM_SEED", value, "a number from 0 to 18446744073709551615");
}

static int swarm_from_environment(enum rnl_switch *swarm, char *why)
{
    const char *value = variable("RUNNEL_SIM_SWARM");

    if (value && strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
        return refuse(why, "RUNNEL_SIM_SWARM", value, "0 or 1");
    if (value)
        *swarm = value[0] == '1' ? RNL_YES : RNL_NO;
    return RNL_OK;
}

static int model_from_environment(enum rnl_sim_model *model, char *why)
{
    static const char *const names[] = {[RNL_SIM_COMPLETIONS] = "completions",
                                        [RNL_SIM_EDGES] = "edges",
                                        [RNL_SIM_LEVELS] = "levels"};
    const char *value = variable("RUNNEL_SIM_MODEL");

    for (int i = RNL_SIM_COMPLETIONS; value && i <= RNL_SIM_LEVELS; i++) {
        if (strcmp(names[i], value) == 0) {
            *model = (enum rnl_sim_model)i;
            return RNL_OK;
        }
    }
    return value ? refuse(why, "RUNNEL_SIM_MODEL", value, "completions, edges or levels") : RNL_OK;
}

/* For programs that know nothing of it: RUNNEL_BACKEND=sim. */
static int from_environment(struct rnl_sim_config *config, char *why)
{
    int code = seed_from_environment(&config->seed, why);

    if (!code)
        code = swarm_from_environment(&config->swarm, why);
    return code ? code : model_from_environment(&config->model, why);
}

/* ---- The config -------------------------------------------------------- */

static int check_faults(const struct rnl_sim_config *c, char *why)
{
    for (int i = 0; i < (int)(sizeof c->faults / sizeof *c->faults); i++) {
        if (i >= RNL_SIM_FAULTS && c->faults[i])
            snprintf(why, RNLI_SIM_WHY, "rnl_sim_config.faults[%d]: there is no such fault", i);
        else if (c->faults[i] > MILLION)
            snprintf(why, RNLI_SIM_WHY,
                     "rnl_sim_config.faults: %s is more than a million of a "
                     "million",
                     rnl_sim_fault_name((enum rnl_sim_fault)i));
        else
            continue;
        return RNL_EINVAL;
    }
    return RNL_OK;
}

static bool time_or_off(int64_t ns)
{
    return ns >= 0 || ns == RNL_OFF;
}

/* Half of all numbers are negative ones that were converted. */
static bool size_or_off(size_t size)
{
    return size <= SIZE_MAX / 2 || size == (size_t)RNL_OFF;
}

static int check(const struct rnl_sim_config *c, char *why)
{
    const struct {
        const char *field;
        bool good;
    } rules[] = {
        {"swarm: a switch that is none", (unsigned)c->swarm <= RNL_NO},
        {"latency_ns: a time below 0", time_or_off(c->latency_ns)},
        {"jitter_ns: a time below 0", time_or_off(c->jitter_ns)},
        {"start_ns: a time below 0", c->start_ns >= 0},
        {"limit_ns: a time below 0", time_or_off(c->limit_ns)},
        {"bandwidth: a number below 0", c->bandwidth <= INT64_MAX || c->bandwidth == (uint64_t)RNL_OFF},
        {"send_buffer: a number below 0", size_or_off(c->send_buffer)},
        {"receive_buffer: a number below 0", size_or_off(c->receive_buffer)},
        {"segment: a number below 0", size_or_off(c->segment)},
        {"descriptors: a number below 0", size_or_off(c->descriptors)},
        {"model: there is no such model", (unsigned)c->model <= RNL_SIM_LEVELS},
    };

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (!rules[i].good) {
            snprintf(why, RNLI_SIM_WHY, "rnl_sim_config.%s", rules[i].field);
            return RNL_EINVAL;
        }
    }
    return check_faults(c, why);
}

int rnli_sim_config_read(struct rnl_sim_config *out, const void *given, char why[RNLI_SIM_WHY])
{
    int code = rnli_options_read(out, sizeof *out, given);

    if (code)
        snprintf(why, RNLI_SIM_WHY, "rnl_sim_config: it was not set to RNL_SIM_CONFIG_INIT");
    else
        code = given ? check(out, why) : from_environment(out, why);
    return code;
}
