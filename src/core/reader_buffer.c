/* reader_buffer.c: the reader's one block of memory.
 *
 *      block | dead | view | unread | free |      retired | ... view ... |
 *
 * A read hands out a view into the block instead of a copy. Until the next read
 * the bytes before `end` stay where they are: what arrives goes behind them,
 * and where there is no room the *unread* bytes move to a new block, while the
 * old one is kept, retired, for its view. There is never a second retired one,
 * because the new block has no view in it.
 *
 * No byte is moved more than a bounded number of times. Unread bytes move
 *  - to the front of the block only when at least as many have been read since
 *    the last time;
 *  - to a new block only with as much room again beyond what was asked for, so
 *    that as many must arrive before the next move.
 *
 * Blocks are of the pool, or, where those are too small, of the allocator and
 * bigger; so the size tells them apart. A ring lost: a line across its end
 * would need a copy, and a search two passes. */
#include <string.h>

#include "core/alloc.h"
#include "core/poison.h"
#include "core/reader_parts.h"
#include "core/work.h"

#define SMALLEST ((size_t)256) /* bytes of a block, without a pool */

static bool of_pool(const struct rnl_core_reader *r, size_t capacity)
{
    return r->pool && capacity == r->pool->block_size;
}

static unsigned char *get_block(struct rnl_core_reader *r, size_t capacity)
{
    return of_pool(r, capacity) ? rnli_pool_get(r->pool) : rnli_alloc(r->allocator, capacity);
}

static void put_block(struct rnl_core_reader *r, unsigned char *block, size_t capacity)
{
    rnli_poison_open(block, capacity);
    if (of_pool(r, capacity))
        rnli_pool_put(r->pool, block);
    else
        rnli_free(r->allocator, block, capacity);
}

/* The size of a block for `unread` bytes and `want` more, or 0 if there is none. */
static size_t choose_capacity(const struct rnl_core_reader *r, size_t unread, size_t want)
{
    size_t smallest = r->pool ? r->pool->block_size : SMALLEST;
    size_t capacity;

    if (want > SIZE_MAX - smallest - 2 * unread)
        return 0;
    capacity = 2 * unread + want;
    return capacity < smallest ? smallest : capacity;
}

/* Moves the unread bytes to the front. No view lives in the block. */
static void compact(struct rnl_core_reader *r)
{
    size_t unread = rnli_reader_unread(r);

    RNLI_MOVED(unread);
    rnli_poison_open(r->block, r->begin);
    memmove(r->block, r->block + r->begin, unread);
    r->begin = 0;
    r->end = unread;
}

/* Gives the old block up: for good, or to the view that lives in it. */
static void leave_block(struct rnl_core_reader *r)
{
    if (r->view == RNLI_NO_VIEW) {
        put_block(r, r->block, r->capacity);
        return;
    }
    rnli_reader_forget_lines(r); /* the next read is to see to the retired one */
    r->retired = r->block;
    r->retired_capacity = r->capacity;
    r->view = RNLI_NO_VIEW;
}

static int move_to_new_block(struct rnl_core_reader *r, size_t capacity)
{
    size_t unread = rnli_reader_unread(r);
    unsigned char *block = get_block(r, capacity);

    if (!block)
        return RNL_ENOMEM;
    RNLI_MOVED(unread);
    if (unread)
        memcpy(block, r->block + r->begin, unread);
    if (r->block)
        leave_block(r);
    r->block = block;
    r->capacity = capacity;
    r->begin = 0;
    r->end = unread;
    return RNL_OK;
}

/* Lets the allocator grow the block, which may save the copy. */
static int grow_in_place(struct rnl_core_reader *r, size_t capacity)
{
    unsigned char *block = rnli_realloc(r->allocator, r->block, r->capacity, capacity);

    if (!block)
        return RNL_ENOMEM;
    RNLI_MOVED(r->end);
    r->block = block;
    r->capacity = capacity;
    return RNL_OK;
}

/* A block far larger than its content goes back when there is a chance. */
static bool oversized(const struct rnl_core_reader *r, size_t capacity)
{
    return r->capacity / 4 > capacity;
}

static int make_room(struct rnl_core_reader *r, size_t want)
{
    size_t unread = rnli_reader_unread(r);
    size_t capacity = choose_capacity(r, unread, want);
    bool movable = r->block && r->view == RNLI_NO_VIEW;

    if (capacity == 0)
        return RNL_ENOMEM;
    if (movable && r->begin >= unread && r->capacity - unread >= want && !oversized(r, capacity)) {
        compact(r);
        return RNL_OK;
    }
    if (movable && r->begin == 0 && !of_pool(r, r->capacity))
        return grow_in_place(r, capacity); /* beyond r->capacity, so not of the pool either */
    return move_to_new_block(r, capacity);
}

int rnli_reader_reserve(struct rnl_core_reader *r, size_t want)
{
    if (r->capacity - r->end >= want)
        return RNL_OK;
    return make_room(r, want);
}

void rnli_reader_release_empty(struct rnl_core_reader *r)
{
    if (!r->block || r->begin != r->end || r->view != RNLI_NO_VIEW)
        return;
    put_block(r, r->block, r->capacity);
    r->block = NULL;
    r->capacity = r->begin = r->end = 0;
}

void rnli_reader_forget_view(struct rnl_core_reader *r)
{
    if (r->retired) {
        rnli_poison_open(r->retired, r->retired_capacity); /* bytes before the view died earlier */
        rnli_poison_fill(r->retired, r->retired_capacity);
        put_block(r, r->retired, r->retired_capacity);
        r->retired = NULL;
        r->retired_capacity = 0;
    }
    if (r->view != RNLI_NO_VIEW) {
        rnli_poison(r->block + r->view, r->begin - r->view);
        r->view = RNLI_NO_VIEW;
        rnli_reader_release_empty(r);
    }
}

void rnli_reader_init(struct rnl_core_reader *r, size_t limit, bool compat,
                      const struct rnl_allocator *allocator, struct rnli_pool *pool)
{
    memset(r, 0, sizeof *r);
    r->allocator = allocator;
    r->pool = pool;
    r->limit = limit ? limit : RNL_DEFAULT_LIMIT;
    r->compat = compat;
    r->view = RNLI_NO_VIEW;
}

void rnli_reader_destroy(struct rnl_core_reader *r)
{
    rnli_reader_forget_search(r);
    rnli_reader_forget_view(r);
    r->begin = r->end;
    rnli_reader_release_empty(r);
}

static bool check_block(const struct rnl_core_reader *r)
{
    if (!r->block)
        return r->capacity == 0 && r->end == 0 && r->begin == 0 && r->view == RNLI_NO_VIEW;
    return r->begin <= r->end && r->end <= r->capacity &&
           (r->view == RNLI_NO_VIEW || r->view <= r->begin) &&
           (r->begin != r->end || r->view != RNLI_NO_VIEW || r->end == 0);
}

static bool line_bits_right(const struct rnl_core_reader *r)
{
    size_t at = r->begin;

    for (uint64_t lines = r->lines; lines; lines >>= 1, at++)
        if (at >= r->end || (lines & 1) != (r->block[at] == '\n'))
            return false;
    return true;
}

static bool check_lines(const struct rnl_core_reader *r)
{
    if (!r->by_lines)
        return r->lines == 0;
    return r->exception == RNL_OK && !r->retired && !r->paused &&
           r->memo_kind == RNLI_MEMO_NONE && r->limit >= RNLI_NEWLINES_SPAN && line_bits_right(r);
}

bool rnli_reader_check(const struct rnl_core_reader *r)
{
    return check_block(r) && r->limit > 0 && !r->retired == (r->retired_capacity == 0) &&
           !(r->retired && r->view != RNLI_NO_VIEW) && r->searched <= rnli_reader_unread(r) &&
           (r->memo_kind != RNLI_MEMO_NONE || r->searched == 0) &&
           (r->memo_kind != RNLI_MEMO_LONG || r->memo.search) && check_lines(r);
}
