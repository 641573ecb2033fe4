/* What tasks are on Windows: fibers, an overflow told by name, signals. */
#include "task/helper_loop.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/sys.h"

/* ---- Fibers ------------------------------------------------------------ */

static void sleeps(void)
{
    OK(rnl_sleep(RNL_MILLISECOND));
}

static void a_thread_is_no_fiber_afterwards(void)
{
    CU_ASSERT(!IsThreadAFiber());
    each_backend(sleeps);
    CU_ASSERT(!IsThreadAFiber());
}

static void a_fiber_stays_one(void)
{
    void *self = ConvertThreadToFiber(NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(self);
    each_backend(sleeps);
    CU_ASSERT(IsThreadAFiber());
    CU_ASSERT_PTR_EQUAL(GetCurrentFiber(), self);
    ConvertFiberToThread();
}

/* Depth enough for the stack that was asked for, and not less. */
static int dig(int depth)
{
    volatile char frame[1024];

    frame[0] = (char)depth;
    frame[sizeof frame - 1] = 0;
    return depth > 0 ? dig(depth - 1) + frame[0] - (char)depth : 0;
}

static int dig_deep(void *arg)
{
    return dig(*(int *)arg) == 0 ? RNL_OK : 1;
}

static void stacks_of_any_size(void)
{
    static const int kib[] = {64, 256, 1024, 64};
    struct rnl_task_options o = RNL_TASK_OPTIONS_INIT;

    for (size_t i = 0; i < sizeof kib / sizeof *kib; i++) {
        struct rnl_task *task = NULL;
        int depth = kib[i] * 3 / 4; /* frames of a KiB and a little */

        o.stack_size = (size_t)kib[i] * 1024;
        OK(rnl_task_spawn(&task, dig_deep, &depth, &o));
        OK(join(task));
    }
}
EACH(stacks_of_any_size)

/* ---- Overflow ---------------------------------------------------------- */

static volatile bool for_ever = true;

static int overflow(void *arg)
{
    volatile char frame[512];

    frame[0] = (char)(uintptr_t)arg;
    return for_ever ? overflow((char *)arg + 1) + frame[0] : 0;
}

static int overflow_in_a_task(void *arg)
{
    struct rnl_task_options o = RNL_TASK_OPTIONS_INIT;
    struct rnl_task *task;
    int err;

    (void)arg;
    o.name = "deep";
    err = rnl_report_overflows();
    return err ? err : (err = rnl_task_spawn(&task, overflow, NULL, &o)) ? err
                                                                        : rnl_task_join(task, NULL);
}

/* This program again, in another process; its standard error. */
static void run_child(char *errors, size_t size)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    STARTUPINFOA start = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;
    char self[MAX_PATH], line[MAX_PATH + 16];
    HANDLE in;
    DWORD len = 0, n;

    GetModuleFileNameA(NULL, self, sizeof self);
    snprintf(line, sizeof line, "\"%s\" child", self);
    CreatePipe(&in, &start.hStdError, &inherited, 0);
    SetHandleInformation(in, HANDLE_FLAG_INHERIT, 0);
    SetEnvironmentVariableA("RUNNEL_TEST_CHILD", "1");
    CU_ASSERT_FATAL(CreateProcessA(self, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &process));
    SetEnvironmentVariableA("RUNNEL_TEST_CHILD", NULL);
    CloseHandle(start.hStdError);
    while (len < size - 1 && ReadFile(in, errors + len, (DWORD)(size - 1) - len, &n, NULL) && n > 0)
        len += n;
    errors[len] = '\0';
    WaitForSingleObject(process.hProcess, 20000);
    CloseHandle(process.hProcess);
    CloseHandle(process.hThread);
    CloseHandle(in);
}

static void overflow_by_name(void)
{
    static char errors[4096];

    run_child(errors, sizeof errors);
    CU_ASSERT_PTR_NULL(strstr(errors, "came back"));
    CU_ASSERT_PTR_NOT_NULL(strstr(errors, "runnel: stack overflow in task 'deep' (64 KiB stack)"));
}

static void child_that_overflows(void)
{
    if (!getenv("RUNNEL_TEST_CHILD"))
        return; /* only as the other's child */
    CU_ASSERT_EQUAL(rnl_run(overflow_in_a_task, NULL, NULL), RNL_OK);
    fprintf(stderr, "came back\n");
}

/* ---- Signals ----------------------------------------------------------- */

static int got;

static int wait_for(void *arg)
{
    static const int wanted[] = {SIGINT, SIGBREAK, SIGTERM};

    (void)arg;
    return rnl_wait_signal(wanted, 3, &got);
}

static void signals(void)
{
    static const int wanted[] = {SIGINT, SIGBREAK, SIGTERM};
    static const int bad[] = {SIGSEGV, 0, 99};

    for (size_t i = 0; i < 3; i++) {
        struct rnl_task *task = start(wait_for, NULL);

        IS(rnl_wait_signal(&bad[i], 1, NULL), RNL_EINVAL);
        turns(3);
        raise(wanted[i]);
        OK(join(task));
        IS(got, wanted[i]);
    }
    CU_ASSERT(signal(SIGTERM, SIG_DFL) == SIG_DFL); /* as it was */
}
EACH(signals)

static DWORD WINAPI press(void *arg)
{
    GenerateConsoleCtrlEvent(*(DWORD *)arg, 0);
    return 0;
}

/* From the console, which calls in a thread of its own. */
static void ctrl_break(void)
{
    DWORD event = CTRL_BREAK_EVENT;
    struct rnl_task *task = start(wait_for, NULL);
    bool has_console = GetConsoleWindow() != NULL || GetConsoleCP() != 0;

    turns(3);
    if (has_console)
        CloseHandle(CreateThread(NULL, 0, press, &event, 0, NULL));
    else
        rnl_task_cancel(task);
    IS(join(task), has_console ? RNL_OK : RNL_ECANCELED);
}
EACH(ctrl_break)

SUITE("windows", {"a thread is no fiber afterwards", a_thread_is_no_fiber_afterwards},
      {"a fiber stays one", a_fiber_stays_one}, {"stacks of any size", stacks_of_any_size_each},
      {"L1 an overflow told by name", overflow_by_name}, {"child", child_that_overflows},
      {"N9 signals", signals_each}, {"Ctrl-Break", ctrl_break_each})
