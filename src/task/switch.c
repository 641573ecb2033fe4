/* switch.c: from one stack to another, with every tool told.
 *
 *      from                       to
 *      start_switch(to's stack)
 *      rnli_arch_switch ------->  (a new one: begin; an old one: behind its switch)
 *                                 finish_switch(to's fake stack; tells from's bounds)
 *
 * A context that leaves for good passes no place for its fake stack, so that
 * ASan frees it. */
#include "task/switch.h"

#include "task/arch/arch.h"
#include "task/sanitize.h"

enum { COLOURS = 8, COLOUR_STEP = 192 };

void rnli_context_init_thread(struct rnli_context *context)
{
    *context = (struct rnli_context){.tsan = RNLI_TSAN_CURRENT(), .home = RNLI_TSAN_HOME()};
}

void rnli_context_destroy_thread(struct rnli_context *context)
{
    (void)context;
}

/* What runs first on a new stack. Kept on it, below the colour. */
struct beginning {
    struct rnli_context *context;
    void (*fn)(void *arg);
    void *arg;
};

/* ASan tells, at the end of a switch, the bounds of the stack it came from: the
 * thread's own are learnt that way. */
static void arrived(struct rnli_context *context)
{
    const void *low = NULL;
    size_t size = 0;

    RNLI_ASAN_FINISH(context->asan_fake, &low, &size);
    if (context->came_from && !context->came_from->stack && low) {
        context->came_from->asan_low = low;
        context->came_from->asan_size = size;
    }
}

static void begin(void *arg)
{
    struct beginning *b = arg;

    arrived(b->context);
    b->fn(b->arg);
}

int rnli_context_init(struct rnli_context *context, const struct rnli_stack *stack,
                      void (*fn)(void *arg), void *arg, size_t colour)
{
    unsigned char *top = stack->low + stack->size - (colour % COLOURS) * COLOUR_STEP;
    struct beginning *b = (struct beginning *)(void *)(top - 64);

    *context = (struct rnli_context){.stack = stack, .asan_low = stack->low,
                                     .asan_size = stack->size};
    /* Valgrind took what the stack's last task returned from for dead. */
    RNLI_VALGRIND_FRESH(stack->low, stack->size);
    *b = (struct beginning){context, fn, arg};
    context->sp = rnli_arch_prepare(stack->low, b, begin, b);
    if (!context->sp)
        return RNL_ENOMEM;
    context->tsan = RNLI_TSAN_CREATE();
    context->home = RNLI_TSAN_HOME();
    return RNL_OK;
}

void rnli_context_destroy(struct rnli_context *context)
{
    if (context->tsan)
        RNLI_TSAN_DESTROY(context->tsan);
    context->sp = NULL;
}

void rnli_context_switch(struct rnli_context *from, struct rnli_context *to)
{
    RNLI_ASAN_CAME_FROM(to, from);
    RNLI_ASAN_START(&from->asan_fake, to->asan_low, to->asan_size);
    RNLI_TSAN_SWITCH(to->tsan, to->home);
    rnli_arch_switch(&from->sp, to->sp);
    arrived(from);
}

void rnli_context_leave(struct rnli_context *from, struct rnli_context *to)
{
    RNLI_ASAN_CAME_FROM(to, from);
    RNLI_ASAN_START(NULL, to->asan_low, to->asan_size);
    RNLI_TSAN_SWITCH(to->tsan, to->home);
    rnli_arch_switch(&from->sp, to->sp);
}
