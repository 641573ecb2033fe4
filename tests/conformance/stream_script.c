/* stream_script.c: scripts of kind "stream" through the task API, over the backend
 * of scripted.c. stream_script.py says what the steps and outcomes are.
 *
 * The script's task makes the steps; a call that may wait runs in a task of its own.
 * After each step the script's task lets the loop turn until a few turns in a row
 * have brought nothing: then everybody waits, and the outcome is taken. */
#include <runnel.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"
#include "scripted.h"

enum { QUIET = 4 };

struct run;

/* A call that may wait, in a task of its own. */
struct call {
    struct run *run;
    const struct json *op;
    struct rnl_task *task;
    struct json_out result;
    bool done, told;
};

struct run {
    const struct json *script;
    struct json_out *out;
    struct scripted kernel;
    struct rnl_reader *reader;
    struct rnl_writer *writer;
    bool compat;
    struct call calls[MAX_CALLS];
    size_t ncalls;
};

/* ---- Calls that wait --------------------------------------------------- */

static int read_until(struct run *run, const struct json *op, struct rnl_bytes *value,
                      size_t *which)
{
    const struct json *arg = json_at(op, 1);
    struct rnl_bytes seps[MAX_PIECES];
    size_t n;

    if (json_is(json_at(op, 0), "readuntil"))
        return rnl_readuntil(run->reader, arg->text, arg->len, value);
    n = bytes_of(arg, seps);
    return rnl_readuntil_any(run->reader, seps, n, 0, value, which);
}

static int read_any(struct run *run, const struct json *op, struct rnl_bytes *value,
                    size_t *which)
{
    const struct json *name = json_at(op, 0);

    if (json_is(name, "read"))
        return rnl_read(run->reader, count_at(op, 1), value);
    if (json_is(name, "readexactly"))
        return rnl_readexactly(run->reader, count_at(op, 1), value);
    if (json_is(name, "readline"))
        return rnl_readline(run->reader, value);
    return read_until(run, op, value, which);
}

static void put_lines(struct call *call)
{
    struct run *run = call->run;
    struct rnl_bytes line = {NULL, 0};
    const char *comma = "";
    int err;

    json_put(&call->result, "[\"lines\",[");
    while ((err = rnl_readline(run->reader, &line)) == RNL_OK && line.len > 0) {
        json_put(&call->result, comma);
        json_put_string(&call->result, line.data, line.len);
        comma = ",";
    }
    json_put(&call->result, "],");
    if (err == RNL_OK)
        json_put(&call->result, "null");
    else if (err == RNL_ELIMIT)
        put_over_limit(&call->result, !run->compat, line.len);
    else
        put_answer(&call->result, err);
    json_put(&call->result, "]");
}

static int make_call(void *arg)
{
    struct call *call = arg;
    struct run *run = call->run;
    const struct json *name = json_at(call->op, 0);
    struct rnl_bytes value = {NULL, 0};
    size_t which = 0;

    if (json_is(name, "lines")) {
        put_lines(call);
    } else if (json_is(name, "drain")) {
        put_answer(&call->result, rnl_drain(run->writer));
    } else if (json_is(name, "wait_closed")) {
        put_answer(&call->result, rnl_wait_closed(run->writer));
    } else {
        int err = read_any(run, call->op, &value, &which);

        put_read(&call->result, call->op, err, &value, which, run->compat);
    }
    call->done = true;
    return 0;
}

static struct call *start_call(struct run *run, const struct json *op)
{
    struct call *call = &run->calls[run->ncalls];

    if (run->ncalls++ == MAX_CALLS)
        fail("a script makes too many calls");
    call->run = run;
    call->op = op;
    if (rnl_task_spawn(&call->task, make_call, call, NULL))
        fail("cannot start a task");
    return call;
}

static bool is_read(const struct call *call)
{
    return !json_is(json_at(call->op, 0), "drain") &&
           !json_is(json_at(call->op, 0), "wait_closed");
}

/* Cancels the first that waits of this name; NULL: of the reads. */
static void cancel_first(struct run *run, const char *name, struct json_out *out)
{
    for (size_t i = 0; i < run->ncalls; i++) {
        struct call *call = &run->calls[i];
        bool fits = name ? json_is(json_at(call->op, 0), name) : is_read(call);

        if (fits && !call->done) {
            rnl_task_cancel(call->task);
            put_word(out, "ok");
            return;
        }
    }
    put_word(out, "none");
}

/* ---- Steps ------------------------------------------------------------- */

static void arrive(struct scripted *kernel, const char *bytes, size_t len)
{
    if (kernel->count == SCRIPTED_PIECES)
        fail("a script receives too many pieces");
    kernel->inbox[kernel->count++] = (struct rnl_bytes){(const unsigned char *)bytes, len};
}

static bool kernel_step(struct scripted *kernel, const struct json *name, const struct json *arg)
{
    if (json_is(name, "recv")) {
        arrive(kernel, arg->text, arg->len);
    } else if (json_is(name, "recv_eof")) {
        arrive(kernel, NULL, 0);
    } else if (json_is(name, "recv_error")) {
        kernel->recv_error = code_named(arg);
    } else if (json_is(name, "send_error")) {
        kernel->send_error = code_named(arg);
    } else if (json_is(name, "space")) {
        kernel->space += (size_t)arg->number;
    } else {
        return false;
    }
    return true;
}

/* Several writes without a wait in between. */
static void write_each(struct run *run, const struct json *texts, struct json_out *out)
{
    json_put(out, "[");
    for (const struct json *t = texts->first; t; t = t->next) {
        put_answer(out, rnl_write(run->writer, t->text, t->len));
        json_put(out, t->next ? "," : "");
    }
    json_put(out, "]");
}

static bool act(struct run *run, const struct json *op, struct json_out *out)
{
    const struct json *name = json_at(op, 0), *arg = json_at(op, 1);
    struct rnl_bytes pieces[MAX_PIECES];
    int err = RNL_OK;

    if (json_is(name, "writes")) {
        write_each(run, arg, out);
        return true;
    }
    if (json_is(name, "write"))
        err = rnl_write(run->writer, arg->text, arg->len);
    else if (json_is(name, "writelines"))
        err = rnl_writelines(run->writer, pieces, bytes_of(arg, pieces));
    else if (json_is(name, "marks"))
        err = rnl_set_water_marks(run->writer, count_at(op, 1), count_at(op, 2));
    else if (json_is(name, "write_eof"))
        err = rnl_write_eof(run->writer);
    else if (json_is(name, "close"))
        rnl_close(run->writer);
    else if (json_is(name, "abort"))
        rnl_abort(run->writer);
    else if (!kernel_step(&run->kernel, name, arg))
        return false;
    put_answer(out, err);
    return true;
}

static void put_truth(struct json_out *out, bool truth)
{
    json_put(out, truth ? "[true]" : "[false]");
}

static void put_count(struct json_out *out, unsigned count)
{
    json_put(out, "[");
    json_put_number(out, count);
    json_put(out, "]");
}

static bool ask(struct run *run, const struct json *name, struct json_out *out)
{
    int code = rnl_exception(run->reader);

    if (json_is(name, "is_closing"))
        put_truth(out, rnl_is_closing(run->writer));
    else if (json_is(name, "can_write_eof"))
        put_truth(out, rnl_can_write_eof(run->writer));
    else if (json_is(name, "at_eof"))
        put_truth(out, rnl_at_eof(run->reader));
    else if (json_is(name, "cancel"))
        cancel_first(run, NULL, out);
    else if (json_is(name, "cancel_drain"))
        cancel_first(run, "drain", out);
    else if (json_is(name, "cancel_wait_closed"))
        cancel_first(run, "wait_closed", out);
    else if (json_is(name, "sends"))
        put_count(out, run->kernel.sends);
    else if (json_is(name, "exception") && code)
        put_word(out, rnl_error_name(code) + 4);
    else if (json_is(name, "exception"))
        json_put(out, "[null]");
    else
        return false;
    return true;
}

/* Until everybody waits. */
static void settle(struct run *run)
{
    run->kernel.idle = 0;
    while (run->kernel.idle < QUIET) {
        if (rnl_yield())
            fail("the script's task was cancelled");
    }
}

static void put_result(const struct call *call, const char *comma, struct json_out *out)
{
    json_put(out, comma);
    json_put(out, call->result.text);
}

/* The calls that are complete since the last step: reads first, then in the order
 * in which they began. */
static void put_done(struct run *run, const struct call *fresh, struct json_out *out)
{
    const char *comma = "";

    json_put(out, ",[");
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < run->ncalls; i++) {
            struct call *call = &run->calls[i];

            if (!call->done || call->told || is_read(call) != (round == 0) || call == fresh)
                continue;
            put_result(call, comma, out);
            comma = ",";
            call->told = true;
        }
    }
    json_put(out, "]");
}

static void put_state(struct run *run, struct json_out *out)
{
    bool failed = rnl_exception(run->reader) != RNL_OK;
    struct rnl_bytes left;

    rnl_peek(run->reader, &left);
    json_put(out, ",");
    if (failed)
        json_put(out, "null");
    else
        json_put_string(out, left.data, left.len);
    json_put(out, ",\"");
    json_put(out, rnl_at_eof(run->reader) ? "e" : "");
    json_put(out, rnl_is_closing(run->writer) ? "c" : "");
    json_put(out, run->kernel.shut ? "s" : "");
    json_put(out, run->kernel.closed ? "x\"," : "\",");
    json_put_number(out, failed ? 0 : (long long)scripted_held(&run->kernel));
    json_put(out, ",");
    json_put_number(out, (long long)rnl_queued(run->writer));
    json_put(out, ",");
    json_put_string(out, run->kernel.sent, run->kernel.nsent);
    run->kernel.nsent = 0;
}

static void step(struct run *run, const struct json *op, struct json_out *out)
{
    struct call *fresh = NULL;

    json_put(out, "[");
    if (!ask(run, json_at(op, 0), out) && !act(run, op, out))
        fresh = start_call(run, op);
    settle(run);
    if (fresh && fresh->done) {
        put_result(fresh, "", out);
        fresh->told = true;
    } else if (fresh) {
        put_word(out, "wait");
    }
    put_done(run, fresh, out);
    put_state(run, out);
    json_put(out, "]");
}

static void end_calls(struct run *run)
{
    rnl_stream_free(run->reader, run->writer);
    for (size_t i = 0; i < run->ncalls; i++) {
        if (rnl_task_join(run->calls[i].task, NULL))
            fail("the script's task was cancelled");
        rnl_task_free(run->calls[i].task);
        free(run->calls[i].result.text);
    }
}

static int script_task(void *arg)
{
    struct run *run = arg;
    struct rnl_connect_options options = RNL_CONNECT_OPTIONS_INIT;

    options.stream.limit = (size_t)json_get(run->script, "limit")->number;
    options.stream.compat = run->compat ? RNL_YES : RNL_NO;
    if (rnl_open_connection_socket(SCRIPTED_SOCKET, &options, &run->reader, &run->writer))
        fail("cannot open the connection");
    settle(run);
    json_put(run->out, "[");
    for (const struct json *op = json_get(run->script, "steps")->first; op; op = op->next) {
        step(run, op, run->out);
        json_put(run->out, op->next ? "," : "");
    }
    json_put(run->out, "]");
    end_calls(run);
    return 0;
}

bool run_stream_script(const struct json *script, struct json_out *out)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    struct run *run;

    if (!json_is(json_get(script, "kind"), "stream"))
        return false;
    run = calloc(1, sizeof *run);
    if (!run)
        fail("out of memory");
    run->script = script;
    run->out = out;
    run->compat = json_get(script, "compat")->truth;
    if (json_get(script, "space"))
        run->kernel.space = (size_t)json_get(script, "space")->number;
    options.backend_ops = &scripted_ops;
    options.backend_config = &run->kernel;
    if (rnl_run(script_task, run, &options))
        fail("the loop ended with an error");
    free(run);
    return true;
}
