#include <string.h>

#include "core/alloc.h"
#include "fake_alloc.h"
#include "support/suite.h"

#include <runnel/core.h>

static void malloc_behind_it(void)
{
    const struct rnl_allocator *a = rnli_default_allocator();
    unsigned char *p = rnli_alloc(a, 10);

    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    memset(p, 'x', 10);
    p = rnli_realloc(a, p, 10, 1000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_EQUAL(memcmp(p, "xxxxxxxxxx", 10), 0);
    rnli_free(a, p, 1000);
    rnli_free(a, NULL, 5);
}

static void zeroed(void)
{
    struct fake_alloc fake;
    struct rnl_allocator a = fake_allocator(&fake);
    unsigned char *p = rnli_zalloc(&a, 100);

    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    for (size_t i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(p[i], 0);
    rnli_free(&a, p, 100);
    fake.fail_from = fake.calls + 1;
    CU_ASSERT_PTR_NULL(rnli_zalloc(&a, 100));
    CU_ASSERT_EQUAL(fake.live, 0);
    CU_ASSERT_EQUAL(fake.wrong, 0);
}

static struct rnl_core_reader *open_with(const struct rnl_allocator *a)
{
    struct rnl_core_reader_options o = RNL_CORE_READER_OPTIONS_INIT;
    struct rnl_core_reader *reader = NULL;

    o.allocator = a;
    CU_ASSERT_EQUAL(rnl_core_reader_open(&reader, &o), RNL_OK);
    return reader;
}

/* Each object uses its own, by the user pointer; the struct itself is copied. */
static void two_allocators(void)
{
    struct fake_alloc one, two;
    struct rnl_allocator a = fake_allocator(&one), b = fake_allocator(&two);
    struct rnl_core_reader *x = open_with(&a), *y = open_with(&b);

    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    CU_ASSERT_EQUAL(rnl_core_feed(x, "x", 1), RNL_OK);
    CU_ASSERT_EQUAL(one.live, 2);
    CU_ASSERT_EQUAL(two.live, 1);
    rnl_core_reader_free(x);
    CU_ASSERT_EQUAL(one.live, 0);
    CU_ASSERT_EQUAL(two.live, 1);
    rnl_core_reader_free(y);
    CU_ASSERT_EQUAL(two.live, 0);
    CU_ASSERT_EQUAL(one.wrong + two.wrong, 0);
}

static void default_in_use(void)
{
    CU_ASSERT_EQUAL(rnl_set_default_allocator(rnli_default_allocator()), RNL_EBUSY);
}

SUITE("alloc", {"malloc is the default", malloc_behind_it}, {"zalloc zeroes", zeroed},
      {"M7 two objects with two allocators", two_allocators},
      {"the default cannot change once it is in use", default_in_use})
