/* The writer's queue, marks and promises about views. */
#include "core/writer.h"
#include "core/fake_alloc.h"
#include "support/suite.h"

#define BLOCK 256 /* of the pool: small, so that a few writes cross its edge */

static struct fake_alloc fake;
static struct rnl_allocator allocator;
static struct rnli_pool pool;
static struct rnl_core_writer w;

static void begin(bool with_pool)
{
    allocator = fake_allocator(&fake);
    rnli_pool_init(&pool, &allocator, BLOCK, 4);
    rnli_writer_init(&w, &allocator, with_pool ? &pool : NULL);
}

static void end(void)
{
    rnli_writer_destroy(&w);
    rnli_pool_destroy(&pool);
    CU_ASSERT_EQUAL(fake.live, 0);
    CU_ASSERT_EQUAL(fake.bytes, 0);
    CU_ASSERT_EQUAL(fake.wrong, 0);
}

/* Copies up to `size` queued bytes out. */
static size_t look(char *buf, size_t size)
{
    struct rnl_bytes pieces[256];
    size_t n = rnl_core_peek(&w, pieces, 256), len = 0;

    for (size_t i = 0; i < n; i++) {
        CU_ASSERT(pieces[i].len > 0);
        for (size_t k = 0; k < pieces[i].len && len < size; k++)
            buf[len++] = (char)pieces[i].data[k];
    }
    return len;
}

static void queue_is(const char *want)
{
    char got[4096];
    size_t n = look(got, sizeof got - 1);

    got[n] = '\0';
    CU_ASSERT_STRING_EQUAL(got, want);
    CU_ASSERT_EQUAL(rnl_core_queued(&w), strlen(want));
    CU_ASSERT(rnli_writer_check(&w));
}

static int put(const char *text)
{
    return rnl_core_write(&w, text, strlen(text));
}

static void fill(size_t n)
{
    char *bytes = malloc(n + 1);

    memset(bytes, 'x', n);
    CU_ASSERT_EQUAL(rnl_core_write(&w, bytes, n), RNL_OK);
    CU_ASSERT(rnli_writer_check(&w));
    free(bytes);
}

/* ---- The queue --------------------------------------------------------- */

static void first_in_first_out(void)
{
    begin(true);
    queue_is("");
    CU_ASSERT_EQUAL(put("one "), RNL_OK);
    CU_ASSERT_EQUAL(put("two "), RNL_OK);
    queue_is("one two ");
    rnl_core_sent(&w, 2);
    queue_is("e two ");
    put("three");
    queue_is("e two three");
    rnl_core_sent(&w, 11);
    queue_is("");
    end();
}

static void nothing_is_fine(void)
{
    struct rnl_bytes none = {NULL, 0};

    begin(false);
    CU_ASSERT_EQUAL(rnl_core_write(&w, NULL, 0), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_writelines(&w, NULL, 0), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_writelines(&w, &none, 1), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_peek(&w, NULL, 0), 0);
    CU_ASSERT_EQUAL(rnl_core_peek(&w, &none, 1), 0);
    rnl_core_sent(&w, 0);
    rnl_core_drop(&w);
    CU_ASSERT_EQUAL(fake.calls, 0);
    CU_ASSERT(rnli_writer_check(&w));
    end();
}

/* Takes `n` bytes out, comparing them with the sequence that was put in. */
static void take(size_t n, unsigned char *next)
{
    struct rnl_bytes piece;

    while (n > 0 && rnl_core_peek(&w, &piece, 1) > 0) {
        size_t now = piece.len < n ? piece.len : n;
        bool same = true;

        for (size_t i = 0; i < now; i++)
            same &= piece.data[i] == (*next)++;
        CU_ASSERT(same);
        rnl_core_sent(&w, now);
        n -= now;
    }
}

/* Every size of write against every size of what was sent, over block edges. */
static void every_split(bool with_pool)
{
    unsigned char in = 0, out = 0, bytes[600];

    begin(with_pool);
    for (size_t size = 1; size < sizeof bytes; size += 7) {
        for (size_t sent = 1; sent < sizeof bytes; sent += 13) {
            for (size_t i = 0; i < size; i++)
                bytes[i] = in++;
            CU_ASSERT_EQUAL(rnl_core_write(&w, bytes, size), RNL_OK);
            memset(bytes, 0, size);
            take(sent, &out);
            CU_ASSERT(rnli_writer_check(&w));
        }
    }
    take(rnl_core_queued(&w), &out);
    CU_ASSERT_EQUAL(in, out);
    end();
}

static void partial_sends(void)
{
    every_split(true);
    every_split(false);
}

static void sent_across_chunks(void)
{
    begin(true);
    fill(1000);
    fill(3);
    fill(900);
    rnl_core_sent(&w, 1001);
    CU_ASSERT_EQUAL(rnl_core_queued(&w), 902);
    CU_ASSERT(rnli_writer_check(&w));
    rnl_core_sent(&w, 902);
    CU_ASSERT(rnli_writer_check(&w));
    end();
}

static void the_callers_bytes_are_free(void)
{
    char text[] = "original";

    begin(true);
    rnl_core_write(&w, text, 8);
    memset(text, '#', 8);
    queue_is("original");
    end();
}

static void many_pieces(void)
{
    static struct rnl_bytes pieces[5000];
    size_t calls;
    char buf[8];

    begin(true);
    for (size_t i = 0; i < 5000; i++) {
        pieces[i].data = (const unsigned char *)(i % 2 ? "ab" : "c");
        pieces[i].len = i % 2 ? 2 : 1;
    }
    calls = fake.calls;
    CU_ASSERT_EQUAL(rnl_core_writelines(&w, pieces, 5000), RNL_OK);
    CU_ASSERT_EQUAL(fake.calls - calls, 1);
    CU_ASSERT(rnli_writer_check(&w));
    CU_ASSERT_EQUAL(rnl_core_queued(&w), 7500);
    CU_ASSERT_EQUAL(look(buf, 8), 8);
    CU_ASSERT_EQUAL(memcmp(buf, "cabcabca", 8), 0);
    end();
}

static void an_idle_writer_holds_nothing(void)
{
    begin(false);
    for (int i = 0; i < 3; i++) {
        put("hello");
        CU_ASSERT(fake.bytes > 0);
        rnl_core_sent(&w, 5);
        CU_ASSERT_EQUAL(fake.bytes, 0);
    }
    fill(100000);
    CU_ASSERT(fake.bytes < 100000 + 8192);
    rnl_core_sent(&w, 100000);
    CU_ASSERT_EQUAL(fake.bytes, 0);
    end();
}

/* A million small writes against a peer that reads nothing: the work is counted.
 * Each allocation is a chunk, and a chunk is full before the next one begins. */
static void small_writes_are_constant(void)
{
    size_t most = 10000000 / 8000 + 1;
    struct rnl_core_writer blind;
    bool good = true;

    begin(false);
    for (size_t i = 1; i <= 1000000; i++) {
        good &= rnl_core_write(&w, "0123456789", 10) == RNL_OK;
        good &= rnl_core_queued(&w) == i * 10;
    }
    blind = w;
    blind.head = blind.tail = NULL;
    good &= rnl_core_queued(&blind) == w.queued; /* no chunk is looked at for that */
    CU_ASSERT(good);
    CU_ASSERT(fake.calls <= most);
    CU_ASSERT(fake.bytes <= 10000000 + most * 64 + 8192);
    CU_ASSERT(rnli_writer_check(&w));
    end();
}

/* ---- Views ------------------------------------------------------------- */

static void a_write_leaves_views_alone(void)
{
    struct rnl_bytes a[4], b[4];

    begin(true);
    put("first ");
    fill(300);
    CU_ASSERT_EQUAL(rnl_core_peek(&w, a, 4), 2);
    for (int i = 0; i < 40; i++)
        put("later bytes");
    CU_ASSERT_EQUAL(memcmp(a[0].data, "first xxx", 9), 0);
    CU_ASSERT_EQUAL(rnl_core_peek(&w, b, 2), 2);
    CU_ASSERT_PTR_EQUAL(a[0].data, b[0].data);
    CU_ASSERT_EQUAL(a[0].len, b[0].len);
    CU_ASSERT_PTR_EQUAL(a[1].data, b[1].data);
    CU_ASSERT(b[1].len > a[1].len);
    end();
}

static void dropped_views_stay_until_sent(void)
{
    struct rnl_bytes view;
    size_t live;

    begin(false);
    put("in flight");
    fill(20000);
    fill(20000);
    CU_ASSERT_EQUAL(rnl_core_peek(&w, &view, 1), 1);
    live = fake.live;
    rnl_core_drop(&w);
    CU_ASSERT(live > 1);
    CU_ASSERT_EQUAL(fake.live, 1); /* what no view was given of is freed at once */
    queue_is("");
    put("after");
    queue_is("after");
    CU_ASSERT_EQUAL(memcmp(view.data, "in flight", 9), 0);
    rnl_core_drop(&w);
    CU_ASSERT_EQUAL(fake.live, 2);
    CU_ASSERT_EQUAL(memcmp(view.data, "in flight", 9), 0);
    rnl_core_sent(&w, 0);
    CU_ASSERT_EQUAL(fake.live, 0);
    end();
}

static void dropped_views_stay_until_destroy(void)
{
    struct rnl_bytes views[8];

    begin(true);
    fill(2000);
    put("more");
    CU_ASSERT_EQUAL(rnl_core_peek(&w, views, 8), 2);
    rnl_core_drop(&w);
    CU_ASSERT_EQUAL(views[0].data[0], 'x');
    CU_ASSERT_EQUAL(memcmp(views[1].data, "more", 4), 0);
    end();
}

static void drop_without_views_frees(void)
{
    struct rnl_bytes view;

    begin(false);
    put("peeked");
    rnl_core_peek(&w, &view, 1);
    rnl_core_sent(&w, 1); /* the view is dead */
    rnl_core_drop(&w);
    CU_ASSERT_EQUAL(fake.live, 0);
    CU_ASSERT(rnli_writer_check(&w));
    end();
}

/* ---- End of output ----------------------------------------------------- */

static void eof_refuses_writes(void)
{
    struct rnl_bytes piece = {(const unsigned char *)"x", 1};

    begin(true);
    put("last");
    rnl_core_write_eof(&w);
    rnl_core_write_eof(&w);
    CU_ASSERT_EQUAL(put("no"), RNL_EINVAL);
    CU_ASSERT_EQUAL(put(""), RNL_EINVAL);
    CU_ASSERT_EQUAL(rnl_core_writelines(&w, &piece, 1), RNL_EINVAL);
    CU_ASSERT_EQUAL(rnl_core_writelines(&w, NULL, 0), RNL_EINVAL);
    CU_ASSERT_EQUAL(rnli_writer_allows(&w, 0), RNL_EINVAL);
    queue_is("last");
    CU_ASSERT_FALSE(rnl_core_eof_due(&w));
    rnl_core_sent(&w, 4);
    CU_ASSERT_TRUE(rnl_core_eof_due(&w));
    end();
}

static void eof_due_needs_eof(void)
{
    begin(true);
    CU_ASSERT_FALSE(rnl_core_eof_due(&w));
    rnl_core_write_eof(&w);
    CU_ASSERT_TRUE(rnl_core_eof_due(&w));
    end();
}

/* ---- Marks ------------------------------------------------------------- */

static void write_each_way(int way, size_t n)
{
    static const unsigned char bytes[1024];
    struct rnl_bytes pieces[3] = {{bytes, n / 2}, {NULL, 0}, {bytes, n - n / 2}};

    if (way == 0)
        CU_ASSERT_EQUAL(rnl_core_write(&w, bytes, n), RNL_OK);
    if (way == 1)
        CU_ASSERT_EQUAL(rnl_core_writelines(&w, pieces, 3), RNL_OK);
    for (size_t i = 0; way == 2 && i < n; i++)
        CU_ASSERT_EQUAL(rnl_core_write(&w, bytes + i, 1), RNL_OK);
}

static void marks_hold_for_every_write(void)
{
    for (int way = 0; way < 3; way++) {
        for (size_t n = 0; n < 24; n++) {
            begin(true);
            CU_ASSERT_EQUAL(rnl_core_set_water_marks(&w, 12, 4), RNL_OK);
            write_each_way(way, n);
            CU_ASSERT_EQUAL(rnl_core_write_paused(&w), n > 12);
            CU_ASSERT(rnli_writer_check(&w));
            end();
        }
    }
}

static void pausing_has_a_hysteresis(void)
{
    begin(true);
    rnl_core_set_water_marks(&w, 8, 4);
    fill(8);
    CU_ASSERT_FALSE(rnl_core_write_paused(&w));
    fill(1);
    CU_ASSERT_TRUE(rnl_core_write_paused(&w));
    rnl_core_sent(&w, 4);
    CU_ASSERT_TRUE(rnl_core_write_paused(&w));
    rnl_core_sent(&w, 1);
    CU_ASSERT_FALSE(rnl_core_write_paused(&w));
    fill(4);
    CU_ASSERT_FALSE(rnl_core_write_paused(&w));
    fill(1);
    CU_ASSERT_TRUE(rnl_core_write_paused(&w));
    rnl_core_drop(&w);
    CU_ASSERT_FALSE(rnl_core_write_paused(&w));
    end();
}

static void the_default_marks(void)
{
    begin(true);
    fill(65536);
    CU_ASSERT_FALSE(rnl_core_write_paused(&w));
    fill(1);
    CU_ASSERT_TRUE(rnl_core_write_paused(&w));
    rnl_core_sent(&w, 65537 - 16385);
    CU_ASSERT_TRUE(rnl_core_write_paused(&w));
    rnl_core_sent(&w, 1);
    CU_ASSERT_FALSE(rnl_core_write_paused(&w));
    end();
}

/* The rows are what CPython's set_write_buffer_limits does, None being RNL_ALL. */
static void table_of_marks(void)
{
    static const struct {
        size_t high, low;
        int rc;
        size_t got_high, got_low;
    } rows[] = {
        {RNL_ALL, RNL_ALL, RNL_OK, 65536, 16384},
        {1000, RNL_ALL, RNL_OK, 1000, 250},
        {RNL_ALL, 1000, RNL_OK, 4000, 1000},
        {RNL_ALL, 0, RNL_OK, 0, 0},
        {0, RNL_ALL, RNL_OK, 0, 0},
        {3, RNL_ALL, RNL_OK, 3, 0},
        {0, 0, RNL_OK, 0, 0},
        {7, 7, RNL_OK, 7, 7},
        {7, 0, RNL_OK, 7, 0},
        {7, 8, RNL_EINVAL, 0, 0},
        {0, 1, RNL_EINVAL, 0, 0},
        {RNL_ALL - 1, 1, RNL_OK, RNL_ALL - 1, 1},
        {RNL_ALL, RNL_ALL / 2, RNL_OK, RNL_ALL, RNL_ALL / 2},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(true);
        CU_ASSERT_EQUAL(rnl_core_set_water_marks(&w, rows[i].high, rows[i].low), rows[i].rc);
        CU_ASSERT_EQUAL(w.high, rows[i].rc ? 65536 : rows[i].got_high);
        CU_ASSERT_EQUAL(w.low, rows[i].rc ? 16384 : rows[i].got_low);
        CU_ASSERT(rnli_writer_check(&w));
        end();
    }
}

static void marks_of_zero(void)
{
    begin(true);
    rnl_core_set_water_marks(&w, 0, 0);
    CU_ASSERT_FALSE(rnl_core_write_paused(&w));
    fill(2);
    CU_ASSERT_TRUE(rnl_core_write_paused(&w));
    rnl_core_sent(&w, 1);
    CU_ASSERT_TRUE(rnl_core_write_paused(&w));
    rnl_core_sent(&w, 1);
    CU_ASSERT_FALSE(rnl_core_write_paused(&w));
    end();
}

/* As in asyncio: new marks may pause at once, and never resume by themselves. */
static void marks_moved_under_a_queue(void)
{
    begin(true);
    fill(10);
    rnl_core_set_water_marks(&w, 9, 2);
    CU_ASSERT_TRUE(rnl_core_write_paused(&w));
    rnl_core_set_water_marks(&w, 100, 50);
    CU_ASSERT_TRUE(rnl_core_write_paused(&w));
    rnl_core_sent(&w, 1);
    CU_ASSERT_FALSE(rnl_core_write_paused(&w));
    end();
}

/* What a flush leaves decides, not the mark that was passed before it. */
static void judged_by_what_is_left(void)
{
    begin(true);
    rnl_core_set_water_marks(&w, 9, 2);
    fill(10);
    CU_ASSERT_TRUE(rnl_core_write_paused(&w));
    rnl_core_sent(&w, 1);
    CU_ASSERT_TRUE(rnl_core_write_paused(&w)); /* above the low mark */
    rnli_writer_judge(&w);
    CU_ASSERT_FALSE(rnl_core_write_paused(&w));
    fill(1);
    rnli_writer_judge(&w);
    CU_ASSERT_TRUE(rnl_core_queued(&w) <= 9 || rnl_core_write_paused(&w));
    end();
}

/* ---- The cap ----------------------------------------------------------- */

static void the_cap_is_all_or_nothing(void)
{
    struct rnl_bytes pieces[2] = {{(const unsigned char *)"abcd", 4},
                                  {(const unsigned char *)"efgh", 4}};

    begin(true);
    rnli_writer_set_cap(&w, 10);
    CU_ASSERT_EQUAL(rnl_core_writelines(&w, pieces, 2), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_writelines(&w, pieces, 2), RNL_ENOBUFS);
    CU_ASSERT_EQUAL(put("123"), RNL_ENOBUFS);
    CU_ASSERT_EQUAL(put("12"), RNL_OK);
    CU_ASSERT_EQUAL(put(""), RNL_OK);
    CU_ASSERT_EQUAL(put("3"), RNL_ENOBUFS);
    queue_is("abcdefgh12");
    rnli_writer_set_cap(&w, 5);
    CU_ASSERT_EQUAL(put("3"), RNL_ENOBUFS);
    rnl_core_sent(&w, 6);
    CU_ASSERT_EQUAL(put("3"), RNL_OK);
    rnli_writer_set_cap(&w, 0);
    fill(5000);
    end();
}

/* ---- Memory ------------------------------------------------------------ */

static void no_memory_changes_nothing(void)
{
    static const unsigned char large[10000];
    struct rnl_bytes pieces[2] = {{large, 6000}, {large, 4000}};

    for (int with_pool = 0; with_pool < 2; with_pool++) {
        begin(with_pool);
        fake.fail_from = 1;
        CU_ASSERT_EQUAL(put("x"), RNL_ENOMEM);
        queue_is("");
        fake.fail_from = 0;
        put("here");
        fake.fail_from = fake.calls + 1;
        CU_ASSERT_EQUAL(put(" there"), RNL_OK); /* there is room */
        CU_ASSERT_EQUAL(rnl_core_write(&w, large, sizeof large), RNL_ENOMEM);
        CU_ASSERT_EQUAL(rnl_core_writelines(&w, pieces, 2), RNL_ENOMEM);
        CU_ASSERT_FALSE(rnl_core_write_paused(&w));
        queue_is("here there");
        end();
    }
}

static void sizes_cannot_wrap(void)
{
    static const unsigned char byte;
    struct rnl_bytes pieces[3] = {{&byte, SIZE_MAX / 2}, {&byte, SIZE_MAX / 2}, {&byte, 2}};

    begin(false);
    CU_ASSERT_EQUAL(rnl_core_write(&w, &byte, SIZE_MAX), RNL_ENOMEM);
    CU_ASSERT_EQUAL(rnl_core_write(&w, &byte, SIZE_MAX - 8), RNL_ENOMEM);
    CU_ASSERT_EQUAL(rnl_core_writelines(&w, pieces, 3), RNL_ENOMEM);
    put("x");
    CU_ASSERT_EQUAL(rnl_core_write(&w, &byte, SIZE_MAX), RNL_ENOMEM);
    CU_ASSERT_EQUAL(rnl_core_write(&w, &byte, SIZE_MAX - 1), RNL_ENOMEM);
    queue_is("x");
    rnli_writer_set_cap(&w, 10);
    CU_ASSERT_EQUAL(rnl_core_write(&w, &byte, SIZE_MAX), RNL_ENOBUFS);
    CU_ASSERT_EQUAL(rnl_core_writelines(&w, pieces, 3), RNL_ENOBUFS);
    end();
}

/* ---- Opening ----------------------------------------------------------- */

static void opens_with_options(void)
{
    struct rnl_core_writer_options o = RNL_CORE_WRITER_OPTIONS_INIT;
    struct rnl_allocator given = fake_allocator(&fake);
    struct rnl_core_writer *opened = NULL;

    o.allocator = &given;
    o.high_water = 40;
    o.cap = 50;
    CU_ASSERT_EQUAL(rnl_core_writer_open(&opened, &o), RNL_OK);
    memset(&given, 0, sizeof given); /* it was copied */
    CU_ASSERT_EQUAL(opened->high, 40);
    CU_ASSERT_EQUAL(opened->low, 10);
    CU_ASSERT_EQUAL(opened->cap, 50);
    CU_ASSERT_EQUAL(rnl_core_write(opened, "hello", 5), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_queued(opened), 5);
    rnl_core_writer_free(opened);
    CU_ASSERT_EQUAL(fake.live, 0);
    CU_ASSERT_EQUAL(fake.wrong, 0);
}

static void opens_with_defaults(void)
{
    struct rnl_core_writer_options o = RNL_CORE_WRITER_OPTIONS_INIT;
    struct rnl_core_writer *opened = NULL;

    CU_ASSERT_EQUAL(rnl_core_writer_open(&opened, NULL), RNL_OK);
    CU_ASSERT_EQUAL(opened->high, 65536);
    CU_ASSERT_EQUAL(opened->low, 16384);
    CU_ASSERT_EQUAL(opened->cap, RNL_ALL);
    rnl_core_writer_free(opened);
    o.high_water = (size_t)RNL_OFF;
    o.low_water = (size_t)RNL_OFF;
    o.cap = (size_t)RNL_OFF;
    CU_ASSERT_EQUAL(rnl_core_writer_open(&opened, &o), RNL_OK);
    CU_ASSERT_EQUAL(opened->high, RNL_ALL);
    CU_ASSERT_EQUAL(opened->low, 0);
    CU_ASSERT_EQUAL(opened->cap, RNL_ALL);
    rnl_core_writer_free(opened);
    rnl_core_writer_free(NULL);
}

static void refuses_bad_options(void)
{
    struct rnl_core_writer_options o = RNL_CORE_WRITER_OPTIONS_INIT;
    struct rnl_allocator given = fake_allocator(&fake), broken;
    struct rnl_core_writer *opened = NULL;

    o.allocator = &given;
    o.high_water = 10;
    o.low_water = 11;
    CU_ASSERT_EQUAL(rnl_core_writer_open(&opened, &o), RNL_EINVAL);
    o.low_water = 10;
    o.size = 0;
    CU_ASSERT_EQUAL(rnl_core_writer_open(&opened, &o), RNL_EINVAL);
    o.size = sizeof o + 1;
    CU_ASSERT_EQUAL(rnl_core_writer_open(&opened, &o), RNL_EINVAL);
    o.size = sizeof o;
    o.allocator = &broken;
    for (int i = 0; i < 3; i++) {
        broken = given;
        broken.alloc = i == 0 ? NULL : broken.alloc;
        broken.realloc = i == 1 ? NULL : broken.realloc;
        broken.free = i == 2 ? NULL : broken.free;
        CU_ASSERT_EQUAL(rnl_core_writer_open(&opened, &o), RNL_EINVAL);
    }
    o.allocator = &given;
    fake.fail_from = 1;
    CU_ASSERT_EQUAL(rnl_core_writer_open(&opened, &o), RNL_ENOMEM);
    CU_ASSERT_PTR_NULL(opened);
    CU_ASSERT_EQUAL(fake.live, 0);
}

/* A caller of an older version, whose struct ended before the cap. */
static void takes_shorter_options(void)
{
    struct rnl_core_writer_options o = RNL_CORE_WRITER_OPTIONS_INIT;
    struct rnl_core_writer *opened = NULL;

    o.high_water = 10;
    o.size = offsetof(struct rnl_core_writer_options, cap);
    o.cap = 3;
    CU_ASSERT_EQUAL(rnl_core_writer_open(&opened, &o), RNL_OK);
    CU_ASSERT_EQUAL(opened->cap, RNL_ALL);
    CU_ASSERT_EQUAL(opened->high, 10);
    rnl_core_writer_free(opened);
}

/* The checker of the invariants must see what is wrong, or it proves nothing. */
static void the_checker_sees(void)
{
    struct rnl_core_writer sound;

    begin(true);
    fill(700);
    put("x");
    sound = w;
#define SEES(change)                            \
    do {                                        \
        CU_ASSERT_TRUE(rnli_writer_check(&w));  \
        change;                                 \
        CU_ASSERT_FALSE(rnli_writer_check(&w)); \
        w = sound;                              \
    } while (0)
    SEES(w.queued--);
    SEES(w.tail = w.head);
    SEES(w.high = 5; w.low = 1);
    SEES(w.low = w.high + 1);
    SEES(w.peeked = (struct rnli_chunk *)&w);
    SEES(w.pool = NULL);
    SEES(w.head = NULL; w.tail = NULL; w.queued = 0; w.paused = true);
    end();
}

SUITE("core.writer",
      {"queues first in, first out", first_in_first_out},
      {"F9 nothing to write, and no pointer", nothing_is_fine},
      {"F1 sends of every size", partial_sends},
      {"sends across chunks", sent_across_chunks},
      {"F7 the caller's bytes are free on return", the_callers_bytes_are_free},
      {"F10 writelines of 5,000 pieces", many_pieces},
      {"an idle writer holds nothing", an_idle_writer_holds_nothing},
      {"F5 a million small writes, linear", small_writes_are_constant},
      {"a write leaves views alone", a_write_leaves_views_alone},
      {"dropped views stay until sent", dropped_views_stay_until_sent},
      {"dropped views stay until destroy", dropped_views_stay_until_destroy},
      {"drop without views frees", drop_without_views_frees},
      {"eof refuses writes", eof_refuses_writes},
      {"eof is due when all is sent", eof_due_needs_eof},
      {"F3 every way of writing obeys the marks", marks_hold_for_every_write},
      {"pausing has a hysteresis", pausing_has_a_hysteresis},
      {"judged by what a flush left", judged_by_what_is_left},
      {"the default marks", the_default_marks},
      {"F13 marks as CPython has them", table_of_marks},
      {"F13 marks of zero", marks_of_zero},
      {"F13 marks moved under a queue", marks_moved_under_a_queue},
      {"F12 the cap, all or nothing", the_cap_is_all_or_nothing},
      {"M1 no memory changes nothing", no_memory_changes_nothing},
      {"M3 sizes cannot wrap", sizes_cannot_wrap},
      {"opens with options", opens_with_options},
      {"opens with defaults", opens_with_defaults},
      {"refuses bad options", refuses_bad_options},
      {"takes the options of an older caller", takes_shorter_options},
      {"the checker sees what is wrong", the_checker_sees})
