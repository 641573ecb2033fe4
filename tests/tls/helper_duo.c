#include "tls/helper_duo.h"

#include <stdlib.h>

static void *plain_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void *plain_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    (void)user;
    (void)old_size;
    return realloc(ptr, size);
}

static void plain_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    free(ptr);
}

const struct rnl_allocator *plain_allocator(void)
{
    static const struct rnl_allocator plain = {plain_alloc, plain_realloc, plain_free, NULL};

    return &plain;
}

void duo_init(struct duo *d)
{
    struct rnl_tls_options defaults = RNL_TLS_OPTIONS_INIT;

    memset(d, 0, sizeof *d);
    d->pki = pki();
    d->copts = d->sopts = defaults;
    d->copts.ca_data = text_bytes(d->pki->root_pem);
    d->sopts.cert_data = text_bytes(d->pki->server_pem);
    d->name = "good.test";
    d->step = 1 << 20;
}

static int open_engine(struct rnl_tls_context *c, bool server, const char *name,
                       struct rnli_filter **out)
{
    struct rnli_filter_request r = {
        .server_side = server, .name = name, .allocator = plain_allocator()};

    return c->source.open(&c->source, &r, out);
}

int duo_open(struct duo *d)
{
    int code = d->cc ? RNL_OK : rnl_tls_client(&d->cc, &d->copts);

    if (!code && !d->sc)
        code = rnl_tls_server(&d->sc, &d->sopts);
    if (!code)
        code = open_engine(d->cc, false, d->name, &d->client);
    if (!code)
        code = open_engine(d->sc, true, NULL, &d->server);
    return code;
}

size_t carry(struct rnli_filter *from, struct rnli_filter *to, size_t n)
{
    struct rnl_bytes piece;
    size_t len = n;

    if (rnl_core_peek(from->out, &piece, 1) == 0)
        return 0;
    if (len > piece.len)
        len = piece.len;
    if (rnl_core_feed(to->in, piece.data, len))
        return 0;
    rnl_core_sent(from->out, len);
    return len;
}

bool duo_carry(struct duo *d)
{
    size_t there = carry(d->client, d->server, d->step);
    size_t back = carry(d->server, d->client, d->step);

    return there + back > 0;
}

void duo_shake(struct duo *d)
{
    do {
        d->client_code = d->client->ops->start(d->client);
        d->server_code = d->server->ops->start(d->server);
    } while (duo_carry(d));
}

void duo_close(struct duo *d)
{
    if (d->client)
        d->client->ops->free(d->client);
    if (d->server)
        d->server->ops->free(d->server);
    rnl_tls_free(d->cc);
    rnl_tls_free(d->sc);
}

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 31 + i / 251);
}

bool duo_pass(struct duo *d, struct rnli_filter *from, struct rnli_filter *to, size_t len)
{
    size_t written = 0, read = 0;
    int code = RNL_OK;

    while (read < len && (code == RNL_OK || code == RNL_EAGAIN)) {
        unsigned char piece[1000], got[700];
        size_t n = len - written < sizeof piece ? len - written : sizeof piece;
        size_t done = 0;

        for (size_t i = 0; i < n; i++)
            piece[i] = byte_at(written + i);
        if (from->ops->write(from, piece, n, &done))
            return false;
        written += done;
        duo_carry(d);
        while ((code = to->ops->read(to, got, sizeof got, &done)) == RNL_OK && done > 0)
            for (size_t i = 0; i < done; i++)
                if (got[i] != byte_at(read++))
                    return false;
    }
    return read == len;
}
