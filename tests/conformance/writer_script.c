/* writer_script.c: scripts of kind "writer" over the core. The core does not wait,
 * so a drain is a number here: how many wait for the queue to be below its mark.
 * writer_script.py says what the steps and outcomes are. */
#include <stdlib.h>

#include "runner.h"

struct run {
    struct rnl_core_writer *writer;
    size_t drains;
    struct json_out sent;
};

static void put_accepted(int err, struct json_out *out)
{
    if (err && err != RNL_EINVAL)
        fail("cannot write");
    put_word(out, err ? "einval" : "ok");
}

static int write_many(struct run *run, const struct json *texts)
{
    struct rnl_bytes pieces[MAX_PIECES];
    size_t n = bytes_of(texts, pieces);

    return rnl_core_writelines(run->writer, pieces, n);
}

/* The kernel takes up to `n` bytes, piece by piece. */
static void send_out(struct run *run, size_t n)
{
    struct rnl_bytes piece;

    while (n > 0 && rnl_core_peek(run->writer, &piece, 1) == 1) {
        size_t len = piece.len < n ? piece.len : n;

        json_put_bytes(&run->sent, piece.data, len);
        rnl_core_sent(run->writer, len);
        n -= len;
    }
}

static void drain(struct run *run, struct json_out *out)
{
    if (!rnl_core_write_paused(run->writer)) {
        put_word(out, "ok");
        return;
    }
    put_word(out, "wait");
    run->drains++;
}

static void act(struct run *run, const struct json *op, struct json_out *out)
{
    const struct json *name = json_at(op, 0), *arg = json_at(op, 1);

    if (json_is(name, "write")) {
        put_accepted(rnl_core_write(run->writer, arg->text, arg->len), out);
    } else if (json_is(name, "writelines")) {
        put_accepted(write_many(run, arg), out);
    } else if (json_is(name, "marks")) {
        put_accepted(rnl_core_set_water_marks(run->writer, count_at(op, 1), count_at(op, 2)), out);
    } else if (json_is(name, "write_eof")) {
        rnl_core_write_eof(run->writer);
        put_word(out, "ok");
    } else if (json_is(name, "sent")) {
        send_out(run, (size_t)arg->number);
        put_word(out, "ok");
    } else if (json_is(name, "drain")) {
        drain(run, out);
    } else {
        fail("unknown step");
    }
}

static void put_done(struct run *run, size_t waiting, struct json_out *out)
{
    size_t done = rnl_core_write_paused(run->writer) ? 0 : waiting;

    json_put(out, ",[");
    for (size_t i = 0; i < done; i++)
        json_put(out, i ? ",[\"ok\"]" : "[\"ok\"]");
    json_put(out, "],");
    run->drains -= done;
}

static void step(struct run *run, const struct json *op, struct json_out *out)
{
    size_t waiting = run->drains;

    run->sent.len = 0;
    json_put(out, "[");
    act(run, op, out);
    put_done(run, waiting, out);
    json_put_number(out, (long long)rnl_core_queued(run->writer));
    json_put(out, rnl_core_write_paused(run->writer) ? ",\"p" : ",\"");
    json_put(out, rnl_core_eof_due(run->writer) ? "s\"," : "\",");
    json_put_string(out, run->sent.text, run->sent.len);
    json_put(out, "]");
}

void run_writer_script(const struct json *script, struct json_out *out)
{
    struct run run = {0};

    if (rnl_core_writer_open(&run.writer, NULL))
        fail("cannot open a writer");
    json_put(out, "[");
    for (const struct json *op = json_get(script, "steps")->first; op; op = op->next) {
        step(&run, op, out);
        json_put(out, op->next ? "," : "");
    }
    json_put(out, "]");
    rnl_core_writer_free(run.writer);
    free(run.sent.text);
}
