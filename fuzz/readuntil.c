/* readuntil.c: one separator, any bytes, split anyhow.
 *
 * Input:   limit, flags, the separator's length, eight bytes that say how the
 *          bytes are split; the separator; the bytes.
 *
 * After each feed the reader is asked until it says "not yet"; what is over the
 * limit is skipped, in one of the ways a user has. Then the input ends, and all
 * must have come out. The separator stays the same, so each byte is looked at a
 * bounded number of times, however the bytes are split. */
#include "pair.h"

struct plan {
    size_t limit;
    unsigned flags;
    struct rnl_bytes sep;
    uint8_t split[8];
    size_t calls;
};

static void skip(const struct plan *p, size_t over)
{
    if (p->flags & 4)
        pair_discard_until(p->sep);
    else if (p->flags & 8)
        pair_read(over);
    else
        CHECK(pair_readexactly(over) == RNL_OK);
}

/* Asks until nothing more comes. Answers the last code. */
static int ask(struct plan *p)
{
    for (;;) {
        size_t len = 0;
        int rc = pair_readuntil(p->sep, p->flags & 16 ? p->limit : 0, &len);

        p->calls++;
        if (rc == RNL_ELIMIT)
            skip(p, len);
        else if (rc != RNL_OK)
            return rc;
    }
}

static void run(struct plan *p, struct input *in)
{
    for (size_t i = 0; input_left(in); i++) {
        size_t len = (size_t)p->split[i % 8] + 1;
        struct rnl_bytes piece;

        piece = input_bytes(in, len < pair_room() ? len : pair_room());
        pair_feed(piece.data, piece.len);
        ask(p);
    }
    pair_feed_eof();
    CHECK(ask(p) == RNL_EINCOMPLETE && pair_buffered() == 0);
}

/* Small ones each, large ones in steps. */
static size_t limit_of(unsigned byte)
{
    return byte < 192 ? byte + 1 : (size_t)(byte - 191) * 64;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + (size < MODEL_MOST ? size : MODEL_MOST)};
    struct pair_options options = {1, false, 0, false, 0};
    struct plan plan = {0};

    plan.limit = limit_of(input_byte(&in));
    plan.flags = input_byte(&in);
    plan.sep.len = input_byte(&in) % 32 + 1;
    for (int i = 0; i < 8; i++)
        plan.split[i] = (uint8_t)input_byte(&in);
    if (plan.sep.len > input_left(&in))
        return 0;
    plan.sep = input_bytes(&in, plan.sep.len);
    size = input_left(&in);
    options.limit = plan.flags & 16 ? 1000 : plan.limit;
    options.compat = plan.flags & 1;
    options.opened = plan.flags & 32;
    options.sep_bytes = plan.sep.len;
    options.pool_block = plan.flags & 2 ? 64 : 0;
    pair_begin(&options);
    run(&plan, &in);
    CHECK(pair_looked() <= 8 * size + plan.calls * (8 * plan.sep.len + 32) + 64);
    pair_end();
    return 0;
}
