/* stack_win.c: stacks on Windows: each belongs to a fiber.
 *
 *      used --put--> idle (last in, first out) --get--> used
 *
 * The system reserves, commits and guards a fiber's stack, and grows it as it is
 * used; so all that is left to do here is not to make a new one (4 us) where an
 * idle one of the usual size is left. A fiber runs one task after another: its
 * first function calls the next as soon as the last has left (switch_win.c).
 *
 * Idle fibers beyond an eighth of those in use and a few are deleted, as in stack.c. */
#include "task/stack_win.h"

#include "core/alloc.h"
#include "task/sanitize.h"

enum { IDLE_KEEP = 64, SMALLEST = 16 * 1024, PAGE = 4096 };

struct rnli_stacks {
    struct rnl_allocator allocator;
    size_t size; /* the default */
    struct rnli_fiber *idle;
    size_t nidle, used; /* of the default size */
};

/* 0: beyond reason. */
static size_t whole_pages(size_t size)
{
    if (size > SIZE_MAX / 4)
        return 0;
    if (size < SMALLEST)
        size = SMALLEST;
    return (size + PAGE - 1) / PAGE * PAGE;
}

int rnli_stacks_open(struct rnli_stacks **out, const struct rnl_allocator *allocator,
                     size_t default_size)
{
    size_t size = whole_pages(default_size ? default_size : RNLI_DEFAULT_STACK);
    struct rnli_stacks *stacks = size ? rnli_zalloc(allocator, sizeof *stacks) : NULL;

    if (!stacks)
        return size ? RNL_ENOMEM : RNL_EINVAL;
    stacks->allocator = *allocator;
    stacks->size = size;
    *out = stacks;
    return RNL_OK;
}

static void free_fiber(struct rnli_stacks *stacks, struct rnli_fiber *fiber)
{
    rnli_fiber_delete(fiber->fiber);
    rnli_free(&stacks->allocator, fiber, sizeof *fiber);
}

static struct rnli_fiber *take_idle(struct rnli_stacks *stacks)
{
    struct rnli_fiber *fiber = stacks->idle;

    stacks->idle = fiber->next;
    stacks->nidle--;
    return fiber;
}

void rnli_stacks_close(struct rnli_stacks *stacks)
{
    struct rnl_allocator a = stacks->allocator;

    while (stacks->idle)
        free_fiber(stacks, take_idle(stacks));
    rnli_free(&a, stacks, sizeof *stacks);
}

static struct rnli_fiber *new_fiber(struct rnli_stacks *stacks, size_t size)
{
    struct rnli_fiber *fiber = size ? rnli_zalloc(&stacks->allocator, sizeof *fiber) : NULL;

    if (!fiber)
        return NULL;
    fiber->stack.size = size;
    fiber->fiber = rnli_fiber_create(fiber, size);
    if (fiber->fiber)
        return fiber;
    rnli_free(&stacks->allocator, fiber, sizeof *fiber);
    return NULL;
}

int rnli_stack_get(struct rnli_stacks *stacks, size_t size, struct rnli_stack **out,
                   const char **hint)
{
    size_t want = size ? whole_pages(size) : stacks->size;
    bool usual = want == stacks->size;
    struct rnli_fiber *fiber = usual && stacks->idle ? take_idle(stacks) : new_fiber(stacks, want);

    if (!fiber) {
        if (hint)
            *hint = "no memory for a task's stack: the commit limit, or the address space";
        return RNL_ENOMEM;
    }
    if (usual)
        stacks->used++;
    *out = &fiber->stack;
    return RNL_OK;
}

void rnli_stack_put(struct rnli_stacks *stacks, struct rnli_stack *stack)
{
    struct rnli_fiber *fiber = rnli_fiber_of(stack);

    if (stack->size != stacks->size) {
        free_fiber(stacks, fiber);
        return;
    }
    stacks->used--;
    if (stacks->nidle >= IDLE_KEEP + stacks->used / 8) {
        free_fiber(stacks, fiber);
        return;
    }
    fiber->next = stacks->idle;
    stacks->idle = fiber;
    stacks->nidle++;
}
