/* Memory: every allocation of a handshake fails in turn, what a stranger can make
 * us hold, what an idle connection costs, and what is left behind. */
#include "tls/helper_duo.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- OpenSSL's allocator, counted, with a place to fail ------------------ */

static size_t live, most;   /* bytes */
static long calls, fail_at; /* fail_at 0: never */
static bool failing_on;

struct head {
    size_t size;
    size_t pad;
};

static bool fails(void)
{
    return failing_on && ++calls == fail_at;
}

static void count(size_t add, size_t take)
{
    live += add;
    live -= take;
    if (live > most)
        most = live;
}

static void *ssl_malloc(size_t size, const char *file, int line)
{
    struct head *h;

    (void)file;
    (void)line;
    if (size == 0 || fails())
        return NULL;
    h = malloc(sizeof *h + size);
    if (!h)
        return NULL;
    h->size = size;
    count(size, 0);
    return h + 1;
}

static void ssl_free(void *ptr, const char *file, int line)
{
    struct head *h = ptr;

    (void)file;
    (void)line;
    if (!ptr)
        return;
    h--;
    count(0, h->size);
    free(h);
}

static void *ssl_realloc(void *ptr, size_t size, const char *file, int line)
{
    struct head *h = ptr, *more;

    if (!ptr)
        return ssl_malloc(size, file, line);
    if (size == 0) {
        ssl_free(ptr, file, line);
        return NULL;
    }
    if (fails())
        return NULL;
    h--;
    more = malloc(sizeof *more + size);
    if (!more)
        return NULL;
    memcpy(more + 1, ptr, h->size < size ? h->size : size);
    more->size = size;
    count(size, 0);
    ssl_free(ptr, file, line);
    return more + 1;
}

/* The loop's allocator, in the same count. */
static void *our_alloc(void *user, size_t size)
{
    (void)user;
    return ssl_malloc(size ? size : 1, NULL, 0);
}

static void *our_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    (void)user;
    (void)old_size;
    return ssl_realloc(ptr, size, NULL, 0);
}

static void our_free(void *user, void *ptr, size_t size)
{
    unsigned char *bytes = ptr;

    (void)user;
    (void)size;
    (void)bytes;
    ssl_free(ptr, NULL, 0);
}

static const struct rnl_allocator ours = {our_alloc, our_realloc, our_free, NULL};

/* ---- Tests ------------------------------------------------------------- */

static int open_counted(struct rnl_tls_context *c, bool server, struct rnli_filter **out)
{
    struct rnli_filter_request r = {
        .server_side = server, .name = server ? NULL : "good.test", .allocator = &ours};

    return c->source.open(&c->source, &r, out);
}

/* Engines of counted memory on contexts that are there; the first error, or RNL_OK
 * after a handshake and a word each way. */
static int whole_life(struct duo *d)
{
    int code = open_counted(d->cc, false, &d->client);
    size_t done;
    char buf[10];

    if (!code)
        code = open_counted(d->sc, true, &d->server);
    if (!code) {
        duo_shake(d);
        code = d->client_code && d->client_code != RNL_EAGAIN ? d->client_code : d->server_code;
        if (!code && !d->client->started)
            code = RNL_EAGAIN;
    }
    if (!code)
        code = d->client->ops->write(d->client, "word", 4, &done);
    if (!code && rnl_core_queued(d->client->out) == 0)
        code = RNL_EIO;
    while (!code && duo_carry(d))
        ;
    if (!code)
        code = d->server->ops->read(d->server, buf, sizeof buf, &done);
    if (d->client)
        d->client->ops->free(d->client);
    if (d->server)
        d->server->ops->free(d->server);
    d->client = d->server = NULL;
    return code;
}

/* One byte short of memory at each point of the handshake. */
static void no_memory_anywhere(void)
{
    const long stride = getenv("RUNNEL_SLOW") ? 97 : 1;

    for (int v = 0; v < 2; v++) {
        struct duo d;
        long points = 0, failed = 0, tried = 0;
        int code;

        duo_init(&d);
        d.copts.max_version = v ? RNL_TLS_1_3 : RNL_TLS_1_2;
        OK(rnl_tls_client(&d.cc, &d.copts));
        OK(rnl_tls_server(&d.sc, &d.sopts));
        OK(whole_life(&d)); /* what OpenSSL keeps for ever is there now */
        do {
            size_t before = live;

            calls = 0;
            fail_at = points += stride;
            failing_on = true;
            code = whole_life(&d);
            failing_on = false;
            ERR_clear_error();
            tried++;
            failed += code != RNL_OK; /* many are survived: OpenSSL goes another way */
            CU_ASSERT(code != RNL_EIO);
            /* What OpenSSL caches may stay once, not each time. */
            if (live > before && points > 50) {
                before = live;
                calls = 0;
                failing_on = true;
                (void)whole_life(&d);
                failing_on = false;
                ERR_clear_error();
                CU_ASSERT(live <= before);
            }
        } while (calls >= fail_at && points < 20000);
        OK(code);
        CU_ASSERT(points > 500);
        CU_ASSERT(failed > tried / 5);
        printf("(%ld of %ld failed) ", failed, tried);
        OK(whole_life(&d));
        duo_close(&d);
    }
}

static void no_memory_for_contexts(void)
{
    struct duo d;
    long points = 0;

    duo_init(&d);
    do {
        struct rnl_tls_context *c = NULL;
        int code;

        calls = 0;
        fail_at = ++points;
        failing_on = true;
        code = rnl_tls_server(&c, &d.sopts);
        if (!code) {
            rnl_tls_free(c);
            c = NULL;
            code = rnl_tls_client(&c, &d.copts);
        }
        failing_on = false;
        ERR_clear_error();
        if (!code)
            rnl_tls_free(c);
    } while (calls >= fail_at && points < 20000);
    CU_ASSERT(points > 100);
}

/* A client that begins a huge hello and never ends it. */
static void stranger(void)
{
    static unsigned char record[16389];
    struct duo d;
    size_t before, fed = 0;
    int code = RNL_EAGAIN;

    duo_init(&d);
    OK(rnl_tls_client(&d.cc, &d.copts));
    OK(rnl_tls_server(&d.sc, &d.sopts));
    OK(whole_life(&d));
    before = live;
    most = live;
    OK(open_counted(d.sc, true, &d.server));
    record[0] = 22;
    record[1] = 3;
    record[2] = 1;
    record[3] = 0x40;
    record[5] = 1;
    record[6] = 1; /* 128 KiB more are to come */
    while (code == RNL_EAGAIN && fed < (1 << 20)) {
        for (size_t at = 0; at < sizeof record && code == RNL_EAGAIN; at += 4097) {
            OK(rnl_core_feed(d.server->in, record + at, 4097));
            code = d.server->ops->start(d.server);
        }
        fed += sizeof record;
        record[5] = record[6] = 0;
    }
    CU_ASSERT(code < 0 && code != RNL_EAGAIN);
    CU_ASSERT(most - before < 128 * 1024);
    printf("(%zu bytes) ", most - before);
    duo_close(&d);
}

static void idle(void)
{
    struct duo d;
    size_t before;

    duo_init(&d);
    OK(rnl_tls_client(&d.cc, &d.copts));
    OK(rnl_tls_server(&d.sc, &d.sopts));
    OK(whole_life(&d));
    before = live;
    OK(open_counted(d.cc, false, &d.client));
    OK(open_counted(d.sc, true, &d.server));
    duo_shake(&d);
    while (duo_carry(&d))
        ;
    OK(d.client_code);
    CU_ASSERT(duo_pass(&d, d.client, d.server, 100000));
    CU_ASSERT(duo_pass(&d, d.server, d.client, 100000));
    printf("(%zu bytes for both ends) ", live - before);
    CU_ASSERT(live - before < 64 * 1024);
    duo_close(&d);
}

/* Our own memory is searched as it is freed. */
static bool watching;
static int found;

static void watching_free(void *user, void *ptr, size_t size)
{
    static const char marker[] = "marker-of-a-secret";
    const unsigned char *bytes = ptr;

    for (size_t i = 0; watching && ptr && i + sizeof marker - 1 <= size; i++)
        found += memcmp(bytes + i, marker, sizeof marker - 1) == 0;
    our_free(user, ptr, size);
}

static void nothing_left_behind(void)
{
    static const struct rnl_allocator watcher = {our_alloc, our_realloc, watching_free, NULL};
    struct duo d;
    size_t done;
    char buf[100];

    duo_init(&d);
    OK(rnl_tls_client(&d.cc, &d.copts));
    OK(rnl_tls_server(&d.sc, &d.sopts));
    for (int i = 0; i < 2; i++) {
        struct rnli_filter_request r = {
            .server_side = i, .name = i ? NULL : "good.test", .allocator = &watcher};
        struct rnl_tls_context *c = i ? d.sc : d.cc;

        OK(c->source.open(&c->source, &r, i ? &d.server : &d.client));
    }
    watching = true;
    duo_shake(&d);
    OK(d.client->ops->write(d.client, "marker-of-a-secret", 18, &done));
    while (duo_carry(&d))
        ;
    OK(d.server->ops->read(d.server, buf, sizeof buf, &done));
    IS(done, 18);
    duo_close(&d);
    watching = false;
    IS(found, 0);
}

static const struct suite_test tests[] = {
    {"I21 no memory at each point of a handshake", no_memory_anywhere},
    {"I21 no memory at each point of making contexts", no_memory_for_contexts},
    {"I22 what a stranger can make us hold", stranger},
    {"I23 an idle connection", idle},
    {"I27 no clear text in freed memory", nothing_left_behind},
};

int main(int argc, char **argv)
{
    /* Before OpenSSL's first allocation. */
    if (!CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free))
        return 1;
    return suite_run("tls.memory", tests, sizeof tests / sizeof *tests, argc, argv);
}
