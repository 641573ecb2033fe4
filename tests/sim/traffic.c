/* traffic.c: one property run.
 *
 *      client --- request: a header, then n bytes of its stream ---> server
 *             <-- reply:   what arrived (8 bytes), then m bytes ----
 *
 * Byte i of a stream is a function of the stream's number and i, so whoever receives
 * knows at each byte whether it is the right one: what is received is a prefix of what
 * was sent, always; and all of it where both ends saw a clean end, unless the network
 * faked one. Every limit, size and pace is drawn. At the end nothing may be left: no memory, no
 * socket, no task.
 *
 * That much a library would keep that breaks every connection. So in one run of four the
 * faults are such that nobody may notice them, and there every connection has to be whole. */
#include "sim/traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLIENTS_MAX = 5,
    LOCALS_MAX = 3, /* clients on a server's own host, by its Unix path */
    TRIES_MAX = 4,
    HEADER = 24, /* number, request's length, reply's length; 8 bytes each */
    PIECE_MAX = 5000,
    LIVES = 3, /* of two servers: one of them may start twice */
    STREAMS_MAX = (CLIENTS_MAX + LIVES * LOCALS_MAX) * TRIES_MAX + 1
};

#define PATH "/run/traffic"

/* What the two ends of a connection say of it. An end that failed, or lost its memory,
 * closes its socket all the same, so only both together can promise anything. */
struct record {
    uint64_t request, reply;         /* bytes that were to be sent */
    uint64_t request_got, reply_got; /* received when a clean end came */
    bool client_clean, server_clean; /* everything handed over, no error */
    bool request_ended, reply_ended; /* cleanly, as the receiver sees it */
};

static struct traffic *now; /* the run */
static struct record records[STREAMS_MAX];
static uint64_t next_stream;   /* a number for each connection */
static long live;              /* allocations */
static bool early_ends_happen; /* the only fault that looks like a clean end */
static bool clock_jumps;
static bool harmless; /* nothing may go wrong */

static void wrong(const char *what, uint64_t a, uint64_t b)
{
    if (!now->fault[0])
        snprintf(now->fault, sizeof now->fault, "%s (%llu, %llu)", what, (unsigned long long)a,
                 (unsigned long long)b);
}

static uint32_t draw(uint32_t bound)
{
    return rnl_sim_random(rnl_sim_current(), bound);
}

/* ---- Streams of known bytes --------------------------------------------- */

static unsigned char byte_of(uint64_t stream, uint64_t i)
{
    uint64_t x =
        (stream + 1) * UINT64_C(0x9e3779b97f4a7c15) + (i / 8) * UINT64_C(0x2545f4914f6cdd1d);

    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (unsigned char)(x >> (8 * (i % 8)));
}

static void check(uint64_t stream, uint64_t at, const struct rnl_bytes *bytes)
{
    for (size_t i = 0; i < bytes->len; i++)
        if (bytes->data[i] != byte_of(stream, at + i)) {
            wrong("a byte that was not sent: stream, place", stream, at + i);
            return;
        }
    now->totals.bytes += bytes->len;
}

static void put(unsigned char *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get(const unsigned char *from)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | from[i];
    return value;
}

/* A pause now and then, which ends to the nanosecond. */
static int pause_maybe(void)
{
    int64_t ns = (int64_t)draw(50) * RNL_MILLISECOND / 10 + 1, before = rnl_now();
    int err;

    if (draw(8))
        return RNL_OK;
    err = rnl_sleep(ns);
    if (!err && !clock_jumps) {
        if (rnl_now() < before + ns || rnl_now() > before + ns + RNL_MICROSECOND)
            wrong("a sleep that did not end on time: asked, was", (uint64_t)ns,
                  (uint64_t)(rnl_now() - before));
        now->totals.sleeps++;
    }
    return err;
}

static int send_stream(struct rnl_writer *w, uint64_t stream, uint64_t len)
{
    unsigned char piece[PIECE_MAX];
    uint64_t at = 0;
    int err = RNL_OK;

    while (at < len && !err) {
        size_t n = 1 + draw(draw(4) ? PIECE_MAX : 40);

        n = n < len - at ? n : (size_t)(len - at);
        for (size_t i = 0; i < n; i++)
            piece[i] = byte_of(stream, at + i);
        err = rnl_write(w, piece, n);
        if (!err && draw(4) == 0)
            err = rnl_flush(w);
        if (!err && draw(3))
            err = rnl_drain(w);
        if (!err)
            err = pause_maybe();
        at += n;
    }
    return err ? err : rnl_drain(w);
}

/* One read of a kind that is drawn; *got is what came. */
static int read_some(struct rnl_reader *r, uint64_t left, struct rnl_bytes *got)
{
    size_t n = 1 + draw(draw(4) ? 3000 : 20);
    int err;

    switch (left > 0 ? draw(4) : 0) {
    case 1:
        n = n < left ? n : (size_t)left;
        err = rnl_readexactly(r, n, got);
        return err == RNL_EINCOMPLETE ? RNL_OK : err;
    case 2:
        err = rnl_readuntil(r, "\x55", 1, got);
        if (err == RNL_ELIMIT)
            return rnl_read(r, n, got);
        return err == RNL_EINCOMPLETE ? RNL_OK : err;
    default:
        return rnl_read(r, n, got);
    }
}

/* Until the end of input. With a limit of its own now and then, which loses nothing. */
static int receive_stream(struct rnl_reader *r, uint64_t stream, uint64_t expected, uint64_t *got)
{
    struct rnl_timeout limit;
    struct rnl_bytes bytes = {NULL, 0};
    bool limited;
    int err = RNL_OK;

    *got = 0;
    while (!err) {
        limited = draw(10) == 0;
        if (limited)
            (void)rnl_timeout_begin(&limit, (int64_t)draw(3000) * RNL_MICROSECOND);
        err = read_some(r, expected - *got, &bytes);
        if (limited)
            err = rnl_timeout_end(&limit, err);
        if (err == RNL_ETIMEDOUT && limited && rnl_exception(r) == RNL_OK) {
            err = RNL_OK;
            continue;
        }
        if (err || bytes.len == 0)
            break;
        check(stream, *got, &bytes);
        *got += bytes.len;
        if (*got > expected)
            wrong("more than was sent: stream, bytes", stream, *got);
        err = pause_maybe();
    }
    return err;
}

/* ---- Servers ----------------------------------------------------------- */

static int serve(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    struct rnl_bytes header;
    unsigned char seen[8];
    uint64_t stream, request, reply, got = 0;
    struct record *rec = &records[0];
    int err = rnl_readexactly(r, HEADER, &header);

    (void)arg;
    if (err)
        return RNL_OK;
    stream = get(header.data);
    request = get(header.data + 8);
    reply = get(header.data + 16);
    if (!harmless && draw(20) == 0)
        return RNL_OK; /* rude: ends without a word */
    if (stream >= next_stream)
        wrong("a header that was not sent: stream", stream, 0);
    else
        rec = &records[stream];
    err = receive_stream(r, stream * 2, request, &got);
    if (!err) {
        rec->request_ended = true;
        rec->request_got = got;
        put(seen, got);
        err = rnl_write(w, seen, sizeof seen);
    }
    if (!err)
        err = send_stream(w, stream * 2 + 1, reply);
    if (!err) {
        rnl_close(w);
        err = rnl_wait_closed(w);
    }
    rec->server_clean = !err;
    return RNL_OK;
}

static void draw_stream(struct rnl_stream_options *o)
{
    o->limit = draw(2) ? 1 + draw(64) : 0;
    o->high_water = draw(2) ? 1 + draw(10000) : 0;
    o->low_water = o->high_water ? draw((uint32_t)o->high_water) : 0;
}

static int local_client(void *arg);

/* Clients of its own, where there is a path to reach it by. */
static struct rnl_server *serve_path(void)
{
    struct rnl_server_options o = RNL_SERVER_OPTIONS_INIT;
    struct rnl_server *server = NULL;

    draw_stream(&o.stream);
    o.backlog = 1;
    if (draw(4) || rnl_start_unix_server(serve, NULL, PATH, RNL_ALL, &o, &server))
        return NULL;
    for (uint32_t n = 1 + draw(LOCALS_MAX); n > 0; n--)
        (void)rnl_task_spawn(NULL, local_client, NULL, NULL);
    return server;
}

static int server_main(void *arg)
{
    struct rnl_server_options o = RNL_SERVER_OPTIONS_INIT;
    struct rnl_server *server, *local;
    int err;

    (void)arg;
    draw_stream(&o.stream);
    o.backlog = 1 + (int)draw(3);
    do {
        err = rnl_start_server(serve, NULL, NULL, 80, &o, &server);
    } while (err && err != RNL_ECANCELED && rnl_sleep(RNL_SECOND) == RNL_OK);
    if (err)
        return RNL_OK;
    local = serve_path();
    err = rnl_server_serve_forever(server);
    if (err != RNL_ECANCELED)
        wrong("serve_forever ended otherwise than by a cancel", (uint64_t)-err, 0);
    rnl_server_free(server);
    rnl_server_free(local);
    return RNL_OK;
}

/* ---- Clients ----------------------------------------------------------- */

static int read_reply(struct rnl_reader *r, uint64_t stream, struct record *rec)
{
    struct rnl_bytes bytes;
    uint64_t seen, got = 0;
    int err = rnl_readexactly(r, 8, &bytes);

    if (err)
        return err;
    seen = get(bytes.data);
    if (!rec->request_ended || rec->request_got != seen)
        wrong("a reply that was not sent: said, seen", rec->request_got, seen);
    err = receive_stream(r, stream * 2 + 1, rec->reply, &got);
    rec->reply_ended = !err;
    rec->reply_got = got;
    return err;
}

static int exchange(struct rnl_reader *r, struct rnl_writer *w)
{
    uint64_t stream = next_stream++;
    struct record *rec = &records[stream];
    uint64_t request = draw(3) ? draw(20000) : draw(100000), reply = draw(20000);
    unsigned char header[HEADER];
    int err;

    put(header, stream);
    put(header + 8, request);
    put(header + 16, reply);
    rec->request = request;
    rec->reply = reply;
    now->totals.streams++;
    err = rnl_write(w, header, sizeof header);
    if (!err)
        err = send_stream(w, stream * 2, request);
    if (!err && !harmless && draw(20) == 0)
        return RNL_OK; /* rude */
    if (!err)
        err = rnl_write_eof(w);
    if (!err)
        err = read_reply(r, stream, rec);
    if (!err) {
        rnl_close(w);
        err = rnl_wait_closed(w);
    }
    rec->client_clean = !err;
    return err;
}

/* NULL: by the path. */
static int connect_and_exchange(const char *host)
{
    struct rnl_connect_options o = RNL_CONNECT_OPTIONS_INIT;
    struct rnl_timeout limit;
    struct rnl_reader *r = NULL;
    struct rnl_writer *w = NULL;
    int err;

    draw_stream(&o.stream);
    (void)rnl_timeout_begin(&limit, harmless ? RNL_HOUR : (int64_t)(1 + draw(60)) * RNL_SECOND);
    err = host ? rnl_open_connection(host, 80, &o, &r, &w)
               : rnl_open_unix_connection(PATH, RNL_ALL, &o, &r, &w);
    if (!err)
        err = exchange(r, w);
    err = rnl_timeout_end(&limit, err);
    rnl_stream_free(r, w);
    return err;
}

static int try_again_and_again(const char *host)
{
    for (uint32_t tries = 1 + draw(TRIES_MAX); tries > 0; tries--) {
        int err = connect_and_exchange(host);

        if (err && harmless)
            wrong("an error though nothing went wrong", (uint64_t)-err, 0);
        if (err)
            now->totals.broken++;
        if (err == RNL_ECANCELED || rnl_sleep((int64_t)draw(2000) * RNL_MILLISECOND))
            break;
    }
    return RNL_OK;
}

static int client_main(void *arg)
{
    char host[16];

    (void)arg;
    snprintf(host, sizeof host, "server%u", (unsigned)draw(2));
    return try_again_and_again(host);
}

static int local_client(void *arg)
{
    (void)arg;
    return try_again_and_again(NULL);
}

/* ---- The run ----------------------------------------------------------- */

static int start_hosts(struct rnl_sim *sim, uint32_t clients)
{
    char name[20];
    int err = rnl_sim_host(sim, "server0", server_main, NULL);

    if (!err)
        err = rnl_sim_host(sim, "server1", server_main, NULL);
    for (uint32_t i = 0; i < clients && !err; i++) {
        snprintf(name, sizeof name, "client%u", (unsigned)i);
        err = rnl_sim_host(sim, name, client_main, NULL);
    }
    return err;
}

/* Now and then a server loses its power, and comes back. */
static void disturb(struct rnl_sim *sim)
{
    const char *name = draw(2) ? "server0" : "server1";

    if (draw(4) || rnl_sleep((int64_t)draw(100) * RNL_MILLISECOND))
        return;
    if (rnl_sim_stop_host(sim, name) || rnl_sleep((int64_t)draw(5000) * RNL_MILLISECOND))
        wrong("a host that cannot be stopped", 0, 0);
    if (rnl_sim_restart_host(sim, name))
        wrong("a host that cannot be started", 0, 0);
}

/* What is left of the faults is the library's to cope with. (A slow name of a server is one that
 * listens late.) */
static void spare_the_harmful(struct rnl_sim *sim)
{
    static const enum rnl_sim_fault harmful[] = {
        RNL_SIM_RESET,          RNL_SIM_EARLY_END,      RNL_SIM_REFUSED,   RNL_SIM_CONNECT_TIMEOUT,
        RNL_SIM_NO_DESCRIPTORS, RNL_SIM_ACCEPT_ABORTED, RNL_SIM_PARTITION, RNL_SIM_NAME_FAILS,
        RNL_SIM_NO_MEMORY,      RNL_SIM_CLOCK_JUMP,     RNL_SIM_NAME_SLOW};

    for (size_t i = 0; i < sizeof harmful / sizeof *harmful; i++)
        rnl_sim_set_fault(sim, harmful[i], 0);
}

static int run_main(void *arg)
{
    struct rnl_sim *sim = rnl_sim_current();
    uint32_t clients = 1 + draw(CLIENTS_MAX);
    char name[20];
    int err = start_hosts(sim, clients);

    (void)arg;
    if (!early_ends_happen)
        rnl_sim_set_fault(sim, RNL_SIM_EARLY_END, 0);
    if (!clock_jumps)
        rnl_sim_set_fault(sim, RNL_SIM_CLOCK_JUMP, 0);
    if (err) {
        wrong("hosts that cannot be started", (uint64_t)-err, 0);
        return err;
    }
    if (harmless)
        spare_the_harmful(sim);
    else
        disturb(sim);
    for (uint32_t i = 0; i < clients; i++) {
        snprintf(name, sizeof name, "client%u", (unsigned)i);
        if (rnl_sim_wait_host(sim, name, NULL))
            wrong("a client that cannot be awaited", i, 0);
    }
    return harmless ? rnl_sleep(RNL_HOUR) : RNL_OK; /* for those on the servers' hosts */
}

/* Where an end was clean for both, all of it has to have arrived. */
static void compare_records(void)
{
    for (uint64_t i = 1; i < next_stream; i++) {
        const struct record *rec = &records[i];

        if (rec->client_clean && rec->request_ended && rec->request_got != rec->request &&
            !early_ends_happen)
            wrong("part of a request is missing: stream, bytes", i,
                  rec->request - rec->request_got);
        if (rec->server_clean && rec->reply_ended && rec->reply_got != rec->reply &&
            !early_ends_happen)
            wrong("part of a reply is missing: stream, bytes", i, rec->reply - rec->reply_got);
        if (rec->client_clean && rec->server_clean && rec->reply_got == rec->reply &&
            rec->request_got == rec->request)
            now->totals.whole++;
        else if (harmless)
            wrong("a connection that is not whole though nothing went wrong: stream", i, 0);
    }
}

static void *count_alloc(void *user, size_t size)
{
    (void)user;
    live++;
    return malloc(size);
}

static void *count_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    (void)user;
    (void)old_size;
    live += ptr == NULL;
    return realloc(ptr, size);
}

static void count_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    live--;
    free(ptr);
}

static void quiet(void *user, const struct rnl_report *report)
{
    (void)user;
    (void)report;
}

void traffic_run(struct traffic *run, uint64_t seed, void (*trace)(void *, const char *),
                 void *user)
{
    static const struct rnl_allocator counting = {count_alloc, count_realloc, count_free, NULL};
    struct rnl_sim_config config = RNL_SIM_CONFIG_INIT;
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    int code;

    memset(run, 0, sizeof *run);
    now = run;
    live = 0;
    next_stream = 1;
    memset(records, 0, sizeof records);
    config.seed = seed;
    config.swarm = RNL_YES;
    config.limit_ns = 1000 * RNL_HOUR;
    config.send_buffer = 1u << (8 + seed % 9);
    config.receive_buffer = 1u << (8 + seed / 9 % 9);
    config.segment = 1u << (6 + seed / 81 % 9);
    config.trace = trace;
    config.trace_user = user;
    config.result = &run->result;
    /* Two runs of three do without the faults that make a promise void. */
    early_ends_happen = clock_jumps = seed % 3 == 0;
    harmless = seed % 4 == 3;
    options.backend = "sim";
    options.backend_config = &config;
    options.allocator = &counting;
    options.report = quiet;
    code = rnl_run(run_main, NULL, &options);
    if (code)
        wrong("the run failed", (uint64_t)-code, 0);
    compare_records();
    if (live)
        wrong("memory is left: allocations", (uint64_t)live, 0);
    if (run->result.sockets)
        wrong("sockets are left", run->result.sockets, 0);
}
