/* readuntil_any.c: several separators, any bytes, split anyhow; any call may be
 * refused memory.
 *
 * Input:   limit, flags, where memory fails, four bytes that say how the bytes
 *          are split; the number of separators; each with its length before it;
 *          the bytes. */
#include "pair.h"

#define MOST 6

struct plan {
    struct rnl_bytes seps[MOST];
    size_t nseps, total; /* bytes of all separators */
    uint8_t split[4];
    size_t calls;
};

static void ask(struct plan *p)
{
    for (;;) {
        size_t len = 0;
        int rc = pair_readuntil_any(p->seps, p->nseps, 0, &len);

        p->calls++;
        if (rc == RNL_ELIMIT)
            pair_read(len);
        else if (rc != RNL_OK)
            return;
    }
}

static void run(struct plan *p, struct input *in)
{
    for (size_t i = 0; input_left(in); i++) {
        size_t len = (size_t)p->split[i % 4] + 1;
        struct rnl_bytes piece;

        piece = input_bytes(in, len < pair_room() ? len : pair_room());
        pair_feed(piece.data, piece.len);
        ask(p);
    }
    pair_feed_eof();
    fuzz_memory.fail_in = 0;
    ask(p);
}

static bool good(const struct plan *p)
{
    bool ok = p->nseps > 0;

    for (size_t i = 0; i < p->nseps; i++)
        ok &= p->seps[i].len > 0;
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + (size < MODEL_MOST ? size : MODEL_MOST)};
    struct pair_options options = {1, false, 0, false, 0};
    struct plan plan = {0};
    unsigned flags, fail_in;

    options.limit = input_byte(&in) + 1;
    flags = input_byte(&in);
    options.compat = flags & 1;
    options.pool_block = flags & 2 ? 64 : 0;
    options.opened = flags & 4;
    fail_in = input_byte(&in);
    for (int i = 0; i < 4; i++)
        plan.split[i] = (uint8_t)input_byte(&in);
    plan.nseps = input_byte(&in) % (MOST + 1);
    for (size_t i = 0; i < plan.nseps; i++) {
        plan.seps[i] = input_bytes(&in, input_byte(&in) % 24);
        plan.total += plan.seps[i].len;
    }
    size = input_left(&in);
    options.sep_bytes = plan.total;
    pair_begin(&options);
    fuzz_memory.fail_in = fail_in;
    run(&plan, &in);
    if (good(&plan)) {
        CHECK(pair_buffered() == 0);
        CHECK(pair_looked() <=
              8 * plan.nseps * size + plan.calls * (8 * plan.total + 64 * plan.nseps + 64));
    }
    pair_end();
    return 0;
}
