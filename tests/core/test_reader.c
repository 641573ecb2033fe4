/* What asyncio's StreamReader does, line by line, but for separators
 * (test_reader_until.c) and memory (test_reader_memory.c). */
#include "core/alloc.h"
#include "reader_kit.h"
#include "support/suite.h"

static void open_and_free(void)
{
    struct rnl_core_reader_options o = RNL_CORE_READER_OPTIONS_INIT;
    struct rnl_core_reader *r = NULL;
    struct fake_alloc fake;
    struct rnl_allocator a = fake_allocator(&fake);

    CU_ASSERT_EQUAL(rnl_core_reader_open(&r, NULL), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_limit(r), RNL_DEFAULT_LIMIT);
    rnl_core_reader_free(r);
    rnl_core_reader_free(NULL);

    o.limit = 7;
    o.allocator = &a;
    o.compat = RNL_YES;
    CU_ASSERT_EQUAL(rnl_core_reader_open(&r, &o), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_limit(r), 7);
    CU_ASSERT_TRUE(r->compat);
    feed(r, "left over");
    rnl_core_reader_free(r);
    CU_ASSERT_EQUAL(fake.live, 0);

    fake.fail_from = fake.calls + 1;
    CU_ASSERT_EQUAL(rnl_core_reader_open(&r, &o), RNL_ENOMEM);
}

static void strange_options(void)
{
    struct rnl_core_reader_options o = RNL_CORE_READER_OPTIONS_INIT;
    struct rnl_core_reader *r = NULL;
    struct fake_alloc fake;
    struct rnl_allocator a = fake_allocator(&fake);

    o.size = sizeof o + 1;
    CU_ASSERT_EQUAL(rnl_core_reader_open(&r, &o), RNL_EINVAL);
    o.size = sizeof o.size - 1;
    CU_ASSERT_EQUAL(rnl_core_reader_open(&r, &o), RNL_EINVAL);
    o.size = sizeof o;
    o.compat = (enum rnl_switch)3;
    CU_ASSERT_EQUAL(rnl_core_reader_open(&r, &o), RNL_EINVAL);
    o.compat = RNL_NO;
    o.allocator = &a;
    a.alloc = NULL;
    CU_ASSERT_EQUAL(rnl_core_reader_open(&r, &o), RNL_EINVAL);
    a = fake_allocator(&fake);
    a.realloc = NULL;
    CU_ASSERT_EQUAL(rnl_core_reader_open(&r, &o), RNL_EINVAL);
    a = fake_allocator(&fake);
    a.free = NULL;
    CU_ASSERT_EQUAL(rnl_core_reader_open(&r, &o), RNL_EINVAL);

    o.size = sizeof o.size; /* of an older program: the rest is not read */
    CU_ASSERT_EQUAL(rnl_core_reader_open(&r, &o), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_limit(r), RNL_DEFAULT_LIMIT);
    rnl_core_reader_free(r);
}

static void limits(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);

    CU_ASSERT_EQUAL(rnl_core_limit(r), RNL_DEFAULT_LIMIT);
    CU_ASSERT_EQUAL(rnl_core_set_limit(r, 0), RNL_EINVAL);
    CU_ASSERT_EQUAL(rnl_core_set_limit(r, 12), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_limit(r), 12);
    kit_close(&k);
}

static void feeding(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;

    LEFT("");
    CU_ASSERT_EQUAL(rnl_core_feed(r, NULL, 0), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_buffered(r), 0);
    feed(r, "abc");
    feed(r, "def");
    CU_ASSERT_EQUAL(rnl_core_buffered(r), 6);
    LEFT("abcdef");
    GIVES(rnl_core_read(r, 100, &out), RNL_OK, "abcdef");
    LEFT("");
    kit_close(&k);
}

static void after_eof(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    unsigned char *data;
    size_t len;
    struct rnl_bytes out;

    feed(r, "ab");
    CU_ASSERT_FALSE(rnl_core_at_eof(r));
    rnl_core_feed_eof(r);
    rnl_core_feed_eof(r);
    CU_ASSERT_EQUAL(rnl_core_feed(r, "c", 1), RNL_EINVAL);
    CU_ASSERT_EQUAL(rnl_core_feed(r, "", 0), RNL_EINVAL);
    CU_ASSERT_EQUAL(rnl_core_lend(r, 1, &data, &len), RNL_EINVAL);
    CU_ASSERT_FALSE(rnl_core_at_eof(r));
    LEFT("ab");
    GIVES(rnl_core_read(r, 1, &out), RNL_OK, "a");
    CU_ASSERT_FALSE(rnl_core_at_eof(r));
    rnl_core_set_exception(r, RNL_ECONNRESET);
    CU_ASSERT_FALSE(rnl_core_at_eof(r));
    rnl_core_set_exception(r, RNL_OK);
    GIVES(rnl_core_read(r, 1, &out), RNL_OK, "b");
    CU_ASSERT_TRUE(rnl_core_at_eof(r));
    rnl_core_set_exception(r, RNL_ECONNRESET);
    CU_ASSERT_TRUE(rnl_core_at_eof(r));
    kit_close(&k);
}

static void read_some(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;

    GIVES(rnl_core_read(r, 5, &out), RNL_EAGAIN, "");
    feed(r, "abcdefg");
    GIVES(rnl_core_read(r, 5, &out), RNL_OK, "abcde");
    LEFT("fg");
    GIVES(rnl_core_read(r, 5, &out), RNL_OK, "fg");
    GIVES(rnl_core_read(r, 5, &out), RNL_EAGAIN, "");
    rnl_core_feed_eof(r);
    GIVES(rnl_core_read(r, 5, &out), RNL_OK, "");
    GIVES(rnl_core_read(r, 5, &out), RNL_OK, "");
    kit_close(&k);
}

static void read_is_not_limited(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 3, false, 0);
    struct rnl_bytes out;

    feed(r, "abcdefgh");
    GIVES(rnl_core_read(r, 7, &out), RNL_OK, "abcdefg");
    kit_close(&k);
}

static void read_until_the_end(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;

    GIVES(rnl_core_read(r, RNL_ALL, &out), RNL_EAGAIN, "");
    feed(r, "abc");
    GIVES(rnl_core_read(r, RNL_ALL, &out), RNL_EAGAIN, "");
    LEFT("abc"); /* given up now, nothing is lost */
    feed(r, "d");
    GIVES(rnl_core_read(r, 1, &out), RNL_OK, "a");
    GIVES(rnl_core_read(r, RNL_ALL, &out), RNL_EAGAIN, "");
    rnl_core_feed_eof(r);
    GIVES(rnl_core_read(r, RNL_ALL, &out), RNL_OK, "bcd");
    GIVES(rnl_core_read(r, RNL_ALL, &out), RNL_OK, "");
    kit_close(&k);
}

/* An error in the middle of read(-1): asyncio loses what it had taken. */
static void read_all_keeps(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, true, 0);
    struct rnl_bytes out;

    feed(r, "abc");
    GIVES(rnl_core_read(r, RNL_ALL, &out), RNL_EAGAIN, "");
    rnl_core_set_exception(r, RNL_ECONNRESET);
    GIVES(rnl_core_read(r, RNL_ALL, &out), RNL_ECONNRESET, "");
    LEFT("abc");
    kit_close(&k);
}

static void zero_bytes(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;

    GIVES(rnl_core_read(r, 0, &out), RNL_OK, "");
    GIVES(rnl_core_readexactly(r, 0, &out), RNL_OK, "");
    feed(r, "ab");
    GIVES(rnl_core_read(r, 0, &out), RNL_OK, "");
    GIVES(rnl_core_readexactly(r, 0, &out), RNL_OK, "");
    LEFT("ab");
    rnl_core_feed_eof(r);
    GIVES(rnl_core_readexactly(r, 0, &out), RNL_OK, "");
    rnl_core_set_exception(r, RNL_EPIPE);
    GIVES(rnl_core_read(r, 0, &out), RNL_EPIPE, "");
    GIVES(rnl_core_readexactly(r, 0, &out), RNL_EPIPE, "");
    kit_close(&k);
}

static void exactly(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;

    GIVES(rnl_core_readexactly(r, 4, &out), RNL_EAGAIN, "");
    feed(r, "abc");
    GIVES(rnl_core_readexactly(r, 4, &out), RNL_EAGAIN, "");
    LEFT("abc");
    feed(r, "de");
    GIVES(rnl_core_readexactly(r, 4, &out), RNL_OK, "abcd");
    feed(r, "fgh");
    GIVES(rnl_core_readexactly(r, 4, &out), RNL_OK, "efgh");
    kit_close(&k);
}

static void exactly_cut_off(void)
{
    for (size_t got = 0; got <= 5; got++) {
        struct kit k;
        struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
        struct rnl_bytes out;

        CU_ASSERT_EQUAL(rnl_core_feed(r, "abcde", got), RNL_OK);
        rnl_core_feed_eof(r);
        CU_ASSERT_EQUAL(rnl_core_readexactly(r, 5, &out), got < 5 ? RNL_EINCOMPLETE : RNL_OK);
        CU_ASSERT_EQUAL(out.len, got);
        CU_ASSERT_TRUE(got == 0 || memcmp(out.data, "abcde", got) == 0);
        LEFT("");
        CU_ASSERT_TRUE(rnl_core_at_eof(r));
        GIVES(rnl_core_readexactly(r, 5, &out), RNL_EINCOMPLETE, "");
        kit_close(&k);
    }
}

static void stored_error(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;
    uint64_t skipped = 0;
    bool done;

    CU_ASSERT_EQUAL(rnl_core_exception(r), RNL_OK);
    feed(r, "line\nrest");
    rnl_core_feed_eof(r);
    rnl_core_set_exception(r, RNL_EPIPE);
    rnl_core_set_exception(r, RNL_ECONNRESET); /* replaces */
    CU_ASSERT_EQUAL(rnl_core_exception(r), RNL_ECONNRESET);
    GIVES(rnl_core_read(r, 1, &out), RNL_ECONNRESET, "");
    GIVES(rnl_core_read(r, RNL_ALL, &out), RNL_ECONNRESET, "");
    GIVES(rnl_core_readexactly(r, 1, &out), RNL_ECONNRESET, "");
    GIVES(rnl_core_readline(r, 0, &out), RNL_ECONNRESET, "");
    GIVES(until(r, "\n", &out), RNL_ECONNRESET, "");
    GIVES(rnl_core_readuntil_part(r, "\n", 1, &out, &done), RNL_ECONNRESET, "");
    CU_ASSERT_EQUAL(rnl_core_discard_until(r, "\n", 1, &skipped), RNL_ECONNRESET);
    CU_ASSERT_EQUAL(skipped, 0);
    LEFT("line\nrest");

    /* Arguments come before it. */
    GIVES(until(r, "", &out), RNL_EINVAL, "");
    GIVES(until2(r, "a", "", &out, NULL), RNL_EINVAL, "");
    GIVES(rnl_core_readuntil_any(r, NULL, 0, 0, &out, NULL), RNL_EINVAL, "");
    GIVES(rnl_core_readuntil_part(r, "", 0, &out, &done), RNL_EINVAL, "");
    CU_ASSERT_EQUAL(rnl_core_discard_until(r, "", 0, NULL), RNL_EINVAL);
    kit_close(&k);
}

/* It comes while a read waits: the read answers it, not RNL_EINCOMPLETE. */
static void error_meets_a_waiting_read(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;

    feed(r, "ab");
    GIVES(rnl_core_readexactly(r, 3, &out), RNL_EAGAIN, "");
    rnl_core_set_exception(r, RNL_ECONNRESET);
    GIVES(rnl_core_readexactly(r, 3, &out), RNL_ECONNRESET, "");
    LEFT("ab");
    kit_close(&k);
}

/* A reader that nobody reads from any more: harmless. */
static void error_meets_nobody(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;

    GIVES(rnl_core_readline(r, 0, &out), RNL_EAGAIN, "");
    rnl_core_set_exception(r, RNL_EIO);
    CU_ASSERT_EQUAL(rnl_core_exception(r), RNL_EIO);
    kit_close(&k);
}

static void pause_is_strict(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 4, false, 0);
    struct rnl_bytes out;

    feed(r, "12345678");
    CU_ASSERT_FALSE(rnl_core_paused(r));
    feed(r, "9");
    CU_ASSERT_TRUE(rnl_core_paused(r));
    GIVES(rnl_core_readexactly(r, 4, &out), RNL_OK, "1234");
    CU_ASSERT_TRUE(rnl_core_paused(r));
    GIVES(rnl_core_read(r, 1, &out), RNL_OK, "5");
    CU_ASSERT_FALSE(rnl_core_paused(r));
    LEFT("6789");
    kit_close(&k);
}

static void pause_with_huge_limits(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, SIZE_MAX, false, 0);

    feed(r, "12345678");
    CU_ASSERT_FALSE(rnl_core_paused(r));
    CU_ASSERT_EQUAL(rnl_core_set_limit(r, SIZE_MAX / 2 + 2), RNL_OK); /* twice that is 2 */
    feed(r, "9");
    CU_ASSERT_FALSE(rnl_core_paused(r));
    kit_close(&k);
}

/* The paths on which asyncio resumes, and those on which it does not. */
static void who_resumes(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 2, false, 0);
    struct rnl_bytes out;

    feed(r, "abcdefg");
    CU_ASSERT_TRUE(rnl_core_paused(r));
    GIVES(rnl_core_read(r, 0, &out), RNL_OK, "");
    GIVES(rnl_core_readexactly(r, 0, &out), RNL_OK, "");
    GIVES(until(r, "g", &out), RNL_ELIMIT, "abcdef");
    CU_ASSERT_TRUE(rnl_core_paused(r));
    CU_ASSERT_EQUAL(rnl_core_set_limit(r, 100), RNL_OK);
    CU_ASSERT_TRUE(rnl_core_paused(r));
    GIVES(until(r, "b", &out), RNL_OK, "ab");
    CU_ASSERT_FALSE(rnl_core_paused(r));
    kit_close(&k);

    r = kit_open(&k, 2, false, 0);
    feed(r, "abcdefg");
    GIVES(rnl_core_readexactly(r, 8, &out), RNL_EAGAIN, ""); /* waits: un-paused */
    CU_ASSERT_FALSE(rnl_core_paused(r));
    LEFT("abcdefg");
    feed(r, "h");
    CU_ASSERT_TRUE(rnl_core_paused(r));
    GIVES(rnl_core_readexactly(r, 8, &out), RNL_OK, "abcdefgh");
    CU_ASSERT_FALSE(rnl_core_paused(r));
    kit_close(&k);
}

static void the_end_does_not_resume(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 2, false, 0);
    struct rnl_bytes out;

    feed(r, "abcdefg");
    rnl_core_feed_eof(r);
    GIVES(rnl_core_readexactly(r, 8, &out), RNL_EINCOMPLETE, "abcdefg");
    CU_ASSERT_TRUE(rnl_core_paused(r));
    GIVES(rnl_core_read(r, 1, &out), RNL_OK, ""); /* but this does */
    CU_ASSERT_FALSE(rnl_core_paused(r));
    kit_close(&k);

    r = kit_open(&k, 2, false, 0);
    feed(r, "abcdefg");
    rnl_core_feed_eof(r);
    CU_ASSERT_EQUAL(rnl_core_set_limit(r, 100), RNL_OK);
    GIVES(until(r, "x", &out), RNL_EINCOMPLETE, "abcdefg");
    CU_ASSERT_TRUE(rnl_core_paused(r));
    kit_close(&k);
}

/* What a waiting read(-1) has seen is out of asyncio's buffer. */
static void read_all_does_not_count(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 2, false, 0);
    struct rnl_bytes out;

    feed(r, "abcdefg");
    CU_ASSERT_TRUE(rnl_core_paused(r));
    GIVES(rnl_core_read(r, RNL_ALL, &out), RNL_EAGAIN, "");
    CU_ASSERT_FALSE(rnl_core_paused(r));
    feed(r, "1234");
    CU_ASSERT_FALSE(rnl_core_paused(r));
    feed(r, "5");
    CU_ASSERT_TRUE(rnl_core_paused(r));
    GIVES(rnl_core_read(r, RNL_ALL, &out), RNL_EAGAIN, "");
    CU_ASSERT_FALSE(rnl_core_paused(r));
    GIVES(rnl_core_readexactly(r, 20, &out), RNL_EAGAIN, ""); /* given up: they count again */
    feed(r, "x");
    CU_ASSERT_TRUE(rnl_core_paused(r));
    kit_close(&k);
}

/* Any chunks, any reads, any small limit: with nothing left nobody is paused. */
static void never_stuck(void)
{
    for (size_t limit = 1; limit <= 16; limit++) {
        for (size_t chunk = 1; chunk <= 40; chunk++) {
            struct kit k;
            struct rnl_core_reader *r = kit_open(&k, limit, false, 64);
            size_t fed = 0, got = 0;
            struct rnl_bytes out;

            while (got < 200) {
                size_t n = 1 + got % 37;
                int err = rnl_core_readexactly(r, n, &out);

                if (err == RNL_EAGAIN) {
                    CU_ASSERT_FALSE_FATAL(rnl_core_paused(r));
                    while (!rnl_core_paused(r) && rnl_core_buffered(r) < n) {
                        rnl_core_feed(r, "abcdefghijklmnopqrstuvwxyzabcdefghijklmno", chunk);
                        fed += chunk;
                    }
                } else {
                    got += out.len;
                }
            }
            CU_ASSERT_EQUAL(rnl_core_readexactly(r, fed - got, &out), RNL_OK);
            CU_ASSERT_EQUAL(rnl_core_buffered(r), 0);
            CU_ASSERT_EQUAL(rnl_core_read(r, 1, &out), RNL_EAGAIN);
            CU_ASSERT_FALSE(rnl_core_paused(r));
            kit_close(&k);
        }
    }
}

static void stealing(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;

    GIVES(rnl_core_readexactly(r, 10, &out), RNL_EAGAIN, "");
    feed(r, "abc");
    GIVES(rnl_core_read(r, 2, &out), RNL_OK, "ab");
    GIVES(rnl_core_readexactly(r, 10, &out), RNL_EAGAIN, "");
    LEFT("c");
    kit_close(&k);
}

SUITE("reader", {"open and free", open_and_free}, {"strange options are refused", strange_options},
      {"the limit can be changed, not to 0", limits}, {"feed appends, nothing is nothing", feeding},
      {"G11 at_eof, and feeding after the end", after_eof}, {"read takes what is there", read_some},
      {"read(n) is not limited", read_is_not_limited},
      {"D1 read(-1) takes all or nothing", read_until_the_end},
      {"D1 read(-1) loses nothing to an error", read_all_keeps},
      {"G9 read(0) and readexactly(0)", zero_bytes}, {"readexactly", exactly},
      {"G6 readexactly cut off at every offset", exactly_cut_off},
      {"G10 the stored error comes before buffered data", stored_error},
      {"G10 an error while a read waits", error_meets_a_waiting_read},
      {"G10 an error while nobody waits", error_meets_nobody},
      {"G8 the pause: above 2 x limit, until limit", pause_is_strict},
      {"M3 twice a huge limit", pause_with_huge_limits}, {"G8 who resumes", who_resumes},
      {"G8 the end of input does not resume", the_end_does_not_resume},
      {"G8 bytes that a waiting read(-1) has seen", read_all_does_not_count},
      {"G8 never stuck, whatever is read", never_stuck},
      {"another read steals from one that waits", stealing})
