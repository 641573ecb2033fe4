/* dice.c: every decision of a run.
 *
 * One generator (xoroshiro128+, seeded by splitmix64) in whole numbers, so that a
 * seed means the same run for every compiler and processor; or the program's own
 * `choose`, for a fuzzer. Each decision goes into the trace's hash.
 *
 * Swarm: the seed first draws which faults may happen at all. A run in which all
 * faults are likely shows none of them for long; runs that differ in what is likely
 * show what each does alone, and in pairs. */
#include "backend/sim/sim.h"

#include <string.h>

static const struct {
    const char *name;
    uint32_t swarm; /* of a million, where swarm turns it on */
} faults[RNL_SIM_FAULTS] = {
    [RNL_SIM_SHORT_READ] = {"short_read", 200000},
    [RNL_SIM_SHORT_WRITE] = {"short_write", 200000},
    [RNL_SIM_WOULD_BLOCK] = {"would_block", 100000},
    [RNL_SIM_INTERRUPT] = {"interrupt", 50000},
    [RNL_SIM_NO_BUFFERS] = {"no_buffers", 30000},
    [RNL_SIM_RESET] = {"reset", 5000},
    [RNL_SIM_EARLY_END] = {"early_end", 5000},
    [RNL_SIM_REFUSED] = {"refused", 100000},
    [RNL_SIM_CONNECT_TIMEOUT] = {"connect_timeout", 60000},
    [RNL_SIM_NO_DESCRIPTORS] = {"no_descriptors", 60000},
    [RNL_SIM_ACCEPT_ABORTED] = {"accept_aborted", 100000},
    [RNL_SIM_LATE] = {"late", 100000},
    [RNL_SIM_LATE_CANCEL] = {"late_cancel", 300000},
    [RNL_SIM_CANCEL_LOSES] = {"cancel_loses", 300000},
    [RNL_SIM_MORE_ENDS] = {"more_ends", 100000},
    [RNL_SIM_REORDER] = {"reorder", 100000},
    [RNL_SIM_LOSS] = {"loss", 30000},
    [RNL_SIM_PARTITION] = {"partition", 5000},
    [RNL_SIM_NAME_SLOW] = {"name_slow", 200000},
    [RNL_SIM_NAME_FAILS] = {"name_fails", 100000},
    [RNL_SIM_NO_MEMORY] = {"no_memory", 5000},
    [RNL_SIM_CLOCK_JUMP] = {"clock_jump", 4000},
};

enum { MILLION = 1000000 };

const char *rnl_sim_fault_name(enum rnl_sim_fault fault)
{
    return (unsigned)fault < RNL_SIM_FAULTS ? faults[fault].name : "unknown";
}

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static uint64_t next(struct rnl_backend *sim)
{
    uint64_t a = sim->luck[0], b = sim->luck[1], answer = a + b;

    b ^= a;
    sim->luck[0] = rotate(a, 24) ^ b ^ (b << 16);
    sim->luck[1] = rotate(b, 37);
    return answer;
}

static uint32_t choose(struct rnl_backend *sim, uint32_t bound)
{
    if (sim->config.choose)
        return sim->config.choose(sim->config.choose_user, bound) % bound;
    return (uint32_t)((next(sim) >> 32) * bound >> 32);
}

uint32_t rnli_sim_draw(struct rnl_backend *sim, uint32_t bound)
{
    uint32_t answer = bound > 1 ? choose(sim, bound) : 0;

    rnli_sim_note(sim, "draw", (int64_t)bound, (int64_t)answer, 0);
    return answer;
}

int64_t rnli_sim_draw_ns(struct rnl_backend *sim, int64_t bound)
{
    uint32_t parts = 1u << 20;
    int64_t part = rnli_sim_draw(sim, parts);

    return bound / parts * part + bound % parts * part / parts;
}

size_t rnli_sim_draw_size(struct rnl_backend *sim, size_t least, size_t most)
{
    size_t span = most - least + 1;

    return most <= least
               ? least
               : least + rnli_sim_draw(sim, span > UINT32_MAX ? UINT32_MAX : (uint32_t)span);
}

bool rnli_sim_fault(struct rnl_backend *sim, enum rnl_sim_fault fault)
{
    uint32_t chance = sim->config.faults[fault];

    if (chance == 0 || choose(sim, MILLION) >= chance)
        return false;
    sim->result.faults[fault]++;
    rnli_sim_note_text(sim, "fault", faults[fault].name);
    return true;
}

/* Half of the runs complete operations, a quarter tells edges, a quarter levels. */
static enum rnl_sim_model draw_model(struct rnl_backend *sim)
{
    static const enum rnl_sim_model models[] = {RNL_SIM_COMPLETIONS, RNL_SIM_COMPLETIONS,
                                                RNL_SIM_EDGES, RNL_SIM_LEVELS};

    return models[rnli_sim_draw(sim, 4)];
}

static void draw_swarm(struct rnl_backend *sim)
{
    for (int i = 0; i < RNL_SIM_FAULTS; i++) {
        if (sim->config.faults[i] == 0)
            sim->config.faults[i] = faults[i].swarm;
        if (rnli_sim_draw(sim, 2) == 0)
            sim->config.faults[i] = 0;
    }
    if (sim->config.model == RNL_SIM_ANY)
        sim->config.model = draw_model(sim);
}

void rnli_sim_dice_init(struct rnl_backend *sim)
{
    uint64_t state = sim->config.seed;

    sim->luck[0] = splitmix(&state);
    sim->luck[1] = splitmix(&state);
    if (sim->config.swarm == RNL_YES)
        draw_swarm(sim);
    if (sim->config.model == RNL_SIM_ANY)
        sim->config.model = RNL_SIM_COMPLETIONS;
}
