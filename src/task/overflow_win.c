/* overflow_win.c: a handler that says which task's stack ran over.
 *
 * The system guards the stack, and calls a vectored handler on what is kept of it for
 * that: enough for one line, which is written by one call. Then the search for a
 * handler goes on, and the program ends as it would have. */
#include "backend/sys.h"

#include "task/overflow.h"
#include "task/stack_win.h"

#include <runnel/loop.h>
#include <string.h>

enum { KEPT = 32 * 1024 }; /* bytes of a stack for the handler */
enum { OFF, ON };

static volatile LONG reports; /* OFF, ON */

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
    DWORD written;

    put(&line, "runnel: stack overflow in ");
    put(&line, *name ? "task '" : "a task without a name");
    put(&line, name);
    put(&line, *name ? "' (" : " (");
    put_number(&line, stack->size / 1024);
    put(&line, " KiB stack)\n");
    WriteFile(GetStdHandle(STD_ERROR_HANDLE), line.text, (DWORD)line.len, &written, NULL);
}

static LONG CALLBACK on_exception(EXCEPTION_POINTERS *what)
{
    const struct rnli_stack *stack;
    const char *name;

    if (what->ExceptionRecord->ExceptionCode == EXCEPTION_STACK_OVERFLOW &&
        rnli_current_stack(&stack, &name))
        report(stack, name);
    return EXCEPTION_CONTINUE_SEARCH;
}

int rnl_report_overflows(void)
{
    if (InterlockedExchange(&reports, ON) == ON)
        return RNL_OK;
    if (AddVectoredExceptionHandler(1, on_exception))
        return RNL_OK;
    InterlockedExchange(&reports, OFF);
    return RNL_ENOMEM;
}

int rnli_overflow_thread_init(void)
{
    return RNL_OK;
}

void rnli_overflow_thread_exit(void)
{
}

/* ---- Asked of a stack --------------------------------------------------- */

bool rnli_stack_guard_has(const struct rnli_stack *stack, const void *addr)
{
    uintptr_t at = (uintptr_t)addr, low = (uintptr_t)stack->low;

    return low != 0 && at >= low && at < low + KEPT;
}

/* From the lowest page that has memory; the guard's page counts as none. */
size_t rnli_stack_used(const struct rnli_stack *stack)
{
    MEMORY_BASIC_INFORMATION info;
    const unsigned char *at = stack->low, *bottom = stack->low;

    while (at && VirtualQuery(at, &info, sizeof info) && info.AllocationBase == bottom) {
        if (info.State == MEM_COMMIT && !(info.Protect & PAGE_GUARD)) {
            const unsigned char *end = at;

            while (VirtualQuery(end, &info, sizeof info) && info.AllocationBase == bottom)
                end = (const unsigned char *)info.BaseAddress + info.RegionSize;
            return (size_t)(end - at);
        }
        at = (const unsigned char *)info.BaseAddress + info.RegionSize;
    }
    return 0;
}
