/* fake_alloc.h: an allocator that counts, checks the sizes it is told, and fails
 * on request. */
#ifndef RUNNEL_TESTS_CORE_FAKE_ALLOC_H
#define RUNNEL_TESTS_CORE_FAKE_ALLOC_H

#include <runnel/base.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_MOST ((size_t)1 << 30) /* more is refused as any allocator would */

struct fake_alloc {
    size_t live, bytes; /* allocations, and what was asked for */
    size_t calls;       /* of alloc and realloc */
    size_t fail_from;   /* the call (from 1) that fails, and all after; 0: none */
    size_t wrong;       /* frees whose size was not what was asked for */
};

/* The size stands before the block, 16 bytes for its alignment. */
static inline void *fake_get(void *user, size_t size)
{
    struct fake_alloc *f = user;
    size_t *p;

    f->calls++;
    if ((f->fail_from && f->calls >= f->fail_from) || size > FAKE_MOST)
        return NULL;
    p = malloc(size + 16);
    if (!p)
        return NULL;
    p[0] = size;
    memset((char *)p + 16, 0xa5, size); /* nobody may count on zeros */
    f->live++;
    f->bytes += size;
    return (char *)p + 16;
}

static inline void fake_put(void *user, void *ptr, size_t size)
{
    struct fake_alloc *f = user;
    size_t *p = (size_t *)(void *)((char *)ptr - 16);

    f->wrong += p[0] != size;
    f->live--;
    f->bytes -= p[0];
    memset(ptr, 0x5a, p[0]);
    free(p);
}

static inline void *fake_move(void *user, void *ptr, size_t old_size, size_t size)
{
    void *fresh = fake_get(user, size);

    if (!fresh || !ptr)
        return fresh;
    memcpy(fresh, ptr, old_size < size ? old_size : size);
    fake_put(user, ptr, old_size);
    return fresh;
}

static inline struct rnl_allocator fake_allocator(struct fake_alloc *f)
{
    struct rnl_allocator a = {fake_get, fake_move, fake_put, f};

    memset(f, 0, sizeof *f);
    return a;
}

#endif
