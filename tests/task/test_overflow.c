/* rnl_report_overflows: what a program says when a task's stack runs over, and
 * that it ends as it would have ended. Each case is a child process. */
#define _GNU_SOURCE
#include <runnel.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/suite.h"
#include "under.h"

static char said[64 * 1024]; /* the child's standard error */
static int ended;            /* its wait status */

static void read_all(int fd)
{
    size_t len = 0;
    ssize_t n;

    while (len < sizeof said - 1 && (n = read(fd, said + len, sizeof said - 1 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
    /* A sanitizer may have more to say than fits. */
    while (read(fd, &(char){0}, 1) > 0)
        continue;
    close(fd);
}

static void in_child(int (*fn)(void))
{
    int fds[2];
    pid_t child;

    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};

        setrlimit(RLIMIT_CORE, &none);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        _exit(fn());
    }
    close(fds[1]);
    read_all(fds[0]);
    CU_ASSERT_EQUAL(waitpid(child, &ended, 0), child);
}

/* Of the signal, or where a sanitizer has a handler, of that. */
static bool died(void)
{
    if (WIFSIGNALED(ended))
        return WTERMSIG(ended) == SIGSEGV || WTERMSIG(ended) == SIGBUS;
    return UNDER_SANITIZER && WEXITSTATUS(ended) != 0 && WEXITSTATUS(ended) != 42;
}

static bool says(const char *text)
{
    return strstr(said, text) != NULL;
}

/* ---- Running over ------------------------------------------------------ */

static volatile unsigned long sink;
static void (*volatile again)(volatile unsigned char *above);

static void recurse(volatile unsigned char *above)
{
    volatile unsigned char here[256];

    here[0] = above[0];
    again(here);
    sink += here[0];
}

static int run_over(void *arg)
{
    (void)arg;
    again = recurse;
    recurse((volatile unsigned char *)"");
    return RNL_OK;
}

static const char *chosen_name;
static size_t chosen_size;

static int spawn_and_wait(void *arg)
{
    struct rnl_task_options options = RNL_TASK_OPTIONS_INIT;
    struct rnl_task *task;
    int code, result;

    (void)arg;
    options.name = chosen_name;
    options.stack_size = chosen_size;
    code = rnl_task_spawn(&task, run_over, NULL, &options);
    if (!code)
        code = rnl_task_join(task, &result);
    return code;
}

static int run_named(const char *name, size_t size)
{
    chosen_name = name;
    chosen_size = size;
    (void)rnl_run(spawn_and_wait, NULL, NULL);
    return 42;
}

static int child_chat(void)
{
    if (rnl_report_overflows() || rnl_report_overflows())
        return 42;
    return run_named("chat", 64 * 1024);
}

static void names_the_task(void)
{
    in_child(child_chat);
    CU_ASSERT(died());
    CU_ASSERT(says("runnel: stack overflow in task 'chat' (64 KiB stack)\n"));
}

static int child_no_name(void)
{
    return rnl_report_overflows() ? 42 : run_named(NULL, 1024 * 1024);
}

static void without_a_name(void)
{
    in_child(child_no_name);
    CU_ASSERT(died());
    CU_ASSERT(says("runnel: stack overflow in a task without a name (1024 KiB stack)\n"));
}

static int child_unasked(void)
{
    return run_named("chat", 64 * 1024);
}

static void never_unasked(void)
{
    in_child(child_unasked);
    CU_ASSERT(died());
    CU_ASSERT_FALSE(says("runnel: stack overflow"));
}

/* ---- Where it is asked for ---------------------------------------------- */

static int ask_late(void *arg)
{
    return rnl_report_overflows() ? 42 : spawn_and_wait(arg);
}

static int child_late(void)
{
    chosen_name = "late";
    (void)rnl_run(ask_late, NULL, NULL);
    return 42;
}

static void asked_by_a_task(void)
{
    in_child(child_late);
    CU_ASSERT(died());
    CU_ASSERT(says("stack overflow in task 'late'"));
}

static void *thread_main(void *arg)
{
    (void)rnl_run(spawn_and_wait, NULL, NULL);
    return arg;
}

static int child_thread(void)
{
    pthread_t thread;

    chosen_name = "threaded";
    if (rnl_report_overflows() || pthread_create(&thread, NULL, thread_main, NULL))
        return 42;
    pthread_join(thread, NULL);
    return 42;
}

static void in_another_thread(void)
{
    in_child(child_thread);
    CU_ASSERT(died());
    CU_ASSERT(says("stack overflow in task 'threaded'"));
}

/* ---- Chained ----------------------------------------------------------- */

static void say(const char *text)
{
    (void)!write(STDERR_FILENO, text, strlen(text));
}

static void theirs(int number)
{
    (void)number;
    say("their handler\n");
    _exit(7);
}

static void theirs_with_info(int number, siginfo_t *info, void *machine)
{
    (void)machine;
    say(number == info->si_signo ? "their info\n" : "wrong\n");
    _exit(7);
}

static int child_chain(void)
{
    struct sigaction action = {.sa_handler = theirs, .sa_flags = SA_ONSTACK};

    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    return child_chat();
}

static int child_chain_info(void)
{
    struct sigaction action = {.sa_flags = SA_ONSTACK | SA_SIGINFO};

    action.sa_sigaction = theirs_with_info;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    return child_chat();
}

static void chained(void)
{
    in_child(child_chain);
    CU_ASSERT(WIFEXITED(ended) && WEXITSTATUS(ended) == 7);
    CU_ASSERT(says("(64 KiB stack)\ntheir handler\n"));
    in_child(child_chain_info);
    CU_ASSERT(WIFEXITED(ended) && WEXITSTATUS(ended) == 7);
    CU_ASSERT(says("(64 KiB stack)\ntheir info\n"));
}

/* ---- Faults that are none of ours --------------------------------------- */

static void *shut_page;

static int touch_shut_page(void *arg)
{
    (void)arg;
    *(volatile char *)shut_page = 1;
    return RNL_OK;
}

static int child_other_fault(void)
{
    shut_page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (rnl_report_overflows())
        return 42;
    (void)rnl_run(touch_shut_page, NULL, NULL);
    return 42;
}

static int child_fault_outside(void)
{
    shut_page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return rnl_report_overflows() ? 42 : touch_shut_page(NULL);
}

static int child_killed(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    sigaction(SIGSEGV, &action, NULL); /* a sanitizer's gives another end */
    if (rnl_report_overflows())
        return 42;
    kill(getpid(), SIGSEGV);
    return 42;
}

static int child_ignored(void)
{
    struct sigaction action = {.sa_handler = SIG_IGN};

    sigaction(SIGSEGV, &action, NULL);
    if (rnl_report_overflows())
        return 42;
    kill(getpid(), SIGSEGV);
    kill(getpid(), SIGSEGV);
    return 9;
}

static void other_faults(void)
{
    in_child(child_other_fault);
    /* Valgrind repeats the access with registers of another time. */
    if (!UNDER_VALGRIND)
        CU_ASSERT(died());
    CU_ASSERT_FALSE(says("runnel: stack overflow"));
    in_child(child_fault_outside);
    if (!UNDER_VALGRIND)
        CU_ASSERT(died());
    CU_ASSERT_FALSE(says("runnel: stack overflow"));
}

static void sent_signals(void)
{
    in_child(child_killed);
    CU_ASSERT(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGSEGV);
    in_child(child_ignored);
    CU_ASSERT(WIFEXITED(ended) && WEXITSTATUS(ended) == 9);
}

/* ---- The alternate stack ------------------------------------------------ */

static stack_t inside;

static int look(void *arg)
{
    (void)arg;
    sigaltstack(NULL, &inside);
    return RNL_OK;
}

static bool none_after(void)
{
    stack_t now;

    sigaltstack(NULL, &now);
    return (now.ss_flags & SS_DISABLE) != 0;
}

static int child_alternate(void)
{
    static char own[64 * 1024];
    stack_t stack = {.ss_sp = own, .ss_size = sizeof own};

    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL); /* a sanitizer's */
    if (rnl_run(look, NULL, NULL) || !(inside.ss_flags & SS_DISABLE))
        return 1; /* not asked for: none */
    if (rnl_report_overflows() || rnl_run(look, NULL, NULL) || (inside.ss_flags & SS_DISABLE))
        return 2;
    if (!none_after())
        return 3;
    sigaltstack(&stack, NULL);
    if (rnl_run(look, NULL, NULL) || inside.ss_sp != own || none_after())
        return 4; /* the program's is left alone */
    return 0;
}

static void alternate(void)
{
    in_child(child_alternate);
    CU_ASSERT(WIFEXITED(ended));
    CU_ASSERT_EQUAL(WEXITSTATUS(ended), 0);
}

SUITE("task.overflow", {"L1 an overflow names the task", names_the_task},
      {"L1 a task without a name", without_a_name},
      {"nothing is installed unasked", never_unasked},
      {"a task may ask, for its own loop", asked_by_a_task},
      {"a loop in another thread", in_another_thread},
      {"the handler there was is called", chained},
      {"other faults are left alone", other_faults},
      {"signals that are sent end as before", sent_signals},
      {"the alternate stack comes and goes with the loop", alternate})
