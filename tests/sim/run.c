/* run.c: property runs over the simulator.
 *
 *     sim_run FIRST COUNT [ROUNDS]   seeds FIRST ... FIRST + COUNT - 1, each ROUNDS times
 *     sim_run -v SEED                one seed, with its trace
 *
 * A seed draws the faults, the sizes, the limits and the behaviour of some servers and
 * clients on hosts of their own; see traffic.c for what must hold. Prints a hash over all
 * hashes, so that two builds can be compared, and how often each fault happened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/traffic.h"

enum { SHOWN = 10 };

struct totals {
    uint64_t runs, events, failed, hash, faults[32];
    uint32_t *sizes; /* events of each run */
    struct traffic_totals traffic;
    struct {
        uint64_t runs, streams, whole;
    } models[RNL_SIM_LEVELS + 1]; /* by enum rnl_sim_model */
};

static void add(struct totals *t, const struct traffic *run)
{
    t->sizes[t->runs++] = (uint32_t)run->result.events;
    t->events += run->result.events;
    t->hash = (t->hash ^ run->result.hash) * UINT64_C(0x100000001b3);
    for (int i = 0; i < RNL_SIM_FAULTS; i++)
        t->faults[i] += run->result.faults[i];
    t->models[run->result.model].runs++;
    t->models[run->result.model].streams += run->totals.streams;
    t->models[run->result.model].whole += run->totals.whole;
    t->traffic.streams += run->totals.streams;
    t->traffic.whole += run->totals.whole;
    t->traffic.broken += run->totals.broken;
    t->traffic.bytes += run->totals.bytes;
    t->traffic.sleeps += run->totals.sleeps;
}

static bool once(struct totals *t, uint64_t seed, int rounds)
{
    struct traffic run;
    uint64_t hash = 0;

    for (int i = 0; i < rounds; i++) {
        traffic_run(&run, seed, NULL, NULL);
        if (run.fault[0]) {
            printf("seed %llu: %s\n", (unsigned long long)seed, run.fault);
            return false;
        }
        if (i > 0 && run.result.hash != hash) {
            printf("seed %llu: another hash the second time\n", (unsigned long long)seed);
            return false;
        }
        hash = run.result.hash;
    }
    add(t, &run);
    return true;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void tell_models(const struct totals *t)
{
    static const char *const names[] = {"?", "completions", "edges", "levels"};

    for (int i = RNL_SIM_COMPLETIONS; i <= RNL_SIM_LEVELS; i++)
        printf("over %s: %llu runs, %llu connections, %llu whole\n", names[i],
               (unsigned long long)t->models[i].runs, (unsigned long long)t->models[i].streams,
               (unsigned long long)t->models[i].whole);
}

static void tell(struct totals *t)
{
    qsort(t->sizes, (size_t)t->runs, sizeof *t->sizes, by_size);
    printf("%llu runs, %llu failed; %llu events, median %u a run; hash of all %016llx\n",
           (unsigned long long)t->runs, (unsigned long long)t->failed,
           (unsigned long long)t->events, t->runs ? t->sizes[t->runs / 2] : 0,
           (unsigned long long)t->hash);
    printf("%llu connections, %llu whole, %llu broken; %llu bytes; %llu sleeps on time\n",
           (unsigned long long)t->traffic.streams, (unsigned long long)t->traffic.whole,
           (unsigned long long)t->traffic.broken, (unsigned long long)t->traffic.bytes,
           (unsigned long long)t->traffic.sleeps);
    tell_models(t);
    for (int i = 0; i < RNL_SIM_FAULTS; i++)
        printf("%-16s %llu\n", rnl_sim_fault_name((enum rnl_sim_fault)i),
               (unsigned long long)t->faults[i]);
}

static void print_line(void *user, const char *line)
{
    (void)user;
    puts(line);
}

static int replay(uint64_t seed)
{
    struct traffic run;

    traffic_run(&run, seed, print_line, NULL);
    printf("seed %llu: hash %016llx, %llu events, %s\n", (unsigned long long)seed,
           (unsigned long long)run.result.hash, (unsigned long long)run.result.events,
           run.fault[0] ? run.fault : "fine");
    return run.fault[0] != '\0';
}

/* Decimal digits, and nothing else. */
static bool parse(const char *text, uint64_t most, uint64_t *out)
{
    uint64_t value = 0;

    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || value > (most - (uint64_t)(*c - '0')) / 10)
            return false;
        value = value * 10 + (uint64_t)(*c - '0');
    }
    *out = value;
    return text[0] != '\0';
}

int main(int argc, char **argv)
{
    struct totals t = {.hash = UINT64_C(0xcbf29ce484222325)};
    uint64_t first, count, rounds = 1;

    if (argc == 3 && strcmp(argv[1], "-v") == 0 && parse(argv[2], UINT64_MAX, &first))
        return replay(first);
    if (argc < 3 || argc > 4 || !parse(argv[1], UINT64_MAX, &first) ||
        !parse(argv[2], 1000000000, &count) ||
        (argc == 4 && !parse(argv[3], 1000, &rounds)) || rounds == 0) {
        fprintf(stderr, "usage: %s FIRST COUNT [ROUNDS] | -v SEED\n", argv[0]);
        return 2;
    }
    t.sizes = calloc((size_t)count + 1, sizeof *t.sizes);
    if (!t.sizes)
        return 2;
    for (uint64_t i = 0; i < count && t.failed < SHOWN; i++)
        t.failed += !once(&t, first + i, (int)rounds);
    tell(&t);
    free(t.sizes);
    return t.failed > 0;
}
