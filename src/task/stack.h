/* stack.h: memory for tasks to run on.
 *
 *      guard (64 KiB, not accessible) | stack, growing down | next guard | ...
 *
 * Stacks are cut from slabs and reused last in, first out. Guards are made by
 * MADV_GUARD_INSTALL where a touch proves that it works, else by mprotect,
 * leaving headroom under vm.max_map_count. */
#ifndef RNLI_TASK_STACK_H
#define RNLI_TASK_STACK_H

#include <runnel/base.h>

struct rnli_slab;

struct rnli_stack {
    unsigned char *low;      /* lowest usable byte; the guard is below */
    size_t size;             /* usable bytes */
    struct rnli_stack *next; /* in the list of warm ones */
    struct rnli_slab *slab;
    unsigned valgrind; /* registration */
};

struct rnli_stacks; /* the stacks of one loop */

/* default_size 0: 64 KiB, under sanitizers 256 KiB. RNL_OK, RNL_ENOMEM, or
 * RNL_EINVAL for a size beyond reason. */
int rnli_stacks_open(struct rnli_stacks **out, const struct rnl_allocator *allocator,
                     size_t default_size);
/* All stacks are back. */
void rnli_stacks_close(struct rnli_stacks *stacks);
/* size 0: the default. RNL_OK or RNL_ENOMEM; *hint (may be NULL) then says in a
 * static sentence what to change ("vm.max_map_count ..."). */
int rnli_stack_get(struct rnli_stacks *stacks, size_t size, struct rnli_stack **out,
                   const char **hint);
/* Gives memory that a burst left behind back to the system now and then. */
void rnli_stack_put(struct rnli_stacks *stacks, struct rnli_stack *stack);
/* Whether `addr` is in the guard below `stack`. */
bool rnli_stack_guard_has(const struct rnli_stack *stack, const void *addr);
/* How deep the stack was used since its memory was new, in bytes of whole
 * pages. A system call; reads nothing of the stack. */
size_t rnli_stack_used(const struct rnli_stack *stack);

#endif
