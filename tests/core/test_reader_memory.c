/* Blocks, views, loans, and what happens without memory. */
#include <stdio.h>
#include <stdlib.h>

#include "reader_kit.h"
#include "support/suite.h"

#define BLOCK 1024

static void idle_holds_nothing(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, BLOCK);
    struct rnl_bytes out;
    unsigned char *data;
    size_t len;

    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(rnl_core_lend(r, 100, &data, &len), RNL_OK);
        CU_ASSERT_EQUAL(len, BLOCK);
        memcpy(data, "line\n", 5);
        rnl_core_commit(r, 5);
        CU_ASSERT_EQUAL(k.pool.count, 0);
        GIVES(rnl_core_readline(r, 0, &out), RNL_OK, "line\n");
        CU_ASSERT_PTR_NOT_NULL(r->block); /* the view's */
        GIVES(rnl_core_readline(r, 0, &out), RNL_EAGAIN, "");
        CU_ASSERT_PTR_NULL(r->block);
        CU_ASSERT_EQUAL(k.pool.count, 1);
    }
    CU_ASSERT_EQUAL(k.fake.calls, 1);
    feed(r, "x");
    GIVES(rnl_core_read(r, 1, &out), RNL_OK, "x");
    rnli_reader_forget_view(r);
    rnli_reader_forget_view(r);
    CU_ASSERT_EQUAL(k.pool.count, 1);
    kit_close(&k);
}

/* Without a pool a few bytes take little, and nothing when they are read. */
static void small_without_pool(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;

    feed(r, "hello\n");
    CU_ASSERT_TRUE(k.fake.bytes <= 256);
    GIVES(rnl_core_readline(r, 0, &out), RNL_OK, "hello\n");
    GIVES(rnl_core_readline(r, 0, &out), RNL_EAGAIN, "");
    CU_ASSERT_EQUAL(k.fake.live, 0);
    kit_close(&k);
}

static void loans(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 2, false, BLOCK);
    struct rnl_bytes out;
    unsigned char *data, *again;
    size_t len;

    CU_ASSERT_EQUAL(rnl_core_lend(r, 0, &data, &len), RNL_OK);
    CU_ASSERT_TRUE(len > 0);
    CU_ASSERT_TRUE(rnli_reader_check(r));
    rnl_core_commit(r, 0); /* as it was */
    CU_ASSERT_PTR_NULL(r->block);
    CU_ASSERT_EQUAL(k.pool.count, 1);

    feed(r, "abc");
    CU_ASSERT_EQUAL(rnl_core_lend(r, 10, &data, &len), RNL_OK);
    CU_ASSERT_EQUAL(len, BLOCK - 3); /* the tail */
    rnl_core_commit(r, 0);
    LEFT("abc");
    CU_ASSERT_EQUAL(rnl_core_lend(r, 10, &again, &len), RNL_OK);
    CU_ASSERT_PTR_EQUAL(again, data);
    memcpy(again, "de", 2);
    rnl_core_commit(r, 2);
    LEFT("abcde");
    CU_ASSERT_TRUE(rnl_core_paused(r));

    CU_ASSERT_EQUAL(rnl_core_lend(r, 5000, &data, &len), RNL_OK); /* more than a block */
    CU_ASSERT_TRUE(len >= 5000);
    memset(data, 'z', len);
    rnl_core_commit(r, 0);
    LEFT("abcde");
    GIVES(rnl_core_read(r, 10, &out), RNL_OK, "abcde");
    kit_close(&k);
}

/* A loan behind a view in the same block, for nothing. */
static void loan_behind_a_view(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 64);
    struct rnl_bytes view;
    unsigned char *data;
    size_t len;

    feed(r, "view");
    CU_ASSERT_EQUAL(rnl_core_read(r, 4, &view), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_lend(r, 10, &data, &len), RNL_OK);
    CU_ASSERT_PTR_EQUAL(data, view.data + 4);
    memset(data, 'b', len);
    rnl_core_commit(r, 0);
    CU_ASSERT_PTR_NOT_NULL(r->block);
    CU_ASSERT_TRUE(same(view, "view"));
    kit_close(&k);
}

/* A loan taken while the view's block is full moves nothing that is seen. */
static void loan_beside_a_view(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 64);
    struct rnl_bytes view, out;
    unsigned char *data;
    size_t len;

    CU_ASSERT_EQUAL(rnl_core_lend(r, 64, &data, &len), RNL_OK);
    memset(data, 'a', 64);
    rnl_core_commit(r, 64);
    CU_ASSERT_EQUAL(rnl_core_read(r, 64, &view), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_lend(r, 1, &data, &len), RNL_OK);
    memset(data, 'b', len);
    rnl_core_commit(r, 0);
    CU_ASSERT_TRUE(rnli_reader_check(r));
    CU_ASSERT_PTR_NULL(r->block); /* the new block went back, the view's stays */
    CU_ASSERT_EQUAL(view.data[0], 'a');
    CU_ASSERT_EQUAL(view.data[63], 'a');
    GIVES(rnl_core_read(r, 1, &out), RNL_EAGAIN, "");
    CU_ASSERT_PTR_NULL(r->retired);
    kit_close(&k);
}

/* A view stays what it is while bytes arrive; the error and the end included. */
static void views_last(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 64);
    struct rnl_bytes view, out;
    char filler[50];

    memset(filler, '.', sizeof filler);
    feed(r, "view|rest");
    CU_ASSERT_EQUAL(until(r, "|", &view), RNL_OK);
    for (int i = 0; i < 30; i++) {
        CU_ASSERT_EQUAL(rnl_core_feed(r, filler, sizeof filler), RNL_OK);
        CU_ASSERT_TRUE(rnli_reader_check(r));
        CU_ASSERT_TRUE(same(view, "view|"));
    }
    CU_ASSERT_PTR_NOT_NULL(r->retired);
    rnl_core_feed_eof(r);
    rnl_core_set_exception(r, RNL_ECONNRESET);
    CU_ASSERT_EQUAL(rnl_core_read(r, 1, &out), RNL_ECONNRESET); /* not accepted */
    CU_ASSERT_EQUAL(rnl_core_readuntil(r, "", 0, 0, &out), RNL_EINVAL);
    CU_ASSERT_TRUE(same(view, "view|"));
    rnl_core_set_exception(r, RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_read(r, 4, &out), RNL_OK);
    CU_ASSERT_TRUE(same(out, "rest"));
    CU_ASSERT_PTR_NULL(r->retired);
    CU_ASSERT_EQUAL(rnl_core_buffered(r), 1500);
    kit_close(&k);
}

/* What RNL_ELIMIT shows stays too, though it is not consumed. */
static void views_of_overlong_lines(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 3, false, 16);
    struct rnl_bytes view, out;

    feed(r, "overlong");
    CU_ASSERT_EQUAL(rnl_core_readline(r, 0, &view), RNL_ELIMIT);
    feed(r, "1234567890");
    CU_ASSERT_PTR_NOT_NULL(r->retired);
    CU_ASSERT_TRUE(same(view, "overlong"));
    LEFT("overlong1234567890");
    GIVES(rnl_core_readexactly(r, 8, &out), RNL_OK, "overlong");
    kit_close(&k);
}

static void peeking(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes view, peek;

    feed(r, "abcdef");
    CU_ASSERT_EQUAL(rnl_core_read(r, 3, &view), RNL_OK);
    rnl_core_peek_buffered(r, &peek);
    CU_ASSERT_TRUE(same(peek, "def"));
    CU_ASSERT_TRUE(same(view, "abc"));
    kit_close(&k);
}

/* Memory follows what came, not what is asked for. */
static void announced_lengths(void)
{
    static const size_t sizes[] = {(size_t)1 << 31, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX - 1,
                                   SIZE_MAX};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct kit k;
        struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
        struct rnl_bytes out;

        GIVES(rnl_core_readexactly(r, sizes[i], &out), RNL_EAGAIN, "");
        CU_ASSERT_EQUAL(k.fake.calls, 0);
        feed(r, "abc");
        GIVES(rnl_core_readexactly(r, sizes[i], &out), RNL_EAGAIN, "");
        CU_ASSERT_EQUAL(k.fake.calls, 1);
        CU_ASSERT_TRUE(k.fake.bytes <= 256);
        rnl_core_feed_eof(r);
        GIVES(rnl_core_readexactly(r, sizes[i], &out), RNL_EINCOMPLETE, "abc");
        kit_close(&k);
    }
}

/* Geometric, and never more than a few times what came. */
static void growth(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, BLOCK);
    static char chunk[700];
    size_t fed = 0;

    while (fed < 3000000) {
        CU_ASSERT_EQUAL(rnl_core_feed(r, chunk, sizeof chunk), RNL_OK);
        fed += sizeof chunk;
        CU_ASSERT_TRUE(k.fake.bytes <= 4 * fed + BLOCK);
    }
    CU_ASSERT_TRUE(rnli_reader_check(r));
    CU_ASSERT_TRUE(k.fake.calls < 20);
    kit_close(&k);
}

/* A block that grew for a burst does not stay for a trickle, whether or not a view
 * lives in it when there is no room any more. */
static void trickle(bool view)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 64);
    static char chunk[5000];
    struct rnl_bytes out;

    memset(chunk, 'x', sizeof chunk);
    CU_ASSERT_EQUAL(rnl_core_feed(r, chunk, sizeof chunk), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_read(r, sizeof chunk - 3, &out), RNL_OK);
    if (!view)
        CU_ASSERT_EQUAL(rnl_core_read(r, 0, &out), RNL_OK);
    for (int i = 0; i < 2500 && r->capacity > 64; i++) {
        CU_ASSERT_EQUAL(rnl_core_feed(r, "abc", 3), RNL_OK);
        CU_ASSERT_EQUAL(rnl_core_read(r, 3, &out), RNL_OK);
        CU_ASSERT_EQUAL(rnl_core_readexactly(r, 4, &out), RNL_EAGAIN);
    }
    CU_ASSERT_EQUAL(r->capacity, 64);
    LEFT("abc");
    kit_close(&k);
}

static void burst_then_trickle(void)
{
    trickle(true);
    trickle(false);
}

static void impossible_sizes(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes huge[2], out;
    unsigned char *data;
    size_t len;

    feed(r, "abc");
    CU_ASSERT_EQUAL(rnl_core_lend(r, SIZE_MAX, &data, &len), RNL_ENOMEM);
    CU_ASSERT_EQUAL(rnl_core_lend(r, SIZE_MAX - 255, &data, &len), RNL_ENOMEM);
    CU_ASSERT_EQUAL(rnl_core_lend(r, SIZE_MAX / 2, &data, &len), RNL_ENOMEM);
    huge[0] = huge[1] = (struct rnl_bytes){(const unsigned char *)"x", SIZE_MAX / 20};
    GIVES(rnl_core_readuntil_any(r, huge, 2, 0, &out, NULL), RNL_ENOMEM, "");
    huge[0].len = SIZE_MAX;
    GIVES(rnl_core_readuntil_any(r, huge, 1, 0, &out, NULL), RNL_ENOMEM, "");
    LEFT("abc");
    kit_close(&k);
}

/* A session that grows, retires, compacts and remembers. Everything in it may
 * fail for want of memory; what fails is done again and the bytes are the same. */
static int session(struct rnl_core_reader *r, struct fake_alloc *fake)
{
    static const char sep[] = "#long separator#";
    char chunk[100];
    struct rnl_bytes out;
    int failures = 0;
    size_t fed = 0, got = 0;

    for (int i = 0; i < 60; i++) {
        int err;

        for (size_t j = 0; j < sizeof chunk; j++)
            chunk[j] = (char)('a' + (fed + j) % 23);
        while ((err = rnl_core_feed(r, chunk, sizeof chunk)) != RNL_OK) {
            CU_ASSERT_EQUAL(err, RNL_ENOMEM);
            CU_ASSERT_TRUE(rnli_reader_check(r));
            fake->fail_from = 0;
            failures++;
        }
        fed += sizeof chunk;
        err = rnl_core_readuntil(r, sep, sizeof sep - 1, 0, &out);
        if (err == RNL_ENOMEM) {
            fake->fail_from = 0;
            failures++;
        } else {
            CU_ASSERT_EQUAL(err, RNL_EAGAIN);
        }
        if (i % 3 == 0 && rnl_core_read(r, (size_t)(i * 7 % 190) + 1, &out) == RNL_OK) {
            for (size_t j = 0; j < out.len; j++)
                CU_ASSERT_EQUAL(out.data[j], 'a' + (got + j) % 23);
            got += out.len;
        }
        CU_ASSERT_EQUAL(rnl_core_buffered(r), fed - got);
        CU_ASSERT_TRUE(rnli_reader_check(r));
    }
    return failures;
}

static void every_allocation_fails(void)
{
    for (size_t pool = 0; pool <= 256; pool += 256) {
        size_t calls, failed = 0;
        struct kit k;

        kit_open(&k, 0, false, pool);
        CU_ASSERT_EQUAL(session(&k.reader, &k.fake), 0);
        calls = k.fake.calls;
        kit_close(&k);
        CU_ASSERT_TRUE(calls > 5);
        for (size_t n = 1; n <= calls; n++) {
            kit_open(&k, 0, false, pool);
            k.fake.fail_from = n;
            failed += session(&k.reader, &k.fake) == 1;
            kit_close(&k);
        }
        CU_ASSERT_EQUAL(failed, calls);
    }
}

/* The checker sees what it is for. */
#define BAD(change)                            \
    do {                                       \
        change;                                \
        CU_ASSERT_FALSE(rnli_reader_check(r)); \
        *r = good;                             \
    } while (0)

/* What is known of the next lines. */
static void the_checker_checks_lines(void)
{
    static const char text[] = "one\ntwo\nthree\nfour, which makes it more than a span of newlines\n"
                               "five\nsix";
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0), good;
    struct rnl_bytes out;

    feed(r, text);
    GIVES(rnl_core_readline(r, 0, &out), RNL_OK, "one\n");
    GIVES(rnl_core_readline(r, 0, &out), RNL_OK, "two\n");
    good = *r;
    CU_ASSERT_TRUE(r->by_lines && r->lines != 0);
    BAD(r->by_lines = false);
    BAD(r->exception = RNL_ECONNRESET);
    BAD(r->paused = true);
    BAD(r->limit = 63);
    BAD(r->memo_kind = RNLI_MEMO_SHORT);
    BAD(r->lines <<= 1);
    BAD(r->end = r->begin + 1);
    BAD((r->retired = r->block, r->retired_capacity = 1, r->view = RNLI_NO_VIEW));
    CU_ASSERT_TRUE(rnli_reader_check(r));
    kit_close(&k);
}

static void the_checker_checks(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0), good;
    struct rnl_bytes out;

    good = *r;
    CU_ASSERT_TRUE(rnli_reader_check(r));
    r->capacity = 1;
    CU_ASSERT_FALSE(rnli_reader_check(r));
    *r = good;
    r->end = 1;
    CU_ASSERT_FALSE(rnli_reader_check(r));
    *r = good;
    r->begin = 1;
    CU_ASSERT_FALSE(rnli_reader_check(r));
    *r = good;
    r->view = 0;
    CU_ASSERT_FALSE(rnli_reader_check(r));
    *r = good;
    r->limit = 0;
    CU_ASSERT_FALSE(rnli_reader_check(r));
    *r = good;
    r->retired_capacity = 1;
    CU_ASSERT_FALSE(rnli_reader_check(r));
    *r = good;
    r->memo_kind = RNLI_MEMO_LONG;
    CU_ASSERT_FALSE(rnli_reader_check(r));
    *r = good;

    feed(r, "abcdef");
    CU_ASSERT_EQUAL(rnl_core_read(r, 2, &out), RNL_OK);
    good = *r;
    r->begin = r->end + 1;
    CU_ASSERT_FALSE(rnli_reader_check(r));
    *r = good;
    r->end = r->capacity + 1;
    CU_ASSERT_FALSE(rnli_reader_check(r));
    *r = good;
    r->view = r->begin + 1;
    CU_ASSERT_FALSE(rnli_reader_check(r));
    *r = good;
    r->begin = r->end;
    r->view = RNLI_NO_VIEW; /* empty, and yet kept */
    CU_ASSERT_FALSE(rnli_reader_check(r));
    *r = good;
    r->retired = r->block;
    r->retired_capacity = 1; /* two views */
    CU_ASSERT_FALSE(rnli_reader_check(r));
    *r = good;
    r->searched = 1; /* by whom? */
    CU_ASSERT_FALSE(rnli_reader_check(r));
    r->searched = 7;
    CU_ASSERT_FALSE(rnli_reader_check(r));
    *r = good;
    kit_close(&k);
}

SUITE("reader_memory", {"an idle reader holds no block", idle_holds_nothing},
      {"small without a pool", small_without_pool}, {"lend and commit", loans},
      {"a loan behind a view", loan_behind_a_view}, {"a loan beside a view", loan_beside_a_view},
      {"views last until the next read", views_last},
      {"views of overlong lines last too", views_of_overlong_lines}, {"peeking", peeking},
      {"G7 announced lengths take no memory", announced_lengths},
      {"G7 growth follows what came", growth},
      {"a block shrinks after a burst", burst_then_trickle},
      {"M3 sizes near SIZE_MAX", impossible_sizes},
      {"M1 M2 every allocation fails in turn", every_allocation_fails},
      {"the checker checks", the_checker_checks},
      {"the checker checks lines", the_checker_checks_lines})
