/* reader_feed.c: how bytes, the end of input and errors come in.
 *
 * What comes in is never refused for being too much: above 2 x limit the reader
 * says "paused", and whoever feeds is expected to stop until it says otherwise.
 * The pause ends by reads (reader.c).
 *
 * While a read(RNL_ALL) waits, the bytes it has seen do not count: asyncio has
 * taken them out of the buffer by then, and would not pause for them. */
#include <string.h>

#include "core/alloc.h"
#include "core/reader_parts.h"

/* A reader that rnl_core_reader_open made. */
struct own_reader {
    struct rnl_core_reader reader;
    struct rnl_allocator allocator;
};

static bool options_known(const struct rnl_core_reader_options *o)
{
    const struct rnl_allocator *a = o->allocator;

    return o->compat <= RNL_NO && (!a || (a->alloc && a->realloc && a->free));
}

int rnl_core_reader_open(struct rnl_core_reader **out,
                         const struct rnl_core_reader_options *options)
{
    struct rnl_core_reader_options o = RNL_CORE_READER_OPTIONS_INIT;
    const struct rnl_allocator *allocator;
    struct own_reader *own;

    RNLI_GIVEN(out);
    if (options) {
        if (options->size < sizeof options->size || options->size > sizeof o)
            return RNL_EINVAL;
        memcpy(&o, options, options->size);
        if (!options_known(&o))
            return RNL_EINVAL;
    }
    allocator = o.allocator ? o.allocator : rnli_default_allocator();
    own = rnli_alloc(allocator, sizeof *own);
    if (!own)
        return RNL_ENOMEM;
    own->allocator = *allocator;
    rnli_reader_init(&own->reader, o.limit, o.compat == RNL_YES, &own->allocator, NULL);
    *out = &own->reader;
    return RNL_OK;
}

void rnl_core_reader_free(struct rnl_core_reader *r)
{
    struct rnl_allocator allocator;

    if (!r)
        return;
    allocator = *r->allocator;
    rnli_reader_destroy(r);
    rnli_free(&allocator, r, sizeof(struct own_reader));
}

/* `len` bytes are new at the end. */
static void arrived(struct rnl_core_reader *r, size_t len)
{
    size_t counted;

    r->end += len;
    counted = rnli_reader_unread(r);
    if (r->memo_kind == RNLI_MEMO_ALL)
        counted -= r->searched;
    if (counted > r->limit && counted - r->limit > r->limit) {
        r->paused = true;
        rnli_reader_forget_lines(r); /* a read is to look whether to resume */
    }
}

int rnl_core_feed(struct rnl_core_reader *r, const void *data, size_t len)
{
    int err;

    RNLI_GIVEN(r);
    RNLI_GIVEN_IF(len, data);
    if (r->eof)
        return RNL_EINVAL;
    if (len == 0)
        return RNL_OK;
    err = rnli_reader_reserve(r, len);
    if (err)
        return err;
    memcpy(r->block + r->end, data, len);
    arrived(r, len);
    return RNL_OK;
}

int rnl_core_lend(struct rnl_core_reader *r, size_t want, unsigned char **data, size_t *len)
{
    int err;

    RNLI_GIVEN(r);
    RNLI_GIVEN(data);
    RNLI_GIVEN(len);
    if (r->eof)
        return RNL_EINVAL;
    err = rnli_reader_reserve(r, want ? want : 1);
    if (err)
        return err;
    *data = r->block + r->end;
    *len = r->capacity - r->end;
    return RNL_OK;
}

void rnl_core_commit(struct rnl_core_reader *r, size_t len)
{
    RNLI_GIVEN(r);
    RNLI_RULE(len <= r->capacity - r->end, "more bytes came than were lent");
    if (len)
        arrived(r, len);
    else
        rnli_reader_release_empty(r);
}

void rnl_core_feed_eof(struct rnl_core_reader *r)
{
    RNLI_GIVEN(r);
    r->eof = true;
}

void rnl_core_set_exception(struct rnl_core_reader *r, int code)
{
    RNLI_GIVEN(r);
    RNLI_RULE(code <= RNL_OK, "an error's code is negative");
    r->exception = code;
    rnli_reader_forget_lines(r);
}

int rnl_core_exception(const struct rnl_core_reader *r)
{
    RNLI_GIVEN(r);
    return r->exception;
}

bool rnl_core_at_eof(const struct rnl_core_reader *r)
{
    RNLI_GIVEN(r);
    return r->eof && r->begin == r->end;
}

bool rnl_core_paused(const struct rnl_core_reader *r)
{
    RNLI_GIVEN(r);
    return r->paused;
}

size_t rnl_core_buffered(const struct rnl_core_reader *r)
{
    RNLI_GIVEN(r);
    return rnli_reader_unread(r);
}

void rnl_core_peek_buffered(const struct rnl_core_reader *r, struct rnl_bytes *out)
{
    RNLI_GIVEN(r);
    RNLI_GIVEN(out);
    out->len = rnli_reader_unread(r);
    out->data = out->len ? rnli_reader_data(r) : NULL;
}

size_t rnl_core_limit(const struct rnl_core_reader *r)
{
    RNLI_GIVEN(r);
    return r->limit;
}

int rnl_core_set_limit(struct rnl_core_reader *r, size_t limit)
{
    RNLI_GIVEN(r);
    if (limit == 0)
        return RNL_EINVAL;
    r->limit = limit;
    rnli_reader_forget_lines(r);
    return RNL_OK;
}
