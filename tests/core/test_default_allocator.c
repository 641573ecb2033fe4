/* A program of its own, because the default can be set only before it is used. */
#include "core/alloc.h"
#include "fake_alloc.h"
#include "support/suite.h"

#include <runnel/core.h>

static struct fake_alloc mine;

static void refuses_halves(void)
{
    struct rnl_allocator a = fake_allocator(&mine), bad;

    CU_ASSERT_EQUAL(rnl_set_default_allocator(NULL), RNL_EINVAL);
    bad = a;
    bad.alloc = NULL;
    CU_ASSERT_EQUAL(rnl_set_default_allocator(&bad), RNL_EINVAL);
    bad = a;
    bad.realloc = NULL;
    CU_ASSERT_EQUAL(rnl_set_default_allocator(&bad), RNL_EINVAL);
    bad = a;
    bad.free = NULL;
    CU_ASSERT_EQUAL(rnl_set_default_allocator(&bad), RNL_EINVAL);
}

static void set_once(void)
{
    struct rnl_allocator a = fake_allocator(&mine);
    struct rnl_core_reader *reader;

    CU_ASSERT_EQUAL(rnl_set_default_allocator(&a), RNL_OK);
    CU_ASSERT_EQUAL(rnl_set_default_allocator(&a), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_reader_open(&reader, NULL), RNL_OK);
    CU_ASSERT_EQUAL(rnl_core_feed(reader, "x", 1), RNL_OK);
    CU_ASSERT_EQUAL(mine.live, 2);
    CU_ASSERT_EQUAL(rnl_set_default_allocator(&a), RNL_EBUSY);
    rnl_core_reader_free(reader);
    CU_ASSERT_EQUAL(mine.live, 0);
    CU_ASSERT_EQUAL(mine.wrong, 0);
}

SUITE("default_allocator", {"an allocator lacks nothing", refuses_halves},
      {"M6 the default is set before it is used, and then is", set_once})
