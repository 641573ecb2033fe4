/* reader_kit.h: a reader over a fake allocator, and short forms of its calls. */
#ifndef RUNNEL_TESTS_CORE_READER_KIT_H
#define RUNNEL_TESTS_CORE_READER_KIT_H

#include <CUnit/CUnit.h>
#include <stdint.h>
#include <string.h>

#include "core/reader.h"
#include "fake_alloc.h"

struct kit {
    struct fake_alloc fake;
    struct rnl_allocator allocator;
    struct rnli_pool pool;
    struct rnl_core_reader reader;
};

/* block_size 0: no pool. */
static inline struct rnl_core_reader *kit_open(struct kit *k, size_t limit, bool compat,
                                               size_t block_size)
{
    memset(k, 0, sizeof *k);
    k->allocator = fake_allocator(&k->fake);
    rnli_pool_init(&k->pool, &k->allocator, block_size, 4);
    rnli_reader_init(&k->reader, limit, compat, &k->allocator, block_size ? &k->pool : NULL);
    return &k->reader;
}

/* Nothing is left. */
static inline void kit_close(struct kit *k)
{
    CU_ASSERT_TRUE(rnli_reader_check(&k->reader));
    rnli_reader_destroy(&k->reader);
    rnli_pool_destroy(&k->pool);
    CU_ASSERT_EQUAL(k->fake.live, 0);
    CU_ASSERT_EQUAL(k->fake.wrong, 0);
}

static inline void feed(struct rnl_core_reader *r, const char *text)
{
    CU_ASSERT_EQUAL(rnl_core_feed(r, text, strlen(text)), RNL_OK);
    CU_ASSERT_TRUE(rnli_reader_check(r));
}

static inline bool same(struct rnl_bytes got, const char *want)
{
    size_t len = strlen(want);

    return got.len == len && (len == 0 || memcmp(got.data, want, len) == 0);
}

/* A call answered `code` with the bytes `want`. */
#define GIVES(call, code, want)                                                                    \
    do {                                                                                           \
        CU_ASSERT_EQUAL((call), (code));                                                           \
        CU_ASSERT_TRUE(same(out, (want)));                                                         \
        CU_ASSERT_TRUE(rnli_reader_check(r));                                                      \
    } while (0)

/* What is buffered is `want`. */
#define LEFT(want)                                                                                 \
    do {                                                                                           \
        struct rnl_bytes left_;                                                                    \
        rnl_core_peek_buffered(r, &left_);                                                         \
        CU_ASSERT_TRUE(same(left_, (want)));                                                       \
    } while (0)

static inline int until(struct rnl_core_reader *r, const char *sep, struct rnl_bytes *out)
{
    return rnl_core_readuntil(r, sep, strlen(sep), 0, out);
}

static inline int until2(struct rnl_core_reader *r, const char *a, const char *b,
                         struct rnl_bytes *out, size_t *which)
{
    struct rnl_bytes seps[2] = {{(const unsigned char *)a, strlen(a)},
                                {(const unsigned char *)b, strlen(b)}};

    return rnl_core_readuntil_any(r, seps, 2, 0, out, which);
}

#endif
