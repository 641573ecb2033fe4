/* model.c: see model.h. The order of the tests in each read is asyncio's. */
#include "model.h"

#include <string.h>

void model_init(struct model *m, size_t limit, bool compat)
{
    m->len = m->away = 0;
    m->limit = limit;
    m->eof = m->paused = false;
    m->compat = compat;
    m->exception = RNL_OK;
}

int model_feed(struct model *m, const unsigned char *data, size_t len)
{
    if (m->eof)
        return RNL_EINVAL;
    if (len == 0)
        return RNL_OK;
    memcpy(m->buf + m->len, data, len);
    m->len += len;
    len = m->len - m->away;
    m->paused |= len > m->limit && len - m->limit > m->limit; /* 2 * limit may wrap */
    return RNL_OK;
}

/* An answer without bytes. */
static void empty(struct answer *a, int rc)
{
    a->rc = rc;
    a->bytes.data = a->taken;
    a->bytes.len = 0;
}

/* Removes the first `n` bytes; reading resumes unless `resume` is false. */
static void take(struct model *m, size_t n, bool resume, struct answer *a, int rc)
{
    memcpy(a->taken, m->buf, n);
    m->len -= n;
    memmove(m->buf, m->buf + n, m->len);
    empty(a, rc);
    a->bytes.len = n;
    if (resume && m->len <= m->limit)
        m->paused = false;
}

/* Waiting ends the pause, or a read that needs more would wait for ever. */
static void wait(struct model *m, struct answer *a)
{
    m->paused = false;
    empty(a, RNL_EAGAIN);
}

void model_read(struct model *m, size_t n, struct answer *a)
{
    if (m->exception || n == 0) {
        empty(a, m->exception);
        return;
    }
    m->away = 0;
    if ((n == RNL_ALL || m->len == 0) && !m->eof) {
        wait(m, a);
        m->away = n == RNL_ALL ? m->len : 0;
    } else {
        take(m, n < m->len ? n : m->len, true, a, RNL_OK);
    }
}

void model_readexactly(struct model *m, size_t n, struct answer *a)
{
    if (m->exception || n == 0) {
        empty(a, m->exception);
        return;
    }
    m->away = 0;
    if (m->len >= n)
        take(m, n, true, a, RNL_OK);
    else if (m->eof)
        take(m, m->len, false, a, RNL_EINCOMPLETE);
    else
        wait(m, a);
}

/* Where the first `sep` ends; 0: there is none. */
static size_t end_of(const struct model *m, struct rnl_bytes sep)
{
    const unsigned char *end = m->buf + m->len, *last;

    if (sep.len > m->len)
        return 0;
    last = m->buf + sep.len - 1;
    while ((last = memchr(last, sep.data[sep.len - 1], (size_t)(end - last)))) {
        last++;
        if (memcmp(last - sep.len, sep.data, sep.len) == 0)
            return (size_t)(last - m->buf);
    }
    return 0;
}

/* The earliest end of any separator, and the shortest that ends there; 0: none. */
static size_t find_end(const struct model *m, const struct rnl_bytes *seps, size_t nseps,
                       size_t *which)
{
    size_t first = 0;

    for (size_t i = 0; i < nseps; i++) {
        size_t end = end_of(m, seps[i]);

        if (end > 0 && (first == 0 || end < first ||
                        (end == first && seps[i].len < seps[*which].len))) {
            first = end;
            *which = i;
        }
    }
    return first;
}

/* Over the limit: `n` bytes may be skipped, and nothing is taken. */
static void overrun(const struct model *m, size_t n, struct answer *a)
{
    a->rc = RNL_ELIMIT;
    a->bytes.data = m->buf;
    a->bytes.len = n;
}

void model_readuntil_any(struct model *m, const struct rnl_bytes *seps, size_t nseps, size_t limit,
                         struct answer *a)
{
    size_t longest = 0, end, start, free_of_it;
    bool bad = nseps == 0;

    limit = limit ? limit : m->limit;
    for (size_t i = 0; i < nseps; i++) {
        bad |= seps[i].len == 0;
        longest = seps[i].len > longest ? seps[i].len : longest;
    }
    if (bad || m->exception) {
        empty(a, bad ? RNL_EINVAL : m->exception);
        return;
    }
    m->away = 0;
    end = find_end(m, seps, nseps, &a->which);
    start = end ? end - seps[a->which].len : 0;
    free_of_it = m->len >= longest ? m->len + 1 - longest : 0;
    if (end && start > limit)
        overrun(m, start, a);
    else if (end)
        take(m, end, true, a, RNL_OK);
    else if (free_of_it > limit)
        overrun(m, free_of_it, a);
    else if (m->eof)
        take(m, m->len, false, a, RNL_EINCOMPLETE);
    else
        wait(m, a);
}

void model_readline(struct model *m, size_t limit, struct answer *a)
{
    struct rnl_bytes newline = {(const unsigned char *)"\n", 1};

    model_readuntil_any(m, &newline, 1, limit, a);
    if (a->rc == RNL_EINCOMPLETE)
        a->rc = RNL_OK;
    if (a->rc != RNL_ELIMIT || !m->compat)
        return;
    /* asyncio: the line is dropped where its end is there, else all there is */
    if (a->bytes.len < m->len && m->buf[a->bytes.len] == '\n')
        take(m, a->bytes.len + 1, true, a, RNL_ELIMIT);
    else
        take(m, m->len, true, a, RNL_ELIMIT);
}

/* How many bytes at the end could be the beginning of the separator. */
static size_t begun(const struct model *m, struct rnl_bytes sep)
{
    size_t n = sep.len - 1 < m->len ? sep.len - 1 : m->len;

    while (memcmp(m->buf + m->len - n, sep.data, n) != 0)
        n--;
    return n;
}

void model_readuntil_part(struct model *m, struct rnl_bytes sep, struct answer *a)
{
    size_t end, free_of_it;

    a->done = false;
    if (sep.len == 0 || m->exception) {
        empty(a, sep.len == 0 ? RNL_EINVAL : m->exception);
        return;
    }
    m->away = 0;
    end = find_end(m, &sep, 1, &a->which);
    free_of_it = m->len - begun(m, sep);
    a->done = end > 0;
    if (end)
        take(m, end, true, a, RNL_OK);
    else if (m->eof)
        take(m, m->len, false, a, RNL_EINCOMPLETE);
    else if (free_of_it)
        take(m, free_of_it, true, a, RNL_OK);
    else
        wait(m, a);
}

void model_discard_until(struct model *m, struct rnl_bytes sep, struct answer *a)
{
    a->skipped = 0;
    do {
        model_readuntil_part(m, sep, a);
        a->skipped += a->bytes.len;
    } while (a->rc == RNL_OK && !a->done);
    if ((a->rc == RNL_OK || a->rc == RNL_EINCOMPLETE) && m->len <= m->limit)
        m->paused = false;
}
