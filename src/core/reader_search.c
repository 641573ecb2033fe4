/* reader_search.c: looking for separators without looking twice.
 *
 *      | searched by earlier calls     | new bytes      |
 *                            |<-- l-1 ->|
 *
 * A read that finds nothing answers "not yet" and leaves a memo: for which
 * separators it looked, and how many bytes have been searched. The same read,
 * asked again, goes on from there; any other forgets the memo.
 *
 *  - SHORT: separators of up to 8 bytes that fit into the reader itself ("\n",
 *    "\r\n\r\n", a few at a time). Of a separator of l bytes, l - 1 searched ones
 *    are looked at again: at most 7.
 *  - LONG: any others. A copy and a matcher each (match.c), in one piece of
 *    memory, made when the first search ends without a find. asyncio looks at
 *    l - 1 bytes again at each wake-up: quadratic when a peer dribbles.
 *
 * To know that a call is the same, its separators are compared with the memo's:
 * once per call, the length of the separators. A pointer would be cheaper, but
 * callers build separators in buffers that they use again.
 *
 * Several separators are searched in windows that double, so that one which is
 * nowhere does not cost a pass over all that is buffered for each short line. */
#include <string.h>

#include "core/alloc.h"
#include "core/match.h"
#include "core/reader_parts.h"
#include "core/work.h"

#define SHORT_SEPARATOR 8
#define FIRST_WINDOW    ((size_t)64)

/* followed by the tables and the copies of the separators */
struct rnli_search {
    size_t size; /* bytes of all this */
    size_t count;
    struct rnli_match matches[];
};

size_t rnli_longest(const struct rnl_bytes *seps, size_t nseps)
{
    size_t longest = 0;

    for (size_t i = 0; i < nseps; i++) {
        if (seps[i].len > longest)
            longest = seps[i].len;
    }
    return longest;
}

/* ---- The memo ---------------------------------------------------------- */

void rnli_reader_forget_search(struct rnl_core_reader *r)
{
    if (r->memo_kind == RNLI_MEMO_LONG)
        rnli_free(r->allocator, r->memo.search, r->memo.search->size);
    r->memo_kind = RNLI_MEMO_NONE;
    r->searched = 0;
}

/* Writes the separators as "length, bytes" each and a 0 if they are short enough. */
static bool make_key(unsigned char key[RNLI_MEMO_KEY], const struct rnl_bytes *seps, size_t nseps)
{
    size_t used = 0;

    for (size_t i = 0; i < nseps; i++) {
        if (seps[i].len > SHORT_SEPARATOR || seps[i].len + 2 > RNLI_MEMO_KEY - used)
            return false;
        key[used] = (unsigned char)seps[i].len;
        memcpy(key + used + 1, seps[i].data, seps[i].len);
        used += 1 + seps[i].len;
    }
    memset(key + used, 0, RNLI_MEMO_KEY - used);
    return true;
}

static bool same_short(const struct rnl_core_reader *r, const struct rnl_bytes *seps, size_t nseps)
{
    unsigned char key[RNLI_MEMO_KEY];

    return make_key(key, seps, nseps) && memcmp(key, r->memo.key, sizeof key) == 0;
}

static bool same_long(const struct rnli_search *search, const struct rnl_bytes *seps, size_t nseps)
{
    if (search->count != nseps)
        return false;
    for (size_t i = 0; i < nseps; i++) {
        if (search->matches[i].len != seps[i].len ||
            memcmp(search->matches[i].sep, seps[i].data, seps[i].len) != 0)
            return false;
    }
    return true;
}

/* Forgets a memo that is not of these separators. */
static void recall(struct rnl_core_reader *r, const struct rnl_bytes *seps, size_t nseps)
{
    if (r->memo_kind == RNLI_MEMO_SHORT && same_short(r, seps, nseps))
        return;
    if (r->memo_kind == RNLI_MEMO_LONG && same_long(r->memo.search, seps, nseps))
        return;
    rnli_reader_forget_search(r);
}

/* Bytes of a rnli_search for these separators; 0 if that is too much. */
static size_t search_size(const struct rnl_bytes *seps, size_t nseps)
{
    size_t size = sizeof(struct rnli_search);

    for (size_t i = 0; i < nseps; i++) {
        if (seps[i].len > (SIZE_MAX / 2 - size) / (sizeof(size_t) + 1))
            return 0;
        size += sizeof(struct rnli_match) + seps[i].len * (sizeof(size_t) + 1);
    }
    return size;
}

static struct rnli_search *open_search(const struct rnl_core_reader *r,
                                       const struct rnl_bytes *seps, size_t nseps)
{
    size_t size = search_size(seps, nseps);
    struct rnli_search *search = size ? rnli_alloc(r->allocator, size) : NULL;
    size_t *border;
    unsigned char *copy;

    if (!search)
        return NULL;
    search->size = size;
    search->count = nseps;
    border = (size_t *)(void *)(search->matches + nseps);
    copy = (unsigned char *)search + size;
    for (size_t i = 0; i < nseps; i++) {
        struct rnli_match *match = &search->matches[i];

        copy -= seps[i].len;
        memcpy(copy, seps[i].data, seps[i].len);
        *match = (struct rnli_match){copy, seps[i].len, border, 0};
        rnli_match_init(match);
        border += seps[i].len;
    }
    return search;
}

/* Brings new matchers to where the search has come. No separator ends there, so
 * only the last bytes, one less than the separator's, can matter. */
static void catch_up(struct rnli_search *search, const unsigned char *data, size_t len)
{
    for (size_t i = 0; i < search->count; i++) {
        struct rnli_match *match = &search->matches[i];

        rnli_match_feed(match, data, len < match->len ? 0 : len - match->len + 1, len);
    }
}

static int remember_long(struct rnl_core_reader *r, const struct rnl_bytes *seps, size_t nseps)
{
    struct rnli_search *search = open_search(r, seps, nseps);

    if (!search)
        return RNL_ENOMEM;
    catch_up(search, rnli_reader_data(r), rnli_reader_unread(r));
    r->memo.search = search;
    r->memo_kind = RNLI_MEMO_LONG;
    r->searched = rnli_reader_unread(r);
    return RNL_OK;
}

static void remember_short(struct rnl_core_reader *r)
{
    r->memo_kind = RNLI_MEMO_SHORT;
    r->searched = rnli_reader_unread(r);
}

int rnli_reader_remember(struct rnl_core_reader *r, const struct rnl_bytes *seps, size_t nseps)
{
    int err = RNL_OK;

    if (rnli_reader_unread(r) == 0)
        rnli_reader_forget_search(r);
    else if (r->memo_kind != RNLI_MEMO_NONE)
        r->searched = rnli_reader_unread(r);
    else if (make_key(r->memo.key, seps, nseps))
        remember_short(r);
    else
        err = remember_long(r, seps, nseps);
    return err;
}

static size_t hold_short(const struct rnl_core_reader *r, const struct rnl_bytes *sep)
{
    size_t unread = rnli_reader_unread(r);
    size_t hold = unread < sep->len ? unread : sep->len - 1;

    while (hold > 0 && memcmp(r->block + r->end - hold, sep->data, hold) != 0)
        hold--;
    return hold;
}

int rnli_reader_hold(struct rnl_core_reader *r, const struct rnl_bytes *sep, size_t *hold)
{
    int err = rnli_reader_remember(r, sep, 1);

    if (err)
        return err;
    if (r->memo_kind == RNLI_MEMO_LONG)
        *hold = r->memo.search->matches[0].matched;
    else
        *hold = hold_short(r, sep);
    return RNL_OK;
}

/* ---- The search -------------------------------------------------------- */

/* Keeps the find that ends first, then the shortest one. `end` is at most
 * found->end, where the search has stopped. */
static void keep_better(struct rnli_found *found, size_t end, size_t len, size_t which)
{
    if (end < found->end || len < found->end - found->start)
        *found = (struct rnli_found){end - len, end, which};
}

/* Where the first `sep` ends that ends in data[from .. to), or more than `to`. */
static size_t find_end(const struct rnl_bytes *sep, const unsigned char *data, size_t from,
                       size_t to)
{
    size_t begin = from < sep->len ? 0 : from - sep->len + 1;
    size_t at;

    if (to - begin < sep->len)
        return to + 1;
    at = rnl_core_find(data + begin, to - begin, sep->data, sep->len);
    return at == RNL_ALL ? to + 1 : begin + at + sep->len;
}

/* Looks for all separators at ends in (from .. to]. */
static bool search_window(struct rnl_core_reader *r, const struct rnl_bytes *seps, size_t nseps,
                          size_t from, size_t to, struct rnli_found *found)
{
    const unsigned char *data = rnli_reader_data(r);

    *found = (struct rnli_found){0, to + 1, 0};
    for (size_t i = 0; i < nseps; i++) {
        size_t stop = found->end > to ? to : found->end;
        size_t end = r->memo_kind == RNLI_MEMO_LONG
                         ? rnli_match_feed(&r->memo.search->matches[i], data, from, stop)
                         : find_end(&seps[i], data, from, stop);

        if (end <= stop)
            keep_better(found, end, seps[i].len, i);
    }
    return found->end <= to;
}

bool rnli_reader_search(struct rnl_core_reader *r, const struct rnl_bytes *seps, size_t nseps,
                        struct rnli_found *found)
{
    size_t unread = rnli_reader_unread(r);
    size_t window = nseps == 1 ? unread : FIRST_WINDOW;
    size_t from, to;

    recall(r, seps, nseps);
    for (from = r->searched; from < unread; from = to) {
        to = unread - from < window ? unread : from + window;
        if (search_window(r, seps, nseps, from, to, found))
            return true;
        window *= 2;
    }
    return false;
}
