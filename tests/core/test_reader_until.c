/* Separators: asyncio's rules as tables. */
#include "reader_kit.h"
#include "support/suite.h"

static void lines(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;

    GIVES(rnl_core_readline(r, 0, &out), RNL_EAGAIN, "");
    feed(r, "chunk1 ");
    GIVES(rnl_core_readline(r, 0, &out), RNL_EAGAIN, "");
    feed(r, "chunk2 ");
    GIVES(rnl_core_readline(r, 0, &out), RNL_EAGAIN, "");
    feed(r, "chunk3 \n chunk4\n\nlast");
    GIVES(rnl_core_readline(r, 0, &out), RNL_OK, "chunk1 chunk2 chunk3 \n");
    GIVES(rnl_core_readline(r, 0, &out), RNL_OK, " chunk4\n");
    GIVES(rnl_core_readline(r, 0, &out), RNL_OK, "\n");
    GIVES(rnl_core_readline(r, 0, &out), RNL_EAGAIN, "");
    rnl_core_feed_eof(r);
    GIVES(rnl_core_readline(r, 0, &out), RNL_OK, "last");
    GIVES(rnl_core_readline(r, 0, &out), RNL_OK, "");
    GIVES(rnl_core_readline(r, 0, &out), RNL_OK, "");
    kit_close(&k);
}

/* limit 3: what is buffered, what readuntil("\n") and the buffer say. */
static void limit_table(void)
{
    static const struct {
        const char *text;
        bool eof;
        int code;
        const char *out, *left;
    } rows[] = {
        {"ab\ncd", false, RNL_OK, "ab\n", "cd"},
        {"abc\ncd", false, RNL_OK, "abc\n", "cd"},
        {"abcd\ncd", false, RNL_ELIMIT, "abcd", "abcd\ncd"},
        {"abc", false, RNL_EAGAIN, "", "abc"},
        {"abcd", false, RNL_ELIMIT, "abcd", "abcd"},
        {"abc", true, RNL_EINCOMPLETE, "abc", ""},
        {"abcd", true, RNL_ELIMIT, "abcd", "abcd"},
        {"", true, RNL_EINCOMPLETE, "", ""},
        {"abcd\n", true, RNL_ELIMIT, "abcd", "abcd\n"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kit k;
        struct rnl_core_reader *r = kit_open(&k, 3, false, 0);
        struct rnl_bytes out;

        feed(r, rows[i].text);
        if (rows[i].eof)
            rnl_core_feed_eof(r);
        GIVES(until(r, "\n", &out), rows[i].code, rows[i].out);
        LEFT(rows[i].left);
        if (rows[i].code == RNL_ELIMIT) /* nothing has changed */
            GIVES(until(r, "\n", &out), rows[i].code, rows[i].out);
        kit_close(&k);
    }
}

static void limit_with_long_separators(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 3, false, 0);
    struct rnl_bytes out;

    feed(r, "abcdA");
    GIVES(until(r, "AAA", &out), RNL_EAGAIN, "");
    feed(r, "A");
    GIVES(until(r, "AAA", &out), RNL_ELIMIT, "abcd");
    LEFT("abcdAA");
    GIVES(rnl_core_readexactly(r, out.len, &out), RNL_OK, "abcd");
    feed(r, "A!");
    GIVES(until(r, "AAA", &out), RNL_OK, "AAA");
    kit_close(&k);

    r = kit_open(&k, 3, false, 0); /* limit + longest - 1 bytes at the end: not too long */
    feed(r, "abcAA");
    rnl_core_feed_eof(r);
    GIVES(until(r, "AAA", &out), RNL_EINCOMPLETE, "abcAA");
    CU_ASSERT_TRUE(rnl_core_at_eof(r));
    kit_close(&k);
}

static void limit_per_call(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 3, false, 0);
    struct rnl_bytes out, seps[1] = {{(const unsigned char *)"\n", 1}};

    feed(r, "abcdef\n12\n");
    GIVES(rnl_core_readuntil(r, "\n", 1, 5, &out), RNL_ELIMIT, "abcdef");
    GIVES(rnl_core_readline(r, 5, &out), RNL_ELIMIT, "abcdef");
    GIVES(rnl_core_readuntil_any(r, seps, 1, 5, &out, NULL), RNL_ELIMIT, "abcdef");
    GIVES(rnl_core_readline(r, 6, &out), RNL_OK, "abcdef\n");
    GIVES(rnl_core_readuntil_any(r, seps, 1, 1, &out, NULL), RNL_ELIMIT, "12");
    GIVES(rnl_core_readuntil(r, "\n", 1, 2, &out), RNL_OK, "12\n");
    feed(r, "abcdef");
    GIVES(rnl_core_readline(r, 6, &out), RNL_EAGAIN, "");
    GIVES(rnl_core_readline(r, 0, &out), RNL_ELIMIT, "abcdef");
    kit_close(&k);
}

/* readline beyond the limit, as design has it and as asyncio does. */
static void readline_keeps(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 3, false, 0);
    struct rnl_bytes out;

    feed(r, "line1\nline2\n");
    CU_ASSERT_TRUE(rnl_core_paused(r));
    GIVES(rnl_core_readline(r, 0, &out), RNL_ELIMIT, "line1");
    LEFT("line1\nline2\n");
    CU_ASSERT_EQUAL(rnl_core_discard_until(r, "\n", 1, NULL), RNL_OK);
    LEFT("line2\n");
    kit_close(&k);
}

static void readline_drops(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 3, true, 0);
    struct rnl_bytes out;

    feed(r, "line1\nok\n"); /* its end is there: the line is skipped */
    CU_ASSERT_TRUE(rnl_core_paused(r));
    GIVES(rnl_core_readline(r, 0, &out), RNL_ELIMIT, "");
    LEFT("ok\n");
    CU_ASSERT_FALSE(rnl_core_paused(r));
    GIVES(rnl_core_readline(r, 0, &out), RNL_OK, "ok\n");

    feed(r, "line"); /* its end is not: all goes, and its tail becomes a line */
    GIVES(rnl_core_readline(r, 0, &out), RNL_ELIMIT, "");
    LEFT("");
    feed(r, "2\n");
    GIVES(rnl_core_readline(r, 0, &out), RNL_OK, "2\n");

    feed(r, "line3");
    rnl_core_feed_eof(r);
    GIVES(rnl_core_readline(r, 0, &out), RNL_ELIMIT, "");
    CU_ASSERT_TRUE(rnl_core_at_eof(r));
    GIVES(rnl_core_readline(r, 0, &out), RNL_OK, "");
    kit_close(&k);

    r = kit_open(&k, 3, true, 0); /* readuntil keeps, in compat too */
    feed(r, "line1\n");
    GIVES(until(r, "\n", &out), RNL_ELIMIT, "line1");
    LEFT("line1\n");
    kit_close(&k);
}

static void earliest_end(void)
{
    static const struct {
        const char *text, *a, *b;
        size_t limit;
        int code;
        const char *out;
        size_t which;
    } rows[] = {
        {"ab\r\ncd", "\r\n", "\r", 0, RNL_OK, "ab\r", 1},
        {"ab\ncd\r\n", "\r\n", "\n", 0, RNL_OK, "ab\n", 1},
        {"ab\r\ncd\n", "\r\n", "\n", 0, RNL_OK, "ab\r\n", 1}, /* a tie: the shortest */
        {"ab\r\ncd\n", "\n", "\r\n", 0, RNL_OK, "ab\r\n", 0},
        {"xyzA", "A", "yzA", 1, RNL_ELIMIT, "xyz", 0},
        {"xyzA", "yzA", "A", 1, RNL_ELIMIT, "xyz", 1},
        {"xyzA", "yzA", "zA", 2, RNL_OK, "xyzA", 1},
        {"aXbX", "X", "X", 0, RNL_OK, "aX", 0}, /* the first of equals */
        {"_Z_AAA", "AAA", "ZZ", 0, RNL_OK, "_Z_AAA", 0},
        {"no", "AAA", "ZZ", 0, RNL_EAGAIN, "", 9},
        {"", "AAA", "ZZ", 0, RNL_EAGAIN, "", 9},
        {"long text", "xxxx", "y", 5, RNL_ELIMIT, "long t", 9}, /* the longest counts */
        {"long text", "xxxx", "y", 6, RNL_EAGAIN, "", 9},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kit k;
        struct rnl_core_reader *r = kit_open(&k, rows[i].limit, false, 0);
        struct rnl_bytes out;
        size_t which = 9;

        feed(r, rows[i].text);
        GIVES(until2(r, rows[i].a, rows[i].b, &out, &which), rows[i].code, rows[i].out);
        CU_ASSERT_EQUAL(which, rows[i].which);
        kit_close(&k);
    }
}

/* Fed byte by byte, asyncio's multi_separator_negative_offset among them. */
static void dribbled(void)
{
    static const char text[] = "foo\r\nbar_boundary_\nbaz\r\n\r\nqux";
    static const char *seps[][2] = {
        {"\r\n", "\n"},        {"_boundary_", "\n"},
        {"\r\n\r\n", "\n\n"},  {"_boundary_!", "_boundary_"},
        {"zzzzzzzzzz", "qux"}, {"foo\r\nbar_boundary_\n", "aaaaaaaaaaaaaaaa"}};
    static const char *want[] = {"foo\r\n",
                                 "foo\r\n",
                                 "foo\r\nbar_boundary_\nbaz\r\n\r\n",
                                 "foo\r\nbar_boundary_",
                                 text,
                                 "foo\r\nbar_boundary_\n"};

    for (size_t i = 0; i < 6; i++) {
        struct kit k;
        struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
        struct rnl_bytes out;
        int err = RNL_EAGAIN;

        for (size_t j = 0; j < sizeof text - 1 && err == RNL_EAGAIN; j++) {
            CU_ASSERT_EQUAL(rnl_core_feed(r, text + j, 1), RNL_OK);
            err = until2(r, seps[i][0], seps[i][1], &out, NULL);
            CU_ASSERT_TRUE(rnli_reader_check(r));
        }
        CU_ASSERT_EQUAL(err, RNL_OK);
        CU_ASSERT_TRUE(same(out, want[i]));
        kit_close(&k);
    }
}

/* The memo is of one search; any other read forgets it. */
static void another_separator(void)
{
    static const char long1[] = "0123456789abcdef0123456789abcdef";
    static const char long2[] = "0123456789abcdef0123456789abcdeF";
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;

    feed(r, "one;two,");
    GIVES(until(r, "\n", &out), RNL_EAGAIN, "");
    GIVES(until(r, ";", &out), RNL_OK, "one;");
    GIVES(until(r, "\n", &out), RNL_EAGAIN, "");
    GIVES(until2(r, "\n", ",", &out, NULL), RNL_OK, "two,");

    feed(r, long1);
    GIVES(until(r, long2, &out), RNL_EAGAIN, "");
    GIVES(until2(r, long2, long2, &out, NULL), RNL_EAGAIN, "");
    GIVES(until(r, "0123456789abcdef0123456789abcdef0", &out), RNL_EAGAIN, "");
    GIVES(until(r, long1, &out), RNL_OK, long1);

    feed(r, "ab");
    GIVES(until(r, long1, &out), RNL_EAGAIN, "");
    GIVES(rnl_core_readexactly(r, 3, &out), RNL_EAGAIN, "");
    GIVES(until(r, long1, &out), RNL_EAGAIN, "");
    GIVES(rnl_core_read(r, RNL_ALL, &out), RNL_EAGAIN, "");
    GIVES(until(r, long1, &out), RNL_EAGAIN, "");
    GIVES(rnl_core_readline(r, 0, &out), RNL_EAGAIN, "");
    GIVES(until(r, long1, &out), RNL_EAGAIN, "");
    GIVES(rnl_core_read(r, 1, &out), RNL_OK, "a");
    feed(r, long1);
    GIVES(until(r, long1, &out), RNL_OK, "b0123456789abcdef0123456789abcdef");
    kit_close(&k);
}

/* The same memory, other bytes: callers do that. */
static void separator_changed_in_place(void)
{
    char sep[] = "=========X";
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;

    feed(r, "=========Y;");
    GIVES(until(r, sep, &out), RNL_EAGAIN, "");
    sep[9] = 'Y';
    GIVES(until(r, sep, &out), RNL_OK, "=========Y");
    kit_close(&k);
}

static void cut_off_at_every_offset(void)
{
    static const char text[] = "some header\r\nbody";

    for (size_t got = 0; got < sizeof text; got++) {
        struct kit k;
        struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
        struct rnl_bytes out;

        CU_ASSERT_EQUAL(rnl_core_feed(r, text, got), RNL_OK);
        rnl_core_feed_eof(r);
        if (got >= 13)
            GIVES(until(r, "\r\n", &out), RNL_OK, "some header\r\n");
        CU_ASSERT_EQUAL(until(r, "\r\n", &out), RNL_EINCOMPLETE);
        CU_ASSERT_EQUAL(out.len, got >= 13 ? got - 13 : got);
        CU_ASSERT_TRUE(rnl_core_at_eof(r));
        kit_close(&k);
    }
}

static void iteration_ends(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;
    size_t lines_seen = 0;

    feed(r, "a\n\nb");
    rnl_core_feed_eof(r);
    while (rnl_core_readline(r, 0, &out) == RNL_OK && out.len > 0)
        lines_seen++;
    CU_ASSERT_EQUAL(lines_seen, 3);
    CU_ASSERT_EQUAL(out.len, 0);
    kit_close(&k);
}

/* Feeding nothing is no progress and no harm, however often. */
static void nothing_again(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;

    feed(r, "part");
    for (int i = 0; i < 1000; i++) {
        feed(r, "");
        GIVES(rnl_core_readline(r, 0, &out), RNL_EAGAIN, "");
    }
    LEFT("part");
    CU_ASSERT_TRUE(k.fake.calls < 3);
    kit_close(&k);
}

SUITE("reader_until", {"readline", lines},
      {"G5 the limit, with and without a separator", limit_table},
      {"G5 the limit and long separators", limit_with_long_separators},
      {"G5 a limit for one call", limit_per_call},
      {"G5 readline over the limit keeps the line", readline_keeps},
      {"G5 readline over the limit in compat drops it", readline_drops},
      {"G14 several separators: earliest end, then shortest", earliest_end},
      {"G1 separators dribble in", dribbled},
      {"another separator starts afresh", another_separator},
      {"a separator changed in place is another one", separator_changed_in_place},
      {"G6 readuntil cut off at every offset", cut_off_at_every_offset},
      {"G12 iteration over lines ends", iteration_ends}, {"G13 events without data", nothing_again})
