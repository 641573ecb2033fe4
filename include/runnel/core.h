/* runnel/core.h: the buffering rules without a loop.
 *
 * For people who have an event loop of their own, and for tests and fuzzers:
 * feed bytes in, try to read, get RNL_EAGAIN for "not yet". No system call, no
 * clock, no thread, no task. The stream calls of runnel/stream.h are loops
 * around these, so the rules are the same.
 *
 *      bytes from anywhere -> rnl_core_feed -> [reader] -> rnl_core_readline
 *      rnl_core_write -> [writer] -> rnl_core_peek / rnl_core_sent -> anywhere
 *
 * Views: what a read hands out is valid until the next accepted read on the
 * same reader (one that answers RNL_EAGAIN counts) or until the reader is freed. It survives
 * feeds, errors and the end of input.
 *
 * What a call cannot be right with (a NULL where base.h allows none, more committed than
 * was lent or sent than is queued, an error that is no code) ends a debug build with an
 * assert; a release build does not look at it.
 *
 * Threads:  any, one at a time for each reader and writer; two of them share
 *            nothing. */
#ifndef RUNNEL_CORE_H
#define RUNNEL_CORE_H

#include <runnel/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Reader ------------------------------------------------------------ */

/* asyncio.StreamReader without the waiting. */
struct rnl_core_reader;

#define RNL_DEFAULT_LIMIT ((size_t)65536)

struct rnl_core_reader_options {
    size_t size;            /* set by RNL_CORE_READER_OPTIONS_INIT */
    size_t limit;           /* bytes; 0: 65536. See rnl_core_readuntil */
    enum rnl_switch compat; /* asyncio's exact ways; default RNL_NO */
    const struct rnl_allocator *allocator; /* NULL: the default one; copied */
};
#define RNL_CORE_READER_OPTIONS_INIT { sizeof(struct rnl_core_reader_options), 0, RNL_DEFAULT, NULL }

/* Makes a reader. `options` may be NULL.
 *
 * Returns:  RNL_OK; RNL_ENOMEM; RNL_EINVAL for options it does not know.
 * Owns:     the caller; ends with rnl_core_reader_free.
 * asyncio:  StreamReader(limit). */
RNL_API int rnl_core_reader_open(struct rnl_core_reader **out,
                                 const struct rnl_core_reader_options *options);

/* Frees a reader and its bytes; NULL is fine. All views of it die. */
RNL_API void rnl_core_reader_free(struct rnl_core_reader *reader);

/* Appends a copy of `len` bytes. Above 2 x limit buffered bytes the reader
 * becomes paused (rnl_core_paused); nothing is ever refused for being too much.
 *
 * Returns:  RNL_OK; RNL_EINVAL after rnl_core_feed_eof (also for no bytes);
 *           RNL_ENOMEM, with nothing appended.
 * asyncio:  StreamReader.feed_data. */
RNL_API int rnl_core_feed(struct rnl_core_reader *reader, const void *data,
                          size_t len);

/* Lends memory behind the buffered bytes, so that a receive can write there:
 * at least `want` bytes, perhaps more. rnl_core_commit says how many came. No
 * other call on the reader is legal in between.
 *
 * Returns:  RNL_OK; RNL_EINVAL after the end of input; RNL_ENOMEM. */
RNL_API int rnl_core_lend(struct rnl_core_reader *reader, size_t want,
                          unsigned char **data, size_t *len);

/* Ends a loan: the first `len` bytes of it were received (0: none), at most what was
 * lent. The rest of the rules are rnl_core_feed's. */
RNL_API void rnl_core_commit(struct rnl_core_reader *reader, size_t len);

/* Marks the end of input. Again is fine.
 * asyncio:  StreamReader.feed_eof. */
RNL_API void rnl_core_feed_eof(struct rnl_core_reader *reader);

/* Stores an error, which every later read answers before it looks at the
 * buffered bytes; a later one replaces it, and RNL_OK takes it away. `code` is never
 * above 0. Buffer and end of input stay.
 * asyncio:  StreamReader.set_exception. */
RNL_API void rnl_core_set_exception(struct rnl_core_reader *reader, int code);

/* What rnl_core_set_exception stored.
 * Returns:  the stored error, or RNL_OK.
 * asyncio:  StreamReader.exception. */
RNL_API int rnl_core_exception(const struct rnl_core_reader *reader);

/* True when the input has ended and nothing is buffered.
 * asyncio:  StreamReader.at_eof. */
RNL_API bool rnl_core_at_eof(const struct rnl_core_reader *reader);

/* True while whoever feeds should stop: from more than 2 x limit buffered
 * bytes until at most limit are left, or until a read needs more to go on. */
RNL_API bool rnl_core_paused(const struct rnl_core_reader *reader);

/* How many bytes are buffered and not read. */
RNL_API size_t rnl_core_buffered(const struct rnl_core_reader *reader);

/* A view of what is buffered; nothing is consumed, and earlier views stay.
 * Lifetime: *out is valid until the next call on `reader`. */
RNL_API void rnl_core_peek_buffered(const struct rnl_core_reader *reader,
                                    struct rnl_bytes *out);

/* The limit, and changing it (takes effect at the next call).
 * Returns:  RNL_OK; RNL_EINVAL for 0. */
RNL_API size_t rnl_core_limit(const struct rnl_core_reader *reader);
RNL_API int rnl_core_set_limit(struct rnl_core_reader *reader, size_t limit);

/* Each read below answers RNL_EAGAIN for "not yet": nothing is consumed; feed
 * and ask again. It remembers how far a separator was searched, so bytes are
 * not looked at again; asking for something else forgets that. Remembering one
 * of more than 8 bytes takes memory: RNL_ENOMEM, with nothing consumed. A
 * separator must not lie in a view of the same reader, which dies first. */

/* Takes up to `n` bytes, at least one unless the input has ended or `n` is 0;
 * RNL_ALL: everything up to the end of input, in one view.
 *
 * Returns:  RNL_OK (an empty view: end of input); RNL_EAGAIN; RNL_ENOMEM; the stored error.
 * Lifetime: *out is valid until the next read on `reader`.
 * asyncio:  StreamReader.read. */
RNL_API int rnl_core_read(struct rnl_core_reader *reader, size_t n,
                          struct rnl_bytes *out);

/* Takes exactly `n` bytes. Memory follows the bytes that came, not `n`.
 *
 * Returns:  RNL_OK; RNL_EAGAIN; RNL_EINCOMPLETE at the end of input (*out
 *           holds what there was, consumed); RNL_ENOMEM; the stored error.
 * Lifetime: *out is valid until the next read on `reader`.
 * asyncio:  StreamReader.readexactly. */
RNL_API int rnl_core_readexactly(struct rnl_core_reader *reader, size_t n,
                                 struct rnl_bytes *out);

/* Takes up to and including the first `sep`. `limit` is the most bytes that
 * may precede it; 0: the reader's own.
 *
 * Returns:  RNL_OK; RNL_EAGAIN; RNL_EINVAL for an empty separator;
 *           RNL_EINCOMPLETE at the end of input (*out holds what there was,
 *           consumed); RNL_ELIMIT (nothing is consumed, out->len bytes may be
 *           skipped: those before the separator where it was found, else those
 *           that cannot be part of one; out->data views them); the stored error.
 * Lifetime: *out is valid until the next read on `reader`.
 * asyncio:  StreamReader.readuntil. */
RNL_API int rnl_core_readuntil(struct rnl_core_reader *reader, const void *sep,
                               size_t sep_len, size_t limit,
                               struct rnl_bytes *out);

/* The same with several separators: the earliest end wins, the shortest
 * separator on a tie. *which (if not NULL) is the index of the one that matched.
 *
 * Returns:  as rnl_core_readuntil; RNL_EINVAL also for no separators.
 * Lifetime: *out is valid until the next read on `reader`.
 * asyncio:  StreamReader.readuntil with a tuple (3.13). */
RNL_API int rnl_core_readuntil_any(struct rnl_core_reader *reader,
                                   const struct rnl_bytes *seps, size_t nseps,
                                   size_t limit, struct rnl_bytes *out,
                                   size_t *which);

/* Takes a line with its "\n", or what is left at the end of input (then an
 * empty view). `limit` as above.
 *
 * Returns:  RNL_OK; RNL_EAGAIN; RNL_ELIMIT (as rnl_core_readuntil; with compat:
 *           asyncio's way, the line or the whole buffer is dropped);
 *           the stored error.
 * Lifetime: *out is valid until the next read on `reader`.
 * asyncio:  StreamReader.readline. */
RNL_API int rnl_core_readline(struct rnl_core_reader *reader, size_t limit,
                              struct rnl_bytes *out);

/* Takes the next piece of a message that ends with `sep`, in bounded memory:
 * whatever is there and cannot be the beginning of the separator. *done becomes
 * true with the piece that ends in it (the separator included).
 *
 * Returns:  RNL_OK; RNL_EAGAIN; RNL_EINVAL for an empty separator, or no `done`;
 *           RNL_EINCOMPLETE at the end of input (*out holds the rest,
 *           consumed); the stored error.
 * Lifetime: *out is valid until the next read on `reader`. */
RNL_API int rnl_core_readuntil_part(struct rnl_core_reader *reader,
                                    const void *sep, size_t sep_len,
                                    struct rnl_bytes *out, bool *done);

/* Drops bytes up to and including the next `sep`, in bounded memory: gets back
 * in step after RNL_ELIMIT. *skipped (if not NULL) is counted up by what was
 * dropped in this call, RNL_EAGAIN included; start it at 0.
 *
 * Returns:  RNL_OK; RNL_EAGAIN (what came so far is dropped); RNL_EINVAL;
 *           RNL_EINCOMPLETE at the end of input (all is dropped); the stored
 *           error. */
RNL_API int rnl_core_discard_until(struct rnl_core_reader *reader,
                                   const void *sep, size_t sep_len,
                                   uint64_t *skipped);

/* ---- Writer ------------------------------------------------------------ */

/* The queue of bytes on their way out, with its water marks. */
struct rnl_core_writer;

struct rnl_core_writer_options {
    size_t size;       /* set by RNL_CORE_WRITER_OPTIONS_INIT */
    size_t high_water; /* bytes; 0: 65536; RNL_OFF: never paused */
    size_t low_water;  /* bytes; 0: a quarter of high_water; RNL_OFF: 0 */
    size_t cap;        /* most bytes queued; 0 or RNL_OFF: no cap */
    const struct rnl_allocator *allocator; /* NULL: the default one; copied */
};
#define RNL_CORE_WRITER_OPTIONS_INIT { sizeof(struct rnl_core_writer_options), 0, 0, 0, NULL }

/* Makes a writer. `options` may be NULL.
 *
 * Returns:  RNL_OK; RNL_ENOMEM; RNL_EINVAL for low above high, or
 *           options it does not know.
 * Owns:     the caller; ends with rnl_core_writer_free. */
RNL_API int rnl_core_writer_open(struct rnl_core_writer **out,
                                 const struct rnl_core_writer_options *options);

/* Frees a writer and what is queued; NULL is fine. */
RNL_API void rnl_core_writer_free(struct rnl_core_writer *writer);

/* Queues a copy of `len` bytes, all or nothing.
 *
 * Returns:  RNL_OK; RNL_EINVAL after rnl_core_write_eof (also for no bytes);
 *           RNL_ENOBUFS if the cap would be passed; RNL_ENOMEM.
 * asyncio:  StreamWriter.write. */
RNL_API int rnl_core_write(struct rnl_core_writer *writer, const void *data,
                           size_t len);

/* The same for `count` pieces, all or nothing.
 * Returns:  as rnl_core_write.
 * asyncio:  StreamWriter.writelines. */
RNL_API int rnl_core_writelines(struct rnl_core_writer *writer,
                                const struct rnl_bytes *pieces, size_t count);

/* Says that nothing more will be written; later writes answer RNL_EINVAL.
 * Again is fine.
 * asyncio:  StreamWriter.write_eof. */
RNL_API void rnl_core_write_eof(struct rnl_core_writer *writer);

/* True when write_eof was called and everything has been sent. */
RNL_API bool rnl_core_eof_due(const struct rnl_core_writer *writer);

/* Fills `pieces` with up to `max` views of what comes next.
 * Returns:  how many were filled; 0: nothing is queued.
 * Lifetime: the views are valid until rnl_core_sent or rnl_core_drop; a write
 *           leaves them alone. */
RNL_API size_t rnl_core_peek(struct rnl_core_writer *writer,
                             struct rnl_bytes *pieces, size_t max);

/* The first `len` queued bytes are gone out. At most rnl_core_queued. */
RNL_API void rnl_core_sent(struct rnl_core_writer *writer, size_t len);

/* Throws away all that is queued. */
RNL_API void rnl_core_drop(struct rnl_core_writer *writer);

/* How many bytes are queued. Constant time. */
RNL_API size_t rnl_core_queued(const struct rnl_core_writer *writer);

/* True from the moment more than high_water bytes are queued until at most
 * low_water are. */
RNL_API bool rnl_core_write_paused(const struct rnl_core_writer *writer);

/* Sets the marks, in bytes. RNL_ALL for one of them derives it from the other:
 * high = 4 x low, low = high / 4; for both: 65536 and 16384.
 * Returns:  RNL_OK; RNL_EINVAL unless high >= low.
 * asyncio:  transport.set_write_buffer_limits. */
RNL_API int rnl_core_set_water_marks(struct rnl_core_writer *writer, size_t high,
                                     size_t low);

/* ---- Search ------------------------------------------------------------ */

/* The first place of `sep` in `data`: linear time whatever the bytes are, and
 * no memory.
 * Returns:  its offset; RNL_ALL if there is none. An empty `sep` is at 0. */
RNL_API size_t rnl_core_find(const void *data, size_t len, const void *sep,
                             size_t sep_len);

/* ---- Addresses --------------------------------------------------------- */

enum rnl_family { RNL_UNSPEC = 0, RNL_INET = 1, RNL_INET6 = 2, RNL_UNIX = 3 };

/* A socket address, the same on every platform. Unused fields are 0. */
struct rnl_address {
    enum rnl_family family;
    uint16_t port;           /* host byte order */
    unsigned char ip[16];    /* network byte order; IPv4 in the first 4 */
    uint32_t scope_id;       /* IPv6 link-local: the interface's index */
    size_t path_len;         /* RNL_UNIX: bytes of `path`; 0: unnamed */
    char path[108];          /* RNL_UNIX; an abstract name begins with '\0' */
};

/* The longest text rnl_address_format writes, its '\0' included. */
#define RNL_ADDRESS_TEXT_MAX 440

/* Writes an address for people: "127.0.0.1:80", "[::1]:80", "[fe80::1%3]:80", a
 * path, "@abstract", "unix:" where there is no name, "-" for RNL_UNSPEC. IPv6 as
 * RFC 5952 has it. In a path, control bytes are written as \x0a and a backslash
 * as two.
 * Returns:  the length without the '\0'; the text is cut at `size`, and
 *           always ended where `size` is not 0. */
RNL_API size_t rnl_address_format(const struct rnl_address *address, char *buf,
                                  size_t size);

/* Reads an IP literal ("127.0.0.1", "::1", "fe80::1%3" with a number as scope).
 * Only the four-part decimal form of IPv4: "0x7f.1" is no literal.
 * Returns:  RNL_OK; RNL_EINVAL if `text` is no literal. */
RNL_API int rnl_address_parse(struct rnl_address *out, const char *text,
                              size_t len, uint16_t port);

/* Takes "host:port", "[::1]:port", "host" or "" apart; `port` keeps its value
 * where the text has none. The host is a view into `text`, of any length. IPv6
 * needs its brackets: "::1:80" could be read in two ways.
 * Returns:  RNL_OK; RNL_EINVAL for a bad port, bracket or byte ('\0', blanks),
 *           with nothing changed.
 * Lifetime: *host is valid as long as `text`. */
RNL_API int rnl_hostport_parse(const char *text, size_t len,
                               struct rnl_bytes *host, uint16_t *port);

#ifdef __cplusplus
}
#endif
#endif
