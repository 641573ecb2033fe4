/* Everything at once, by dice: clients and handlers that read, write, wait, close,
 * break off and cancel each other in any order. Whatever comes of it, it ends, and
 * nothing is left. RUNNEL_SEEDS says how many games there are to be. */
#include "stream/helper_net.h"

#include <stdint.h>
#include <stdlib.h>

enum { CLIENTS = 8, STEPS = 40, SEEDS = 40 };

static uint32_t dice;
static char data[100000];
static struct rnl_task *tasks[CLIENTS];

static unsigned roll(unsigned sides)
{
    dice = dice * 1664525u + 1013904223u;
    return (dice >> 8) % sides;
}

static int one_read(struct rnl_reader *r)
{
    struct rnl_bytes b;
    bool done;

    switch (roll(7)) {
    case 0:
        return rnl_read(r, roll(1000), &b);
    case 1:
        return rnl_readline(r, &b);
    case 2:
        return rnl_readexactly(r, roll(300000), &b);
    case 3:
        return rnl_readuntil(r, "ab", 1 + roll(2), &b);
    case 4:
        return rnl_discard_until(r, "\n", 1, NULL);
    case 5:
        return rnl_readuntil_part(r, "xyz", 3, &b, &done);
    default:
        return rnl_read(r, RNL_ALL, &b);
    }
}

static int one_write(struct rnl_writer *w)
{
    switch (roll(5)) {
    case 0:
        return rnl_write(w, data, roll(sizeof data));
    case 1:
        return rnl_write(w, "a\nb", roll(4));
    case 2:
        return rnl_drain(w);
    case 3:
        return rnl_flush(w);
    default:
        return rnl_set_water_marks(w, roll(1000), 0);
    }
}

static int one_end(struct rnl_reader *r, struct rnl_writer *w)
{
    switch (roll(8)) {
    case 0:
        rnl_close(w);
        return RNL_OK;
    case 1:
        rnl_abort(w);
        return RNL_OK;
    case 2:
        return rnl_wait_closed(w);
    case 3:
        return rnl_set_limit(r, 1 + roll(200));
    case 4:
        (void)rnl_task_cancel(tasks[roll(CLIENTS)]);
        return RNL_OK;
    case 5:
        return rnl_yield();
    default:
        return rnl_write_eof(w);
    }
}

/* Each wait has an end, since nobody promises an answer. */
static void play(struct rnl_reader *r, struct rnl_writer *w, unsigned steps)
{
    while (steps-- > 0) {
        struct rnl_timeout limit;
        unsigned kind = roll(10);
        int err;

        (void)rnl_timeout_begin(&limit, (int64_t)roll(3) * 100 * RNL_MICROSECOND);
        err = kind < 4 ? one_read(r) : kind < 8 ? one_write(w) : one_end(r, w);
        err = rnl_timeout_end(&limit, err);
        CU_ASSERT(err <= 0 && err != RNL_EBUSY && err != RNL_EDEADLOCK && err != RNL_ENOMEM);
    }
}

static int handles(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    unsigned fate = roll(6);

    (void)arg;
    play(r, w, roll(STEPS));
    if (fate == 0)
        rnl_stream_free(r, w); /* it goes with the handler */
    if (fate == 1 && rnl_stream_keep(r, w) == RNL_OK) {
        play(r, w, roll(STEPS));
        rnl_stream_free(r, w);
    }
    return RNL_OK;
}

static int client(void *arg)
{
    struct net *n = arg;

    for (int i = 0; i < 4; i++) {
        struct rnl_reader *r;
        struct rnl_writer *w;
        int err = net_connect(n, &r, &w);

        CU_ASSERT(err == RNL_OK || err == RNL_ECANCELED);
        if (err)
            continue;
        rnl_stream_ref(r, w);
        play(r, w, STEPS);
        rnl_stream_free(r, w);
        play(r, w, roll(3));
        rnl_stream_free(r, w);
    }
    return RNL_OK;
}

static void one_game(struct net *n)
{
    struct rnl_address address;

    if (n->kind == NET_UNIX)
        OK(rnl_start_unix_server(handles, n, n->path, RNL_ALL, &n->options, &n->server));
    else
        OK(rnl_start_server(handles, n, "127.0.0.1", 0, &n->options, &n->server));
    OK(rnl_server_address(n->server, 0, &address));
    n->port = address.port;
    for (int i = 0; i < CLIENTS; i++)
        tasks[i] = start(client, n);
    for (int i = 0; i < CLIENTS; i++)
        OK(rnl_task_wait(tasks[i], NULL));
    for (int i = 0; i < CLIENTS; i++)
        CU_ASSERT(rnl_task_done(tasks[i]));
    rnl_server_close(n->server);
    if (roll(2))
        rnl_server_abort_clients(n->server);
    OK(rnl_server_wait_closed(n->server));
    rnl_server_free(n->server);
    turns(3);
    for (int i = 0; i < CLIENTS; i++)
        rnl_task_free(tasks[i]);
}

static void games(void)
{
    const char *more = getenv("RUNNEL_SEEDS");
    uint32_t seeds = more ? (uint32_t)strtoul(more, NULL, 10) : SEEDS;

    for (uint32_t seed = 1; seed <= seeds; seed++) {
        dice = seed;
        each_system_raw(one_game);
    }
}

SUITE("random", {"A2 D1 F4 everything at once, by dice", games})
