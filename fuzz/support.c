/* support.c: checks, memory and counters of the fuzz targets. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "count.h"

/* Here the real ones are wanted. */
#undef memchr
#undef memcmp
#undef memcpy
#undef memmove

void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
    abort();
}

bool fuzz_equal(const void *a, const void *b, size_t len)
{
    return len == 0 || memcmp(a, b, len) == 0;
}

/* ---- Memory ------------------------------------------------------------ */

#define HEADER ((size_t)16) /* before each block: its size; keeps it aligned */

struct fuzz_memory fuzz_memory;

static bool refuse(size_t size)
{
    bool chosen = fuzz_memory.fail_in > 0 && --fuzz_memory.fail_in == 0;

    fuzz_memory.calls++;
    if (!chosen && size < (size_t)1 << 28)
        return false;
    fuzz_memory.failed++;
    return true;
}

static void *get(void *user, size_t size)
{
    unsigned char *block;

    (void)user;
    if (refuse(size))
        return NULL;
    block = malloc(HEADER + size);
    CHECK(block);
    memcpy(block, &size, sizeof size);
    fuzz_memory.live++;
    fuzz_memory.bytes += size;
    return block + HEADER;
}

static void put(void *user, void *ptr, size_t size)
{
    unsigned char *block = (unsigned char *)ptr - HEADER;
    size_t was;

    (void)user;
    memcpy(&was, block, sizeof was);
    CHECK(was == size);
    fuzz_memory.live--;
    fuzz_memory.bytes -= size;
    free(block);
}

/* Always moves, so that a pointer into the old block is found by ASan. */
static void *move(void *user, void *ptr, size_t old_size, size_t size)
{
    void *fresh = get(user, size);

    if (!fresh || !ptr)
        return fresh;
    memcpy(fresh, ptr, old_size < size ? old_size : size);
    fuzz_work.copied += old_size < size ? old_size : size;
    put(user, ptr, old_size);
    return fresh;
}

void fuzz_memory_reset(void)
{
    CHECK(fuzz_memory.live == 0 && fuzz_memory.bytes == 0);
    memset(&fuzz_memory, 0, sizeof fuzz_memory);
    memset(&fuzz_work, 0, sizeof fuzz_work);
    rnli_work = rnli_moved = 0;
}

const struct rnl_allocator *fuzz_allocator(void)
{
    static const struct rnl_allocator allocator = {get, move, put, NULL};

    return &allocator;
}

/* ---- Work -------------------------------------------------------------- */

struct fuzz_work fuzz_work;
unsigned long long rnli_work, rnli_moved;

void *fuzz_memchr(const void *data, int c, size_t len)
{
    const void *hit = memchr(data, c, len);

    fuzz_work.looked += hit ? (size_t)((const char *)hit - (const char *)data) + 1 : len;
    return (void *)(uintptr_t)hit;
}

int fuzz_memcmp(const void *a, const void *b, size_t len)
{
    const unsigned char *x = a, *y = b;
    size_t i = 0;

    while (i < len && x[i] == y[i])
        i++;
    fuzz_work.looked += i < len ? i + 1 : len;
    return i < len ? x[i] - y[i] : 0;
}

void *fuzz_memcpy(void *to, const void *from, size_t len)
{
    fuzz_work.copied += len;
    return memcpy(to, from, len);
}

void *fuzz_memmove(void *to, const void *from, size_t len)
{
    fuzz_work.copied += len;
    return memmove(to, from, len);
}
