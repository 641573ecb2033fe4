/* reader_script.c: scripts of kind "reader" over the core.
 *
 * The core does not wait, so the waiting is done here, as a stream does it: a
 * read that is not complete is kept and asked again when something was fed.
 *
 *      ["tick", [...]]   feeds and cancels happen at once; then the waiting read
 *                        is asked; then the new reads, in order
 *
 * A step's outcome is [result, done, left, flags]: see reader_script.py. */
#include <stdlib.h>
#include <string.h>

#include "runner.h"

struct run {
    struct rnl_core_reader *reader;
    bool compat;
    const struct json *waiting; /* the read that waits, or NULL */
    bool woken;                 /* something came in since it was asked */
    struct json_out lines;      /* what a waiting ["lines"] has so far */
    struct json_out done;       /* the result of the read that waited */
    struct json_out results[MAX_TICK];
};

/* ---- Reads ------------------------------------------------------------- */

static int ask_until(struct run *run, const struct json *op, struct rnl_bytes *value, size_t *which)
{
    const struct json *arg = json_at(op, 1);
    struct rnl_bytes seps[MAX_PIECES];
    size_t n;

    if (json_is(json_at(op, 0), "readuntil"))
        return rnl_core_readuntil(run->reader, arg->text, arg->len, 0, value);
    n = bytes_of(arg, seps);
    return rnl_core_readuntil_any(run->reader, seps, n, 0, value, which);
}

static int ask(struct run *run, const struct json *op, struct rnl_bytes *value, size_t *which)
{
    const struct json *name = json_at(op, 0);

    if (json_is(name, "read"))
        return rnl_core_read(run->reader, count_at(op, 1), value);
    if (json_is(name, "readexactly"))
        return rnl_core_readexactly(run->reader, count_at(op, 1), value);
    if (json_is(name, "readline"))
        return rnl_core_readline(run->reader, 0, value);
    if (json_is(name, "readuntil") || json_is(name, "readuntil_any"))
        return ask_until(run, op, value, which);
    fail("unknown step");
    return 0;
}

/* False: not yet. */
static bool read_once(struct run *run, const struct json *op, struct json_out *out)
{
    struct rnl_bytes value = {NULL, 0};
    size_t which = 0;
    int err = ask(run, op, &value, &which);

    if (err == RNL_EAGAIN)
        return false;
    put_read(out, op, err, &value, which, run->compat);
    return true;
}

static void end_lines(struct run *run, struct json_out *out)
{
    json_put(out, "[\"lines\",[");
    json_put(out, run->lines.len ? run->lines.text : "");
    json_put(out, "],");
    run->lines.len = 0;
}

static void put_line(struct run *run, const struct rnl_bytes *line)
{
    if (run->lines.len)
        json_put(&run->lines, ",");
    json_put_string(&run->lines, line->data, line->len);
}

/* asyncio's `async for line in reader`. */
static bool read_lines(struct run *run, struct json_out *out)
{
    struct rnl_bytes line;
    int err = rnl_core_readline(run->reader, 0, &line);

    while (err == RNL_OK && line.len > 0) {
        put_line(run, &line);
        err = rnl_core_readline(run->reader, 0, &line);
    }
    if (err == RNL_EAGAIN)
        return false;
    end_lines(run, out);
    if (err == RNL_OK)
        json_put(out, "null");
    else if (err == RNL_ELIMIT)
        put_over_limit(out, !run->compat, line.len);
    else
        put_code(out, err);
    json_put(out, "]");
    return true;
}

static bool try_read(struct run *run, const struct json *op, struct json_out *out)
{
    if (json_is(json_at(op, 0), "lines"))
        return read_lines(run, out);
    return read_once(run, op, out);
}

/* A read of no bytes, which never waits. */
static bool of_nothing(const struct json *op)
{
    const struct json *name = json_at(op, 0);

    return (json_is(name, "read") || json_is(name, "readexactly")) && count_at(op, 1) == 0;
}

/* Row 19: asyncio looks for another reader only when this one has to wait. */
static void start_read(struct run *run, const struct json *op, struct json_out *out)
{
    if (run->waiting && !run->compat && !of_nothing(op)) {
        put_word(out, "busy");
    } else if (!try_read(run, op, out)) {
        put_word(out, run->waiting ? "busy" : "wait");
        run->waiting = run->waiting ? run->waiting : op;
    }
}

/* ---- Steps ------------------------------------------------------------- */

static void cancel(struct run *run, struct json_out *out)
{
    if (!run->waiting) {
        put_word(out, "none");
        return;
    }
    put_word(out, "ok");
    if (json_is(json_at(run->waiting, 0), "lines")) {
        end_lines(run, &run->done);
        json_put(&run->done, "[\"cancelled\"]]");
    } else {
        put_word(&run->done, "cancelled");
    }
    run->waiting = NULL;
}

static void feed(struct run *run, const struct json *bytes, struct json_out *out)
{
    int err = rnl_core_feed(run->reader, bytes->text, bytes->len);

    if (err && err != RNL_EINVAL)
        fail("cannot feed");
    run->woken |= bytes->len > 0;
    put_word(out, err ? "einval" : "ok");
}

static void put_exception(struct run *run, struct json_out *out)
{
    int code = rnl_core_exception(run->reader);

    json_put(out, "[");
    if (code)
        json_put_string(out, rnl_error_name(code) + 4, strlen(rnl_error_name(code)) - 4);
    else
        json_put(out, "null");
    json_put(out, "]");
}

/* False: `op` is a read, which begins later. */
static bool at_once(struct run *run, const struct json *op, struct json_out *out)
{
    const struct json *name = json_at(op, 0);

    if (json_is(name, "feed")) {
        feed(run, json_at(op, 1), out);
    } else if (json_is(name, "feed_eof")) {
        rnl_core_feed_eof(run->reader);
        run->woken = true;
        put_word(out, "ok");
    } else if (json_is(name, "set_exception")) {
        rnl_core_set_exception(run->reader, code_named(json_at(op, 1)));
        run->woken = true;
        put_word(out, "ok");
    } else if (json_is(name, "cancel")) {
        cancel(run, out);
    } else if (json_is(name, "at_eof")) {
        json_put(out, rnl_core_at_eof(run->reader) ? "[true]" : "[false]");
    } else if (json_is(name, "exception")) {
        put_exception(run, out);
    } else {
        return false;
    }
    return true;
}

static void wake(struct run *run)
{
    if (run->waiting && run->woken && try_read(run, run->waiting, &run->done))
        run->waiting = NULL;
    run->woken = false;
}

/* All of one turn: what happens at once, the read that waited, the new reads. */
static void turn(struct run *run, const struct json *const *ops, size_t n)
{
    bool later[MAX_TICK];

    for (size_t i = 0; i < n; i++)
        later[i] = !at_once(run, ops[i], &run->results[i]);
    wake(run);
    for (size_t i = 0; i < n; i++) {
        if (later[i])
            start_read(run, ops[i], &run->results[i]);
    }
}

static void put_state(struct run *run, struct json_out *out)
{
    struct rnl_bytes left;

    json_put(out, ",");
    json_put(out, run->done.len ? run->done.text : "null");
    json_put(out, ",");
    rnl_core_peek_buffered(run->reader, &left);
    json_put_string(out, left.data, left.len);
    json_put(out, ",\"");
    json_put(out, rnl_core_paused(run->reader) ? "p" : "");
    json_put(out, rnl_core_at_eof(run->reader) ? "e" : "");
    json_put(out, "\"]");
}

static void put_results(struct run *run, bool many, size_t n, struct json_out *out)
{
    json_put(out, many ? "[[" : "[");
    for (size_t i = 0; i < n; i++) {
        json_put(out, i ? "," : "");
        json_put(out, run->results[i].text);
        run->results[i].len = 0;
    }
    json_put(out, many ? "]" : "");
}

static void step(struct run *run, const struct json *op, struct json_out *out)
{
    bool many = json_is(json_at(op, 0), "tick");
    const struct json *ops[MAX_TICK];
    size_t n = 0;

    for (const struct json *o = many ? json_at(op, 1)->first : op; o; o = many ? o->next : NULL) {
        if (n == MAX_TICK)
            fail("a tick is too long");
        ops[n++] = o;
    }
    run->done.len = 0;
    turn(run, ops, n);
    put_results(run, many, n, out);
    put_state(run, out);
}

static void free_run(struct run *run)
{
    rnl_core_reader_free(run->reader);
    free(run->lines.text);
    free(run->done.text);
    for (size_t i = 0; i < MAX_TICK; i++)
        free(run->results[i].text);
}

static void run_steps(struct run *run, const struct json *steps, struct json_out *out)
{
    for (const struct json *op = steps->first; op; op = op->next) {
        step(run, op, out);
        json_put(out, op->next ? "," : "");
    }
}

void run_reader_script(const struct json *script, struct json_out *out)
{
    struct rnl_core_reader_options options = RNL_CORE_READER_OPTIONS_INIT;
    struct run run = {0};

    options.limit = (size_t)json_get(script, "limit")->number;
    run.compat = json_get(script, "compat")->truth;
    options.compat = run.compat ? RNL_YES : RNL_NO;
    if (rnl_core_reader_open(&run.reader, &options))
        fail("cannot open a reader");
    json_put(out, "[");
    if (options.limit == 0 && rnl_core_set_limit(run.reader, 0) == RNL_EINVAL)
        put_word(out, "einval");
    else
        run_steps(&run, json_get(script, "steps"), out);
    json_put(out, "]");
    free_run(&run);
}
