/* overflow.c: a handler that says which task's stack ran over.
 *
 *      task touches its guard -> SIGSEGV (SIGBUS elsewhere), on the thread's
 *      alternate stack -> one line on standard error -> the handler there was
 *
 * The task's own stack has no room for a handler, so each loop thread needs an
 * alternate one; one that the program or a sanitizer has set is left alone. The
 * handler only reads, and writes one line: everything in it is safe in a signal
 * handler. A program without a handler dies of the same signal as before, with
 * the same core file: the default action is put back and the access repeated.
 *
 * A frame larger than the guard can step over it unseen; compilers close that
 * gap with -fstack-clash-protection. */
#include "backend/sys.h"

#include "task/overflow.h"

#include <runnel/loop.h>
#include "task/atomic.h"

enum { SIGNALS = 2, ALTERNATE_SIZE = 64 * 1024 };
enum { OFF, INSTALLING, ON };

static const int signals[SIGNALS] = {SIGSEGV, SIGBUS};
static struct sigaction previous[SIGNALS];
static atomic_int reports; /* OFF, INSTALLING, ON */
static RNLI_THREAD_LOCAL void *alternate; /* ours, if we made one */

/* ---- In the handler ---------------------------------------------------- */

struct line {
    char text[160];
    size_t len;
};

static void put(struct line *line, const char *text)
{
    while (*text && line->len < sizeof line->text)
        line->text[line->len++] = *text++;
}

static void put_number(struct line *line, size_t number)
{
    char digits[24];
    size_t at = sizeof digits;

    digits[--at] = '\0';
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    put(line, digits + at);
}

static void report(const struct rnli_stack *stack, const char *name)
{
    struct line line = {.len = 0};
    ssize_t ignored;

    put(&line, "runnel: stack overflow in ");
    put(&line, name && *name ? "task '" : "a task without a name");
    put(&line, name ? name : "");
    put(&line, name && *name ? "' (" : " (");
    put_number(&line, stack->size / 1024);
    put(&line, " KiB stack)\n");
    ignored = rnli_sys_write(STDERR_FILENO, line.text, line.len);
    (void)ignored;
}

/* What would have happened without us. */
static void chain(int number, siginfo_t *info, void *machine)
{
    const struct sigaction *old = &previous[number == signals[0] ? 0 : 1];
    bool sent = info->si_code <= 0; /* by kill: it will not come again by itself */

    if (old->sa_flags & SA_SIGINFO) {
        old->sa_sigaction(number, info, machine);
    } else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
        old->sa_handler(number);
    } else if (old->sa_handler == SIG_DFL || !sent) {
        (void)rnli_sys_sigaction(number, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        if (sent)
            (void)raise(number);
    }
}

static void on_fault(int number, siginfo_t *info, void *machine)
{
    int saved = errno;
    const struct rnli_stack *stack;
    const char *name;

    if (info->si_code > 0 && rnli_current_stack(&stack, &name) &&
        rnli_stack_guard_has(stack, info->si_addr))
        report(stack, name);
    errno = saved;
    chain(number, info, machine);
}

/* ---- Installing -------------------------------------------------------- */

static int install(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};

    action.sa_sigaction = on_fault;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++) {
        /* Asked for first: the handler may be needed before a call that does both returns. */
        if (rnli_sys_sigaction(signals[i], NULL, &previous[i]) < 0)
            return RNL_ENOMEM;
    }
    for (int i = 0; i < SIGNALS; i++) {
        if (rnli_sys_sigaction(signals[i], &action, NULL) == 0)
            continue;
        while (i-- > 0)
            (void)rnli_sys_sigaction(signals[i], &previous[i], NULL);
        return RNL_ENOMEM;
    }
    return RNL_OK;
}

int rnl_report_overflows(void)
{
    const struct rnli_stack *stack;
    const char *name;
    int code, expected = OFF;

    if (atomic_compare_exchange_strong(&reports, &expected, INSTALLING)) {
        code = install();
        atomic_store(&reports, code ? OFF : ON);
        if (code)
            return code;
    }
    /* Called late, by a task: its loop has begun without the alternate stack. */
    return rnli_current_stack(&stack, &name) ? rnli_overflow_thread_init() : RNL_OK;
}

/* ---- The alternate stack ----------------------------------------------- */

int rnli_overflow_thread_init(void)
{
    stack_t stack = {.ss_size = ALTERNATE_SIZE};

    if (atomic_load(&reports) != ON || alternate)
        return RNL_OK;
    if (rnli_sys_sigaltstack(NULL, &stack) == 0 && !(stack.ss_flags & SS_DISABLE))
        return RNL_OK;
    stack = (stack_t){.ss_size = ALTERNATE_SIZE};
    stack.ss_sp = rnli_sys_mmap(stack.ss_size, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS);
    if (stack.ss_sp == MAP_FAILED)
        return RNL_ENOMEM;
    if (rnli_sys_sigaltstack(&stack, NULL) < 0) {
        (void)rnli_sys_munmap(stack.ss_sp, stack.ss_size);
        return RNL_ENOMEM;
    }
    alternate = stack.ss_sp;
    return RNL_OK;
}

void rnli_overflow_thread_exit(void)
{
    stack_t stack;

    if (!alternate)
        return;
    /* Somebody may have put another in its place since. */
    if (rnli_sys_sigaltstack(NULL, &stack) == 0 && stack.ss_sp == alternate)
        (void)rnli_sys_sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    (void)rnli_sys_munmap(alternate, ALTERNATE_SIZE);
    alternate = NULL;
}
