/* Switches: what they preserve, and what others see of them. */
#define _GNU_SOURCE
#include "task/switch.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unwind.h>

#include "core/alloc.h"
#include "helper_regs.h"
#include "support/suite.h"
#include "task/arch/arch.h"
#include "task/stack_os.h"
#include "under.h"

#if defined(__linux__) || defined(__FreeBSD__)
#define HAS_NOTES 1
#include <link.h>
#endif

/* A context with a stack, and what its function may want. */
struct strand {
    struct rnli_context context;
    struct rnli_stack *stack;
    unsigned number;
    unsigned turns; /* how often it goes round */
    unsigned wrong; /* what was not preserved */
    bool ended;
};

static struct rnli_stacks *stacks;
static struct rnli_context thread;

static void begin(void)
{
    CU_ASSERT_EQUAL_FATAL(rnli_stacks_open(&stacks, rnli_default_allocator(), 0), RNL_OK);
    rnli_context_init_thread(&thread);
}

static void end(void)
{
    rnli_context_destroy_thread(&thread);
    rnli_stacks_close(stacks);
}

static void strand_start(struct strand *s, void (*fn)(void *), unsigned number, unsigned turns)
{
    *s = (struct strand){.number = number, .turns = turns};
    CU_ASSERT_EQUAL_FATAL(rnli_stack_get(stacks, 0, &s->stack, NULL), RNL_OK);
    CU_ASSERT_EQUAL_FATAL(rnli_context_init(&s->context, s->stack, fn, s, number), RNL_OK);
}

static void strand_free(struct strand *s)
{
    rnli_context_destroy(&s->context);
    rnli_stack_put(stacks, s->stack);
}

static void strand_run(struct strand *s)
{
    rnli_context_switch(&thread, &s->context);
}

static void strand_pause(struct strand *s)
{
    rnli_context_switch(&s->context, &thread);
}

static void strand_end(struct strand *s)
{
    s->ended = true;
    rnli_context_leave(&s->context, &thread);
}

/* Runs all in turn until each has ended; how many values were wrong. */
static unsigned run_all(struct strand *all, size_t count)
{
    unsigned wrong = 0;
    size_t ended = 0;

    while (ended < count) {
        for (size_t i = 0; i < count; i++) {
            if (all[i].ended)
                continue;
            strand_run(&all[i]);
            ended += all[i].ended;
        }
    }
    for (size_t i = 0; i < count; i++) {
        wrong += all[i].wrong;
        strand_free(&all[i]);
    }
    return wrong;
}

/* ---- Registers --------------------------------------------------------- */

#ifndef REGS_UNKNOWN
enum { STRANDS = 8 };

static unsigned differ(const struct regs *a, const struct regs *b)
{
    unsigned count = 0;

    for (unsigned i = 0; i != REGS_GENERAL; i++)
        count += a->general[i] != b->general[i];
    for (unsigned i = 0; i != REGS_FLOATING; i++)
        count += a->floating[i] != b->floating[i];
    for (unsigned i = 0; i != REGS_CONTROL; i++)
        count += a->control[i] != b->control[i];
    return count;
}

/* Straight to the switch where no tool has to be told: a function in C between would
 * keep registers for its caller, and hide that the switch has lost them. */
static void pause_here(void *arg)
{
    struct strand *s = arg;

    if (UNDER_SANITIZER)
        strand_pause(s);
    else
        rnli_arch_switch(&s->context.sp, thread.sp);
}

static void keep_registers(void *arg)
{
    struct strand *s = arg;

    for (unsigned turn = 0; turn < s->turns; turn++) {
        struct regs before, after;

        regs_fill(&before, s->number + turn * STRANDS);
        memset(&after, 0, sizeof after);
        regs_across(&before, &after, pause_here, s);
        s->wrong += differ(&before, &after);
    }
    strand_end(s);
}

static void run_here(void *arg)
{
    struct strand *s = arg;

    if (UNDER_SANITIZER)
        strand_run(s);
    else
        rnli_arch_switch(&thread.sp, s->context.sp);
}

static void registers(void)
{
    const unsigned turns = UNDER_VALGRIND ? 50 : 1000;
    struct strand all[STRANDS];
    unsigned wrong = 0;

    begin();
    for (unsigned i = 0; i < STRANDS; i++)
        strand_start(&all[i], keep_registers, i, turns);
    /* The thread keeps its own as well. */
    for (unsigned turn = 0; turn < turns - 1; turn++) {
        struct regs before, after;

        regs_fill(&before, 1000 + turn);
        memset(&after, 0, sizeof after);
        regs_across(&before, &after, run_here, &all[turn % STRANDS]);
        wrong += differ(&before, &after);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(run_all(all, STRANDS), 0);
    end();
}

/* The test of the test: a register that does change is seen. */
static void nothing(void *arg)
{
    (void)arg;
}

static void regs_see(void)
{
    struct regs a, b, out;

    regs_fill(&a, 1);
    regs_fill(&b, 6);
    memset(&out, 0, sizeof out);
    CU_ASSERT_EQUAL(differ(&a, &b), REGS_GENERAL + REGS_FLOATING + REGS_CONTROL);
    CU_ASSERT_EQUAL(differ(&a, &out), REGS_GENERAL + REGS_FLOATING + REGS_CONTROL);
    regs_across(&a, &out, nothing, NULL);
    CU_ASSERT_EQUAL(differ(&a, &out), 0);
}

/* ---- Floating point from C --------------------------------------------- */

/* What rounding shows of itself. */
struct thirds {
    double value[3];
};

static struct thirds thirds(void)
{
    volatile double one = 1, two = 2, three = 3;

    return (struct thirds){{one / three, -one / three, two / three}};
}

static bool same(struct thirds a, struct thirds b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void compute(void *arg)
{
    struct strand *s = arg;
    struct thirds before = thirds();
    double sums[8] = {0};

    for (unsigned turn = 0; turn < s->turns; turn++) {
        for (int i = 0; i < 8; i++)
            sums[i] += i;
        strand_pause(s);
        s->wrong += !same(thirds(), before);
        for (int i = 0; i < 8; i++)
            s->wrong += sums[i] != (double)i * (turn + 1);
    }
}

/* `compute` in the rounding of the strand's number. */
static void compute_rounded(void *arg)
{
    struct strand *s = arg;
    struct regs regs, after;

    regs_fill(&regs, s->number);
    regs_across(&regs, &after, compute, s);
    strand_end(s);
}

static void rounding(void)
{
    struct strand all[STRANDS];
    struct thirds before = thirds();

    begin();
    for (unsigned i = 0; i < STRANDS; i++)
        strand_start(&all[i], compute_rounded, i, 100);
    CU_ASSERT_EQUAL(run_all(all, STRANDS), 0);
    CU_ASSERT(same(thirds(), before));
    end();
}

static struct thirds maker;

static void compare_with_maker(void *arg)
{
    struct strand *s = arg;

    s->wrong = !same(thirds(), maker);
    strand_end(s);
}

static void make_rounded(void *arg)
{
    maker = thirds();
    strand_start(arg, compare_with_maker, 0, 0);
}

/* As a thread does, a task begins with the floating point of whoever made it. */
static void inherited(void)
{
    struct thirds usual = thirds();
    unsigned unusual = 0;

    begin();
    for (unsigned mode = 0; mode < 4; mode++) {
        struct strand s;
        struct regs regs, after;

        regs_fill(&regs, mode);
        regs_across(&regs, &after, make_rounded, &s);
        unusual += !same(maker, usual);
        CU_ASSERT_EQUAL(run_all(&s, 1), 0);
        CU_ASSERT(same(thirds(), usual));
    }
    if (!UNDER_VALGRIND) /* it has the word, but rounds to nearest */
        CU_ASSERT(unusual >= 2);
    end();
}
#endif

/* ---- Stacks ------------------------------------------------------------ */

static uintptr_t misaligned;

static void look_at_stack(void *arg)
{
    struct strand *s = arg;
    uintptr_t at = (uintptr_t)__builtin_frame_address(0);

    /* Above it are the caller's frame address and the return address. */
    misaligned |= (at + 2 * sizeof(void *)) % 16;
    s->wrong += at < (uintptr_t)s->stack->low || at >= (uintptr_t)s->stack->low + s->stack->size;
    strand_end(s);
}

static void alignment(void)
{
    struct strand all[40];

    begin();
    for (unsigned i = 0; i < 40; i++)
        strand_start(&all[i], look_at_stack, i, 0);
    CU_ASSERT_EQUAL(run_all(all, 40), 0);
    CU_ASSERT_EQUAL(misaligned, 0);
    end();
}

/* A ucontext_t alone is a quarter of a page, and there are two. */
#ifdef RNLI_UCONTEXT
enum { MOST_PAGES = 2 };
#else
enum { MOST_PAGES = 1 };
#endif

static void one_frame(void *arg)
{
    volatile char local[1024];

    local[0] = 1;
    strand_pause(arg);
    local[1] = local[0];
    strand_end(arg);
}

/* An idle handler's stack is one page: colours leave it room. */
static void one_page(void)
{
    struct strand all[32];
    size_t most = 0;

    begin();
    for (unsigned i = 0; i < 32; i++) {
        strand_start(&all[i], one_frame, i, 0);
        strand_run(&all[i]);
        if (rnli_stack_used(all[i].stack) > most)
            most = rnli_stack_used(all[i].stack);
    }
    CU_ASSERT(most > 0);
    if (!UNDER_CHECKER)
        CU_ASSERT(most <= MOST_PAGES * rnli_page_size());
    CU_ASSERT_EQUAL(run_all(all, 32), 0);
    end();
}

/* ---- Many -------------------------------------------------------------- */

static void count_turns(void *arg)
{
    struct strand *s = arg;
    unsigned number = s->number;

    for (unsigned turn = 0; turn < s->turns; turn++) {
        strand_pause(s);
        s->wrong += s->number != number;
    }
    strand_end(s);
}

static void many_at_once(void)
{
    const size_t count = UNDER_CHECKER ? 2000 : 20000;
    struct strand *all = calloc(count, sizeof *all);

    CU_ASSERT_PTR_NOT_NULL_FATAL(all);
    begin();
    for (size_t i = 0; i < count; i++)
        strand_start(&all[i], count_turns, (unsigned)i, 5);
    CU_ASSERT_EQUAL(run_all(all, count), 0);
    end();
    free(all);
}

static void finish(void *arg)
{
    strand_end(arg);
}

static void many_in_turn(void)
{
    const unsigned count = UNDER_VALGRIND ? 20000 : UNDER_SANITIZER ? 50000 : 1000000;
    unsigned ended = 0;

    begin();
    for (unsigned i = 0; i < count; i++) {
        struct strand s;

        s = (struct strand){.number = i};
        if (rnli_stack_get(stacks, 0, &s.stack, NULL) ||
            rnli_context_init(&s.context, s.stack, finish, &s, i))
            break;
        strand_run(&s);
        ended += s.ended;
        strand_free(&s);
    }
    CU_ASSERT_EQUAL(ended, count);
    end();
}

/* One context switches to another, not by way of the thread. */
static struct strand ring[10];
static unsigned passed;

static void pass_on(void *arg)
{
    struct strand *s = arg;
    struct strand *next = &ring[(s->number + 1) % 10];

    while (passed < s->turns) {
        passed++;
        rnli_context_switch(&s->context, &next->context);
    }
    strand_pause(s);
}

static void round_the_ring(void)
{
    begin();
    for (unsigned i = 0; i < 10; i++)
        strand_start(&ring[i], pass_on, i, 12345);
    strand_run(&ring[0]);
    CU_ASSERT_EQUAL(passed, 12345);
    for (unsigned i = 0; i < 10; i++)
        strand_free(&ring[i]);
    end();
}

/* ---- Signals on a task's stack ------------------------------------------- */

/* Until a call that blocks, and none does here. */
#ifdef RNLI_TSAN
enum { TSAN_HOLDS_SIGNALS = 1 };
#else
enum { TSAN_HOLDS_SIGNALS = 0 };
#endif

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    char text[64];

    snprintf(text, sizeof text, "%d %f", number, (double)alarms);
    alarms += text[0] != '\0';
}

static void until_enough(void *arg)
{
    struct strand *s = arg;

    while (alarms < 200) {
        s->turns++;
        strand_pause(s);
    }
    strand_end(s);
}

/* A handler without a stack of its own runs on the task's, printf included. */
static void storm(void)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    const struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
    struct strand all[8];

    if (TSAN_HOLDS_SIGNALS)
        return;
    begin();
    sigaction(SIGALRM, &action, NULL);
    for (unsigned i = 0; i < 8; i++)
        strand_start(&all[i], until_enough, i, 0);
    setitimer(ITIMER_REAL, &often, NULL);
    CU_ASSERT_EQUAL(run_all(all, 8), 0);
    setitimer(ITIMER_REAL, &never, NULL);
    signal(SIGALRM, SIG_IGN); /* one may be on its way still */
    CU_ASSERT(alarms >= 200);
    end();
}

/* ---- What others see --------------------------------------------------- */

static int frames_seen[2];

#ifdef __GLIBC__
static _Unwind_Reason_Code count_one(struct _Unwind_Context *context, void *count)
{
    (void)context;
    return ++*(int *)count < 64 ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static int unwind(void)
{
    int count = 0;

    (void)_Unwind_Backtrace(count_one, &count);
    return count;
}
#else /* musl-gcc has no unwinder that it could link */
static int unwind(void)
{
    return 1;
}
#endif

__attribute__((noinline)) static int count_frames(unsigned deeper)
{
    volatile int count;

    if (deeper)
        count = count_frames(deeper - 1);
    else
        count = unwind();
    return count;
}

static void walk(void *arg)
{
    frames_seen[0] = count_frames(0);
    frames_seen[1] = count_frames(5);
    strand_end(arg);
}

static void unwinders_stop(void)
{
    struct strand s;

    begin();
    strand_start(&s, walk, 0, 0);
    CU_ASSERT_EQUAL(run_all(&s, 1), 0);
    end();
    /* count_frames, walk, the switch's first function and its entry; a sanitizer's
     * backtrace may be in front. */
    CU_ASSERT(frames_seen[0] >= 1);
    CU_ASSERT(frames_seen[0] <= 8);
    if (count_frames(5) > 6) /* the build has unwind tables */
        CU_ASSERT_EQUAL(frames_seen[1], frames_seen[0] + 5);
}

#if defined(RNLI_UCONTEXT)
/* no file of ours */
#elif defined(__x86_64__)
#define LANDING_PAD {0xf3, 0x0f, 0x1e, 0xfa} /* endbr64 */
#elif defined(__i386__)
#define LANDING_PAD {0xf3, 0x0f, 0x1e, 0xfb} /* endbr32 */
#elif defined(__aarch64__)
#define LANDING_PAD {0x5f, 0x24, 0x03, 0xd5} /* bti c */
#endif

#ifdef LANDING_PAD
static const unsigned char landing_pad[] = LANDING_PAD;

static bool has_pad(void (*fn)(void))
{
    const void *code = (const void *)(uintptr_t)fn;

    return memcmp(code, landing_pad, sizeof landing_pad) == 0;
}

/* The note of the assembly file claims that every indirect target is marked. */
static void landing_pads(void)
{
    CU_ASSERT(has_pad((void (*)(void))rnli_arch_switch));
    CU_ASSERT(has_pad((void (*)(void))rnli_arch_prepare));
}
#else
static void landing_pads(void)
{
    CU_PASS("no such marks on this machine");
}
#endif

#ifdef HAS_NOTES
/* Property notes of this program, as far as the machine has any: never a shadow stack. */
static bool claims_shadow_stack(const unsigned char *note, size_t size)
{
    for (size_t at = 16; at + 12 <= size;) {
        uint32_t type, len, value;

        memcpy(&type, note + at, 4);
        memcpy(&len, note + at + 4, 4);
        memcpy(&value, note + at + 8, 4);
        if (type == 0xc0000002 && value & 2)
            return true;
        at += 8 + (len + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
    }
    return false;
}

static int stack_notes, executable_stacks, shadow_stacks;

static int look_at_program(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size, (void)arg;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];

        if (header->p_type == PT_GNU_STACK) {
            stack_notes++;
            executable_stacks += (header->p_flags & PF_X) != 0;
        } else if (header->p_type == 0x6474e553) { /* PT_GNU_PROPERTY */
            uintptr_t at = info->dlpi_addr + header->p_vaddr;

            shadow_stacks += claims_shadow_stack((const unsigned char *)at, header->p_memsz);
        }
    }
    return 1; /* the first is the program */
}

static void notes(void)
{
    dl_iterate_phdr(look_at_program, NULL);
    CU_ASSERT_EQUAL(stack_notes, 1);
    CU_ASSERT_EQUAL(executable_stacks, 0);
    CU_ASSERT_EQUAL(shadow_stacks, 0);
}
#else
static void notes(void)
{
    CU_PASS("not looked at on this system");
}
#endif

/* clang-format off */
#ifdef REGS_UNKNOWN
#define REGISTER_TESTS
#else
#define REGISTER_TESTS                                        \
    {"L5 every register that a call preserves", registers},   \
    {"L5 the test sees a register that changes", regs_see},   \
    {"L5 rounding mode and floating point values", rounding}, \
    {"L5 a context begins with its maker's rounding", inherited},
#endif

SUITE("task.switch",
      REGISTER_TESTS
      {"the stack is aligned for every colour", alignment},
      {"a shallow stack is one page for every colour", one_page},
      {"many contexts at once", many_at_once},
      {"from context to context", round_the_ring},
      {"L3 a storm of signals on task stacks", storm},
      {"L6 landing pads", landing_pads},
      {"L6 notes", notes},
      {"L10 unwinders stop at the first frame", unwinders_stop},
      {"L12 stacks of ended contexts are used again", many_in_turn})
