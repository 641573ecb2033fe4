/* Very many tasks: guarded, within the system's limits, and their memory given back. */
#include "task/helper_loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "task/overflow.h"
#include "task/stack.h"
#include "task/stack_os.h"
#include "under.h"

#ifdef __GLIBC__
#include <malloc.h>
#define TRIM() ((void)malloc_trim(0)) /* the allocator's part is not ours */
#else
#define TRIM() ((void)0)
#endif

static size_t count_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t lines = 0;

    for (int c; file && (c = getc(file)) != EOF;)
        lines += c == '\n';
    if (file)
        fclose(file);
    return lines;
}

static size_t resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    if (SEES_MEMORY && (!file || fscanf(file, "%*u %lu", &pages) != 1))
        CU_FAIL("no /proc/self/statm");
    if (file)
        fclose(file);
    return pages * rnli_page_size();
}

/* ---- A hundred thousand that sleep ------------------------------------- */

static int probe[2]; /* the kernel answers EFAULT when it is to read from a guard */
static size_t slept, unguarded;

static int sleeps_guarded(void *arg)
{
    const struct rnli_stack *stack;
    const char *name;
    int err;

    (void)arg;
    if (!rnli_current_stack(&stack, &name) || write(probe[1], stack->low - 1, 1) >= 0 ||
        errno != EFAULT)
        unguarded++;
    err = rnl_sleep(RNL_HOUR);
    slept += err == RNL_ECANCELED;
    return err;
}

/* As many as there may be, up to `most`. */
static size_t spawn_many(struct rnl_group *group, size_t most, int *code)
{
    size_t count = 0;

    while (count < most && !(*code = rnl_group_spawn(group, sleeps_guarded, NULL, NULL)))
        count++;
    return count;
}

static int naps(void *arg)
{
    (void)arg;
    return rnl_yield();
}

static int too_many_at; /* the code of the spawn that failed; RNL_OK: none did */
static int why_code;    /* and what was reported then: a slow machine gives more to report later */
static char why[sizeof last_report];
static size_t mappings;

static void many_sleep(void)
{
    struct rnl_group *group;
    const size_t most = UNDER_CHECKER ? 2000 : MANY;
    size_t before = count_lines("/proc/self/maps"), count;

    slept = unguarded = 0;
    IS(pipe(probe), 0);
    OK(rnl_group_open(&group));
    count = spawn_many(group, most, &too_many_at);
    why_code = last_report_code;
    memcpy(why, last_report, sizeof why);
    turns(3);
    IS(rnl_group_count(group), count);
    mappings = count_lines("/proc/self/maps") - before;
    IS(rnl_group_close(group, RNL_ECANCELED), RNL_ECANCELED);
    IS(slept, count);
    IS(unguarded, 0);
    CU_ASSERT(count == most || count >= 10000);
    OK(join(start(naps, NULL))); /* and there is room again */
    close(probe[0]);
    close(probe[1]);
}

static bool guards_are_cheap(void)
{
    size_t taken = 0;
    const char *hint;
    void *at = rnli_pages_map(RNLI_GUARD_SIZE);

    OK(rnli_guard_make(at, &taken, &hint));
    rnli_guards_drop(taken);
    rnli_pages_unmap(at, RNLI_GUARD_SIZE);
    return taken == 0;
}

/* Whoever has set vm.max_map_count higher may have them all with mprotect too. */
static void told_why(void)
{
    if (too_many_at == RNL_OK)
        return;
    IS(too_many_at, RNL_ENOMEM);
    IS(why_code, RNL_ENOMEM);
    if (sizeof(void *) > 4) /* else it is the addresses that have run out */
        CU_ASSERT_PTR_NOT_NULL(strstr(why, "vm.max_map_count"));
}

static void all_at_once(void)
{
    OK(run_body(NULL, many_sleep));
    if (guards_are_cheap() && sizeof(void *) > 4) {
        OK(too_many_at);
        IS(reports, 0);
        if (!UNDER_CHECKER) /* they map a lot themselves */
            CU_ASSERT(mappings < 200);
    }
    told_why();
}

/* The old kernels' way. */
static void all_with_mappings(void)
{
    IS(setenv("RUNNEL_NO_GUARD_INSTALL", "1", 1), 0);
    rnli_guard_probe_again();
    OK(run_body(NULL, many_sleep));
    if (!UNDER_CHECKER && SEES_MEMORY)
        CU_ASSERT(mappings > 10000);
    told_why();
    unsetenv("RUNNEL_NO_GUARD_INSTALL");
    rnli_guard_probe_again();
}

/* ---- What they leave --------------------------------------------------- */

static size_t batch(size_t count)
{
    struct rnl_group *group;
    size_t peak;

    OK(rnl_group_open(&group));
    for (size_t i = 0; i < count; i++)
        OK(rnl_group_spawn(group, naps, NULL, NULL));
    OK(rnl_yield());
    peak = resident();
    OK(rnl_group_close(group, RNL_OK));
    return peak;
}

static void ten_thousand_ended(void)
{
    const size_t count = UNDER_CHECKER ? 1000 : 10000;
    size_t before, peak, after;

    batch(300); /* what a loop keeps for the next tasks */
    TRIM();
    before = resident();
    peak = batch(count);
    TRIM();
    after = resident();
    if (SEES_MEMORY)
        CU_ASSERT(peak >= before + count * rnli_page_size());
    if (!UNDER_CHECKER && !UNDER_EMULATOR) /* they keep notes of their own */
        CU_ASSERT(after < before + (1u << 20));
}
EACH(ten_thousand_ended)

SUITE("many", {"L2 a hundred thousand sleep, each guarded", all_at_once},
      {"L2 guards that are mappings end in a hint", all_with_mappings},
      {"L11 memory goes back while the loop goes on", ten_thousand_ended_each})
