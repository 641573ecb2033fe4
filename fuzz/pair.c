/* pair.c: see pair.h. The library goes first: where memory was refused, its
 * answer must be RNL_ENOMEM, and then the model does nothing. */
#include "pair.h"

#include <string.h>

#include "core/reader.h"

static struct rnl_core_reader embedded, *reader;
static struct rnli_pool pool;
static struct model model;
static struct answer want;
static size_t fed, lent, peak; /* bytes: in all, asked for in loans, most buffered */
static size_t steps, sep_bytes;
static bool pooled;

/* The view that was handed out last, and what it showed. */
static struct {
    struct rnl_bytes at;
    unsigned char copy[MODEL_MOST];
} view;

/* ---- After every step -------------------------------------------------- */

static void check_buffer(void)
{
    struct rnl_bytes left;

    rnl_core_peek_buffered(reader, &left);
    CHECK(left.len == model.len);
    CHECK(rnl_core_buffered(reader) == model.len);
    CHECK(fuzz_equal(left.data, model.buf, model.len));
}

/* Memory follows the bytes that came, and each was moved a bounded number of
 * times, whatever was asked for. */
static void check_cost(void)
{
    size_t blocks = pooled ? 8 * pool.block_size : 1024;

    peak = model.len > peak ? model.len : peak;
    CHECK(fuzz_memory.bytes <= 8 * peak + 2 * lent + blocks + 4096);
    CHECK(!pooled || pool.count <= pool.keep);
    CHECK(fuzz_work.copied <= 4 * fed + lent + steps * (8 + 3 * sep_bytes) + 256);
}

/* A block that was left, or whose bytes were moved down, for `want` bytes more, was
 * a chance to have one that fits. */
static void check_fit(size_t unread, size_t want_len, const unsigned char *block, size_t begin)
{
    size_t smallest = pooled ? pool.block_size : 256, fit = 2 * unread + want_len;

    if (reader->block != block || reader->begin < begin)
        CHECK(reader->capacity / 4 <= (fit > smallest ? fit : smallest));
}

static void check(void)
{
    steps++;
    CHECK(rnli_reader_check(reader));
    CHECK(rnl_core_paused(reader) == model.paused);
    CHECK(rnl_core_at_eof(reader) == (model.eof && model.len == 0));
    CHECK(rnl_core_exception(reader) == model.exception);
    CHECK(rnl_core_limit(reader) == model.limit);
    check_buffer();
    CHECK(fuzz_equal(view.at.data, view.copy, view.at.len));
    check_cost();
}

static void keep_view(struct rnl_bytes bytes)
{
    view.at = bytes;
    if (bytes.len)
        memcpy(view.copy, bytes.data, bytes.len);
}

/* Whether the call was refused memory, which it must then say. More than there
 * can be is refused without asking. */
static bool refused(int rc, size_t failed_before, size_t asked)
{
    if (rc == RNL_ENOMEM)
        CHECK(fuzz_memory.failed > failed_before || asked > SIZE_MAX / 32);
    return rc == RNL_ENOMEM;
}

/* Before a read: what was shown may be gone afterwards. */
static size_t begin_read(struct rnl_bytes *got)
{
    got->data = NULL;
    got->len = 0;
    return fuzz_memory.failed;
}

/* After a read that both have done. */
static int compare(int rc, struct rnl_bytes got)
{
    CHECK(rc == want.rc);
    if (rc != RNL_EINVAL && (rc == RNL_OK || rc != model.exception))
        view.at.len = 0; /* the read was accepted */
    if (rc == RNL_OK || rc == RNL_EINCOMPLETE || (rc == RNL_ELIMIT && !model.compat)) {
        CHECK(got.len == want.bytes.len);
        CHECK(fuzz_equal(got.data, want.bytes.data, got.len));
        keep_view(got);
    }
    check();
    return rc;
}

/* A search that could not be remembered has still ended a waiting read(RNL_ALL). */
static int no_memory(void)
{
    view.at.len = 0;
    model.away = 0;
    check();
    return RNL_ENOMEM;
}

/* ---- Beginning and end ------------------------------------------------- */

static void open_reader(const struct pair_options *o)
{
    struct rnl_core_reader_options options = RNL_CORE_READER_OPTIONS_INIT;

    options.limit = o->limit;
    options.compat = o->compat ? RNL_YES : RNL_NO;
    options.allocator = fuzz_allocator();
    CHECK(rnl_core_reader_open(&reader, &options) == RNL_OK);
}

void pair_begin(const struct pair_options *o)
{
    fuzz_memory_reset();
    fed = lent = peak = steps = 0;
    view.at.len = 0;
    sep_bytes = o->sep_bytes;
    pooled = o->pool_block > 0 && !o->opened;
    model_init(&model, o->limit, o->compat);
    if (pooled)
        rnli_pool_init(&pool, fuzz_allocator(), o->pool_block, 2);
    reader = &embedded;
    if (o->opened)
        open_reader(o);
    else
        rnli_reader_init(reader, o->limit, o->compat, fuzz_allocator(), pooled ? &pool : NULL);
    check();
}

void pair_end(void)
{
    if (reader == &embedded)
        rnli_reader_destroy(reader);
    else
        rnl_core_reader_free(reader);
    if (pooled)
        rnli_pool_destroy(&pool);
    CHECK(fuzz_memory.live == 0);
}

size_t pair_room(void)
{
    return MODEL_MOST - model.len;
}

size_t pair_buffered(void)
{
    return model.len;
}

size_t pair_looked(void)
{
    return fuzz_work.looked > rnli_work ? fuzz_work.looked : (size_t)rnli_work;
}

/* ---- In ---------------------------------------------------------------- */

void pair_feed(const uint8_t *data, size_t len)
{
    size_t failed = fuzz_memory.failed, begin = reader->begin;
    const unsigned char *block = reader->block;
    int rc = rnl_core_feed(reader, data, len);

    check_fit(model.len, len, block, begin);

    if (!refused(rc, failed, len)) {
        CHECK(rc == model_feed(&model, data, len));
        fed += len;
    }
    check();
}

void pair_lend(const uint8_t *data, size_t len, size_t want_len)
{
    size_t failed = fuzz_memory.failed, room = 0, begin = reader->begin;
    const unsigned char *block = reader->block;
    unsigned char *loan = NULL;
    int rc = rnl_core_lend(reader, want_len, &loan, &room);

    check_fit(model.len, want_len, block, begin);

    if (!refused(rc, failed, want_len)) {
        CHECK(rc == (model.eof ? RNL_EINVAL : RNL_OK));
        if (rc == RNL_OK) {
            CHECK(room >= want_len);
            lent += want_len;
            len = len < room ? len : room;
            if (len)
                memcpy(loan, data, len);
            rnl_core_commit(reader, len);
            model_feed(&model, data, len);
            fed += len;
        }
    }
    check();
}

void pair_feed_eof(void)
{
    rnl_core_feed_eof(reader);
    model.eof = true;
    check();
}

void pair_set_exception(int code)
{
    rnl_core_set_exception(reader, code);
    model.exception = code;
    check();
}

void pair_set_limit(size_t limit)
{
    CHECK(rnl_core_set_limit(reader, limit) == (limit ? RNL_OK : RNL_EINVAL));
    model.limit = limit ? limit : model.limit;
    check();
}

void pair_forget_view(void)
{
    rnli_reader_forget_view(reader);
    view.at.len = 0;
    check();
}

/* ---- Out --------------------------------------------------------------- */

int pair_read(size_t n)
{
    struct rnl_bytes got;
    size_t failed = begin_read(&got);
    int rc = rnl_core_read(reader, n, &got);

    if (refused(rc, failed, 0))
        return no_memory();
    model_read(&model, n, &want);
    return compare(rc, got);
}

int pair_readexactly(size_t n)
{
    struct rnl_bytes got;
    size_t failed = begin_read(&got);
    int rc = rnl_core_readexactly(reader, n, &got);

    if (refused(rc, failed, 0))
        return no_memory();
    model_readexactly(&model, n, &want);
    return compare(rc, got);
}

int pair_readuntil(struct rnl_bytes sep, size_t limit, size_t *len)
{
    struct rnl_bytes got;
    size_t failed = begin_read(&got);
    int rc = rnl_core_readuntil(reader, sep.data, sep.len, limit, &got);

    if (refused(rc, failed, sep.len))
        return no_memory();
    model_readuntil_any(&model, &sep, 1, limit, &want);
    if (len)
        *len = got.len;
    return compare(rc, got);
}

int pair_readuntil_any(const struct rnl_bytes *seps, size_t nseps, size_t limit, size_t *len)
{
    struct rnl_bytes got;
    size_t failed = begin_read(&got), which = 999;
    int rc = rnl_core_readuntil_any(reader, seps, nseps, limit, &got, &which);

    if (refused(rc, failed, 0))
        return no_memory();
    model_readuntil_any(&model, seps, nseps, limit, &want);
    if (rc == RNL_OK)
        CHECK(which == want.which);
    if (len)
        *len = got.len;
    return compare(rc, got);
}

int pair_readline(size_t limit)
{
    struct rnl_bytes got;
    size_t failed = begin_read(&got);
    int rc = rnl_core_readline(reader, limit, &got);

    if (refused(rc, failed, 0))
        return no_memory();
    model_readline(&model, limit, &want);
    return compare(rc, got);
}

int pair_readuntil_part(struct rnl_bytes sep)
{
    struct rnl_bytes got;
    size_t failed = begin_read(&got);
    bool done = false;
    int rc = rnl_core_readuntil_part(reader, sep.data, sep.len, &got, &done);

    if (refused(rc, failed, 0))
        return no_memory();
    model_readuntil_part(&model, sep, &want);
    CHECK(rc != RNL_OK || done == want.done);
    return compare(rc, got);
}

int pair_discard_until(struct rnl_bytes sep)
{
    struct rnl_bytes nothing = {NULL, 0};
    size_t failed = fuzz_memory.failed;
    uint64_t skipped = 7;
    int rc = rnl_core_discard_until(reader, sep.data, sep.len, &skipped);

    if (refused(rc, failed, 0))
        return no_memory();
    model_discard_until(&model, sep, &want);
    CHECK(skipped == 7 + want.skipped);
    if (rc == RNL_OK || rc == RNL_EINCOMPLETE)
        want.bytes.len = 0; /* no view of what was dropped */
    return compare(rc, nothing);
}
