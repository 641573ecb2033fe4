/* writer.c: any sequence of calls on the writer, against an array.
 *
 * The model holds the queued bytes in one array and moves them down when they
 * are sent. What peek handed out is remembered, and compared with a copy after
 * every step for as long as the writer promises it: until the next sent, also
 * over later writes and a drop. */
#include "fuzz.h"

#include <string.h>

#include "core/writer.h"

#define MOST  ((size_t)32768) /* bytes queued, in the model */
#define VIEWS ((size_t)8)

static struct {
    unsigned char bytes[MOST];
    size_t len, high, low, cap;
    bool paused, eof;
} model;

static struct {
    struct rnl_bytes at[VIEWS];
    unsigned char copy[MOST];
    size_t count;
} views;

static struct rnl_core_writer embedded, *writer;
static unsigned char next_byte;
static size_t written; /* bytes accepted */

/* ---- Writing ----------------------------------------------------------- */

/* New bytes at the end of the model's array, not yet counted as queued. */
static const unsigned char *fresh(size_t len)
{
    for (size_t i = 0; i < len; i++)
        model.bytes[model.len + i] = next_byte++;
    return model.bytes + model.len;
}

static int expected(size_t len)
{
    if (model.eof)
        return RNL_EINVAL;
    if (len && (model.len > model.cap || len > model.cap - model.len))
        return RNL_ENOBUFS;
    return RNL_OK;
}

static void wrote(int rc, size_t len, size_t failed_before)
{
    if (rc == RNL_ENOMEM) {
        CHECK(fuzz_memory.failed > failed_before);
        CHECK(expected(len) == RNL_OK);
        return;
    }
    CHECK(rc == expected(len));
    if (rc)
        return;
    model.len += len;
    written += len;
    model.paused |= model.len > model.high;
}

static void do_write(size_t len)
{
    size_t failed = fuzz_memory.failed;

    if (len > MOST - model.len)
        return;
    CHECK(rnli_writer_allows(writer, len) == expected(len));
    wrote(rnl_core_write(writer, fresh(len), len), len, failed);
}

static void do_writelines(struct input *in)
{
    struct rnl_bytes pieces[8];
    size_t failed = fuzz_memory.failed, count = input_byte(in) % 9, total = 0;

    for (size_t i = 0; i < count; i++) {
        pieces[i].len = input_byte(in);
        total += pieces[i].len;
    }
    if (total > MOST - model.len)
        return;
    pieces[0].data = fresh(total);
    for (size_t i = 1; i < count; i++)
        pieces[i].data = pieces[i - 1].data + pieces[i - 1].len;
    wrote(rnl_core_writelines(writer, pieces, count), total, failed);
}

/* ---- Sending ----------------------------------------------------------- */

static void do_peek(size_t max)
{
    size_t at = 0;

    max = max < VIEWS ? max : VIEWS;
    views.count = rnl_core_peek(writer, views.at, max);
    CHECK(views.count <= max);
    CHECK((views.count == 0) == (model.len == 0 || max == 0));
    for (size_t i = 0; i < views.count; i++) {
        CHECK(views.at[i].len > 0 && views.at[i].len <= model.len - at);
        CHECK(fuzz_equal(views.at[i].data, model.bytes + at, views.at[i].len));
        at += views.at[i].len;
    }
    if (views.count < max)
        CHECK(at == model.len);
    memcpy(views.copy, model.bytes, at);
}

static void do_sent(size_t len)
{
    len = len < model.len ? len : model.len;
    rnl_core_sent(writer, len);
    model.len -= len;
    memmove(model.bytes, model.bytes + len, model.len);
    model.paused &= model.len > model.low;
    views.count = 0;
}

static void do_drop(void)
{
    rnl_core_drop(writer);
    model.len = 0;
    model.paused = false;
}

static void do_marks(struct input *in)
{
    size_t high = input_byte(in), low = input_byte(in);
    int rc;

    high = high == 255 ? RNL_ALL : high * 8;
    low = low == 255 ? RNL_ALL : low * 8;
    rc = rnl_core_set_water_marks(writer, high, low);
    if (high == RNL_ALL && low == RNL_ALL)
        low = 16384;
    if (low == RNL_ALL)
        low = high / 4;
    if (high == RNL_ALL)
        high = low * 4;
    CHECK(rc == (low > high ? RNL_EINVAL : RNL_OK));
    if (low > high)
        return;
    model.high = high;
    model.low = low;
    model.paused |= model.len > model.high;
}

/* ---- The steps --------------------------------------------------------- */

/* Small writes share their chunks: all but the first and the last are whole. */
static void check_chunks(void)
{
    size_t block = writer->pool ? writer->pool->block_size : 8192;
    size_t chunks = 0;

    for (const struct rnli_chunk *c = writer->head; c; c = c->next)
        chunks++;
    CHECK(chunks <= 2 + model.len / (block - sizeof(struct rnli_chunk)));
}

static void check(void)
{
    size_t at = 0;

    CHECK(rnli_writer_check(writer));
    check_chunks();
    CHECK(rnl_core_queued(writer) == model.len);
    CHECK(rnl_core_write_paused(writer) == model.paused);
    CHECK(rnl_core_eof_due(writer) == (model.eof && model.len == 0));
    for (size_t i = 0; i < views.count; i++) {
        CHECK(fuzz_equal(views.at[i].data, views.copy + at, views.at[i].len));
        at += views.at[i].len;
    }
    if (model.len == 0 && views.count == 0 && writer == &embedded && !writer->pool)
        CHECK(fuzz_memory.live == 0 || writer->kept);
}

/* More than memory: refused, whatever the cap. */
static void write_huge(unsigned arg)
{
    int rc = rnl_core_write(writer, &next_byte, SIZE_MAX - arg);

    if (model.eof)
        CHECK(rc == RNL_EINVAL);
    else
        CHECK(rc == (model.cap == RNL_ALL ? RNL_ENOMEM : RNL_ENOBUFS));
}

/* Options of every kind; what is wrong with them must be said. */
static void try_open(struct input *in)
{
    struct rnl_core_writer_options o = RNL_CORE_WRITER_OPTIONS_INIT;
    struct rnl_allocator a = *fuzz_allocator();
    struct rnl_core_writer *opened = NULL;
    unsigned kind = input_byte(in);
    size_t copied = fuzz_work.copied;
    bool bad;
    int rc;

    o.size = kind & 1 ? input_byte(in) % 8 * sizeof o.size : sizeof o;
    a.alloc = kind & 2 ? NULL : a.alloc;
    a.realloc = kind & 4 ? NULL : a.realloc;
    a.free = kind & 8 ? NULL : a.free;
    if (o.size == sizeof o) {
        o.allocator = &a;
        o.high_water = input_byte(in);
        o.low_water = input_byte(in);
    }
    bad = o.size < sizeof o.size || o.size > sizeof o || (o.allocator && (kind & 14)) ||
          o.low_water > (o.high_water ? o.high_water : 65536);
    rc = rnl_core_writer_open(&opened, kind & 16 ? NULL : &o);
    if (kind & 16)
        bad = false;
    CHECK(rc == (bad ? RNL_EINVAL : RNL_OK) || (rc == RNL_ENOMEM && !bad));
    CHECK((rc == RNL_OK) == (opened != NULL));
    rnl_core_writer_free(opened);
    fuzz_work.copied = copied; /* no work on bytes */
}

static void odd_step(struct input *in, unsigned arg)
{
    switch (arg % 4) {
    case 1:
        write_huge(arg);
        break;
    case 2:
        try_open(in);
        break;
    case 3: /* as a stream does when it has sent what was gathered */
        rnli_writer_judge(writer);
        model.paused = model.len > model.high;
        break;
    default:
        rnl_core_write_eof(writer);
        model.eof = true;
        break;
    }
}

static void step(struct input *in)
{
    unsigned op = input_byte(in), arg = input_byte(in);

    switch (op % 11) {
    case 0:
        do_write(arg);
        break;
    case 1:
        do_write(arg * 16);
        break;
    case 2:
        do_writelines(in);
        break;
    case 3:
        do_peek(arg % 10);
        break;
    case 4:
        do_sent(arg);
        break;
    case 5:
        do_sent(arg * 16);
        break;
    case 6:
        do_drop();
        break;
    case 7:
        do_marks(in);
        break;
    case 8:
        model.cap = arg ? arg * 16 : RNL_ALL;
        rnli_writer_set_cap(writer, arg * 16);
        break;
    case 9:
        fuzz_memory.fail_in = arg % 8;
        break;
    case 10:
        odd_step(in, arg);
        break;
    }
}

/* In one of the three ways there are. */
static void begin_writer(unsigned flags, struct rnli_pool *pool)
{
    struct rnl_core_writer_options o = RNL_CORE_WRITER_OPTIONS_INIT;

    writer = &embedded;
    o.allocator = fuzz_allocator();
    o.low_water = flags & 4 ? RNL_ALL : 0; /* RNL_OFF: drained */
    model.low = flags % 8 == 6 ? 0 : 16384;
    if (flags & 1)
        rnli_writer_init(writer, fuzz_allocator(), pool);
    else if (flags & 2)
        CHECK(rnl_core_writer_open(&writer, &o) == RNL_OK);
    else
        rnli_writer_init(writer, fuzz_allocator(), NULL);
    fuzz_work.copied = 0; /* of options */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    unsigned flags = input_byte(&in);
    struct rnli_pool pool;

    fuzz_memory_reset();
    model.len = 0;
    model.high = 65536;
    model.cap = RNL_ALL;
    model.paused = model.eof = false;
    views.count = 0;
    next_byte = 0;
    written = 0;
    rnli_pool_init(&pool, fuzz_allocator(), 64 + (flags >> 1) * 8, flags % 5);
    begin_writer(flags, &pool);
    while (input_left(&in)) {
        step(&in);
        check();
    }
    /* Each byte was copied once. */
    CHECK(fuzz_work.copied == written);
    if (writer == &embedded)
        rnli_writer_destroy(writer);
    else
        rnl_core_writer_free(writer);
    rnli_pool_destroy(&pool);
    fuzz_memory.fail_in = 0;
    CHECK(fuzz_memory.live == 0);
    return 0;
}
