/* signal.c: waiting for signals of the process.
 *
 *      handler: caught[number]++, then wake every loop that waits
 *      loop:    once a turn, if anything was caught: wake the tasks that wait
 *      task:    has its number been caught since I began?
 *
 * The handlers are there only while somebody waits. A handler may run in any
 * thread, also while a loop is leaving: whoever takes a loop out of the table
 * waits until no handler is inside. */
#include "task/signals.h"

#include "backend/sys.h"
#include "task/atomic.h"
#include "task/loop.h"

enum { LOOPS = 64 };

static atomic_uint caught[RNLI_SIGNALS];
static atomic_uint all_caught;
static atomic_uint inside; /* handlers that run now */
static RNLI_ATOMIC_POINTER(struct rnl_loop) waiting_loops[LOOPS];

static struct {
    rnli_mutex mutex; /* of what is below */
    unsigned waiters[RNLI_SIGNALS];
    unsigned loop_waiters[LOOPS];
} table = {.mutex = RNLI_MUTEX_INIT};

/* Interlocked functions answer a long. */
static unsigned count_of(atomic_uint *count)
{
    return (unsigned)atomic_load(count);
}

void rnli_signal_note(int number)
{
    atomic_fetch_add(&inside, 1);
    if (number > 0 && number < RNLI_SIGNALS)
        atomic_fetch_add(&caught[number], 1);
    atomic_fetch_add(&all_caught, 1);
    for (size_t i = 0; i < LOOPS; i++) {
        struct rnl_loop *loop = rnli_atomic_pointer_get(&waiting_loops[i]);

        if (loop)
            loop->face.ops->wake(loop->face.backend);
    }
    atomic_fetch_sub(&inside, 1);
}

/* ---- The table --------------------------------------------------------- */

static int add_loop(struct rnl_loop *loop)
{
    size_t free_place = LOOPS;

    for (size_t i = 0; i < LOOPS; i++) {
        struct rnl_loop *at = rnli_atomic_pointer_get(&waiting_loops[i]);

        if (at == loop) {
            table.loop_waiters[i]++;
            return RNL_OK;
        }
        if (!at && free_place == LOOPS)
            free_place = i;
    }
    if (free_place == LOOPS)
        return RNL_ENOMEM;
    table.loop_waiters[free_place] = 1;
    rnli_atomic_pointer_set(&waiting_loops[free_place], loop);
    return RNL_OK;
}

static void remove_loop(struct rnl_loop *loop)
{
    for (size_t i = 0; i < LOOPS; i++) {
        if (rnli_atomic_pointer_get(&waiting_loops[i]) != loop || --table.loop_waiters[i] > 0)
            continue;
        rnli_atomic_pointer_set(&waiting_loops[i], NULL);
        while (atomic_load(&inside) > 0)
            continue;
    }
}

static int add_signal(int number)
{
    int code = rnli_signal_known(number) ? RNL_OK : RNL_EINVAL;

    if (!code && table.waiters[number] == 0)
        code = rnli_signal_catch(number);
    if (!code)
        table.waiters[number]++;
    return code;
}

static void remove_signal(int number)
{
    if (--table.waiters[number] == 0)
        rnli_signal_release(number);
}

static int begin(struct rnl_loop *loop, const int *signals, size_t count)
{
    size_t done = 0;
    int code;

    rnli_sys_mutex_lock(&table.mutex);
    code = add_loop(loop);
    while (!code && done < count)
        if (!(code = add_signal(signals[done])))
            done++;
    if (code) {
        while (done > 0)
            remove_signal(signals[--done]);
        remove_loop(loop);
    }
    rnli_sys_mutex_unlock(&table.mutex);
    return code;
}

static void end(struct rnl_loop *loop, const int *signals, size_t count)
{
    rnli_sys_mutex_lock(&table.mutex);
    for (size_t i = 0; i < count; i++)
        remove_signal(signals[i]);
    remove_loop(loop);
    rnli_sys_mutex_unlock(&table.mutex);
}

/* ---- The loop's own: a dump of its tasks ------------------------------- */

int rnli_signals_open(struct rnl_loop *loop, int dump_signal)
{
    int code = dump_signal ? begin(loop, &dump_signal, 1) : RNL_OK;

    if (code || !dump_signal)
        return code;
    loop->dump_signal = dump_signal;
    loop->dumps_seen = count_of(&caught[dump_signal]);
    return RNL_OK;
}

void rnli_signals_close(struct rnl_loop *loop)
{
    if (loop->dump_signal)
        end(loop, &loop->dump_signal, 1);
    loop->dump_signal = 0;
}

static void check_dump(struct rnl_loop *loop)
{
    unsigned now = loop->dump_signal ? count_of(&caught[loop->dump_signal]) : 0;

    if (!loop->dump_signal || now == loop->dumps_seen)
        return;
    loop->dumps_seen = now;
    rnli_dump_tasks(loop, RNL_REPORT_WARNING);
}

/* ---- Waiting ----------------------------------------------------------- */

void rnli_signals_check(struct rnl_loop *loop)
{
    unsigned now = count_of(&all_caught);

    if (now == loop->signals_seen)
        return;
    loop->signals_seen = now;
    check_dump(loop);
    rnli_wake_all(&loop->signals, RNL_OK);
}

static bool any_caught(const int *signals, size_t count, const unsigned *before, int *got)
{
    for (size_t i = 0; i < count; i++) {
        if (count_of(&caught[signals[i]]) != before[i]) {
            *got = signals[i];
            return true;
        }
    }
    return false;
}

int rnl_wait_signal(const int *signals, size_t count, int *got)
{
    struct rnl_loop *loop = rnl_loop_current();
    unsigned before[RNLI_SIGNALS];
    int ignored;
    int code = count > 0 && count < RNLI_SIGNALS ? rnli_checkpoint() : RNL_EINVAL;

    for (size_t i = 0; !code && i < count; i++) {
        if (!rnli_signal_known(signals[i]))
            return RNL_EINVAL;
        before[i] = count_of(&caught[signals[i]]);
    }
    if (!code)
        code = begin(loop, signals, count);
    if (code)
        return code;
    if (!got)
        got = &ignored;
    while (!code && !any_caught(signals, count, before, got))
        code = rnli_wait(&loop->signals, "signal");
    end(loop, signals, count);
    return code;
}
