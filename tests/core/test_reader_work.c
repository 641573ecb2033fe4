/* That searches are linear is counted, not timed: the files that look at bytes
 * are compiled into this program a second time, with a counter. */
#define RNLI_COUNT_WORK 1

#include <stdlib.h>

#include "core/work.h"

unsigned long long rnli_work, rnli_moved;

#include "core/find.c"
#include "core/match.c"
#include "core/reader.c"
#include "core/reader_buffer.c"
#include "core/reader_feed.c"
#include "core/reader_part.c"
#include "core/reader_search.c"
#define until lib_until
#include "core/reader_until.c"
#undef until

#include "reader_kit.h"
#include "support/suite.h"

enum { KIB = 1024, LONG = 32 * KIB, DATA = 64 * KIB };

static unsigned char data[DATA + LONG + 1], sep[LONG + 1];

/* How the adversary spells the separator, of LONG + 1 bytes. */
static void spell(int kind)
{
    memset(sep, 'a', sizeof sep);
    if (kind == 0)
        sep[LONG] = 'b';
    else if (kind == 1)
        sep[0] = 'b';
    else if (kind == 2)
        sep[LONG / 2] = 'b';
    else if (kind == 3)
        sep[1] = 'b'; /* all but two letters match everywhere */
    else
        for (size_t i = 0; i < sizeof sep; i += 100)
            sep[i] = 'b';
}

static void find_is_linear(void)
{
    memset(data, 'a', sizeof data);
    for (int kind = 0; kind < 5; kind++) {
        spell(kind);
        rnli_work = 0;
        CU_ASSERT_EQUAL(rnl_core_find(data, DATA, sep, sizeof sep), RNL_ALL);
        CU_ASSERT_TRUE(rnli_work > 0);
        CU_ASSERT_TRUE(rnli_work <= 6 * DATA + 16 * (unsigned long long)LONG);
    }
}

/* Feeds `len` bytes, `step` at a time, asking for the separators each time.
 * Answers the bytes that were looked at. */
static unsigned long long work_of(size_t len, size_t step, const struct rnl_bytes *seps,
                                  size_t nseps, int last)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 10 * DATA, false, 0);
    struct rnl_bytes out;
    int err = RNL_EAGAIN;

    rnli_work = 0;
    for (size_t fed = 0; fed < len; fed += step) {
        size_t n = len - fed < step ? len - fed : step;

        CU_ASSERT_EQUAL_FATAL(err, RNL_EAGAIN);
        rnl_core_feed(r, data + fed, n);
        err = rnl_core_readuntil_any(r, seps, nseps, 0, &out, NULL);
    }
    CU_ASSERT_EQUAL(err, last);
    kit_close(&k);
    return rnli_work;
}

static void adversarial_separators(void)
{
    static const size_t steps[] = {1, 7, 1000, LONG, DATA + LONG + 1};
    struct rnl_bytes one = {sep, sizeof sep};

    for (int kind = 0; kind < 5; kind++) {
        spell(kind);
        memset(data, 'a', DATA);
        memcpy(data + DATA, sep, sizeof sep);
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            CU_ASSERT_TRUE(work_of(sizeof data, steps[i], &one, 1, RNL_OK) <=
                           10 * sizeof data + 20 * sizeof sep);
        }
    }
}

static void adversarial_sets(void)
{
    static unsigned char other[LONG];
    struct rnl_bytes seps[3] = {{sep, sizeof sep}, {other, sizeof other}, {other + 7, 5000}};

    spell(0);
    memset(other, 'a', sizeof other);
    memset(data, 'a', sizeof data);
    other[0] = 'c';
    other[sizeof other - 1] = other[5006] = 'd';
    memcpy(data + DATA, sep, sizeof sep);
    CU_ASSERT_TRUE(work_of(sizeof data, 1, seps, 3, RNL_OK) <= 40 * sizeof data);
    CU_ASSERT_TRUE(work_of(sizeof data, 4096, seps, 3, RNL_OK) <= 40 * sizeof data);
    CU_ASSERT_TRUE(work_of(sizeof data, sizeof data, seps, 3, RNL_OK) <= 40 * sizeof data);
}

static void dribble_without_separator(void)
{
    static const struct rnl_bytes seps[3] = {{(const unsigned char *)"\n", 1},
                                             {(const unsigned char *)"\r\n", 2},
                                             {(const unsigned char *)"\r\n\r\n", 4}};

    memset(data, '\r', DATA); /* each may begin one */
    CU_ASSERT_TRUE(work_of(DATA, 1, seps, 1, RNL_EAGAIN) <= 2 * DATA);
    CU_ASSERT_TRUE(work_of(DATA, 1, seps + 1, 1, RNL_EAGAIN) <= 4 * DATA);
    CU_ASSERT_TRUE(work_of(DATA, 1, seps + 2, 1, RNL_EAGAIN) <= 8 * DATA);
    CU_ASSERT_TRUE(work_of(DATA, 1, seps, 3, RNL_EAGAIN) <= 14 * DATA);
    CU_ASSERT_TRUE(work_of(DATA, DATA, seps, 3, RNL_EAGAIN) <= 14 * DATA);
}

/* What is remembered of the search must be the separators': else it begins anew each time. */
static void dribble_past_a_long_one_and_a_byte(void)
{
    static const struct rnl_bytes seps[2] = {{(const unsigned char *)"0123456789", 10},
                                             {(const unsigned char *)"x", 1}};

    memset(data, '0', 4 * KIB);
    CU_ASSERT_TRUE(work_of(4 * KIB, 1, seps, 2, RNL_EAGAIN) <= 8 * 4 * KIB);
}

static void dribbled_line(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 10 * DATA, false, 0);
    struct rnl_bytes out;

    rnli_work = 0;
    for (size_t i = 0; i < DATA; i++) {
        rnl_core_feed(r, "x", 1);
        CU_ASSERT_EQUAL(rnl_core_readline(r, 0, &out), RNL_EAGAIN);
    }
    CU_ASSERT_TRUE(rnli_work > 0);
    CU_ASSERT_TRUE(rnli_work <= DATA);
    kit_close(&k);
}

/* 200,000 lines of two bytes, all there: each byte is looked at once by readline,
 * and a few times by readuntil_any, though one separator is nowhere. */
static void many_short_lines(void)
{
    enum { LINES = 200000 };
    static unsigned char lines[2 * LINES];
    static const unsigned char nowhere[] = "a separator that never comes";
    struct rnl_bytes seps[3] = {{nowhere, sizeof nowhere},
                                {(const unsigned char *)"\n", 1},
                                {(const unsigned char *)"Q", 1}};
    struct kit k;
    struct rnl_bytes out;
    size_t calls;

    for (size_t i = 0; i < sizeof lines; i++)
        lines[i] = i % 2 ? '\n' : 'x';
    for (int any = 0; any < 2; any++) {
        struct rnl_core_reader *r = kit_open(&k, 0, false, 64 * KIB);

        rnl_core_feed(r, lines, sizeof lines);
        rnli_work = rnli_moved = 0;
        calls = k.fake.calls;
        for (size_t i = 0; i < LINES; i++) {
            int err = any ? rnl_core_readuntil_any(r, seps, 3, 0, &out, NULL)
                          : rnl_core_readline(r, 0, &out);

            CU_ASSERT_EQUAL_FATAL(err, RNL_OK);
            CU_ASSERT_EQUAL_FATAL(out.len, 2);
        }
        CU_ASSERT_TRUE(rnli_work >= sizeof lines);
        CU_ASSERT_TRUE(rnli_work <= (any ? 100u : 2u) * sizeof lines); /* a span may be seen twice */
        CU_ASSERT_EQUAL(rnli_moved, 0);
        CU_ASSERT_EQUAL(k.fake.calls, calls);
        kit_close(&k);
    }
}

/* A backlog that stays while bytes come and go in small steps: each byte that
 * comes pays for a few moved ones, however loans, feeds and views are mixed. */
static unsigned long long moves_of(size_t block, size_t backlog, size_t step, size_t want)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, block);
    struct rnl_bytes out;
    unsigned char *lent = NULL;
    size_t len;

    rnl_core_feed(r, data, backlog);
    rnli_moved = 0;
    for (size_t fed = 0; fed < DATA; fed += step) {
        CU_ASSERT_EQUAL_FATAL(rnl_core_lend(r, want < step ? step : want, &lent, &len), RNL_OK);
        memset(lent, 'x', step);
        rnl_core_commit(r, step);
        CU_ASSERT_EQUAL(rnl_core_read(r, step, &out), RNL_OK); /* its view is alive next time */
        if (fed % 3 == 0)
            rnli_reader_forget_view(r);
    }
    kit_close(&k);
    return rnli_moved;
}

/* The block is full, and then one byte goes and one comes, again and again. */
static unsigned long long moves_of_a_full_block(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
    struct rnl_bytes out;
    unsigned char *lent = NULL;
    size_t len = 0;

    rnl_core_feed(r, data, 5000);
    CU_ASSERT_EQUAL_FATAL(rnl_core_lend(r, 1, &lent, &len), RNL_OK);
    memset(lent, 'x', len);
    rnl_core_commit(r, len);
    rnli_moved = 0;
    for (int i = 0; i < 3000; i++) {
        CU_ASSERT_EQUAL(rnl_core_read(r, 1, &out), RNL_OK);
        rnli_reader_forget_view(r);
        rnl_core_feed(r, "x", 1);
    }
    kit_close(&k);
    return rnli_moved;
}

static void moves_are_paid_for(void)
{
    static const size_t backlogs[] = {0, 1, 100, 3000, 4096, 5000, 40000};
    static const size_t wants[] = {1, 100, 4096};

    CU_ASSERT_TRUE(moves_of_a_full_block() <= 4 * 5000);
    for (size_t b = 0; b < sizeof backlogs / sizeof *backlogs; b++) {
        for (size_t w = 0; w < 3; w++) {
            CU_ASSERT_TRUE(moves_of(0, backlogs[b], 1, wants[w]) <= 2 * DATA + 2 * backlogs[b]);
            CU_ASSERT_TRUE(moves_of(4096, backlogs[b], 1, wants[w]) <= 2 * DATA + 2 * backlogs[b]);
            CU_ASSERT_TRUE(moves_of(4096, backlogs[b], 64, wants[w]) <= 2 * DATA + 2 * backlogs[b]);
        }
    }
}

static void parts_and_discards(void)
{
    spell(0);
    memset(data, 'a', sizeof data);
    for (int discard = 0; discard < 2; discard++) {
        struct kit k;
        struct rnl_core_reader *r = kit_open(&k, 0, false, 0);
        struct rnl_bytes out;
        bool done;

        rnli_work = 0;
        for (size_t i = 0; i < DATA; i++) {
            rnl_core_feed(r, data + i, 1);
            if (discard)
                CU_ASSERT_EQUAL(rnl_core_discard_until(r, sep, sizeof sep, NULL), RNL_EAGAIN);
            if (!discard)
                (void)rnl_core_readuntil_part(r, sep, sizeof sep, &out, &done);
            CU_ASSERT_TRUE_FATAL(rnl_core_buffered(r) < sizeof sep);
        }
        CU_ASSERT_TRUE(rnli_work <= 4 * DATA + 10 * sizeof sep);
        kit_close(&k);
    }
}

SUITE("reader_work", {"G3 find is linear for adversarial separators", find_is_linear},
      {"G3 adversarial separators, fed in any way", adversarial_separators},
      {"G3 adversarial sets of separators", adversarial_sets},
      {"G2 a dribble without a separator", dribble_without_separator},
      {"G2 a dribble past a long separator and a byte", dribble_past_a_long_one_and_a_byte},
      {"G2 a line that comes byte by byte", dribbled_line},
      {"G4 many short lines drain in linear work", many_short_lines},
      {"G4 moves are paid for by bytes that come", moves_are_paid_for},
      {"G3 parts and discards of long separators", parts_and_discards})
