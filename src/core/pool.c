/* pool.c: free blocks in a list through their own first words.
 *
 *      free -> [next|  dead bytes  ] -> [next|  dead bytes  ] -> NULL
 *
 * Last in, first out: the block used last is the one still in the cache. At
 * most `keep` are kept; what a burst brought beyond that goes back to the
 * allocator at once, so that no timer is needed to shrink. */
#include "core/pool.h"

#include "core/alloc.h"
#include "core/poison.h"

struct link {
    struct link *next;
};

void rnli_pool_init(struct rnli_pool *pool, const struct rnl_allocator *allocator,
                    size_t block_size, size_t keep)
{
    pool->allocator = *allocator;
    pool->block_size = block_size < sizeof(struct link) ? sizeof(struct link) : block_size;
    pool->keep = keep;
    pool->count = 0;
    pool->free = NULL;
}

/* Takes the first free block, of which there is one, off the list. */
static void *pop(struct rnli_pool *pool)
{
    struct link *link = pool->free;

    pool->free = link->next;
    pool->count--;
    rnli_poison_open(link, pool->block_size);
    return link;
}

void rnli_pool_destroy(struct rnli_pool *pool)
{
    while (pool->free)
        rnli_free(&pool->allocator, pop(pool), pool->block_size);
}

void *rnli_pool_get(struct rnli_pool *pool)
{
    if (pool->free)
        return pop(pool);
    return rnli_alloc(&pool->allocator, pool->block_size);
}

void rnli_pool_put(struct rnli_pool *pool, void *block)
{
    struct link *link = block;

    if (pool->count >= pool->keep) {
        rnli_free(&pool->allocator, block, pool->block_size);
        return;
    }
    link->next = pool->free;
    pool->free = link;
    pool->count++;
    /* Only fenced, not filled: 64 KiB at each turn would make debug builds crawl. */
    rnli_poison_shut(link + 1, pool->block_size - sizeof *link);
}
