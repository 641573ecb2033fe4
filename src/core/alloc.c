/* alloc.c: the allocator hook, and malloc behind it.
 *
 * Every object keeps the allocator it was made with; one that is given none
 * copies the default. The default may be set as long as nobody has copied it:
 * afterwards memory of one allocator could meet the free of another. "Has been
 * copied" is one flag that any thread may raise, hence the atomic.
 *
 * This is the only file of the core that knows malloc. */
#include "core/alloc.h"
#include "core/compiler.h"

#include <string.h>

void *malloc(size_t size);
void *realloc(void *ptr, size_t size);
void free(void *ptr);

static void *malloc_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void *malloc_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    (void)user;
    (void)old_size;
    return realloc(ptr, size);
}

static void malloc_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    free(ptr);
}

static struct rnl_allocator default_allocator = {malloc_alloc, malloc_realloc, malloc_free, NULL};
static int handed_out; /* 1 once somebody may have allocated by it */

const struct rnl_allocator *rnli_default_allocator(void)
{
    RNLI_RELAXED_SET(&handed_out, 1);
    return &default_allocator;
}

int rnl_set_default_allocator(const struct rnl_allocator *allocator)
{
    if (!allocator || !allocator->alloc || !allocator->realloc || !allocator->free)
        return RNL_EINVAL;
    if (RNLI_RELAXED_GET(&handed_out))
        return RNL_EBUSY;
    default_allocator = *allocator;
    return RNL_OK;
}

void *rnli_alloc(const struct rnl_allocator *a, size_t size)
{
    return a->alloc(a->user, size);
}

void *rnli_zalloc(const struct rnl_allocator *a, size_t size)
{
    void *ptr = rnli_alloc(a, size);

    if (ptr)
        memset(ptr, 0, size);
    return ptr;
}

void *rnli_realloc(const struct rnl_allocator *a, void *ptr, size_t old_size, size_t size)
{
    return a->realloc(a->user, ptr, old_size, size);
}

void rnli_free(const struct rnl_allocator *a, void *ptr, size_t size)
{
    if (ptr)
        a->free(a->user, ptr, size);
}
