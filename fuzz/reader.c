/* reader.c: any sequence of calls on the reader.
 *
 * Input:   limit, flags; three separators, each with its length before it; then
 *          steps of two bytes, what and how much, some with bytes behind them. */
#include "pair.h"

#define SEPS  3
#define STEPS 256 /* most, so that one input stays quick */

static struct rnl_bytes seps[SEPS];
static size_t limit_of_call;

/* A run of one byte, so that small inputs reach large buffers. */
static void feed_run(unsigned byte, size_t len)
{
    static uint8_t run[MODEL_MOST];

    len = len < pair_room() ? len : pair_room();
    for (size_t i = 0; i < len; i++)
        run[i] = (uint8_t)byte;
    pair_feed(run, len);
}

static void feed(struct input *in, size_t want, bool lend)
{
    struct rnl_bytes piece = input_bytes(in, want < 256 ? want : 256);

    if (piece.len > pair_room())
        return;
    if (lend)
        pair_lend(piece.data, piece.len, want);
    else
        pair_feed(piece.data, piece.len);
}

/* Numbers of every size; the largest are RNL_ALL and its neighbours. */
static size_t amount(unsigned arg)
{
    if (arg >= 250)
        return RNL_ALL - (255 - arg);
    return arg < 200 ? arg : (size_t)(arg - 200) * 64;
}

/* Options of every kind; what is wrong with them must be said. */
static void try_open(struct input *in)
{
    struct rnl_core_reader_options o = RNL_CORE_READER_OPTIONS_INIT;
    struct rnl_allocator a = *fuzz_allocator();
    struct rnl_core_reader *opened = NULL;
    unsigned kind = input_byte(in);
    size_t copied = fuzz_work.copied;
    bool bad, knows_compat;
    int rc;

    o.size = kind & 1 ? input_byte(in) % 8 * sizeof o.size : sizeof o;
    o.compat = (enum rnl_switch)((kind >> 1) % 4);
    a.alloc = kind & 8 ? NULL : a.alloc;
    a.realloc = kind & 16 ? NULL : a.realloc;
    a.free = kind & 32 ? NULL : a.free;
    o.allocator = o.size == sizeof o ? &a : NULL;
    knows_compat = o.size >= offsetof(struct rnl_core_reader_options, compat) + sizeof o.compat;
    bad = o.size < sizeof o.size || o.size > sizeof o || (knows_compat && (kind >> 1) % 4 == 3) ||
          (o.allocator && (kind & 56));
    rc = rnl_core_reader_open(&opened, kind & 64 ? NULL : &o);
    if (kind & 64)
        bad = false;
    CHECK(rc == (bad ? RNL_EINVAL : RNL_OK) || (rc == RNL_ENOMEM && !bad && !opened));
    CHECK((rc == RNL_OK) == (opened != NULL));
    rnl_core_reader_free(opened);
    fuzz_work.copied = copied; /* no work on bytes */
}

/* Longer than memory: there is none to remember it in. */
static void huge_separator(void)
{
    struct rnl_bytes huge = {seps[0].data, SIZE_MAX / 16};

    pair_readuntil(huge, 0, NULL);
}

/* What is done rarely. */
static void odd_step(struct input *in, unsigned arg)
{
    switch (arg % 8) {
    case 0:
        pair_feed_eof();
        break;
    case 1:
        pair_set_exception(-(int)(input_byte(in) % 3));
        break;
    case 2:
        pair_set_limit(amount(input_byte(in)));
        break;
    case 3:
        pair_forget_view();
        break;
    case 4:
        limit_of_call = amount(input_byte(in));
        break;
    case 6:
        try_open(in);
        break;
    case 7:
        huge_separator();
        break;
    default:
        fuzz_memory.fail_in = input_byte(in) % 8;
        break;
    }
}

static void step(struct input *in)
{
    unsigned op = input_byte(in), arg = input_byte(in);

    switch (op % 12) {
    case 0:
        feed(in, arg % 64, false);
        break;
    case 1:
        feed(in, amount(arg), true);
        break;
    case 2:
        feed_run(input_byte(in), arg * 8);
        break;
    case 3:
        pair_read(amount(arg));
        break;
    case 4:
        pair_readexactly(amount(arg));
        break;
    case 5:
        pair_readuntil(seps[arg % SEPS], limit_of_call, NULL);
        break;
    case 6:
        pair_readuntil_any(seps + arg % SEPS, SEPS - arg % SEPS, limit_of_call, NULL);
        break;
    case 7:
        pair_readline(limit_of_call);
        break;
    case 8:
        pair_readuntil_part(seps[arg % SEPS]);
        break;
    case 9:
        pair_discard_until(seps[arg % SEPS]);
        break;
    default:
        odd_step(in, arg);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct pair_options options = {1, false, 0, false, 0};
    unsigned flags;

    options.limit = amount(input_byte(&in));
    if (options.limit == 0)
        options.limit = 1;
    flags = input_byte(&in);
    options.compat = flags & 1;
    options.pool_block = flags & 2 ? (size_t)32 << (flags >> 5) : 0;
    options.opened = flags & 4;
    limit_of_call = 0;
    for (int i = 0; i < SEPS; i++)
        seps[i] = input_bytes(&in, input_byte(&in) % 24);
    for (int i = 0; i < SEPS; i++)
        options.sep_bytes += seps[i].len;
    pair_begin(&options);
    for (int i = 0; i < STEPS && input_left(&in); i++) {
        size_t before = pair_looked(), most = pair_buffered() + 3 * 24 + 16;

        step(&in);
        CHECK(pair_looked() - before <= 24 * most);
    }
    pair_end();
    return 0;
}
