/* pool.h: a cache of equal blocks, last in first out, for one loop.
 *
 * Read buffers and gathered writes come from here and go back at once, so a
 * loop touches few blocks however many connections it has. */
#ifndef RNLI_CORE_POOL_H
#define RNLI_CORE_POOL_H

#include <runnel/base.h>

struct rnli_pool {
    struct rnl_allocator allocator;
    size_t block_size; /* bytes */
    size_t keep;       /* most free blocks kept */
    size_t count;      /* free blocks now */
    void *free;        /* list through the blocks' first words */
};

void rnli_pool_init(struct rnli_pool *pool, const struct rnl_allocator *allocator,
                    size_t block_size, size_t keep);
/* All blocks are back. */
void rnli_pool_destroy(struct rnli_pool *pool);
/* A block of block_size bytes; NULL when there is no memory. */
void *rnli_pool_get(struct rnli_pool *pool);
void rnli_pool_put(struct rnli_pool *pool, void *block);

#endif
