/* trace.c: the hash of a run, and its lines for people.
 *
 * Every event goes in with its virtual time: what happened, to which numbered
 * thing, how much, with which code. Two runs are the same if their hashes are; a
 * pointer or an address of memory never goes in. The hash is FNV-1a over the
 * numbers' bytes, low byte first. */
#include "backend/sim/sim.h"

#include <stdio.h>

static void mix(struct rnl_backend *sim, uint64_t value)
{
    uint64_t hash = sim->result.hash;

    for (int i = 0; i < 8; i++, value >>= 8)
        hash = (hash ^ (value & 0xff)) * UINT64_C(0x100000001b3);
    sim->result.hash = hash;
}

static void mix_text(struct rnl_backend *sim, const char *text)
{
    for (; *text; text++)
        sim->result.hash = (sim->result.hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
}

static void begin(struct rnl_backend *sim, const char *what)
{
    sim->result.events++;
    mix(sim, (uint64_t)sim->now_ns);
    mix_text(sim, what);
}

static void tell(struct rnl_backend *sim, const char *what, const char *rest)
{
    char line[256];
    int64_t since = sim->now_ns - sim->start_ns;

    snprintf(line, sizeof line, "%6lld.%09lld %-12.40s %.160s", (long long)(since / RNL_SECOND),
             (long long)(since % RNL_SECOND), what, rest);
    sim->config.trace(sim->config.trace_user, line);
}

void rnli_sim_note(struct rnl_backend *sim, const char *what, int64_t a, int64_t b, int64_t c)
{
    char rest[80];

    begin(sim, what);
    mix(sim, (uint64_t)a);
    mix(sim, (uint64_t)b);
    mix(sim, (uint64_t)c);
    if (!sim->config.trace)
        return;
    snprintf(rest, sizeof rest, "%lld %lld %lld", (long long)a, (long long)b, (long long)c);
    tell(sim, what, rest);
}

void rnli_sim_note_text(struct rnl_backend *sim, const char *what, const char *text)
{
    begin(sim, what);
    mix_text(sim, text);
    if (sim->config.trace)
        tell(sim, what, text);
}
