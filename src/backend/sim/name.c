/* name.c: names of hosts and services, resolved after a virtual while.
 *
 * Each query is an event. It ends by done(), which may be called by a wait or, at
 * the end of the loop, by the backend's close; nobody can take it back, so whoever
 * asks leaves something behind that outlives the wait. */
#include "backend/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/timerq.h"

enum { NAMES_MAX = 16 }; /* addresses of one answer */

struct query {
    struct rnli_list node;
    struct rnli_sim_event event;
    char host[256];
    bool passive_or_local; /* no host: the wildcard or the loopback */
    unsigned place;
    uint16_t port;
    enum rnl_family family;
    int flags, code;
    void (*done)(void *, int, const struct rnl_address *, size_t);
    void *arg;
};

struct answer {
    struct rnl_address list[NAMES_MAX];
    size_t count;
};

static void add(struct answer *answer, const struct query *q, const struct rnl_address *address)
{
    if (answer->count == NAMES_MAX || (q->family != RNL_UNSPEC && q->family != address->family))
        return;
    answer->list[answer->count] = *address;
    answer->list[answer->count++].port = q->port;
}

static void add_ip(struct answer *answer, const struct query *q, const char *text)
{
    struct rnl_address address;

    if (rnl_address_parse(&address, text, strlen(text), 0) == RNL_OK)
        add(answer, q, &address);
}

static void add_host(struct rnl_backend *sim, struct answer *answer, const struct query *q)
{
    struct rnl_address address;
    unsigned host;

    if (rnli_sim_host_find(sim, q->host, &host))
        return;
    if (rnli_sim_host_address(host, RNL_INET6, &address))
        add(answer, q, &address);
    if (rnli_sim_host_address(host, RNL_INET, &address))
        add(answer, q, &address);
}

static int find(struct rnl_backend *sim, const struct query *q, struct answer *answer)
{
    bool passive = (q->flags & RNL_RESOLVE_PASSIVE) != 0;

    if (q->code)
        return q->code;
    if (q->passive_or_local) {
        add_ip(answer, q, passive ? "0.0.0.0" : "127.0.0.1");
        add_ip(answer, q, passive ? "::" : "::1");
        return answer->count ? RNL_OK : RNL_ENONAME;
    }
    for (struct rnli_list *node = sim->names.next; node != &sim->names; node = node->next) {
        const struct rnli_sim_name *name = RNLI_CONTAINER(node, struct rnli_sim_name, node);

        if (strcmp(name->name, q->host))
            continue;
        if (name->code)
            return name->code;
        add(answer, q, &name->address);
    }
    if (strcmp(q->host, "localhost") == 0) {
        add_ip(answer, q, "::1");
        add_ip(answer, q, "127.0.0.1");
    }
    add_ip(answer, q, q->host); /* a literal, with a service's name */
    add_host(sim, answer, q);
    return answer->count ? RNL_OK : RNL_ENONAME;
}

static void end(struct rnl_backend *sim, struct query *q, int code, const struct answer *answer)
{
    void (*done)(void *, int, const struct rnl_address *, size_t) = q->done;
    void *arg = q->arg;

    rnli_list_remove(&q->node);
    rnli_sim_forget(&q->event);
    rnli_free(&sim->allocator, q, sizeof *q);
    sim->model->wake(sim); /* the loop has something to do, though there is no entry */
    done(arg, code, answer->list, code ? 0 : answer->count);
}

static void resolved(struct rnl_backend *sim, struct rnli_sim_event *event)
{
    struct query *q = RNLI_CONTAINER(event, struct query, event);
    struct answer answer = {.count = 0};
    int code = sim->hosts[q->place].stopped ? RNL_ENAMEAGAIN : find(sim, q, &answer);

    rnli_sim_note(sim, "resolved", q->place, code, (int64_t)answer.count);
    end(sim, q, code, &answer);
}

/* A number, or one of the few services that programs here ask for. */
static int port_of(const char *service, uint16_t *out)
{
    static const struct {
        const char *name;
        uint16_t port;
    } known[] = {{"echo", 7},    {"ftp", 21},  {"ssh", 22},   {"telnet", 23}, {"smtp", 25},
                 {"domain", 53}, {"http", 80}, {"pop3", 110}, {"imap", 143},  {"https", 443}};
    char *rest;
    unsigned long number = strtoul(service, &rest, 10);

    if (*service && !*rest && number <= 65535) {
        *out = (uint16_t)number;
        return RNL_OK;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, service) == 0) {
            *out = known[i].port;
            return RNL_OK;
        }
    }
    return RNL_ENONAME;
}

static int64_t delay(struct rnl_backend *sim, struct query *q)
{
    int64_t ns = RNL_MILLISECOND + rnli_sim_draw_ns(sim, RNL_MILLISECOND);

    if (rnli_sim_fault(sim, RNL_SIM_NAME_SLOW))
        ns += rnli_sim_draw_ns(sim, 20 * RNL_SECOND);
    if (!q->code && !q->passive_or_local && rnli_sim_fault(sim, RNL_SIM_NAME_FAILS))
        q->code = RNL_ENAMEAGAIN;
    return ns;
}

int rnli_sim_resolve(struct rnl_backend *sim, const char *host, const char *service,
                     enum rnl_family family, int flags,
                     void (*done)(void *, int, const struct rnl_address *, size_t), void *arg)
{
    struct query *q;

    if (host && strlen(host) >= sizeof q->host)
        return RNL_ENONAME;
    q = rnli_zalloc(&sim->allocator, sizeof *q);
    if (!q)
        return RNL_ENOMEM;
    if (host)
        memcpy(q->host, host, strlen(host) + 1);
    q->passive_or_local = !host;
    q->place = sim->place;
    q->family = family;
    q->flags = flags;
    q->done = done;
    q->arg = arg;
    q->code = service ? port_of(service, &q->port) : RNL_OK;
    rnli_list_push(&sim->queries, &q->node);
    rnli_sim_event_init(&q->event, resolved);
    rnli_sim_plan(sim, &q->event, rnli_time_after(sim->now_ns, delay(sim, q)));
    rnli_sim_note_text(sim, "resolve", host ? host : "");
    return RNL_OK;
}

void rnli_sim_names_close(struct rnl_backend *sim)
{
    static const struct answer none;
    struct rnli_list *node;

    while (!rnli_list_empty(&sim->queries))
        end(sim, RNLI_CONTAINER(sim->queries.next, struct query, node), RNL_ECANCELED, &none);
    while ((node = rnli_list_shift(&sim->names)) != NULL)
        rnli_free(&sim->allocator, RNLI_CONTAINER(node, struct rnli_sim_name, node),
                  sizeof(struct rnli_sim_name));
}
