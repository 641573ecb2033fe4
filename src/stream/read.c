/* read.c: the reads of runnel/stream.h.
 *
 * Each is the same small loop: ask the core; if it says "not yet", wait until
 * bytes, the end, an error or a cancel arrive; ask again. The rules are the
 * core's. What is added here: one waiting task at a time, data before the
 * connection's error, and receiving again when a read has ended a pause. */
#include <string.h>

#include "core/compiler.h"
#include "core/reader.h"
#include "stream/conn.h"

/* Before a read of `n` bytes takes anything. One of none never waits, so it is in
 * nobody's way. In compat a second reader is refused only when it would have to
 * wait, and steals what is buffered, as in asyncio. */
static int enter(struct rnli_conn *conn, size_t n)
{
    int code;

    rnli_conn_pin(conn); /* a checkpoint may wait, and the pair be freed meanwhile */
    code = rnli_checkpoint_of(conn->loop);
    if (!code && conn->ended)
        code = RNL_ECLOSED;
    rnli_conn_unpin(conn);
    if (code)
        return code;
    if (!conn->compat && n > 0 && !rnli_waitlist_empty(&conn->reader.waiting))
        return RNL_EBUSY;
    rnli_conn_settle(conn);
    return RNL_OK;
}

/* After the core said "not yet": RNL_OK when it is worth asking again. */
static int wait_for_data(struct rnli_conn *conn, const char *what)
{
    int code;

    if (!rnli_waitlist_empty(&conn->reader.waiting))
        return RNL_EBUSY;
    if (!rnli_list_empty(&conn->flush.node))
        rnli_conn_flush(conn); /* the replies so far, while they are in the caches */
    if (conn->closed)
        return conn->error ? conn->error : RNL_ECLOSED;
    rnli_conn_receive(conn); /* the core may just have ended the pause */
    rnli_conn_pin(conn);
    code = rnli_wait(&conn->reader.waiting, what);
    if (!code && conn->ended)
        code = RNL_ECLOSED;
    if (!code)
        rnli_conn_settle(conn);
    rnli_conn_unpin(conn);
    return code;
}

static int leave(struct rnli_conn *conn, int code)
{
    if (code != RNL_ECLOSED && code != RNL_ECANCELED)
        rnli_conn_receive(conn);
    return code;
}

/* Nothing to look at before the core is asked, nor to do after it; counts the call. */
static inline bool is_quick(struct rnli_conn *conn)
{
    return conn->receiving && !conn->ended && !conn->loan &&
           rnli_waitlist_empty(&conn->reader.waiting) && rnli_has_budget(conn->loop);
}

/* `ASK` is the call of the core; its answer is the read's. */
#define READ_LOOP(conn, what, ASK) READ_COUNT_LOOP(conn, what, RNL_ALL, ASK)
#define READ_COUNT_LOOP(conn, what, n, ASK)           \
    int code_ = enter(conn, n);                       \
    while (!code_ && (code_ = (ASK)) == RNL_EAGAIN)   \
        code_ = wait_for_data(conn, what);            \
    return leave(conn, code_)

int rnl_read(struct rnl_reader *reader, size_t n, struct rnl_bytes *out)
{
    struct rnli_conn *conn = rnli_reader_conn(reader);

    RNLI_CHECK_PAIR(conn);
    READ_COUNT_LOOP(conn, "read", n, rnl_core_read(&reader->core, n, out));
}

static int readline(struct rnli_conn *conn, struct rnl_bytes *out)
{
    READ_LOOP(conn, "readline", rnl_core_readline(&conn->reader.core, 0, out));
}

static RNLI_RARE int look_for_line(struct rnli_conn *conn, struct rnl_bytes *out)
{
    if (is_quick(conn) && rnli_reader_find_line(&conn->reader.core, out))
        return RNL_OK;
    return readline(conn, out);
}

int rnl_readline(struct rnl_reader *reader, struct rnl_bytes *out)
{
    struct rnli_conn *conn = rnli_reader_conn(reader);

    RNLI_CHECK_PAIR(conn);
    /* Behind a line, and nothing else happened since: no need to look at all of it again. */
    if (reader->core.by_lines && rnli_has_budget(conn->loop) &&
        rnli_reader_next_line(&reader->core, out))
        return RNL_OK;
    return look_for_line(conn, out);
}

int rnl_readexactly(struct rnl_reader *reader, size_t n, struct rnl_bytes *out)
{
    struct rnli_conn *conn = rnli_reader_conn(reader);

    RNLI_CHECK_PAIR(conn);
    READ_COUNT_LOOP(conn, "readexactly", n, rnl_core_readexactly(&reader->core, n, out));
}

int rnl_readuntil(struct rnl_reader *reader, const void *sep, size_t sep_len,
                  struct rnl_bytes *out)
{
    struct rnli_conn *conn = rnli_reader_conn(reader);

    RNLI_CHECK_PAIR(conn);
    READ_LOOP(conn, "readuntil", rnl_core_readuntil(&reader->core, sep, sep_len, 0, out));
}

int rnl_readuntil_any(struct rnl_reader *reader, const struct rnl_bytes *seps, size_t nseps,
                      size_t limit, struct rnl_bytes *out, size_t *which)
{
    struct rnli_conn *conn = rnli_reader_conn(reader);

    RNLI_CHECK_PAIR(conn);
    READ_LOOP(conn, "readuntil_any",
              rnl_core_readuntil_any(&reader->core, seps, nseps, limit, out, which));
}

int rnl_readuntil_part(struct rnl_reader *reader, const void *sep, size_t sep_len,
                       struct rnl_bytes *out, bool *done)
{
    struct rnli_conn *conn = rnli_reader_conn(reader);

    RNLI_CHECK_PAIR(conn);
    READ_LOOP(conn, "readuntil_part",
              rnl_core_readuntil_part(&reader->core, sep, sep_len, out, done));
}

int rnl_discard_until(struct rnl_reader *reader, const void *sep, size_t sep_len,
                      uint64_t *skipped)
{
    struct rnli_conn *conn = rnli_reader_conn(reader);
    uint64_t count = 0;
    uint64_t *counter = skipped ? skipped : &count;

    RNLI_CHECK_PAIR(conn);
    *counter = 0;
    READ_LOOP(conn, "discard_until",
              rnl_core_discard_until(&reader->core, sep, sep_len, counter));
}

static int copy_out(struct rnl_reader *reader, void *buf, const struct rnl_bytes *view, size_t *got)
{
    if (view->len > 0)
        memcpy(buf, view->data, view->len);
    if (got)
        *got = view->len;
    rnli_reader_forget_view(&reader->core);
    return RNL_OK;
}

int rnl_read_into(struct rnl_reader *reader, void *buf, size_t n, size_t *got)
{
    struct rnl_bytes view;
    int code = rnl_read(reader, n, &view);

    return code ? code : copy_out(reader, buf, &view, got);
}

int rnl_readexactly_into(struct rnl_reader *reader, void *buf, size_t n, size_t *got)
{
    struct rnl_bytes view;
    int code = rnl_readexactly(reader, n, &view);

    if (code == RNL_OK || code == RNL_EINCOMPLETE)
        (void)copy_out(reader, buf, &view, got);
    return code;
}

/* ---- Looking ----------------------------------------------------------- */

bool rnl_at_eof(const struct rnl_reader *reader)
{
    return rnl_core_at_eof(&reader->core);
}

int rnl_exception(const struct rnl_reader *reader)
{
    return rnli_reader_conn(reader)->error;
}

size_t rnl_buffered(const struct rnl_reader *reader)
{
    return rnl_core_buffered(&reader->core);
}

void rnl_peek(const struct rnl_reader *reader, struct rnl_bytes *out)
{
    rnl_core_peek_buffered(&reader->core, out);
}

size_t rnl_limit(const struct rnl_reader *reader)
{
    return rnl_core_limit(&reader->core);
}

int rnl_set_limit(struct rnl_reader *reader, size_t limit)
{
    RNLI_CHECK_PAIR(rnli_reader_conn(reader));
    return rnl_core_set_limit(&reader->core, limit);
}
