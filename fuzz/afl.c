/* afl.c: main of an AFL++ program: the forkserver starts behind the set-up, and
 * each process runs many inputs, which come through shared memory.
 *
 * AFL++'s own loop stops itself by a signal after each input, and the forkserver, which
 * waits for that, tells the fuzzer: several switches between processes, which take longer
 * than most inputs. So the process that runs the inputs talks with the fuzzer itself, over
 * copies of the forkserver's two pipes:
 *
 *      fuzzer                               process                  forkserver
 *      4 bytes: run what is in memory  -->  runs it                  waits for the process
 *      <--  how it went, and who runs the next one
 *
 * Of a process that dies the forkserver tells, as ever, and makes another for the next
 * input. So that no input is answered twice, the process ignores the fuzzer's signal for an
 * input that took too long where it has just ended: with AFL_KILL_SIGNAL=15, which can be
 * ignored. The file belongs on the denylist: what is done between two inputs is to leave
 * no trace. */
#include "fuzz.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    INPUTS = 100000, /* of one process */
    ORDERS_FD = 198, /* AFL++'s numbers */
    ANSWERS_FD = 199,
    STOPPED = SIGSTOP << 8 | 0x7f, /* in waitpid's terms: well, and to be used again */
};

__AFL_FUZZ_INIT();

static volatile sig_atomic_t running;

static void took_too_long(int number)
{
    if (!running)
        return;
    signal(number, SIG_DFL);
    raise(number); /* and dies of it when this returns */
}

/* Returns once the forkserver has said who we are and waits for us: what we say comes after it.
 * false: that cannot be seen here. */
static bool forkserver_waits(void)
{
    char path[64], text[256];
    const char *state;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)getppid());
    for (;; sched_yield()) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

        if (fd >= 0)
            close(fd);
        text[n < 0 ? 0 : n] = 0;
        state = strrchr(text, ')'); /* "4711 (name) S ..." */
        if (!state || state[1] != ' ')
            return false;
        if (state[2] == 'S')
            return true;
    }
}

static void run_all(const uint8_t *data, int orders, int answers)
{
    int32_t answer[2] = {STOPPED, (int32_t)getpid()};
    int32_t order;

    signal(SIGTERM, took_too_long);
    for (int left = INPUTS; left > 0; left--) {
        running = 1;
        LLVMFuzzerTestOneInput(data, (size_t)__AFL_FUZZ_TESTCASE_LEN);
        if (left == 1)
            return; /* the forkserver answers */
        running = 0;
        if (write(answers, answer, sizeof answer) != sizeof answer ||
            read(orders, &order, sizeof order) != sizeof order)
            return; /* the fuzzer has gone */
    }
}

int main(void)
{
    int orders = dup(ORDERS_FD), answers = dup(ANSWERS_FD);
    const uint8_t *data;

    __AFL_INIT();
    data = __AFL_FUZZ_TESTCASE_BUF;
    if (orders >= 0 && answers >= 0 && forkserver_waits()) {
        run_all(data, orders, answers);
        _exit(0);
    }
    while (__AFL_LOOP(INPUTS)) /* by hand: one input, from stdin */
        LLVMFuzzerTestOneInput(data, (size_t)__AFL_FUZZ_TESTCASE_LEN);
    return 0;
}
