/* stack.c: slabs of stacks.
 *
 *      slab: [guard|stack][guard|stack] ... [not yet made]      one mapping
 *
 *      used --put--> warm --trim--> cold --get--> used
 *                     `----get----> used
 *
 * A free stack is warm while its pages are still there, and cold when they have
 * gone back to the system. Warm ones are one list, last in first out, so that the
 * hottest is used next; cold ones are a bit each in their slab, and so are found
 * only when no warm one is left. Guards are made when a stack is first used.
 *
 * The rule of trim: when more stacks are warm than an eighth of those in use and
 * a few, all but the few last used go cold, neighbours by one call. So a steady
 * state makes no system call, a burst less than one a task, and an idle loop
 * keeps the pages of some 64 stacks. A slab with nothing but cold stacks is
 * unmapped when far more stacks are free than in use.
 *
 * What lost: MADV_DONTNEED at each end of a task (1.8 us a task, against 4 ns);
 * MADV_FREE (half of that, but the memory is still counted as the process's). */
#include "task/stack.h"

#include "core/alloc.h"
#include "core/list.h"
#include "task/sanitize.h"
#include "task/stack_os.h"

enum {
    SLAB_STACKS = 64, /* at most: a bit each */
    WARM_KEEP = 32,   /* what a trim leaves warm */
    COLD_KEEP = 1024, /* free stacks that stay mapped in any case */
    SMALLEST = 16 * 1024
};
#define SLAB_BYTES ((size_t)64 << 20) /* at most, where it holds two stacks */

struct rnli_slab {
    struct rnli_list all;  /* in stacks->slabs */
    struct rnli_list open; /* in stacks->open while it has one to give */
    struct rnli_list idle; /* in stacks->idle while all it has made are cold */
    struct rnli_slab *next_trimmed;
    unsigned char *base;
    size_t bytes;    /* mapped */
    size_t count;    /* stacks that fit */
    size_t made;     /* the first so many have guards */
    size_t mappings; /* guards that took mappings */
    uint64_t cold;   /* a bit for each cold stack */
    uint64_t trimmed; /* ... for each that is being made cold; 0 outside trim */
    struct rnli_stack stacks[];
};

struct rnli_stacks {
    struct rnl_allocator allocator;
    size_t size;     /* the default, usable bytes */
    size_t per_slab; /* stacks of that size */
    struct rnli_list slabs, open, idle;
    struct rnli_stack *warm;
    size_t used, nwarm, ncold; /* of the default size */
};

/* ---- Slabs ------------------------------------------------------------- */

static size_t slab_struct_size(size_t count)
{
    return sizeof(struct rnli_slab) + count * sizeof(struct rnli_stack);
}

static struct rnli_slab *slab_open(struct rnli_stacks *stacks, size_t stack_size, size_t count)
{
    struct rnli_slab *slab = rnli_zalloc(&stacks->allocator, slab_struct_size(count));

    if (!slab)
        return NULL;
    slab->count = count;
    slab->bytes = count * (RNLI_GUARD_SIZE + stack_size);
    slab->base = rnli_pages_map(slab->bytes);
    if (!slab->base) {
        rnli_free(&stacks->allocator, slab, slab_struct_size(count));
        return NULL;
    }
    rnli_list_init(&slab->all);
    rnli_list_init(&slab->open);
    rnli_list_init(&slab->idle);
    return slab;
}

static void slab_free(struct rnli_stacks *stacks, struct rnli_slab *slab)
{
    rnli_list_remove(&slab->all);
    rnli_list_remove(&slab->open);
    rnli_list_remove(&slab->idle);
    for (size_t i = 0; i < slab->made; i++)
        RNLI_VALGRIND_GONE(slab->stacks[i].valgrind);
    rnli_guards_drop(slab->mappings);
    rnli_pages_unmap(slab->base, slab->bytes);
    rnli_free(&stacks->allocator, slab, slab_struct_size(slab->count));
}

/* Guards the next stack that never was used. */
static int slab_make(struct rnli_slab *slab, size_t stack_size, struct rnli_stack **out,
                     const char **hint)
{
    struct rnli_stack *stack = &slab->stacks[slab->made];
    unsigned char *guard = slab->base + slab->made * (RNLI_GUARD_SIZE + stack_size);
    int code = rnli_guard_make(guard, &slab->mappings, hint);

    if (code)
        return code;
    stack->low = guard + RNLI_GUARD_SIZE;
    stack->size = stack_size;
    stack->slab = slab;
    stack->valgrind = RNLI_VALGRIND_STACK(stack->low, stack->low + stack_size);
    slab->made++;
    *out = stack;
    return RNL_OK;
}

/* ---- Opening ----------------------------------------------------------- */

/* 0: beyond reason. */
static size_t whole_pages(size_t size)
{
    size_t page = rnli_page_size();

    if (size > SIZE_MAX / 4)
        return 0;
    if (size < SMALLEST)
        size = SMALLEST;
    return (size + page - 1) / page * page;
}

static size_t fit_in_slab(size_t stack_size)
{
    size_t count = SLAB_BYTES / (RNLI_GUARD_SIZE + stack_size);

    if (count > SLAB_STACKS)
        return SLAB_STACKS;
    return count ? count : 1;
}

int rnli_stacks_open(struct rnli_stacks **out, const struct rnl_allocator *allocator,
                     size_t default_size)
{
    size_t size = whole_pages(default_size ? default_size : RNLI_DEFAULT_STACK);
    struct rnli_stacks *stacks;

    if (size == 0)
        return RNL_EINVAL;
    stacks = rnli_zalloc(allocator, sizeof *stacks);
    if (!stacks)
        return RNL_ENOMEM;
    stacks->allocator = *allocator;
    stacks->size = size;
    stacks->per_slab = fit_in_slab(size);
    rnli_list_init(&stacks->slabs);
    rnli_list_init(&stacks->open);
    rnli_list_init(&stacks->idle);
    *out = stacks;
    return RNL_OK;
}

void rnli_stacks_close(struct rnli_stacks *stacks)
{
    while (!rnli_list_empty(&stacks->slabs))
        slab_free(stacks, RNLI_CONTAINER(stacks->slabs.next, struct rnli_slab, all));
    rnli_free(&stacks->allocator, stacks, sizeof *stacks);
}

/* ---- Taking ------------------------------------------------------------ */

static int no_memory(const char **hint)
{
    *hint = "no memory for a task's stack: the limit of address space (ulimit -v) or "
            "vm.overcommit_memory";
    return RNL_ENOMEM;
}

/* A stack of an odd size is a slab of its own, on no list. */
static int get_odd(struct rnli_stacks *stacks, size_t size, struct rnli_stack **out,
                   const char **hint)
{
    struct rnli_slab *slab = size ? slab_open(stacks, size, 1) : NULL;
    int code;

    if (!slab)
        return no_memory(hint);
    code = slab_make(slab, size, out, hint);
    if (code)
        slab_free(stacks, slab);
    return code;
}

static struct rnli_stack *get_warm(struct rnli_stacks *stacks)
{
    struct rnli_stack *stack = stacks->warm;

    stacks->warm = stack->next;
    stacks->nwarm--;
    return stack;
}

/* Slabs with cold stacks stand in front of those that have to make one. */
static int get_cold(struct rnli_stacks *stacks, struct rnli_stack **out, const char **hint)
{
    struct rnli_slab *slab = RNLI_CONTAINER(stacks->open.next, struct rnli_slab, open);
    int code = RNL_OK;

    rnli_list_remove(&slab->idle);
    if (slab->cold) {
        *out = &slab->stacks[rnli_lowest_bit(slab->cold)];
        slab->cold &= slab->cold - 1;
        stacks->ncold--;
    } else {
        code = slab_make(slab, stacks->size, out, hint);
    }
    if (!slab->cold) {
        rnli_list_remove(&slab->open);
        if (slab->made < slab->count)
            rnli_list_push(&stacks->open, &slab->open);
    }
    return code;
}

static int get_usual(struct rnli_stacks *stacks, struct rnli_stack **out, const char **hint)
{
    int code = RNL_OK;

    if (stacks->warm) {
        *out = get_warm(stacks);
    } else {
        if (rnli_list_empty(&stacks->open)) {
            struct rnli_slab *slab = slab_open(stacks, stacks->size, stacks->per_slab);

            if (!slab)
                return no_memory(hint);
            rnli_list_push(&stacks->slabs, &slab->all);
            rnli_list_push(&stacks->open, &slab->open);
        }
        code = get_cold(stacks, out, hint);
    }
    if (!code)
        stacks->used++;
    return code;
}

int rnli_stack_get(struct rnli_stacks *stacks, size_t size, struct rnli_stack **out,
                   const char **hint)
{
    const char *unasked;
    size_t want = size ? whole_pages(size) : stacks->size;
    int code;

    if (!hint)
        hint = &unasked;
    code = want == stacks->size ? get_usual(stacks, out, hint)
                                : get_odd(stacks, want, out, hint);
    if (!code)
        RNLI_ASAN_USED(*out);
    return code;
}

/* ---- Giving back ------------------------------------------------------- */

/* Each run of neighbours by one call, the guards between them included. */
static void discard(const struct rnli_slab *slab)
{
    for (uint64_t bits = slab->trimmed; bits;) {
        unsigned first = rnli_lowest_bit(bits), last = first;
        unsigned char *end;

        while (last + 1 < slab->count && bits >> (last + 1) & 1)
            last++;
        end = slab->stacks[last].low + slab->stacks[last].size;
        rnli_pages_discard(slab->stacks[first].low, (size_t)(end - slab->stacks[first].low));
        bits &= last + 1 < SLAB_STACKS ? UINT64_MAX << (last + 1) : 0;
    }
}

static bool all_cold(const struct rnli_slab *slab)
{
    uint64_t made = slab->made < SLAB_STACKS ? (UINT64_C(1) << slab->made) - 1 : UINT64_MAX;

    return slab->cold == made;
}

static void chill(struct rnli_stacks *stacks, struct rnli_slab *slab)
{
    discard(slab);
    slab->cold |= slab->trimmed;
    slab->trimmed = 0;
    rnli_list_remove(&slab->open);
    rnli_list_unshift(&stacks->open, &slab->open);
    if (all_cold(slab))
        rnli_list_push(&stacks->idle, &slab->idle);
}

/* Slabs that went idle while there were more in use are still idle. */
static void unmap_idle(struct rnli_stacks *stacks)
{
    while (stacks->nwarm + stacks->ncold > stacks->used + COLD_KEEP &&
           !rnli_list_empty(&stacks->idle)) {
        struct rnli_slab *slab = RNLI_CONTAINER(stacks->idle.next, struct rnli_slab, idle);

        stacks->ncold -= slab->made;
        slab_free(stacks, slab);
    }
}

/* The warm stacks but the first WARM_KEEP. */
static struct rnli_stack *cut_warm(struct rnli_stacks *stacks)
{
    struct rnli_stack *last = stacks->warm, *rest;

    for (size_t i = 1; i < WARM_KEEP; i++)
        last = last->next;
    rest = last->next;
    last->next = NULL;
    stacks->ncold += stacks->nwarm - WARM_KEEP;
    stacks->nwarm = WARM_KEEP;
    return rest;
}

static void trim(struct rnli_stacks *stacks)
{
    struct rnli_slab *trimmed = NULL;

    for (struct rnli_stack *stack = cut_warm(stacks); stack; stack = stack->next) {
        struct rnli_slab *slab = stack->slab;

        if (!slab->trimmed) {
            slab->next_trimmed = trimmed;
            trimmed = slab;
        }
        slab->trimmed |= UINT64_C(1) << (stack - slab->stacks);
    }
    while (trimmed) {
        struct rnli_slab *slab = trimmed;

        trimmed = slab->next_trimmed;
        chill(stacks, slab);
    }
    unmap_idle(stacks);
}

void rnli_stack_put(struct rnli_stacks *stacks, struct rnli_stack *stack)
{
    RNLI_ASAN_UNUSED(stack, rnli_stack_used(stack));
    if (stack->size != stacks->size) {
        slab_free(stacks, stack->slab);
        return;
    }
    stack->next = stacks->warm;
    stacks->warm = stack;
    stacks->nwarm++;
    stacks->used--;
    if (stacks->nwarm > 2 * WARM_KEEP + stacks->used / 8)
        trim(stacks);
}

/* ---- Asking ------------------------------------------------------------ */

bool rnli_stack_guard_has(const struct rnli_stack *stack, const void *addr)
{
    uintptr_t at = (uintptr_t)addr, low = (uintptr_t)stack->low;

    return at < low && at >= low - RNLI_GUARD_SIZE;
}

size_t rnli_stack_used(const struct rnli_stack *stack)
{
    return rnli_pages_touched(stack->low, stack->size);
}
