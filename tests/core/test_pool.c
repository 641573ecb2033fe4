#include <string.h>

#include "core/pool.h"
#include "fake_alloc.h"
#include "support/suite.h"

static void last_in_first_out(void)
{
    struct fake_alloc fake;
    struct rnl_allocator a = fake_allocator(&fake);
    struct rnli_pool pool;
    void *x, *y;

    rnli_pool_init(&pool, &a, 100, 2);
    x = rnli_pool_get(&pool);
    y = rnli_pool_get(&pool);
    CU_ASSERT_PTR_NOT_NULL_FATAL(x);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    memset(x, 1, 100);
    memset(y, 2, 100);
    rnli_pool_put(&pool, x);
    rnli_pool_put(&pool, y);
    CU_ASSERT_EQUAL(pool.count, 2);
    CU_ASSERT_PTR_EQUAL(rnli_pool_get(&pool), y);
    CU_ASSERT_PTR_EQUAL(rnli_pool_get(&pool), x);
    CU_ASSERT_EQUAL(fake.calls, 2);
    memset(x, 3, 100);
    rnli_pool_put(&pool, x);
    rnli_pool_put(&pool, y);
    rnli_pool_destroy(&pool);
    CU_ASSERT_EQUAL(fake.live, 0);
    CU_ASSERT_EQUAL(fake.wrong, 0);
}

static void keeps_so_many(void)
{
    struct fake_alloc fake;
    struct rnl_allocator a = fake_allocator(&fake);
    struct rnli_pool pool;
    void *blocks[5];

    rnli_pool_init(&pool, &a, 64, 3);
    for (int i = 0; i < 5; i++)
        blocks[i] = rnli_pool_get(&pool);
    CU_ASSERT_EQUAL(fake.live, 5);
    for (int i = 0; i < 5; i++)
        rnli_pool_put(&pool, blocks[i]);
    CU_ASSERT_EQUAL(pool.count, 3);
    CU_ASSERT_EQUAL(fake.live, 3);
    rnli_pool_destroy(&pool);
    CU_ASSERT_EQUAL(fake.live, 0);
}

static void no_memory(void)
{
    struct fake_alloc fake;
    struct rnl_allocator a = fake_allocator(&fake);
    struct rnli_pool pool;

    rnli_pool_init(&pool, &a, 64, 3);
    fake.fail_from = 1;
    CU_ASSERT_PTR_NULL(rnli_pool_get(&pool));
    CU_ASSERT_EQUAL(pool.count, 0);
    rnli_pool_destroy(&pool);
}

static void tiny_blocks(void)
{
    struct fake_alloc fake;
    struct rnl_allocator a = fake_allocator(&fake);
    struct rnli_pool pool;

    rnli_pool_init(&pool, &a, 1, 1);
    CU_ASSERT_TRUE(pool.block_size >= sizeof(void *));
    rnli_pool_put(&pool, rnli_pool_get(&pool));
    rnli_pool_destroy(&pool);
    CU_ASSERT_EQUAL(fake.live, 0);
}

SUITE("pool", {"last in, first out", last_in_first_out}, {"keeps so many", keeps_so_many},
      {"M1 no memory is NULL", no_memory}, {"a block holds a link at least", tiny_blocks})
