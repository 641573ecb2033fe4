/* switch_ucontext.c: the switch by ucontext, for glibc on CPUs that have no
 * assembly file here. Twenty times slower: it saves the signal mask by a system
 * call. A context that is not running keeps its ucontext_t on its own stack. */
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "task/arch/arch.h"

/* makecontext passes ints: two for each pointer. */
static void entry(unsigned fn_high, unsigned fn_low, unsigned arg_high, unsigned arg_low)
{
    uintptr_t fn = (uintptr_t)(((uint64_t)fn_high << 32) | fn_low);
    uintptr_t arg = (uintptr_t)(((uint64_t)arg_high << 32) | arg_low);

    ((void (*)(void *))fn)((void *)arg);
}

static ucontext_t *aligned_below(void *top)
{
    return (ucontext_t *)(((uintptr_t)top - sizeof(ucontext_t)) & ~(uintptr_t)63);
}

/* A function of its own: to the compiler getcontext may return twice. */
static int fill(ucontext_t *context)
{
    return getcontext(context);
}

void *rnli_arch_prepare(void *low, void *top, void (*fn)(void *), void *arg)
{
    ucontext_t *context = aligned_below(top);
    uint64_t f = (uint64_t)(uintptr_t)fn, a = (uint64_t)(uintptr_t)arg;

    if (fill(context))
        return NULL;
    context->uc_link = NULL;
    context->uc_stack.ss_sp = low;
    context->uc_stack.ss_size = (size_t)((char *)context - (char *)low);
    makecontext(context, (void (*)(void))entry, 4, (unsigned)(f >> 32), (unsigned)f,
                (unsigned)(a >> 32), (unsigned)a);
    return context;
}

void rnli_arch_switch(void **save, void *to)
{
    ucontext_t here;

    *save = &here;
    (void)swapcontext(&here, to);
}
