/* tls_engine.c: two engines back to back, and a wire that the input controls: it
 * splits, drops, changes and replays what goes over it, and cuts it.
 *
 * Whatever the wire does, what is read is a beginning of what was written, errors
 * stay, and an end is only clean where the other side has said so. */
#include "fuzz.h"

#include <string.h>

#include "tls_kit.h"

struct end {
    struct rnli_filter *f;
    unsigned char last[512]; /* what this end's wire carried last */
    size_t last_len;
    size_t written, read; /* clear bytes; byte i is pattern(i) */
    int code;             /* the first error of a read */
    bool said_end, cut;
};

static unsigned char pattern(size_t i)
{
    return (unsigned char)(i * 37 + (i >> 8));
}

static void feed(struct end *to, const unsigned char *data, size_t len)
{
    if (to->cut || rnl_core_paused(to->f->in))
        return;
    CHECK(rnl_core_feed(to->f->in, data, len) == RNL_OK);
}

/* Carries up to `n` bytes; `how`: 0 as they are, 1 lost, 2 changed, 3 twice. */
static void carry(struct end *from, struct end *to, size_t n, unsigned how, unsigned where)
{
    struct rnl_bytes piece;

    if (rnl_core_peek(from->f->out, &piece, 1) == 0)
        return;
    from->last_len = piece.len < n ? piece.len : n;
    if (from->last_len > sizeof from->last)
        from->last_len = sizeof from->last;
    if (from->last_len == 0)
        return;
    memcpy(from->last, piece.data, from->last_len);
    rnl_core_sent(from->f->out, from->last_len);
    if (how == 2)
        from->last[where % from->last_len] ^= (unsigned char)(1 + where % 255);
    if (how != 1)
        feed(to, from->last, from->last_len);
    if (how == 3)
        feed(to, from->last, from->last_len);
}

static void write_some(struct end *e, size_t n)
{
    unsigned char data[600];
    size_t done = 0;
    int code;

    if (e->said_end || rnl_core_queued(e->f->out) > 100000)
        return;
    for (size_t i = 0; i < n; i++)
        data[i] = pattern(e->written + i);
    code = e->f->ops->write(e->f, data, n, &done);
    CHECK(done <= n && (code == RNL_OK || done == 0));
    e->written += done;
}

static void read_some(struct end *e, const struct end *other)
{
    unsigned char data[700];
    size_t got = 0;
    int code = e->f->started ? RNL_OK : e->f->ops->start(e->f);

    while (code == RNL_OK && (code = e->f->ops->read(e->f, data, sizeof data, &got)) == RNL_OK &&
           got > 0)
        for (size_t i = 0; i < got; i++)
            CHECK(e->read < other->written && data[i] == pattern(e->read++));
    if (e->code)
        CHECK(code == e->code); /* the first error is for ever */
    if (code != RNL_OK && code != RNL_EAGAIN)
        e->code = code;
    if (code == RNL_OK) {
        CHECK(other->said_end && e->read == other->written);
        CHECK(e->f->read_closed);
    }
    CHECK(code <= 0 && (e->code == RNL_OK || e->f->detail[0] != '\0'));
}

static void step(struct input *in, struct end *a, struct end *b)
{
    unsigned op = input_byte(in);

    switch (op >> 1 & 7) {
    case 0:
    case 1:
    case 2:
        carry(a, b, (size_t)input_byte(in) * 8 + 1, 0, 0);
        break;
    case 3:
        carry(a, b, (size_t)input_byte(in) + 1, op >> 4 & 3, input_byte(in));
        break;
    case 4:
        write_some(a, (size_t)input_byte(in) * 2);
        break;
    case 5:
        if ((op >> 4 & 3) == 0 && a->f->started && !a->said_end)
            a->said_end = a->f->ops->close(a->f) == RNL_OK;
        break;
    case 6:
        if ((op >> 4 & 3) == 0 && !b->cut) {
            rnl_core_feed_eof(b->f->in);
            b->cut = true;
        }
        break;
    default:
        while (rnl_core_queued(a->f->out) > 0 && !b->cut && !rnl_core_paused(b->f->in))
            carry(a, b, 512, 0, 0);
        break;
    }
    read_some(b, a);
    read_some(a, b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct end ends[2];

    memset(ends, 0, sizeof ends);
    fuzz_memory_reset();
    for (int i = 0; i < 2; i++)
        ends[i].f = kit_engine(i);
    read_some(&ends[0], &ends[1]);
    for (int steps = 0; steps < 400 && input_left(&in) > 0; steps++) {
        unsigned who = *in.at & 1;

        step(&in, &ends[who], &ends[1 - who]);
    }
    for (int i = 0; i < 2; i++)
        ends[i].f->ops->free(ends[i].f);
    CHECK(fuzz_memory.live == 0);
    return 0;
}
