/* readuntil_part and discard_until. */
#include "reader_kit.h"
#include "support/suite.h"

static int part(struct rnl_core_reader *r, const char *sep, struct rnl_bytes *out, bool *done)
{
    return rnl_core_readuntil_part(r, sep, strlen(sep), out, done);
}

static void pieces(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;
    bool done = true;

    GIVES(part(r, "\r\n.\r\n", &out, &done), RNL_EAGAIN, "");
    CU_ASSERT_FALSE(done);
    feed(r, "mail text\r\n.");
    GIVES(part(r, "\r\n.\r\n", &out, &done), RNL_OK, "mail text");
    LEFT("\r\n.");
    GIVES(part(r, "\r\n.\r\n", &out, &done), RNL_EAGAIN, "");
    feed(r, ".\r\n");
    GIVES(part(r, "\r\n.\r\n", &out, &done), RNL_OK, "\r\n..");
    CU_ASSERT_FALSE(done);
    feed(r, ".\r\nNEXT");
    GIVES(part(r, "\r\n.\r\n", &out, &done), RNL_OK, "\r\n.\r\n");
    CU_ASSERT_TRUE(done);
    LEFT("NEXT");
    GIVES(part(r, "\r\n.\r\n", &out, &done), RNL_OK, "NEXT");
    CU_ASSERT_FALSE(done);
    rnl_core_feed_eof(r);
    GIVES(part(r, "\r\n.\r\n", &out, &done), RNL_EINCOMPLETE, "");
    kit_close(&k);
}

static void cut_off(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;
    bool done;

    feed(r, "text\r");
    rnl_core_feed_eof(r);
    GIVES(part(r, "\r\n", &out, &done), RNL_EINCOMPLETE, "text\r");
    CU_ASSERT_FALSE(done);
    CU_ASSERT_TRUE(rnl_core_at_eof(r));
    kit_close(&k);
}

/* Nothing is taken where nobody could be told that it was the last piece. */
static void arguments(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;
    bool done;

    feed(r, "text\r\n");
    GIVES(rnl_core_readuntil_part(r, "\r\n", 2, &out, NULL), RNL_EINVAL, "");
    GIVES(part(r, "", &out, &done), RNL_EINVAL, "");
    GIVES(part(r, "\r\n", &out, &done), RNL_OK, "text\r\n");
    CU_ASSERT_TRUE(done);
    kit_close(&k);
}

/* Every text over {a, b}, every cut into two feeds: the pieces give the text
 * back, and only the separator's longest possible beginning is held. */
static void split(const char *text, size_t len, const char *sep, size_t n, size_t cut)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 1, false, 0);
    char got[64];
    size_t used = 0, feeds = 0, at;
    struct rnl_bytes out;
    bool done = false;

    while (!done) {
        int err = rnl_core_readuntil_part(r, sep, n, &out, &done);

        CU_ASSERT_TRUE(rnli_reader_check(r));
        if (out.len)
            memcpy(got + used, out.data, out.len);
        used += out.len;
        if (err == RNL_EINCOMPLETE)
            break;
        if (err == RNL_EAGAIN) {
            CU_ASSERT_FALSE(rnl_core_paused(r));
            CU_ASSERT_TRUE(rnl_core_buffered(r) < n);
            CU_ASSERT_TRUE(memcmp(text + used, sep, rnl_core_buffered(r)) == 0);
            if (feeds == 0)
                rnl_core_feed(r, text, cut);
            else if (feeds == 1)
                rnl_core_feed(r, text + cut, len - cut);
            else
                rnl_core_feed_eof(r);
            feeds++;
        }
    }
    CU_ASSERT_EQUAL(memcmp(got, text, used), 0);
    at = rnl_core_find(text, len, sep, n);
    CU_ASSERT_EQUAL(done, at != RNL_ALL);
    CU_ASSERT_EQUAL(used, done ? at + n : len);
    kit_close(&k);
}

static void spell(char *out, size_t len, unsigned word)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (char)('a' + ((word >> i) & 1));
}

static void every_split(void)
{
    char text[8], sep[4];

    for (unsigned x = 0; x < 1u << 8; x++) {
        spell(text, 8, x);
        for (size_t n = 1; n <= 4; n++) {
            for (unsigned y = 0; y < 1u << n; y++) {
                spell(sep, n, y);
                split(text, 8, sep, n, (x + y) % 9);
            }
        }
    }
}

/* Separators too long for the short memo. */
static void every_split_long(void)
{
    char text[40], sep[12];

    for (unsigned y = 0; y < 1u << 6; y++) {
        memset(sep, 'a', sizeof sep);
        spell(sep + 3, 6, y);
        memset(text, 'a', sizeof text);
        spell(text + 2, 6, ~y);
        memcpy(text + 10, sep, 9);
        memcpy(text + 19, sep, sizeof sep);
        for (size_t cut = 0; cut <= sizeof text; cut++)
            split(text, sizeof text, sep, sizeof sep, cut);
        text[22] = 'c';
        split(text, sizeof text, sep, sizeof sep, y % sizeof text);
    }
}

static void bounded_memory(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 4096);
    char chunk[4000];
    struct rnl_bytes out;
    uint64_t skipped = 5;
    bool done;

    memset(chunk, '-', sizeof chunk);
    for (int i = 0; i < 300; i++) {
        CU_ASSERT_EQUAL(rnl_core_feed(r, chunk, sizeof chunk), RNL_OK);
        CU_ASSERT_EQUAL(part(r, "--a boundary--", &out, &done), RNL_OK);
        CU_ASSERT_EQUAL(part(r, "--a boundary--", &out, &done), RNL_EAGAIN);
        CU_ASSERT_TRUE(k.fake.bytes < 10000);
    }
    CU_ASSERT_EQUAL(rnl_core_read(r, 100, &out), RNL_OK);
    for (int i = 0; i < 300; i++) {
        CU_ASSERT_EQUAL(rnl_core_feed(r, chunk, sizeof chunk), RNL_OK);
        CU_ASSERT_EQUAL(rnl_core_discard_until(r, "\r\n", 2, &skipped), RNL_EAGAIN);
        CU_ASSERT_EQUAL(rnl_core_buffered(r), 0);
        CU_ASSERT_PTR_NULL(r->block);
    }
    CU_ASSERT_EQUAL(skipped, 5 + 300 * sizeof chunk);
    kit_close(&k);
}

static void discarding(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 3, false, 0);
    struct rnl_bytes out;
    uint64_t skipped = 0;

    CU_ASSERT_EQUAL(rnl_core_discard_until(r, "\r\n", 2, &skipped), RNL_EAGAIN);
    feed(r, "too long a line\r");
    GIVES(rnl_core_readline(r, 0, &out), RNL_ELIMIT, "too long a line\r");
    CU_ASSERT_TRUE(rnl_core_paused(r));
    CU_ASSERT_EQUAL(rnl_core_discard_until(r, "\r\n", 2, &skipped), RNL_EAGAIN);
    CU_ASSERT_FALSE(rnl_core_paused(r));
    CU_ASSERT_EQUAL(skipped, 15);
    LEFT("\r"); /* may be half of it */
    feed(r, "\nnext\r\n");
    CU_ASSERT_EQUAL(rnl_core_discard_until(r, "\r\n", 2, &skipped), RNL_OK);
    CU_ASSERT_EQUAL(skipped, 17);
    LEFT("next\r\n");
    CU_ASSERT_EQUAL(rnl_core_discard_until(r, "\n", 1, NULL), RNL_OK);
    feed(r, "rest");
    rnl_core_feed_eof(r);
    CU_ASSERT_EQUAL(rnl_core_discard_until(r, "\n", 1, &skipped), RNL_EINCOMPLETE);
    CU_ASSERT_EQUAL(skipped, 21);
    CU_ASSERT_TRUE(rnl_core_at_eof(r));
    CU_ASSERT_EQUAL(rnl_core_discard_until(r, "\n", 1, &skipped), RNL_EINCOMPLETE);
    CU_ASSERT_EQUAL(skipped, 21);
    kit_close(&k);
}

/* Both need memory for a long separator, and lose nothing without it. */
static void no_memory(void)
{
    static const char sep[] = "a long separator";
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;
    uint64_t skipped = 0;
    bool done;

    feed(r, "text a long");
    k.fake.fail_from = k.fake.calls + 1;
    GIVES(part(r, sep, &out, &done), RNL_ENOMEM, "");
    CU_ASSERT_EQUAL(rnl_core_discard_until(r, sep, sizeof sep - 1, &skipped), RNL_ENOMEM);
    CU_ASSERT_EQUAL(skipped, 0);
    GIVES(until(r, sep, &out), RNL_ENOMEM, "");
    LEFT("text a long");
    k.fake.fail_from = 0;
    GIVES(part(r, sep, &out, &done), RNL_OK, "text ");
    k.fake.fail_from = k.fake.calls + 1;
    feed(r, " separator");
    GIVES(part(r, sep, &out, &done), RNL_OK, sep);
    CU_ASSERT_TRUE(done);
    kit_close(&k);
}

SUITE("reader_part", {"pieces of a message", pieces}, {"a message cut off", cut_off},
      {"no separator, nobody to tell", arguments},
      {"G1 every split over {a,b}", every_split},
      {"G1 splits of long separators", every_split_long},
      {"messages larger than memory", bounded_memory}, {"discard_until", discarding},
      {"M1 no memory for a long separator", no_memory})
