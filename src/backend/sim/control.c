/* control.c: the calls of runnel/sim.h that need no task. */
#include "backend/sim/sim.h"

#include <string.h>

#include "core/alloc.h"

struct rnl_backend *rnli_sim_of(const struct rnl_sim *sim)
{
    return (struct rnl_backend *)(uintptr_t)sim;
}

void rnl_sim_look(const struct rnl_sim *sim, struct rnl_sim_result *out)
{
    const struct rnl_backend *backend = rnli_sim_of(sim);

    *out = backend->result;
    out->time_ns = backend->now_ns - backend->start_ns;
    out->sockets = backend->nopen;
}

uint32_t rnl_sim_random(struct rnl_sim *sim, uint32_t bound)
{
    return rnli_sim_draw(rnli_sim_of(sim), bound);
}

int rnl_sim_address(const struct rnl_sim *sim, const char *name, enum rnl_family family,
                    struct rnl_address *out)
{
    unsigned host;
    int code = rnli_sim_host_find(rnli_sim_of(sim), name, &host);

    if (code)
        return code;
    return rnli_sim_host_address(host, family, out) ? RNL_OK : RNL_EINVAL;
}

/* ---- Ways -------------------------------------------------------------- */

/* The hosts meant by a name: one, or all of them. */
static int range(const struct rnl_backend *sim, const char *name, unsigned *first, unsigned *end)
{
    int code = RNL_OK;

    *first = 0;
    *end = (unsigned)sim->nhosts;
    if (name && (code = rnli_sim_host_find(sim, name, first)) == RNL_OK)
        *end = *first + 1;
    return code;
}

struct change {
    bool set_cut, cut;
    int64_t latency_ns;
    uint64_t bandwidth;
};

static void apply(struct rnli_sim_way *way, const struct change *change)
{
    if (change->set_cut) {
        way->cut = change->cut;
        way->cut_until_ns = 0;
    } else {
        way->latency_ns = change->latency_ns;
        way->bandwidth = change->bandwidth;
    }
}

static int change_ways(struct rnl_backend *sim, const char *from, const char *to,
                       const struct change *change)
{
    unsigned from_first, from_end, to_first, to_end;
    int code = range(sim, from, &from_first, &from_end);

    if (!code)
        code = range(sim, to, &to_first, &to_end);
    if (code)
        return code;
    for (unsigned a = from_first; a < from_end; a++)
        for (unsigned b = to_first; b < to_end; b++)
            if (a != b)
                apply(rnli_sim_way(sim, a, b), change);
    return RNL_OK;
}

int rnl_sim_cut(struct rnl_sim *sim, const char *from, const char *to)
{
    return change_ways(rnli_sim_of(sim), from, to, &(struct change){.set_cut = true, .cut = true});
}

int rnl_sim_join(struct rnl_sim *sim, const char *from, const char *to)
{
    return change_ways(rnli_sim_of(sim), from, to, &(struct change){.set_cut = true});
}

int rnl_sim_partition(struct rnl_sim *sim, const char *a, const char *b)
{
    int code = rnl_sim_cut(sim, a, b);

    return code ? code : rnl_sim_cut(sim, b, a);
}

int rnl_sim_heal(struct rnl_sim *sim, const char *a, const char *b)
{
    int code = rnl_sim_join(sim, a, b);

    return code ? code : rnl_sim_join(sim, b, a);
}

int rnl_sim_set_way(struct rnl_sim *sim, const char *from, const char *to, int64_t latency_ns,
                    uint64_t bandwidth)
{
    int64_t ns = latency_ns == RNL_OFF ? 0 : latency_ns;

    if (ns < 0 || (bandwidth > INT64_MAX && bandwidth != (uint64_t)RNL_OFF))
        return RNL_EINVAL;
    return change_ways(rnli_sim_of(sim), from, to,
                       &(struct change){.latency_ns = ns, .bandwidth = bandwidth});
}

/* ---- Names and rules --------------------------------------------------- */

int rnl_sim_name(struct rnl_sim *sim, const char *name, const struct rnl_address *address, int code)
{
    struct rnl_backend *backend = rnli_sim_of(sim);
    struct rnli_sim_name *entry;

    if (!name || !*name || strlen(name) >= sizeof entry->name || (!address && !code) || code > 0)
        return RNL_EINVAL;
    entry = rnli_zalloc(&backend->allocator, sizeof *entry);
    if (!entry)
        return RNL_ENOMEM;
    memcpy(entry->name, name, strlen(name) + 1);
    if (address)
        entry->address = *address;
    entry->code = code;
    rnli_list_push(&backend->names, &entry->node);
    return RNL_OK;
}

void rnl_sim_set_rule(struct rnl_sim *sim, rnl_sim_rule_fn *rule, void *user)
{
    rnli_sim_of(sim)->rule = rule;
    rnli_sim_of(sim)->rule_user = user;
}
