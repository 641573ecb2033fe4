/* exhaustive.c: readuntil and readuntil_any in a small world, all of it.
 *
 * Bytes are "a" and "b", up to 8 of them; separators all of up to 4 bytes, alone
 * and in pairs; limits 1 to 4; each string is fed in every way of cutting it. The
 * core must answer what a model answers that is too simple to be wrong: it looks
 * at every end of every separator, each time from the front.
 *
 * Strings and cuts make one tree: a node is a sequence of pieces, and below it are
 * those that go on with one piece more. Where the read is complete nothing below can
 * change its answer, so the tree is cut off there; that leaves a few million nodes of the
 * hundreds of millions that all strings times all cuts would be. At each node the
 * end of input is tried too, and after a find the same read again. */
#include <runnel/core.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST     8
#define LONGEST_SEP 4
#define MAX_LIMIT   4
#define NSEPS       30 /* 2 + 4 + 8 + 16 */

struct answer {
    int code;
    size_t len;   /* of what is handed out */
    size_t which; /* of a find */
    size_t left;  /* bytes buffered afterwards */
};

struct world {
    struct rnl_bytes seps[2];
    size_t nseps;
    size_t limit;
    unsigned char bytes[LONGEST];
    size_t cuts[LONGEST + 1]; /* where the pieces end; cuts[0] is 0 */
    size_t pieces;
};

static unsigned char separators[NSEPS][LONGEST_SEP];
static size_t lengths[NSEPS];
static unsigned long long nodes, failures;

/* ---- The model --------------------------------------------------------- */

static bool ends_in(const unsigned char *bytes, size_t len, const struct rnl_bytes *sep)
{
    return len >= sep->len && memcmp(bytes + len - sep->len, sep->data, sep->len) == 0;
}

/* The shortest separator that bytes[0 .. end) ends in, the first of equals; nseps
 * if there is none. */
static size_t separator_at(const struct world *w, const unsigned char *bytes, size_t end)
{
    size_t best = w->nseps;

    for (size_t i = 0; i < w->nseps; i++) {
        if (ends_in(bytes, end, &w->seps[i]) &&
            (best == w->nseps || w->seps[i].len < w->seps[best].len))
            best = i;
    }
    return best;
}

static struct answer model(const struct world *w, const unsigned char *bytes, size_t len, bool eof)
{
    size_t longest = w->seps[0].len;

    for (size_t end = 1; end <= len; end++) {
        size_t which = separator_at(w, bytes, end);

        if (which == w->nseps)
            continue;
        if (end - w->seps[which].len > w->limit)
            return (struct answer){RNL_ELIMIT, end - w->seps[which].len, 0, len};
        return (struct answer){RNL_OK, end, which, len - end};
    }
    if (w->nseps == 2 && w->seps[1].len > longest)
        longest = w->seps[1].len;
    if (len >= longest && len - longest + 1 > w->limit)
        return (struct answer){RNL_ELIMIT, len - longest + 1, 0, len};
    if (eof)
        return (struct answer){RNL_EINCOMPLETE, len, 0, 0};
    return (struct answer){RNL_EAGAIN, 0, 0, len};
}

/* ---- The core ---------------------------------------------------------- */

static void print_bytes(const char *name, const unsigned char *bytes, size_t len)
{
    printf(" %s=\"%.*s\"", name, (int)len, (const char *)bytes);
}

static void complain(const struct world *w, const char *when, const struct answer *want,
                     const struct answer *got)
{
    if (++failures > 10)
        return;
    printf("%s: limit=%zu", when, w->limit);
    for (size_t i = 0; i < w->nseps; i++)
        print_bytes("sep", w->seps[i].data, w->seps[i].len);
    for (size_t i = 0; i < w->pieces; i++)
        print_bytes("feed", w->bytes + w->cuts[i], w->cuts[i + 1] - w->cuts[i]);
    printf("\n  model: %s len=%zu which=%zu left=%zu\n  core:  %s len=%zu which=%zu left=%zu\n",
           rnl_error_name(want->code), want->len, want->which, want->left,
           rnl_error_name(got->code), got->len, got->which, got->left);
}

/* Asks the core; the bytes it hands out must be those at `from`. */
static struct answer ask(const struct world *w, struct rnl_core_reader *reader,
                         const unsigned char *from)
{
    struct answer got = {0, 0, 0, 0};
    struct rnl_bytes out;

    got.code = w->nseps == 1
                   ? rnl_core_readuntil(reader, w->seps[0].data, w->seps[0].len, 0, &out)
                   : rnl_core_readuntil_any(reader, w->seps, w->nseps, 0, &out, &got.which);
    got.len = out.len;
    got.left = rnl_core_buffered(reader);
    if (got.code != RNL_OK)
        got.which = 0;
    if (out.len && memcmp(out.data, from, out.len) != 0)
        got.code = RNL_EIO; /* other bytes than were fed */
    return got;
}

static bool same(const struct answer *a, const struct answer *b)
{
    return a->code == b->code && a->len == b->len && a->which == b->which && a->left == b->left;
}

/* What the model and the core say of bytes[at .. len) now. */
static struct answer check(const struct world *w, struct rnl_core_reader *reader, size_t at,
                           size_t len, bool eof, const char *when)
{
    struct answer want = model(w, w->bytes + at, len - at, eof);
    struct answer got = ask(w, reader, w->bytes + at);

    if (!same(&want, &got))
        complain(w, when, &want, &got);
    return got;
}

/* Feeds the pieces, asking after each. The pieces before the last one were
 * checked at the node above; here only the last answer is. */
static struct answer check_pieces(const struct world *w, struct rnl_core_reader *reader)
{
    size_t len = w->cuts[w->pieces];

    for (size_t i = 0; i < w->pieces; i++) {
        if (i > 0)
            ask(w, reader, w->bytes);
        if (rnl_core_feed(reader, w->bytes + w->cuts[i], w->cuts[i + 1] - w->cuts[i]))
            abort();
    }
    return check(w, reader, 0, len, false, "fed");
}

/* True: the read is not complete, so the tree goes on. */
static bool visit(const struct world *w)
{
    struct rnl_core_reader_options options = RNL_CORE_READER_OPTIONS_INIT;
    struct rnl_core_reader *reader;
    size_t len = w->cuts[w->pieces];
    struct answer got;

    nodes++;
    options.limit = w->limit;
    if (rnl_core_reader_open(&reader, &options))
        abort();
    got = check_pieces(w, reader);
    if (got.code == RNL_OK)
        check(w, reader, got.len, len, false, "again");
    rnl_core_feed_eof(reader);
    check(w, reader, got.code == RNL_OK ? len - rnl_core_buffered(reader) : 0, len, true, "ended");
    rnl_core_reader_free(reader);
    return got.code == RNL_EAGAIN;
}

/* ---- The tree ---------------------------------------------------------- */

static void grow(struct world *w)
{
    size_t from = w->cuts[w->pieces++];

    for (size_t to = from + 1; to <= LONGEST; to++) {
        w->cuts[w->pieces] = to;
        for (unsigned bits = 0; bits < 1u << (to - from); bits++) {
            for (size_t i = from; i < to; i++)
                w->bytes[i] = bits >> (i - from) & 1 ? 'b' : 'a';
            if (visit(w))
                grow(w);
        }
    }
    w->pieces--;
}

static void make_separators(void)
{
    size_t n = 0;

    for (size_t len = 1; len <= LONGEST_SEP; len++) {
        for (unsigned bits = 0; bits < 1u << len; bits++, n++) {
            lengths[n] = len;
            for (size_t i = 0; i < len; i++)
                separators[n][i] = bits >> i & 1 ? 'b' : 'a';
        }
    }
}

static void run_world(size_t nseps, size_t one, size_t two)
{
    struct world w = {.nseps = nseps};

    w.seps[0] = (struct rnl_bytes){separators[one], lengths[one]};
    w.seps[1] = (struct rnl_bytes){separators[two], lengths[two]};
    for (w.limit = 1; w.limit <= MAX_LIMIT; w.limit++)
        grow(&w);
}

int main(void)
{
    make_separators();
    for (size_t one = 0; one < NSEPS; one++) {
        run_world(1, one, one);
        for (size_t two = 0; two < NSEPS; two++)
            run_world(2, one, two);
    }
    printf("%llu sequences of pieces, %llu differences\n", nodes, failures);
    return failures ? 1 : 0;
}
