/* The reader against a naive one: asyncio/streams.py line by line, over an array,
 * with loops for every search. Random scripts of feeds and reads, and all short
 * texts with all short separators in all cuts. */
#include <stdio.h>

#include "reader_kit.h"
#include "support/suite.h"

#define MOST 4096

struct model {
    unsigned char buffer[MOST];
    size_t len;
    size_t taken; /* by a read(-1) that waits; in asyncio out of the buffer */
    size_t limit;
    bool eof, paused, compat;
    int exception;
};

struct answer {
    int code;
    unsigned char out[MOST];
    size_t len;
    size_t which;
};

/* ---- asyncio ----------------------------------------------------------- */

static int model_feed(struct model *m, const unsigned char *data, size_t len)
{
    if (m->eof)
        return RNL_EINVAL;
    if (len == 0)
        return RNL_OK;
    memcpy(m->buffer + m->len, data, len);
    m->len += len;
    if (!m->paused && m->len - m->taken > 2 * m->limit)
        m->paused = true;
    return RNL_OK;
}

static void model_resume(struct model *m)
{
    if (m->paused && m->len <= m->limit)
        m->paused = false;
}

static void model_wait(struct model *m, struct answer *a)
{
    m->paused = false;
    a->code = RNL_EAGAIN;
}

static void model_show(const struct model *m, size_t len, int code, struct answer *a)
{
    memcpy(a->out, m->buffer, len);
    a->len = len;
    a->code = code;
}

static void model_drop(struct model *m, size_t len)
{
    memmove(m->buffer, m->buffer + len, m->len - len);
    m->len -= len;
}

static void model_read(struct model *m, size_t n, struct answer *a)
{
    if (m->exception) {
        a->code = m->exception;
    } else if (n == 0) {
        a->code = RNL_OK;
    } else if (n == RNL_ALL && !m->eof) {
        model_wait(m, a);
        m->taken = m->len;
    } else if (m->len == 0 && !m->eof) {
        model_wait(m, a);
    } else {
        n = n < m->len ? n : m->len;
        model_show(m, n, RNL_OK, a);
        model_drop(m, n);
        model_resume(m);
    }
}

static void model_exactly(struct model *m, size_t n, struct answer *a)
{
    if (m->exception) {
        a->code = m->exception;
    } else if (n == 0) {
        a->code = RNL_OK;
    } else if (m->len < n && m->eof) {
        model_show(m, m->len, RNL_EINCOMPLETE, a);
        m->len = 0;
    } else if (m->len < n) {
        model_wait(m, a);
    } else {
        model_show(m, n, RNL_OK, a);
        model_drop(m, n);
        model_resume(m);
    }
}

static size_t model_find(const struct model *m, const struct rnl_bytes *sep)
{
    for (size_t i = 0; i + sep->len <= m->len; i++) {
        if (memcmp(m->buffer + i, sep->data, sep->len) == 0)
            return i;
    }
    return RNL_ALL;
}

/* Indices sorted by length, stable: separator = sorted(separator, key=len). */
static void sort(const struct rnl_bytes *seps, size_t n, size_t *order)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = i;

        for (; j > 0 && seps[order[j - 1]].len > seps[i].len; j--)
            order[j] = order[j - 1];
        order[j] = i;
    }
}

static void model_until(struct model *m, const struct rnl_bytes *seps, size_t n, size_t limit,
                        struct answer *a)
{
    size_t order[8], start = 0, end = RNL_ALL, offset;

    sort(seps, n, order);
    if (n == 0 || seps[order[0]].len == 0) {
        a->code = RNL_EINVAL;
        return;
    }
    if (m->exception) {
        a->code = m->exception;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = model_find(m, &seps[order[i]]);

        if (at != RNL_ALL && at + seps[order[i]].len < end) {
            end = at + seps[order[i]].len;
            start = at;
            a->which = order[i];
        }
    }
    offset = m->len + 1 > seps[order[n - 1]].len ? m->len + 1 - seps[order[n - 1]].len : 0;
    if (end != RNL_ALL && start > limit) {
        model_show(m, start, RNL_ELIMIT, a);
    } else if (end != RNL_ALL) {
        model_show(m, end, RNL_OK, a);
        model_drop(m, end);
        model_resume(m);
    } else if (offset > limit) {
        model_show(m, offset, RNL_ELIMIT, a);
    } else if (m->eof) {
        model_show(m, m->len, RNL_EINCOMPLETE, a);
        m->len = 0;
    } else {
        model_wait(m, a);
    }
}

static void model_line(struct model *m, size_t limit, struct answer *a)
{
    const struct rnl_bytes newline = {(const unsigned char *)"\n", 1};

    model_until(m, &newline, 1, limit, a);
    a->which = 99;
    if (a->code == RNL_EINCOMPLETE)
        a->code = RNL_OK;
    if (a->code == RNL_ELIMIT && m->compat) {
        if (m->len > a->len && m->buffer[a->len] == '\n')
            model_drop(m, a->len + 1);
        else
            m->len = 0;
        a->len = 0;
        model_resume(m);
    }
}

/* ---- Comparing --------------------------------------------------------- */

static bool agrees(const struct model *m, const struct rnl_core_reader *r)
{
    struct rnl_bytes left;

    rnl_core_peek_buffered(r, &left);
    return rnli_reader_check(r) && left.len == m->len &&
           (left.len == 0 || memcmp(left.data, m->buffer, left.len) == 0) &&
           rnl_core_paused(r) == m->paused && rnl_core_at_eof(r) == (m->eof && m->len == 0) &&
           rnl_core_exception(r) == m->exception;
}

static bool same_answer(int code, struct rnl_bytes out, const struct answer *a)
{
    return code == a->code && out.len == a->len &&
           (out.len == 0 || memcmp(out.data, a->out, out.len) == 0);
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16;
}

/* A separator set out of few letters, short and long, the same one often. */
static size_t pick_separators(unsigned *seed, struct rnl_bytes *seps, unsigned char text[4][32])
{
    static const unsigned char letters[] = "ab\n";
    size_t n = next_random(seed) % 8 == 0 ? 0 : 1 + next_random(seed) % 4;

    for (size_t i = 0; i < n; i++) {
        size_t len = next_random(seed) % 5;

        if (next_random(seed) % 4 == 0)
            len = 9 + next_random(seed) % 10;
        if (next_random(seed) % 8)
            len += len == 0;
        for (size_t j = 0; j < len; j++)
            text[i][j] = letters[len > 8 ? j % 7 == 6 : next_random(seed) % 3];
        seps[i] = (struct rnl_bytes){text[i], len};
    }
    return n;
}

struct script {
    struct kit k;
    struct model m;
    struct rnl_bytes seps[4];
    unsigned char text[4][32];
    size_t nseps;
    struct rnl_bytes view; /* what the last accepted read handed out, and was */
    unsigned char seen[MOST];
    unsigned seed;
    bool wide; /* many lines at once, limits beyond a span of newlines */
};

static bool accepted(int code)
{
    return code == RNL_OK || code == RNL_EAGAIN || code == RNL_EINCOMPLETE || code == RNL_ELIMIT;
}

static bool step_read(struct script *s, unsigned what)
{
    struct rnl_core_reader *r = &s->k.reader;
    struct answer a = {.which = 99};
    struct rnl_bytes out;
    size_t n = next_random(&s->seed) % 16, which = 99, taken = s->m.taken;
    size_t limit = what & 1 ? 0 : 1 + n % 6;
    int code;

    if (next_random(&s->seed) % 8 == 0)
        n = RNL_ALL;
    s->m.taken = 0;
    switch (what / 2) {
    case 0:
        model_read(&s->m, n, &a);
        code = rnl_core_read(r, n, &out);
        break;
    case 1:
        model_exactly(&s->m, n, &a);
        code = rnl_core_readexactly(r, n, &out);
        break;
    case 2:
        model_line(&s->m, limit ? limit : s->m.limit, &a);
        code = rnl_core_readline(r, limit, &out);
        break;
    default:
        model_until(&s->m, s->seps, s->nseps, limit ? limit : s->m.limit, &a);
        code = rnl_core_readuntil_any(r, s->seps, s->nseps, limit, &out, &which);
        break;
    }
    if (!accepted(code) || (n == 0 && what < 4))
        s->m.taken = taken; /* whoever waited still waits */
    if (!accepted(code))
        return same_answer(code, out, &a);
    s->view = out;
    if (out.len)
        memcpy(s->seen, out.data, out.len);
    return same_answer(code, out, &a) && which == a.which;
}

static bool step_feed(struct script *s)
{
    static const unsigned char letters[] = "aaaaaab\n";
    struct rnl_core_reader *r = &s->k.reader;
    size_t len = next_random(&s->seed) % (next_random(&s->seed) % 8 ? 6 : 40), room;
    unsigned char chunk[240], *lent;

    if (s->wide)
        len *= 6;

    for (size_t i = 0; i < len; i++)
        chunk[i] = letters[next_random(&s->seed) % 8];
    if (s->m.len + len > MOST)
        len = 0;
    if (len == 0 || s->m.eof || next_random(&s->seed) % 2)
        return rnl_core_feed(r, chunk, len) == model_feed(&s->m, chunk, len);
    if (rnl_core_lend(r, len, &lent, &room) != RNL_OK || room < len)
        return false;
    memset(lent, 0xee, room);
    memcpy(lent, chunk, len);
    rnl_core_commit(r, len);
    return model_feed(&s->m, chunk, len) == RNL_OK;
}

static size_t pick_limit(struct script *s)
{
    return s->wide ? 60 + next_random(&s->seed) % 200 : 1 + next_random(&s->seed) % 12;
}

static bool step(struct script *s)
{
    unsigned what = next_random(&s->seed) % 64;

    if (what < 24)
        return step_feed(s);
    if (what == 24 && next_random(&s->seed) % 2) {
        rnl_core_feed_eof(&s->k.reader);
        s->m.eof = true;
    } else if (what == 25) {
        s->m.exception = next_random(&s->seed) % 8 ? RNL_OK : RNL_ECONNRESET;
        rnl_core_set_exception(&s->k.reader, s->m.exception);
    } else if (what == 26) {
        s->nseps = pick_separators(&s->seed, s->seps, s->text);
    } else if (what == 27) {
        s->m.limit = pick_limit(s);
        rnl_core_set_limit(&s->k.reader, s->m.limit);
    } else if (what < 44) {
        return step_read(s, what % 8);
    } else {
        return step_read(s, s->wide ? 5 : 7); /* lines, or any separators */
    }
    return true;
}

static bool run(struct script *s, unsigned seed)
{
    static const size_t blocks[] = {0, 16, 64, 4096};
    bool ok = true;

    memset(s, 0, sizeof *s);
    s->seed = seed;
    s->wide = seed % 3 == 0;
    s->m.limit = pick_limit(s);
    s->m.compat = next_random(&s->seed) % 2;
    s->nseps = pick_separators(&s->seed, s->seps, s->text);
    kit_open(&s->k, s->m.limit, s->m.compat, blocks[seed % 4]);
    for (int i = 0; i < 80 && ok; i++)
        ok = step(s) && agrees(&s->m, &s->k.reader) &&
             (s->view.len == 0 || memcmp(s->view.data, s->seen, s->view.len) == 0);
    kit_close(&s->k);
    return ok;
}

static void random_scripts(void)
{
    static struct script s;

    for (unsigned seed = 1; seed <= 20000; seed++) {
        if (!run(&s, seed)) {
            printf("seed %u\n", seed);
            CU_FAIL("the reader differs from the model");
            return;
        }
    }
}

/* ---- All short texts --------------------------------------------------- */

static void spell(unsigned char *out, size_t len, unsigned word)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)('a' + ((word >> i) & 1));
}

/* Byte by byte or in two feeds, asked after each; until the end of the text. */
static bool drained_alike(const unsigned char *text, size_t len, const struct rnl_bytes *seps,
                          size_t nseps, size_t limit, size_t cut)
{
    struct model m;
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, limit, false, 0);
    bool ok = true;

    m.len = m.taken = 0;
    m.limit = limit;
    m.eof = m.paused = m.compat = false;
    m.exception = RNL_OK;
    for (size_t fed = 0; fed <= len && ok;) {
        struct answer a = {.which = 99};
        struct rnl_bytes out;
        size_t which = 99;
        int code;

        model_until(&m, seps, nseps, limit, &a);
        code = rnl_core_readuntil_any(r, seps, nseps, 0, &out, &which);
        ok = same_answer(code, out, &a) && which == a.which && agrees(&m, r);
        if (code == RNL_EAGAIN && fed < len) {
            size_t n = cut == 0 ? 1 : fed < cut ? cut : len - fed;

            model_feed(&m, text + fed, n);
            rnl_core_feed(r, text + fed, n);
            fed += n;
        } else if (code == RNL_EAGAIN) {
            m.eof = true;
            rnl_core_feed_eof(r);
        } else if (code != RNL_OK) {
            break;
        }
    }
    kit_close(&k);
    return ok;
}

static void split_torture(void)
{
    unsigned char text[8], sep[4];
    struct rnl_bytes one = {sep, 0};
    size_t wrong = 0;

    for (size_t len = 1; len <= 8; len++) {
        for (unsigned x = 0; x < 1u << len; x++) {
            spell(text, len, x);
            for (one.len = 1; one.len <= 4; one.len++) {
                for (unsigned y = 0; y < 1u << one.len; y++) {
                    spell(sep, one.len, y);
                    for (size_t cut = 0; cut < len; cut++)
                        wrong += !drained_alike(text, len, &one, 1, 3, cut);
                }
            }
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

static void tuples(void)
{
    unsigned char text[6], a[3], b[3];
    struct rnl_bytes two[2] = {{a, 0}, {b, 0}};
    size_t wrong = 0;

    for (unsigned x = 0; x < 1u << 6; x++) {
        spell(text, 6, x);
        for (unsigned y = 0; y < 1u << 6; y++) {
            spell(a, 3, y);
            spell(b, 3, y >> 3);
            for (size_t lens = 0; lens < 9; lens++) {
                two[0].len = 1 + lens % 3;
                two[1].len = 1 + lens / 3;
                wrong += !drained_alike(text, 6, two, 2, 2, 0);
                wrong += !drained_alike(text, 6, two, 2, 1, 4);
            }
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

SUITE("reader_model", {"random scripts against the model", random_scripts},
      {"G1 split torture over {a,b}", split_torture}, {"G14 all short tuples", tuples})
