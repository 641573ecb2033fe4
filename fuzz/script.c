/* script.c: a conformance script over the task API: a connection whose kernel is a
 * script too (tests/conformance/scripted.c), driven by any sequence of steps.
 *
 *      recv, eof, space, errors -->  kernel  <-->  connection  <-- tasks that read,
 *                                                                  drain, wait_closed
 *
 * Input:   limit, flags; three separators, each with its length before it; then
 *          steps of two bytes, what and how much, some with bytes behind them.
 *
 * After each step the loop turns until everybody waits. Then the model (model.c with
 * a kernel's queue before it, and an array of bytes to write) must have come to the same: each
 * read's answer and bytes, what is buffered, what the kernel still holds, what was
 * sent, who still waits.
 *
 * Closing, errors and refused memory end that comparison, not the checks: bytes come
 * in order and once, bytes go out in order and once, a close without an error sends all,
 * every call ends, and all memory is given back. */
#include <runnel.h>
#include <string.h>

#include "fuzz.h"
#include "model.h"
#include "runner.h"
#include "scripted.h"

enum { SEPS = 3, STEPS = 128, CALLS = 64, QUIET = 4, RECEIVED = 8000, WRITTEN = 16384 };

enum what { READ, EXACTLY, UNTIL, UNTIL_ANY, LINE, PART, DRAIN, WAIT_CLOSED };

/* A call that may wait, in a task of its own. */
struct call {
    enum what what;
    size_t arg;
    struct rnl_task *task;
    int rc;
    size_t which;
    bool part_done, done;
    struct rnl_bytes got; /* in `taken` */
    unsigned char taken[RECEIVED];
};

/* How much is known of what must come out. */
enum known { EXACTLY_KNOWN, CLOSING, LITTLE };

static struct call calls[CALLS];
static size_t ncalls;
static struct scripted kernel;
static struct rnl_reader *reader;
static struct rnl_writer *writer;
static struct rnl_bytes seps[SEPS];
static enum known known;

static unsigned char received[RECEIVED]; /* all that the kernel was given */
static size_t nreceived, consumed;
static size_t written, sent; /* byte i of what is written is (unsigned char)i */
static size_t due;           /* written before the close; later writes may be dropped */

/* The second opinion. */
static struct model model;
static struct answer want;
static struct call *pending; /* the read that waits */
static struct {
    size_t len[SCRIPTED_PIECES]; /* 0: the end */
    size_t count, first;         /* of those that the model has not received */
    size_t at;                   /* of the first one, in `received` */
} inbox;
static struct {
    size_t len, high, low, space;
    bool paused, eof;
} out;

void fail(const char *why)
{
    fuzz_fail(__FILE__, __LINE__, why);
}

/* ---- Calls that wait --------------------------------------------------- */

static int read_any(struct call *c, struct rnl_bytes *got)
{
    const struct rnl_bytes *sep = &seps[c->arg % SEPS];

    switch (c->what) {
    case READ:
        return rnl_read(reader, c->arg, got);
    case EXACTLY:
        return rnl_readexactly(reader, c->arg, got);
    case UNTIL:
        return rnl_readuntil(reader, sep->data, sep->len, got);
    case UNTIL_ANY:
        return rnl_readuntil_any(reader, seps, SEPS, 0, got, &c->which);
    case LINE:
        return rnl_readline(reader, got);
    default:
        return rnl_readuntil_part(reader, sep->data, sep->len, got, &c->part_done);
    }
}

static int make_call(void *arg)
{
    struct call *c = arg;
    struct rnl_bytes got = {NULL, 0};

    if (c->what == DRAIN) {
        c->rc = rnl_drain(writer);
    } else if (c->what == WAIT_CLOSED) {
        c->rc = rnl_wait_closed(writer);
    } else {
        c->rc = read_any(c, &got);
        c->got = (struct rnl_bytes){c->taken, got.len};
        if ((c->rc == RNL_OK || c->rc == RNL_EINCOMPLETE) && got.len)
            memcpy(c->taken, got.data, got.len);
    }
    c->done = true;
    return 0;
}

static struct call *start_call(enum what what, size_t arg)
{
    struct call *c = &calls[ncalls];
    int rc;

    if (ncalls == CALLS)
        return NULL;
    c->what = what;
    c->arg = arg;
    c->task = NULL;
    c->part_done = c->done = false;
    rc = rnl_task_spawn(&c->task, make_call, c, NULL);
    CHECK(rc == RNL_OK || (rc == RNL_ENOMEM && known == LITTLE));
    if (rc)
        return NULL;
    ncalls++;
    return c;
}

/* ---- What the model does ----------------------------------------------- */

static void ask_model(const struct call *c)
{
    switch (c->what) {
    case READ:
        model_read(&model, c->arg, &want);
        break;
    case EXACTLY:
        model_readexactly(&model, c->arg, &want);
        break;
    case UNTIL:
        model_readuntil_any(&model, &seps[c->arg % SEPS], 1, 0, &want);
        break;
    case UNTIL_ANY:
        model_readuntil_any(&model, seps, SEPS, 0, &want);
        break;
    case LINE:
        model_readline(&model, 0, &want);
        break;
    default:
        model_readuntil_part(&model, seps[c->arg % SEPS], &want);
        break;
    }
}

/* The task has answered as the model has. */
static void compare_read(const struct call *c)
{
    CHECK(c->done && c->rc == want.rc && c->got.len == want.bytes.len);
    if (c->rc == RNL_OK || c->rc == RNL_EINCOMPLETE)
        CHECK(fuzz_equal(c->taken, want.bytes.data, want.bytes.len));
    if (c->rc == RNL_OK && c->what == UNTIL_ANY)
        CHECK(c->which == want.which);
    if (c->rc == RNL_OK && c->what == PART)
        CHECK(c->part_done == want.done);
}

/* Asks for the read that waits; it may wait on. */
static void model_wake(void)
{
    if (!pending)
        return;
    ask_model(pending);
    if (want.rc == RNL_EAGAIN)
        return;
    compare_read(pending);
    pending = NULL;
}

/* A piece at a time arrives, and the read that waits is asked, until reading pauses. */
static void model_receive(void)
{
    while (!model.paused && !model.eof && inbox.first < inbox.count) {
        size_t len = inbox.len[inbox.first++];

        if (len == 0)
            model.eof = true;
        else
            CHECK(model_feed(&model, received + inbox.at, len) == RNL_OK);
        inbox.at += len;
        model_wake();
    }
}

/* What is written goes out as far as the kernel takes it. */
static void model_send(void)
{
    size_t n = out.len < out.space ? out.len : out.space;

    out.len -= n;
    out.space -= n;
    if (n && out.len <= out.low)
        out.paused = false;
}

/* ---- After each step --------------------------------------------------- */

static void settle(void)
{
    kernel.idle = 0;
    while (kernel.idle < QUIET)
        CHECK(rnl_yield() == RNL_OK);
}

/* Bytes go out in order and once. */
static void check_sent(void)
{
    for (size_t i = 0; i < kernel.nsent; i++)
        CHECK((unsigned char)kernel.sent[i] == (unsigned char)(sent + i));
    sent += kernel.nsent;
    kernel.nsent = 0;
    CHECK(sent <= written);
}

/* Bytes come in order and once, whatever became of the connection. */
static void take_in_order(struct call *c)
{
    CHECK(c->rc != RNL_EAGAIN && c->rc <= RNL_OK);
    CHECK(c->rc != RNL_ENOMEM || fuzz_memory.failed > 0);
    if (c->what >= DRAIN || (c->rc != RNL_OK && c->rc != RNL_EINCOMPLETE))
        return;
    CHECK(c->got.len <= nreceived - consumed);
    CHECK(fuzz_equal(c->taken, received + consumed, c->got.len));
    consumed += c->got.len;
}

static void check_calls(size_t first)
{
    for (size_t i = first; i < ncalls; i++) {
        struct call *c = &calls[i];

        if (!c->task)
            continue;
        if (known == EXACTLY_KNOWN) {
            bool waits = c == pending || (c->what == DRAIN && out.paused) || c->what == WAIT_CLOSED;

            CHECK(c->done != waits);
            CHECK(!c->done || c->what != DRAIN || c->rc == RNL_OK);
        }
        if (!c->done)
            continue;
        take_in_order(c);
        rnl_task_free(c->task);
        c->task = NULL;
    }
}

static void check_known(void)
{
    struct rnl_bytes left;
    size_t held = 0;

    for (size_t i = inbox.first; i < inbox.count; i++)
        held += inbox.len[i];
    rnl_peek(reader, &left);
    CHECK(left.len == model.len && fuzz_equal(left.data, model.buf, model.len));
    CHECK(rnl_buffered(reader) == model.len && rnl_limit(reader) == model.limit);
    CHECK(rnl_at_eof(reader) == (model.eof && model.len == 0));
    CHECK(rnl_exception(reader) == RNL_OK && !rnl_is_closing(writer));
    CHECK(scripted_held(&kernel) == held);
    CHECK(rnl_queued(writer) == out.len && kernel.space == out.space);
    CHECK(written - sent == out.len);
    CHECK(kernel.shut == (out.eof && out.len == 0) && !kernel.closed);
}

/* Turns of the loop and memory follow the steps, and the bytes on their way. */
static void check_cost(unsigned sends, size_t asked)
{
    CHECK(kernel.sends - sends <= 2);
    CHECK(fuzz_memory.calls - asked <= 64);
    CHECK(fuzz_memory.bytes <= (size_t)1 << 20);
}

/* ---- Steps ------------------------------------------------------------- */

static void arrive(struct rnl_bytes bytes)
{
    struct rnl_bytes piece = {received + nreceived, bytes.len};

    if (kernel.count == SCRIPTED_PIECES || bytes.len > RECEIVED - nreceived)
        return;
    if (inbox.count > 0 && inbox.len[inbox.count - 1] == 0)
        return; /* behind the end */
    if (bytes.len)
        memcpy(received + nreceived, bytes.data, bytes.len);
    nreceived += bytes.len;
    kernel.inbox[kernel.count++] = piece;
    inbox.len[inbox.count++] = bytes.len;
}

static void arrive_run(unsigned byte, size_t len)
{
    unsigned char run[256 * 4];

    memset(run, (int)byte, len);
    arrive((struct rnl_bytes){run, len});
}

/* A read of no bytes is in nobody's way. */
static bool never_waits(const struct call *c)
{
    return c->what == READ && c->arg == 0;
}

static void start_read(enum what what, size_t arg)
{
    struct call *c = start_call(what, arg);

    if (!c || known != EXACTLY_KNOWN)
        return;
    settle();
    if (pending && !never_waits(c)) {
        CHECK(c->done && c->rc == RNL_EBUSY);
        return;
    }
    ask_model(c);
    if (want.rc == RNL_EAGAIN)
        pending = c;
    else
        compare_read(c);
}

static void cancel_read(void)
{
    struct call *c = pending;

    if (!c || known != EXACTLY_KNOWN)
        return;
    pending = NULL;
    rnl_task_cancel(c->task);
    settle();
    CHECK(c->done && c->rc == RNL_ECANCELED);
}

/* In one piece, or in three. */
static void write_bytes(size_t len, bool many)
{
    unsigned char bytes[256];
    struct rnl_bytes pieces[3] = {
        {bytes, len / 3}, {bytes + len / 3, 0}, {bytes + len / 3, len - len / 3}};
    int rc;

    if (len > WRITTEN - written)
        return;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)(written + i);
    rc = many ? rnl_writelines(writer, pieces, 3) : rnl_write(writer, bytes, len);
    CHECK(rc == (out.eof ? RNL_EINVAL : RNL_OK) || known != EXACTLY_KNOWN);
    if (rc)
        return;
    written += len;
    out.len += len;
    model_send();
    out.paused |= out.len > out.high;
}

static void set_marks(size_t high, size_t low)
{
    int rc = rnl_set_water_marks(writer, high, low);

    CHECK(rc == (low > high ? RNL_EINVAL : RNL_OK) || known != EXACTLY_KNOWN);
    if (low > high)
        return;
    out.high = high;
    out.low = low;
    out.paused |= out.len > high;
}

static void know_less(enum known how)
{
    known = how > known ? how : known;
}

static void odd_step(struct input *in, unsigned arg)
{
    switch (arg % 8) {
    case 0:
        due = known == EXACTLY_KNOWN ? written : due;
        rnl_close(writer);
        know_less(CLOSING);
        break;
    case 1:
        rnl_abort(writer);
        know_less(LITTLE);
        break;
    case 2:
        kernel.recv_error = RNL_ECONNRESET;
        know_less(LITTLE);
        break;
    case 3:
        kernel.send_error = RNL_EPIPE;
        know_less(LITTLE);
        break;
    case 4:
        fuzz_memory.fail_in = input_byte(in) % 32;
        know_less(LITTLE);
        break;
    case 5:
        start_call(WAIT_CLOSED, 0);
        break;
    case 6:
        CHECK(rnl_write_eof(writer) == RNL_OK || known != EXACTLY_KNOWN);
        out.eof = true;
        break;
    default:
        model.limit = input_byte(in) + (size_t)1;
        CHECK(rnl_set_limit(reader, model.limit) == RNL_OK);
        break;
    }
}

static void write_step(struct input *in, unsigned op, unsigned arg)
{
    size_t high;

    switch (op % 4) {
    case 0:
        write_bytes(arg, input_byte(in) & 1);
        break;
    case 1:
        start_call(DRAIN, 0);
        break;
    case 2:
        high = input_byte(in);
        set_marks(high * 4, arg * 4);
        break;
    default:
        kernel.space += arg;
        out.space += arg;
        model_send();
        break;
    }
}

static void read_step(unsigned op, unsigned arg)
{
    switch (op % 8) {
    case 0:
        start_read(READ, arg == 255 ? RNL_ALL : arg);
        break;
    case 1:
        start_read(EXACTLY, arg + (size_t)1);
        break;
    case 2:
        start_read(UNTIL, arg);
        break;
    case 3:
        start_read(UNTIL_ANY, 0);
        break;
    case 4:
        start_read(LINE, 0);
        break;
    case 5:
        start_read(PART, arg);
        break;
    default:
        cancel_read();
        break;
    }
}

static void step(struct input *in)
{
    unsigned op = input_byte(in), arg = input_byte(in), sends = kernel.sends;
    size_t first = ncalls, asked = fuzz_memory.calls;

    for (first = 0; first < ncalls && !calls[first].task;)
        first++;
    if (op % 16 < 3)
        arrive(input_bytes(in, arg % 64 + (size_t)1));
    else if (op % 16 == 3 && arg)
        arrive_run(input_byte(in), arg * (size_t)4);
    else if (op % 16 == 3)
        arrive((struct rnl_bytes){received, 0});
    else if (op % 16 < 11)
        read_step(op % 16 - 4 + (op >> 4) % 2, arg);
    else if (op % 16 < 15)
        write_step(in, op, arg);
    else
        odd_step(in, arg);
    settle();
    check_sent();
    if (known == EXACTLY_KNOWN) {
        model_receive();
        check_known();
    }
    check_calls(first);
    check_cost(sends, asked);
}

/* ---- Beginning and end ------------------------------------------------- */

/* A close without an error sends all there is, and whoever waits for it hears so. */
static void check_closed(void)
{
    if (known != CLOSING)
        return;
    kernel.space = SCRIPTED_SENT;
    settle();
    check_sent();
    CHECK(sent >= due && kernel.closed);
    for (size_t i = 0; i < ncalls; i++)
        CHECK(calls[i].what != WAIT_CLOSED || (calls[i].done && calls[i].rc == RNL_OK));
}

static void end_calls(void)
{
    rnl_stream_free(reader, writer);
    for (size_t i = 0; i < ncalls; i++) {
        if (!calls[i].task)
            continue;
        CHECK(rnl_task_join(calls[i].task, NULL) == RNL_OK && calls[i].done);
        rnl_task_free(calls[i].task);
    }
}

static int run_steps(void *arg)
{
    struct input *in = arg;
    struct rnl_connect_options options = RNL_CONNECT_OPTIONS_INIT;

    options.stream.limit = model.limit;
    CHECK(rnl_open_connection_socket(SCRIPTED_SOCKET, &options, &reader, &writer) == RNL_OK);
    settle();
    for (int i = 0; i < STEPS && input_left(in); i++)
        step(in);
    fuzz_memory.fail_in = 0;
    check_closed();
    end_calls();
    return 0;
}

static void no_report(void *user, const struct rnl_report *report)
{
    (void)user;
    (void)report;
}

static void forget_all(void)
{
    memset(&kernel, 0, offsetof(struct scripted, sent));
    memset((char *)&kernel + offsetof(struct scripted, nsent), 0,
           sizeof kernel - offsetof(struct scripted, nsent));
    memset(&inbox, 0, sizeof inbox);
    memset(&out, 0, sizeof out);
    out.high = 65536;
    out.low = 16384;
    ncalls = nreceived = consumed = written = sent = due = 0;
    pending = NULL;
    known = EXACTLY_KNOWN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    struct input in = {data, data + size};

    fuzz_memory_reset();
    forget_all();
    model_init(&model, input_byte(&in) + (size_t)1, false);
    kernel.space = out.space = input_byte(&in) * (size_t)2;
    for (int i = 0; i < SEPS; i++)
        seps[i] = input_bytes(&in, input_byte(&in) % 16 + (size_t)1);
    if (!input_left(&in))
        return 0;
    options.backend_ops = &scripted_ops;
    options.backend_config = &kernel;
    options.allocator = fuzz_allocator();
    options.report = no_report;
    CHECK(rnl_run(run_steps, &in, &options) == 0);
    CHECK(kernel.closed && fuzz_memory.live == 0);
    return 0;
}
