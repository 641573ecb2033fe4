/* Calls of runnel/core.h that cannot be right: a debug build ends them with an assert.
 * The core is compiled into this program a second time, as a debug build has it. */
#undef NDEBUG

#include "core/find.c"
#include "core/reader.c"
#include "core/reader_buffer.c"
#include "core/reader_feed.c"
#include "core/reader_part.c"
#include "core/reader_search.c"
#include "core/reader_until.c"
#define put address_put
#include "core/address.c"
#undef put
#include "core/writer.c"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/suite.h"

static struct rnl_core_reader *r;
static struct rnl_core_writer *w;

static void in_child(void (*misuse)(void), int errors)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    dup2(errors, STDERR_FILENO);
    if (rnl_core_reader_open(&r, NULL) == RNL_OK && rnl_core_writer_open(&w, NULL) == RNL_OK)
        misuse();
    _exit(0);
}

/* It aborts, and says so: which call, and why. */
static void dies(void (*misuse)(void), const char *call, const char *why)
{
    char said[4096];
    size_t len = 0;
    ssize_t got;
    int fds[2], status = 0;
    pid_t child;

    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    fflush(NULL);
    child = fork();
    if (child == 0)
        in_child(misuse, fds[1]);
    close(fds[1]);
    while (len < sizeof said - 1 && (got = read(fds[0], said + len, sizeof said - 1 - len)) > 0)
        len += (size_t)got;
    said[len] = '\0';
    close(fds[0]);
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CU_ASSERT(strstr(said, call) && strstr(said, why));
}

/* ---- Counts and codes -------------------------------------------------- */

static void commits_too_much(void)
{
    unsigned char *data;
    size_t len;

    if (rnl_core_lend(r, 10, &data, &len) == RNL_OK)
        rnl_core_commit(r, len + 1);
}

static void commits_unlent(void)
{
    rnl_core_commit(r, 1);
}

static void sends_too_much(void)
{
    if (rnl_core_write(w, "abc", 3) == RNL_OK)
        rnl_core_sent(w, 4);
}

static void stores_no_error(void)
{
    rnl_core_set_exception(r, -RNL_EPIPE);
}

static void impossible_numbers(void)
{
    dies(commits_too_much, "rnl_core_commit", "more bytes came than were lent");
    dies(commits_unlent, "rnl_core_commit", "more bytes came than were lent");
    dies(sends_too_much, "rnl_core_sent", "more bytes went out than were queued");
    dies(stores_no_error, "rnl_core_set_exception", "an error's code is negative");
}

/* ---- NULL -------------------------------------------------------------- */

static struct rnl_bytes out;
static unsigned char *lent;
static size_t count;
static struct rnl_address address;
static uint16_t port;
static bool done;

#define CALL(name, call)      \
    static void name(void)    \
    {                         \
        (void)(call);         \
    }
CALL(reader_open, rnl_core_reader_open(NULL, NULL))
CALL(feed, rnl_core_feed(NULL, "a", 1))
CALL(feed_data, rnl_core_feed(r, NULL, 1))
CALL(lend, rnl_core_lend(NULL, 1, &lent, &count))
CALL(lend_data, rnl_core_lend(r, 1, NULL, &count))
CALL(lend_len, rnl_core_lend(r, 1, &lent, NULL))
CALL(commit, (rnl_core_commit(NULL, 0), 0))
CALL(feed_eof, (rnl_core_feed_eof(NULL), 0))
CALL(set_exception, (rnl_core_set_exception(NULL, RNL_EPIPE), 0))
CALL(exception, rnl_core_exception(NULL))
CALL(at_eof, rnl_core_at_eof(NULL))
CALL(paused, rnl_core_paused(NULL))
CALL(buffered, rnl_core_buffered(NULL))
CALL(peek_buffered, (rnl_core_peek_buffered(NULL, &out), 0))
CALL(peek_buffered_out, (rnl_core_peek_buffered(r, NULL), 0))
CALL(limit, rnl_core_limit(NULL))
CALL(set_limit, rnl_core_set_limit(NULL, 1))
CALL(read_call, rnl_core_read(NULL, 1, &out))
CALL(read_out, rnl_core_read(r, 1, NULL))
CALL(readexactly, rnl_core_readexactly(NULL, 1, &out))
CALL(readexactly_out, rnl_core_readexactly(r, 1, NULL))
CALL(readuntil, rnl_core_readuntil(NULL, "a", 1, 0, &out))
CALL(readuntil_sep, rnl_core_readuntil(r, NULL, 1, 0, &out))
CALL(readuntil_any_seps, rnl_core_readuntil_any(r, NULL, 1, 0, &out, NULL))
CALL(readuntil_any_out, rnl_core_readuntil_any(r, &out, 1, 0, NULL, NULL))
CALL(readline, rnl_core_readline(NULL, 0, &out))
CALL(readline_out, rnl_core_readline(r, 0, NULL))
CALL(readuntil_part, rnl_core_readuntil_part(NULL, "a", 1, &out, &done))
CALL(readuntil_part_sep, rnl_core_readuntil_part(r, NULL, 1, &out, &done))
CALL(readuntil_part_out, rnl_core_readuntil_part(r, "a", 1, NULL, &done))
CALL(discard_until, rnl_core_discard_until(NULL, "a", 1, NULL))
CALL(discard_until_sep, rnl_core_discard_until(r, NULL, 1, NULL))
CALL(writer_open, rnl_core_writer_open(NULL, NULL))
CALL(write_call, rnl_core_write(NULL, "a", 1))
CALL(write_data, rnl_core_write(w, NULL, 1))
CALL(writelines, rnl_core_writelines(w, NULL, 1))
CALL(write_eof, (rnl_core_write_eof(NULL), 0))
CALL(eof_due, rnl_core_eof_due(NULL))
CALL(peek, rnl_core_peek(NULL, &out, 1))
CALL(peek_pieces, rnl_core_peek(w, NULL, 1))
CALL(sent, (rnl_core_sent(NULL, 0), 0))
CALL(drop, (rnl_core_drop(NULL), 0))
CALL(queued, rnl_core_queued(NULL))
CALL(write_paused, rnl_core_write_paused(NULL))
CALL(set_water_marks, rnl_core_set_water_marks(NULL, 2, 1))
CALL(find_data, rnl_core_find(NULL, 1, "a", 1))
CALL(find_sep, rnl_core_find("a", 1, NULL, 1))
CALL(address_format, rnl_address_format(NULL, (char *)&out, 1))
CALL(address_parse, rnl_address_parse(NULL, "", 0, 0))
CALL(address_parse_text, rnl_address_parse(&address, NULL, 1, 0))
CALL(hostport_parse, rnl_hostport_parse("", 0, NULL, &port))
CALL(hostport_parse_port, rnl_hostport_parse("", 0, &out, NULL))
CALL(hostport_parse_text, rnl_hostport_parse(NULL, 1, &out, &port))

static void nulls(void)
{
    static const char why[] = "a NULL that may not be one", bytes[] = "a NULL that has bytes";

    dies(reader_open, "rnl_core_reader_open", why);
    dies(feed, "rnl_core_feed", why);
    dies(feed_data, "rnl_core_feed", bytes);
    dies(lend, "rnl_core_lend", why);
    dies(lend_data, "rnl_core_lend", why);
    dies(lend_len, "rnl_core_lend", why);
    dies(commit, "rnl_core_commit", why);
    dies(feed_eof, "rnl_core_feed_eof", why);
    dies(set_exception, "rnl_core_set_exception", why);
    dies(exception, "rnl_core_exception", why);
    dies(at_eof, "rnl_core_at_eof", why);
    dies(paused, "rnl_core_paused", why);
    dies(buffered, "rnl_core_buffered", why);
    dies(peek_buffered, "rnl_core_peek_buffered", why);
    dies(peek_buffered_out, "rnl_core_peek_buffered", why);
    dies(limit, "rnl_core_limit", why);
    dies(set_limit, "rnl_core_set_limit", why);
    dies(read_call, "rnl_core_read", why);
    dies(read_out, "rnl_core_read", why);
    dies(readexactly, "rnl_core_readexactly", why);
    dies(readexactly_out, "rnl_core_readexactly", why);
    dies(readuntil, "rnl_core_readuntil", why);
    dies(readuntil_sep, "rnl_core_readuntil", bytes);
    dies(readuntil_any_seps, "rnl_core_readuntil_any", bytes);
    dies(readuntil_any_out, "rnl_core_readuntil_any", why);
    dies(readline, "rnl_core_readline", why);
    dies(readline_out, "rnl_core_readline", why);
    dies(readuntil_part, "rnl_core_readuntil_part", why);
    dies(readuntil_part_sep, "rnl_core_readuntil_part", bytes);
    dies(readuntil_part_out, "rnl_core_readuntil_part", why);
    dies(discard_until, "rnl_core_discard_until", why);
    dies(discard_until_sep, "rnl_core_discard_until", bytes);
    dies(writer_open, "rnl_core_writer_open", why);
    dies(write_call, "rnl_core_write", why);
    dies(write_data, "put", bytes);
    dies(writelines, "rnl_core_writelines", bytes);
    dies(write_eof, "rnl_core_write_eof", why);
    dies(eof_due, "rnl_core_eof_due", why);
    dies(peek, "rnl_core_peek", why);
    dies(peek_pieces, "rnl_core_peek", bytes);
    dies(sent, "rnl_core_sent", why);
    dies(drop, "rnl_core_drop", why);
    dies(queued, "rnl_core_queued", why);
    dies(write_paused, "rnl_core_write_paused", why);
    dies(set_water_marks, "rnl_core_set_water_marks", why);
    dies(find_data, "rnl_core_find", bytes);
    dies(find_sep, "rnl_core_find", bytes);
    dies(address_format, "rnl_address_format", why);
    dies(address_parse, "rnl_address_parse", why);
    dies(address_parse_text, "rnl_address_parse", bytes);
    dies(hostport_parse, "rnl_hostport_parse", why);
    dies(hostport_parse_port, "rnl_hostport_parse", why);
    dies(hostport_parse_text, "rnl_hostport_parse", bytes);
}

SUITE("misuse", {"counts and codes that cannot be", impossible_numbers},
      {"NULL where none may be", nulls})
