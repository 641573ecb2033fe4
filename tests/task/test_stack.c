/* Stacks: guards, reuse, and what is given back. */
#define _GNU_SOURCE
#include "task/stack.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/sys.h"
#include "core/alloc.h"
#include "support/suite.h"
#include "task/sanitize.h"
#include "task/stack_os.h"
#include "task/switch.h"
#include "under.h"

static struct rnli_stacks *open_stacks(size_t size)
{
    struct rnli_stacks *stacks = NULL;

    CU_ASSERT_EQUAL_FATAL(rnli_stacks_open(&stacks, rnli_default_allocator(), size), RNL_OK);
    return stacks;
}

static struct rnli_stack *get(struct rnli_stacks *stacks, size_t size)
{
    struct rnli_stack *stack = NULL;
    const char *hint = NULL;

    CU_ASSERT_EQUAL_FATAL(rnli_stack_get(stacks, size, &stack, &hint), RNL_OK);
    return stack;
}

/* Runs `fn` in a child process; its wait status. */
static int in_child(int (*fn)(void))
{
    int status = -1;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};

        setrlimit(RLIMIT_CORE, &none);
        (void)!freopen("/dev/null", "w", stderr);
        _exit(fn());
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    return status;
}

/* A sanitizer's own handler ends the process with a code. */
static bool died(int status)
{
    return (WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS)) ||
           (UNDER_SANITIZER && WIFEXITED(status) && WEXITSTATUS(status) != 0 &&
            WEXITSTATUS(status) != 42);
}

/* ---- Size and place ---------------------------------------------------- */

static void sizes(void)
{
    struct rnli_stacks *stacks = open_stacks(0);
    struct rnli_stack *usual = get(stacks, 0), *odd = get(stacks, 100001), *tiny = get(stacks, 1);

    CU_ASSERT_EQUAL(usual->size, UNDER_SANITIZER ? 256 * 1024 : 64 * 1024);
    CU_ASSERT_EQUAL(odd->size,
                    (100001 + rnli_page_size() - 1) / rnli_page_size() * rnli_page_size());
    CU_ASSERT_EQUAL(tiny->size, 16 * 1024);
    memset(odd->low, 1, odd->size);
    memset(tiny->low, 1, tiny->size);
    rnli_stack_put(stacks, tiny);
    rnli_stack_put(stacks, usual);
    rnli_stack_put(stacks, odd);
    rnli_stacks_close(stacks);
}

static void beyond_reason(void)
{
    struct rnli_stacks *stacks = NULL;
    struct rnli_stack *stack = NULL;
    const char *hint = NULL;

    CU_ASSERT_EQUAL(rnli_stacks_open(&stacks, rnli_default_allocator(), SIZE_MAX), RNL_EINVAL);
    stacks = open_stacks(0);
    CU_ASSERT_EQUAL(rnli_stack_get(stacks, SIZE_MAX, &stack, &hint), RNL_ENOMEM);
    CU_ASSERT_PTR_NOT_NULL(hint);
    CU_ASSERT_EQUAL(rnli_stack_get(stacks, SIZE_MAX / 2, &stack, NULL), RNL_ENOMEM);
    if (sizeof(void *) == 8) { /* not beyond reason, but more than any machine maps */
        hint = NULL;
        CU_ASSERT_EQUAL(rnli_stack_get(stacks, SIZE_MAX / 5, &stack, &hint), RNL_ENOMEM);
        CU_ASSERT_PTR_NOT_NULL(hint);
    }
    rnli_stacks_close(stacks);
}

static void apart(void)
{
    enum { COUNT = 150 };
    struct rnli_stacks *stacks = open_stacks(0);
    struct rnli_stack *all[COUNT];

    for (int i = 0; i < COUNT; i++) {
        all[i] = get(stacks, 0);
        memset(all[i]->low + all[i]->size - 64, i, 64);
    }
    for (int i = 0; i < COUNT; i++) {
        CU_ASSERT_EQUAL(all[i]->low[all[i]->size - 64], (unsigned char)i);
        for (int k = 0; k < i; k++) {
            uintptr_t a = (uintptr_t)all[i]->low, b = (uintptr_t)all[k]->low;

            CU_ASSERT((a > b ? a - b : b - a) >= all[i]->size + RNLI_GUARD_SIZE);
        }
    }
    for (int i = 0; i < COUNT; i++)
        rnli_stack_put(stacks, all[i]);
    rnli_stacks_close(stacks);
}

static void last_in_first_out(void)
{
    struct rnli_stacks *stacks = open_stacks(0);
    struct rnli_stack *a = get(stacks, 0), *b = get(stacks, 0);

    rnli_stack_put(stacks, a);
    rnli_stack_put(stacks, b);
    CU_ASSERT_PTR_EQUAL(get(stacks, 0), b);
    CU_ASSERT_PTR_EQUAL(get(stacks, 0), a);
    rnli_stack_put(stacks, a);
    rnli_stack_put(stacks, b);
    rnli_stacks_close(stacks);
}

static void how_deep(void)
{
    struct rnli_stacks *stacks = open_stacks(0);
    struct rnli_stack *stack = get(stacks, 0);
    size_t page = rnli_page_size();

    CU_ASSERT_EQUAL(rnli_stack_used(stack), 0);
    stack->low[stack->size - 1] = 1;
    CU_ASSERT_EQUAL(rnli_stack_used(stack), page);
    stack->low[stack->size - 3 * page] = 1;
    CU_ASSERT_EQUAL(rnli_stack_used(stack), 3 * page);
    stack->low[0] = 1;
    CU_ASSERT_EQUAL(rnli_stack_used(stack), stack->size);
    rnli_stack_put(stacks, stack);
    rnli_stacks_close(stacks);
}

/* ---- Guards ------------------------------------------------------------ */

static void guard_bounds(void)
{
    struct rnli_stacks *stacks = open_stacks(0);
    struct rnli_stack *stack = get(stacks, 0);

    CU_ASSERT_FALSE(rnli_stack_guard_has(stack, stack->low));
    CU_ASSERT_TRUE(rnli_stack_guard_has(stack, stack->low - 1));
    CU_ASSERT_TRUE(rnli_stack_guard_has(stack, stack->low - RNLI_GUARD_SIZE));
    CU_ASSERT_FALSE(rnli_stack_guard_has(stack, stack->low - RNLI_GUARD_SIZE - 1));
    CU_ASSERT_FALSE(rnli_stack_guard_has(stack, NULL));
    rnli_stack_put(stacks, stack);
    rnli_stacks_close(stacks);
}

static struct rnli_context thread, task;
static volatile unsigned long sink;
static volatile size_t lowest; /* 0, unknown to the compiler */
static void (*volatile again)(volatile unsigned char *above);

static void recurse(volatile unsigned char *above)
{
    volatile unsigned char here[256];

    here[0] = above[0];
    again(here);
    sink += here[0];
}

static void run_over(void *arg)
{
    (void)arg;
    again = recurse;
    recurse((volatile unsigned char *)"");
    rnli_context_leave(&task, &thread);
}

/* Touches only the low end of what would be most of a stack, from half of it down. */
#if defined(__clang__)
__attribute__((noinline, no_sanitize("address", "thread")))
#else
__attribute__((noinline, no_sanitize("address"), no_sanitize("thread")))
#endif
static void
low_end(void)
{
    volatile unsigned char array[60 * 1024];

    array[lowest] = 1;
    sink += array[lowest];
}

static void run_over_by_array(void *arg)
{
    volatile unsigned char half[32 * 1024];

    half[lowest] = *(unsigned char *)arg;
    low_end();
    sink += half[lowest];
    rnli_context_leave(&task, &thread);
}

static int on_small_stack(void (*fn)(void *))
{
    struct rnli_stacks *stacks;
    struct rnli_stack *stack, *below;
    unsigned char zero = 0;

    if (rnli_stacks_open(&stacks, rnli_default_allocator(), 64 * 1024) ||
        rnli_stack_get(stacks, 0, &below, NULL) || rnli_stack_get(stacks, 0, &stack, NULL))
        return 42;
    rnli_context_init_thread(&thread);
    if (rnli_context_init(&task, stack, fn, &zero, 0))
        return 42;
    rnli_context_switch(&thread, &task);
    return 42;
}

static int child_recursion(void)
{
    return on_small_stack(run_over);
}

static int child_array(void)
{
    return on_small_stack(run_over_by_array);
}

static int child_guard_ends(void)
{
    struct rnli_stacks *stacks;
    struct rnli_stack *stack;

    if (rnli_stacks_open(&stacks, rnli_default_allocator(), 0) ||
        rnli_stack_get(stacks, 0, &stack, NULL))
        return 42;
    *(volatile unsigned char *)(stack->low - RNLI_GUARD_SIZE) = 1;
    return 42;
}

static int without_install(int (*fn)(void))
{
    setenv("RUNNEL_NO_GUARD_INSTALL", "1", 1);
    rnli_guard_probe_again();
    return fn();
}

static int child_recursion_mprotect(void)
{
    return without_install(child_recursion);
}

static int child_array_mprotect(void)
{
    return without_install(child_array);
}

static void overflow_hits_guard(void)
{
    CU_ASSERT(died(in_child(child_recursion)));
    CU_ASSERT(died(in_child(child_recursion_mprotect)));
    CU_ASSERT(died(in_child(child_guard_ends)));
}

static void array_hits_guard(void)
{
    CU_ASSERT(died(in_child(child_array)));
    CU_ASSERT(died(in_child(child_array_mprotect)));
}

/* A guard is still there when the memory above it went back to the system. */
static int child_guard_after_trim(void)
{
    enum { COUNT = 400 };
    static struct rnli_stack *all[COUNT];
    struct rnli_stacks *stacks;

    if (rnli_stacks_open(&stacks, rnli_default_allocator(), 0))
        return 42;
    for (int i = 0; i < COUNT; i++) {
        if (rnli_stack_get(stacks, 0, &all[i], NULL))
            return 42;
        all[i]->low[0] = 1;
    }
    for (int i = 0; i < COUNT; i++)
        rnli_stack_put(stacks, all[i]);
    if (all[0]->low[0] != 0) /* the first was given back */
        return 42;
    all[0]->low[-1] = 1;
    return 42;
}

static void guard_after_trim(void)
{
    CU_ASSERT(died(in_child(child_guard_after_trim)));
}

/* ---- Many -------------------------------------------------------------- */

static size_t count_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t count = 0;
    int c;

    if (!file)
        return 0;
    while ((c = getc(file)) != EOF)
        count += c == '\n';
    fclose(file);
    return count;
}

static size_t resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long total = 0, pages = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%lu %lu", &total, &pages) != 2)
        pages = 0;
    fclose(file);
    return pages * rnli_page_size();
}

/* Takes `count` stacks and uses the top page of each; how many it got. */
static size_t take_many(struct rnli_stacks *stacks, struct rnli_stack **all, size_t count,
                        const char **hint)
{
    for (size_t i = 0; i < count; i++) {
        if (rnli_stack_get(stacks, 0, &all[i], hint))
            return i;
        all[i]->low[all[i]->size - 1] = 1;
    }
    return count;
}

static bool cheap_guards(void)
{
    size_t mappings = 0;
    const char *hint;
    void *at = rnli_pages_map(RNLI_GUARD_SIZE);

    CU_ASSERT_EQUAL(rnli_guard_make(at, &mappings, &hint), RNL_OK);
    rnli_guards_drop(mappings);
    rnli_pages_unmap(at, RNLI_GUARD_SIZE);
    return mappings == 0;
}

static void a_hundred_thousand(void)
{
    const size_t count = UNDER_CHECKER || sizeof(void *) < 8 ? 2000 : 100000;
    const bool cheap = cheap_guards();
    struct rnli_stacks *stacks = open_stacks(UNDER_SANITIZER ? 64 * 1024 : 0);
    struct rnli_stack **all = calloc(count, sizeof *all);
    const char *hint = NULL;
    size_t maps = count_lines("/proc/self/maps"), got;

    CU_ASSERT_PTR_NOT_NULL_FATAL(all);
    got = take_many(stacks, all, count, &hint);
    if (cheap) {
        CU_ASSERT_EQUAL(got, count);
        if (!UNDER_CHECKER) /* they map a lot themselves */
            CU_ASSERT(count_lines("/proc/self/maps") < maps + 200);
    } else if (got < count) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(hint);
        CU_ASSERT_PTR_NOT_NULL(strstr(hint, "vm.max_map_count"));
    }
    while (got > 0)
        rnli_stack_put(stacks, all[--got]);
    free(all);
    rnli_stacks_close(stacks);
}

/* Takes stacks until there are no more, then sees whether the process can still map. */
static int child_exhaust(void)
{
    const size_t most = 70000;
    struct rnli_stack **all = calloc(most, sizeof *all);
    struct rnli_stack *odd;
    struct rnli_stacks *stacks;
    const char *hint = NULL;
    size_t got;

    if (!all || rnli_stacks_open(&stacks, rnli_default_allocator(), 64 * 1024))
        return 1;
    got = take_many(stacks, all, most, &hint);
    if (got == most || got < 20000 || !hint || !strstr(hint, "vm.max_map_count"))
        return 2;
    hint = NULL;
    if (rnli_stack_get(stacks, 128 * 1024, &odd, &hint) != RNL_ENOMEM || !hint)
        return 3;
    for (int i = 0; i < 500; i++) {
        /* Each one a mapping of its own: neighbours differ. */
        void *at =
            mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (at == MAP_FAILED)
            return 4;
    }
    /* One goes, one can be had; all go, and all can be had again. */
    rnli_stack_put(stacks, all[--got]);
    if (rnli_stack_get(stacks, 0, &all[got++], &hint))
        return 5;
    for (size_t i = 0; i < got; i++)
        rnli_stack_put(stacks, all[i]);
    if (take_many(stacks, all, got, &hint) != got)
        return 6;
    for (size_t i = 0; i < got; i++)
        rnli_stack_put(stacks, all[i]);
    rnli_stacks_close(stacks);
    free(all);
    return 0;
}

static int child_exhaust_mprotect(void)
{
    return without_install(child_exhaust);
}

static void exhausted(void)
{
    size_t limit = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    int status;

    if (file) {
        if (fscanf(file, "%zu", &limit) != 1)
            limit = 0;
        fclose(file);
    }
    /* A machine set up for more stacks than this takes would prove nothing. */
    if (UNDER_CHECKER || sizeof(void *) < 8 || limit < 50000 || limit > 130000)
        return;
    status = in_child(child_exhaust_mprotect);
    CU_ASSERT(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

/* Takes `count` and gives them back in an order that leaves no neighbours at first.
 * The resident bytes while all were held. */
static size_t burst(struct rnli_stacks *stacks, size_t count)
{
    struct rnli_stack **all = calloc(count, sizeof *all);
    size_t peak;

    CU_ASSERT_PTR_NOT_NULL_FATAL(all);
    CU_ASSERT_EQUAL_FATAL(take_many(stacks, all, count, NULL), count);
    peak = resident();
    for (size_t i = 0; i < count; i += 2)
        rnli_stack_put(stacks, all[i]);
    for (size_t i = 1; i < count; i += 2)
        rnli_stack_put(stacks, all[i]);
    free(all);
    return peak;
}

static void rss_after_burst(void)
{
    const size_t count = UNDER_CHECKER ? 1000 : 10000;
    struct rnli_stacks *stacks = open_stacks(0);
    size_t before, peak, after;

    before = resident();
    peak = burst(stacks, count);
    after = resident();
    if (SEES_MEMORY)
        CU_ASSERT(peak - before >= count * rnli_page_size());
    if (!UNDER_CHECKER && !UNDER_EMULATOR) /* they keep notes of their own */
        CU_ASSERT(after <= before || after - before < 1u << 20);
    rnli_stacks_close(stacks);
}

static void zero_after_trim(void)
{
    enum { COUNT = 300 };
    struct rnli_stacks *stacks = open_stacks(0);
    struct rnli_stack *all[COUNT];
    size_t cold = 0;

    for (int i = 0; i < COUNT; i++) {
        all[i] = get(stacks, 0);
        all[i]->low[0] = 1;
    }
    for (int i = 0; i < COUNT; i++)
        rnli_stack_put(stacks, all[i]);
    for (int i = 0; i < COUNT; i++) {
        all[i] = get(stacks, 0);
        cold += rnli_stack_used(all[i]) == 0;
    }
    CU_ASSERT(cold >= COUNT - 64);
    for (int i = 0; i < COUNT; i++)
        rnli_stack_put(stacks, all[i]);
    rnli_stacks_close(stacks);
}

/* ---- Against a model --------------------------------------------------- */

static uint32_t dice = 12345;

static uint32_t roll(uint32_t sides)
{
    dice = dice * 1664525u + 1013904223u;
    return (dice >> 8) % sides;
}

/* Takes and gives in waves; each stack bears its holder's number while it is held. */
static void waves(void)
{
    enum { MOST = 1500 };
    const int rounds = UNDER_VALGRIND ? 4 : 20;
    struct rnli_stacks *stacks = open_stacks(0);
    static struct rnli_stack *held[MOST];
    uint32_t count = 0, mixed_up = 0;

    for (int round = 0; round < rounds; round++) {
        uint32_t target = roll(MOST);

        while (count != target) {
            bool take = count < target ? roll(4) != 0 : roll(4) == 0;

            if (take && count < MOST) {
                struct rnli_stack *s = get(stacks, roll(50) ? 0 : 20000);

                memcpy(s->low + s->size - sizeof s, &s, sizeof s);
                held[count++] = s;
            } else if (!take && count > 0) {
                uint32_t i = roll(count);
                struct rnli_stack *s = held[i];

                mixed_up += memcmp(s->low + s->size - sizeof s, &s, sizeof s) != 0;
                held[i] = held[--count];
                rnli_stack_put(stacks, s);
            }
        }
    }
    CU_ASSERT_EQUAL(mixed_up, 0);
    while (count > 0)
        rnli_stack_put(stacks, held[--count]);
    rnli_stacks_close(stacks);
}

/* ---- No memory --------------------------------------------------------- */

static size_t allowed;

static void *some_alloc(void *user, size_t size)
{
    (void)user;
    return allowed && allowed-- ? malloc(size) : NULL;
}

static void *no_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    (void)user, (void)ptr, (void)old_size, (void)size;
    return NULL;
}

static void some_free(void *user, void *ptr, size_t size)
{
    (void)user, (void)size;
    free(ptr);
}

static void no_memory(void)
{
    const struct rnl_allocator allocator = {some_alloc, no_realloc, some_free, NULL};
    struct rnli_stacks *stacks = NULL;
    struct rnli_stack *stack = NULL;
    const char *hint = NULL;

    allowed = 0;
    CU_ASSERT_EQUAL(rnli_stacks_open(&stacks, &allocator, 0), RNL_ENOMEM);
    allowed = 1;
    CU_ASSERT_EQUAL_FATAL(rnli_stacks_open(&stacks, &allocator, 0), RNL_OK);
    CU_ASSERT_EQUAL(rnli_stack_get(stacks, 0, &stack, &hint), RNL_ENOMEM);
    CU_ASSERT_PTR_NOT_NULL(hint);
    CU_ASSERT_EQUAL(rnli_stack_get(stacks, 20000, &stack, &hint), RNL_ENOMEM);
    allowed = 1;
    CU_ASSERT_EQUAL(rnli_stack_get(stacks, 0, &stack, &hint), RNL_OK);
    rnli_stack_put(stacks, stack);
    rnli_stacks_close(stacks);
}

/* ---- System calls that fail ---------------------------------------------- */

#ifdef RNLI_FAULTS
static int countdown, injected;

static int fail_one(const char *call)
{
    /* Mappings that stay would be in the way of the next round. */
    if (strcmp(call, "munmap") == 0 || countdown-- != 0)
        return 0;
    injected++;
    return ENOMEM;
}

static bool start_faults(int nth)
{
    countdown = nth;
    injected = 0;
    rnli_fault = fail_one;
    return true;
}

static bool stop_faults(void)
{
    rnli_fault = NULL;
    return injected != 0;
}
#else
static bool start_faults(int nth)
{
    (void)nth;
    printf("(skipped: a build without RUNNEL_FAULTS) ");
    return false;
}

static bool stop_faults(void)
{
    return false;
}
#endif

/* Everything that stacks do, with nth call of the system failing. Whether one did. */
static bool with_nth_failing(int nth)
{
    enum { COUNT = 70 };
    static struct rnli_stack *all[COUNT];
    struct rnli_stacks *stacks = open_stacks(0);
    size_t got = 0;

    rnli_guard_probe_again();
    if (!start_faults(nth)) {
        rnli_stacks_close(stacks);
        return false;
    }
    for (int i = 0; i < COUNT; i++) {
        const char *hint = NULL;
        int code = rnli_stack_get(stacks, i == 5 ? 20000 : 0, &all[got], &hint);

        CU_ASSERT(code == RNL_OK || (code == RNL_ENOMEM && hint != NULL));
        if (code)
            continue;
        all[got]->low[0] = 1;
        if (i % 30 == 0)
            (void)rnli_stack_used(all[got]); /* 0 where it cannot be told */
        got++;
    }
    CU_ASSERT(got >= COUNT - 1);
    while (got > 0)
        rnli_stack_put(stacks, all[--got]);
    rnli_stacks_close(stacks);
    return stop_faults();
}

static void nth_call_fails(void)
{
    int nth = 0;

    while (with_nth_failing(nth))
        nth++;
    setenv("RUNNEL_NO_GUARD_INSTALL", "1", 1);
    for (nth = 0; with_nth_failing(nth);)
        nth++;
    unsetenv("RUNNEL_NO_GUARD_INSTALL");
    rnli_guard_probe_again();
}

SUITE("task.stack", {"sizes are rounded up to pages", sizes},
      {"a size beyond reason is refused", beyond_reason},
      {"stacks and guards do not overlap", apart},
      {"the last stack put is the next to be got", last_in_first_out},
      {"the depth used is told in pages", how_deep}, {"the guard's bounds", guard_bounds},
      {"L1 recursion hits the guard", overflow_hits_guard},
      {"L1 a large array touched at its low end hits the guard", array_hits_guard},
      {"L1 the guard survives a trim", guard_after_trim},
      {"L2 100,000 stacks under the default limit", a_hundred_thousand},
      {"L2 mprotect guards end with a hint and headroom", exhausted},
      {"L11 memory goes back after a burst", rss_after_burst},
      {"L11 cold stacks have no pages", zero_after_trim},
      {"waves of takes and puts keep stacks apart", waves},
      {"no memory is a code with a hint", no_memory}, {"the nth system call fails", nth_call_fails})
