/* Dead views show: the reader is compiled into this program a second time, as a
 * debug build has it. Under AddressSanitizer they are fenced as well. */
#define RNLI_POISON 1

#include "core/poison.h"

#include "core/reader.c"
#include "core/reader_buffer.c"
#include "core/reader_feed.c"
#include "core/reader_search.c"
#define until lib_until
#include "core/reader_until.c"
#undef until

#include "reader_kit.h"
#include "support/suite.h"

#ifdef RNLI_ASAN
int __asan_address_is_poisoned(void const volatile *addr);

static bool dead(const unsigned char *byte)
{
    return __asan_address_is_poisoned(byte);
}
#else
static bool dead(const unsigned char *byte)
{
    return *byte == RNLI_POISON_BYTE;
}
#endif

static void consumed_bytes(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 256);
    struct rnl_bytes view, out;

    feed(r, "0123456789abcdef0123456789abcdefrest");
    CU_ASSERT_EQUAL(rnl_core_read(r, 32, &view), RNL_OK);
    CU_ASSERT_FALSE(dead(view.data));
    CU_ASSERT_FALSE(dead(view.data + 31));
    CU_ASSERT_EQUAL(rnl_core_readline(r, 0, &out), RNL_EAGAIN);
    CU_ASSERT_TRUE(dead(view.data));
    CU_ASSERT_TRUE(dead(view.data + 31));
    LEFT("rest");
    kit_close(&k);
}

static void bytes_not_consumed(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 3, false, 256);
    struct rnl_bytes view, out;

    feed(r, "overlong");
    CU_ASSERT_EQUAL(rnl_core_readline(r, 0, &view), RNL_ELIMIT);
    GIVES(rnl_core_readexactly(r, 8, &out), RNL_OK, "overlong");
    kit_close(&k);
}

/* In a block that has gone back to the pool. */
static void drained_blocks(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 256);
    struct rnl_bytes view, out;

    feed(r, "0123456789abcdef0123456789abcdef");
    CU_ASSERT_EQUAL(rnl_core_read(r, 100, &view), RNL_OK);
    GIVES(rnl_core_read(r, 1, &out), RNL_EAGAIN, "");
    CU_ASSERT_PTR_NULL(r->block);
    CU_ASSERT_TRUE(dead(view.data + 16)); /* the first word is the pool's link */
    feed(r, "and is used again");
    GIVES(rnl_core_read(r, 100, &out), RNL_OK, "and is used again");
    kit_close(&k);
}

static void retired_blocks(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 32);
    struct rnl_bytes view, out;

    feed(r, "0123456789abcdef0123456789abcdef");
    CU_ASSERT_EQUAL(rnl_core_read(r, 20, &view), RNL_OK);
    feed(r, "more than the block can take");
    CU_ASSERT_TRUE(same(view, "0123456789abcdef0123"));
    CU_ASSERT_EQUAL(rnl_core_read(r, 4, &out), RNL_OK);
    CU_ASSERT_TRUE(same(out, "4567"));
    CU_ASSERT_TRUE(dead(view.data + 19));
    kit_close(&k);
}

/* Space that was dead is alive again after a move to the front. */
static void compacted_blocks(void)
{
    struct kit k;
    struct rnl_core_reader *r = kit_open(&k, 0, false, 64);
    struct rnl_bytes out;
    char chunk[24];

    memset(chunk, 'x', sizeof chunk);
    for (int i = 0; i < 50; i++) {
        CU_ASSERT_EQUAL(rnl_core_feed(r, chunk, sizeof chunk), RNL_OK);
        CU_ASSERT_EQUAL(rnl_core_read(r, sizeof chunk - (i < 8), &out), RNL_OK);
        CU_ASSERT_EQUAL(out.data[0], 'x');
        CU_ASSERT_EQUAL(rnl_core_readexactly(r, 100, &out), RNL_EAGAIN);
    }
    CU_ASSERT_EQUAL(rnl_core_buffered(r), 8);
    kit_close(&k);
}

SUITE("poison", {"consumed bytes die at the next read", consumed_bytes},
      {"bytes shown but not consumed live", bytes_not_consumed},
      {"views in drained blocks die", drained_blocks},
      {"views in retired blocks die", retired_blocks},
      {"space comes alive again", compacted_blocks})
