/* Signals and forks: what POSIX alone has. */
#include "task/helper_loop.h"
#include "task/under.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Signals ----------------------------------------------------------- */

static int got_signal;

static int wait_usr(void *arg)
{
    static const int wanted[] = {SIGUSR1, SIGUSR2};

    (void)arg;
    return rnl_wait_signal(wanted, 2, &got_signal);
}

static void signals(void)
{
    struct sigaction before, during, after;
    static const int bad[] = {SIGKILL, 0};
    struct rnl_task *a, *b;

    sigaction(SIGUSR2, NULL, &before);
    IS(rnl_wait_signal(bad, 1, NULL), RNL_EINVAL);
    IS(rnl_wait_signal(bad + 1, 1, NULL), RNL_EINVAL);
    a = start(wait_usr, NULL);
    b = start(wait_usr, NULL);
    turns(3);
    sigaction(SIGUSR2, NULL, &during);
    CU_ASSERT(during.sa_handler != before.sa_handler);
    CU_ASSERT(rnl_task_cancel(a));
    IS(join(a), RNL_ECANCELED);
    kill(getpid(), SIGUSR2);
    OK(join(b));
    IS(got_signal, SIGUSR2);
    sigaction(SIGUSR2, NULL, &after);
    CU_ASSERT(after.sa_handler == before.sa_handler);
}
EACH_SYSTEM(signals)

static void *storm(void *arg)
{
    for (int i = 0; i < 20000; i++)
        pthread_kill(*(pthread_t *)arg, SIGUSR1);
    return NULL;
}

static void signal_storm(void)
{
    pthread_t self = pthread_self(), thread;
    struct rnl_task *task;
    void (*old)(int);

    if (LOSES_SIGNALS)
        return;
    old = signal(SIGUSR1, SIG_IGN); /* for those that nobody waits for */
    task = start(wait_usr, NULL);
    turns(3);
    IS(pthread_create(&thread, NULL, storm, &self), 0);
    for (int i = 0; i < 2000; i++)
        turns(1);
    OK(join(task));
    pthread_join(thread, NULL);
    signal(SIGUSR1, old);
}
EACH_SYSTEM(signal_storm)

static int dumped;

static void count_dump(void *user, const struct rnl_report *report)
{
    (void)user;
    dumped += strstr(report->what, "task main ") != NULL;
}

static int ask_for_a_dump(void *arg)
{
    (void)arg;
    for (int i = 1; i <= 2; i++) {
        raise(SIGUSR2);
        for (int k = 0; k < 5; k++)
            OK(rnl_yield());
        IS(dumped, i);
    }
    return RNL_OK;
}

static void dump_on_a_signal(void)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    struct sigaction before, after;

    sigaction(SIGUSR2, NULL, &before);
    options.report = count_dump;
    options.dump_signal = SIGKILL;
    IS(rnl_run(ask_for_a_dump, NULL, &options), RNL_EINVAL);
    options.dump_signal = SIGUSR2;
    dumped = 0;
    OK(rnl_run(ask_for_a_dump, NULL, &options));
    sigaction(SIGUSR2, NULL, &after);
    CU_ASSERT(after.sa_handler == before.sa_handler);
}

/* One at a time, each awaited, while tasks are born, switched and ended: a tool that
 * looks into switches (ThreadSanitizer) may put a handler off, but not lose it. */
enum { SENT = 300, ROUNDS = 100000 };

static atomic_int handled, given_up;

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&handled, 1);
}

static void *send_in_turn(void *arg)
{
    for (int i = 0; i < SENT && !atomic_load(&given_up); i++) {
        pthread_kill(*(pthread_t *)arg, SIGUSR1);
        while (atomic_load(&handled) == i && !atomic_load(&given_up))
            sched_yield();
    }
    return NULL;
}

static int do_nothing(void *arg)
{
    (void)arg;
    return RNL_OK;
}

static void no_signal_is_lost(void)
{
    pthread_t self = pthread_self(), thread;
    int before = -1, rounds = 0;
    void (*old)(int);

    if (LOSES_SIGNALS)
        return;
    old = signal(SIGUSR1, count_signal);
    atomic_store(&handled, 0);
    atomic_store(&given_up, 0);
    IS(pthread_create(&thread, NULL, send_in_turn, &self), 0);
    while (atomic_load(&handled) < SENT && rounds++ < ROUNDS) {
        if (atomic_load(&handled) != before)
            rounds = 0;
        before = atomic_load(&handled);
        OK(join(start(do_nothing, NULL)));
    }
    IS(atomic_load(&handled), SENT);
    atomic_store(&given_up, 1);
    pthread_join(thread, NULL);
    signal(SIGUSR1, old);
}
EACH_SYSTEM(no_signal_is_lost)

/* ---- Forks ------------------------------------------------------------- */

static pid_t child;

/* In a task: the child has the parent's loop on its hands. */
static int forks(void *arg)
{
    int status;

    (void)arg;
    child = fork();
    if (child == 0)
        return rnl_sleep(RNL_MILLISECOND) == RNL_OK ? 1 : 0;
    OK(rnl_sleep(RNL_MILLISECOND));
    IS(waitpid(child, &status, 0), child);
    IS(status, 0);
    return RNL_OK;
}

static void fork_in_a_task(void)
{
    int code = rnl_run(forks, NULL, NULL);

    if (child == 0)
        _exit(code == RNL_EINVAL ? 0 : 2); /* refused, not corrupted */
    OK(code);
}

static int short_sleep(void *arg)
{
    (void)arg;
    return rnl_sleep(100 * RNL_MICROSECOND);
}

static void own_loop_after_fork(void)
{
    int status;

    OK(rnl_run(short_sleep, NULL, NULL));
    child = fork();
    if (child == 0)
        _exit(rnl_run(short_sleep, NULL, NULL) == RNL_OK ? 0 : 1);
    IS(waitpid(child, &status, 0), child);
    IS(status, 0);
    OK(rnl_run(short_sleep, NULL, NULL));
}

SUITE("signals", {"N9 signals, and the old handlers back", signals_each},
      {"N7 a storm of signals", signal_storm_each},
      {"N7 no signal is lost between switches", no_signal_is_lost_each},
      {"a dump on a signal", dump_on_a_signal}, {"N5 a loop of one's own after a fork", own_loop_after_fork},
      {"N5 the parent's loop in a child", fork_in_a_task})
