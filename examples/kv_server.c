/* kv_server [PORT]: a key-value server that redis-cli and redis-benchmark can talk
 * to: PING, ECHO, GET, SET (EX, PX), MGET, MSET, DEL, EXISTS, INCR, COMMAND,
 * CONFIG GET, QUIT. Requests are arrays of bulk strings, or plain lines.
 *
 * Replies are written one by one and go out together: the library gathers them
 * until the task waits for the next request. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "common.h"

enum { CHAINS = 1 << 16, WORDS_MAX = 1024, BULK_MAX = 1 << 24, REQUEST_MAX = 1 << 26 };

struct client {
    struct rnl_reader *reader;
    struct rnl_writer *writer;
    bool quit;
    size_t count, size;                /* of the request: words, and their bytes */
    struct rnl_bytes words[WORDS_MAX]; /* copies: what a read gives ends with the next read */
};

/* ---- The table: chains of entries -------------------------------------- */

struct entry {
    struct entry *next;
    int64_t expires; /* on the clock of rnl_now; 0: never */
    struct rnl_bytes key, value;
    unsigned char bytes[]; /* of both */
};

static struct entry *table[CHAINS]; /* all tasks run in one thread: no lock */

static void drop(struct entry **at)
{
    struct entry *entry = *at;

    *at = entry->next;
    free(entry);
}

/* The link to the entry, or to NULL at the end of its chain. Drops what has expired. */
static struct entry **find(const struct rnl_bytes *key)
{
    uint32_t hash = UINT32_C(2166136261);
    struct entry **at;

    for (size_t i = 0; i < key->len; i++)
        hash = (hash ^ key->data[i]) * UINT32_C(16777619);
    for (at = &table[hash % CHAINS]; *at;) {
        const struct entry *e = *at;

        if (e->expires && e->expires <= rnl_now())
            drop(at);
        else if (e->key.len == key->len && memcmp(e->bytes, key->data, key->len) == 0)
            break;
        else
            at = &(*at)->next;
    }
    return at;
}

/* False: no memory, and what was there stays. */
static bool put(const struct rnl_bytes *key, const struct rnl_bytes *value, int64_t expires)
{
    struct entry **at = find(key), *e = malloc(sizeof *e + key->len + value->len);

    if (!e)
        return false;
    if (*at)
        drop(at);
    *e = (struct entry){*at, expires, {e->bytes, key->len}, {e->bytes + key->len, value->len}};
    memcpy(e->bytes, key->data, key->len);
    memcpy(e->bytes + key->len, value->data, value->len);
    *at = e;
    return true;
}

/* ---- Replies ----------------------------------------------------------- */

static void reply(struct client *c, const char *format, ...)
{
    char text[128];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    rnl_write_str(c->writer, text);
}

static void reply_bulk(struct client *c, const struct rnl_bytes *value)
{
    reply(c, "$%zu\r\n", value->len);
    rnl_write(c->writer, value->data, value->len);
    reply(c, "\r\n");
}

static void reply_stored(struct client *c, bool stored)
{
    reply(c, stored ? "+OK\r\n" : "-ERR out of memory\r\n");
}

static int protocol_error(struct client *c, const char *what)
{
    reply(c, "-ERR Protocol error: %s\r\n", what);
    return RNL_EPROTO;
}

/* ---- Requests ---------------------------------------------------------- */

/* A number as we would write it: no spaces, signs or zeros more, nothing too large. */
static bool parse_int(const struct rnl_bytes *text, int64_t *out)
{
    char copy[24] = "", again[24];

    if (text->len >= sizeof copy)
        return false;
    memcpy(copy, text->data, text->len);
    *out = strtoll(copy, NULL, 10);
    snprintf(again, sizeof again, "%" PRId64, *out);
    return strlen(again) == text->len && memcmp(copy, again, text->len) == 0;
}

/* "*3\r\n" and its like: a number between a kind and the end of the line. */
static bool parse_count(const struct rnl_bytes *line, int64_t most, int64_t *out)
{
    return line->len > 3 && line->data[line->len - 2] == '\r' &&
           parse_int(&(struct rnl_bytes){line->data + 1, line->len - 3}, out) && *out >= 0 &&
           *out <= most;
}

static int add_word(struct client *c, const unsigned char *data, size_t len)
{
    unsigned char *copy;

    if (c->count == WORDS_MAX || len > REQUEST_MAX - c->size)
        return RNL_ELIMIT;
    if (!(copy = malloc(len + 1)))
        return RNL_ENOMEM;
    memcpy(copy, data, len);
    c->words[c->count++] = (struct rnl_bytes){copy, len};
    c->size += len;
    return RNL_OK;
}

static int read_bulk(struct client *c)
{
    struct rnl_bytes bytes;
    int64_t len;
    int err = rnl_readuntil(c->reader, "\n", 1, &bytes);

    if (err)
        return err;
    if (bytes.data[0] != '$')
        return protocol_error(c, "expected '$'");
    if (!parse_count(&bytes, BULK_MAX, &len))
        return protocol_error(c, "invalid bulk length");
    err = rnl_readexactly(c->reader, (size_t)len + 2, &bytes);
    return err ? err : add_word(c, bytes.data, (size_t)len);
}

static int split(struct client *c, const struct rnl_bytes *line)
{
    int err = RNL_OK;

    for (size_t start = 0, i = 0; i < line->len && !err; i++) {
        if (line->data[i] > ' ') /* the last byte, a newline, is not */
            continue;
        if (i > start)
            err = add_word(c, line->data + start, i - start);
        start = i + 1;
    }
    return err;
}

static int read_request(struct client *c)
{
    struct rnl_bytes line;
    int64_t count;
    int err = rnl_readuntil(c->reader, "\n", 1, &line);

    if (!err && line.data[0] != '*')
        err = split(c, &line);
    else if (!err && !parse_count(&line, WORDS_MAX, &count))
        err = protocol_error(c, "invalid multibulk length");
    else
        while (!err && count-- > 0)
            err = read_bulk(c);
    return err == RNL_ELIMIT ? protocol_error(c, "too big a request") : err;
}

/* ---- Commands: `w` are the words, the name first ----------------------- */

static bool is(const struct rnl_bytes *word, const char *name)
{
    return word->len == strlen(name) && strncasecmp((const char *)word->data, name, word->len) == 0;
}

static void do_ping(struct client *c, const struct rnl_bytes *w) /* and ECHO */
{
    if (c->count == 1)
        reply(c, "+PONG\r\n");
    else
        reply_bulk(c, &w[1]);
}

static void do_get(struct client *c, const struct rnl_bytes *w) /* and MGET */
{
    if (is(&w[0], "mget"))
        reply(c, "*%zu\r\n", c->count - 1);
    for (size_t i = 1; i < c->count; i++) {
        const struct entry *entry = *find(&w[i]);

        if (entry)
            reply_bulk(c, &entry->value);
        else
            reply(c, "$-1\r\n");
    }
}

static void do_set(struct client *c, const struct rnl_bytes *w)
{
    int64_t time = 0, unit = 0;

    if (c->count == 5)
        unit = is(&w[3], "EX") ? RNL_SECOND : is(&w[3], "PX") ? RNL_MILLISECOND : 0;
    if (c->count != 3 && !unit)
        reply(c, "-ERR syntax error\r\n");
    else if (unit && (!parse_int(&w[4], &time) || time <= 0 || time > INT64_MAX / 2 / unit))
        reply(c, "-ERR invalid expire time in 'set' command\r\n");
    else
        reply_stored(c, put(&w[1], &w[2], unit ? rnl_now() + time * unit : 0));
}

static void do_mset(struct client *c, const struct rnl_bytes *w)
{
    bool stored = true;

    for (size_t i = 1; i < c->count; i += 2)
        stored = put(&w[i], &w[i + 1], 0) && stored;
    reply_stored(c, stored);
}

static void do_del(struct client *c, const struct rnl_bytes *w) /* and EXISTS */
{
    int found = 0;

    for (size_t i = 1; i < c->count; i++) {
        struct entry **at = find(&w[i]);

        found += *at != NULL;
        if (*at && is(&w[0], "del"))
            drop(at);
    }
    reply(c, ":%d\r\n", found);
}

static void do_incr(struct client *c, const struct rnl_bytes *w)
{
    const struct entry *old = *find(&w[1]);
    struct rnl_bytes value;
    int64_t number = 0;
    char text[24];

    if (old && (!parse_int(&old->value, &number) || number == INT64_MAX)) {
        reply(c, "-ERR value is not an integer or out of range\r\n");
        return;
    }
    snprintf(text, sizeof text, "%" PRId64, ++number);
    value = (struct rnl_bytes){(const unsigned char *)text, strlen(text)};
    if (put(&w[1], &value, old ? old->expires : 0))
        reply(c, ":%s\r\n", text);
    else
        reply_stored(c, false);
}

static void do_config(struct client *c, const struct rnl_bytes *w) /* and COMMAND */
{
    if (is(&w[0], "command")) {
        reply(c, "*0\r\n");
    } else if (c->count == 3 && is(&w[1], "get")) { /* every parameter is known, and empty */
        reply(c, "*2\r\n");
        reply_bulk(c, &w[2]);
        reply(c, "$0\r\n\r\n");
    } else {
        reply(c, "-ERR only CONFIG GET is supported\r\n");
    }
}

static void do_quit(struct client *c, const struct rnl_bytes *w)
{
    (void)w;
    reply(c, "+OK\r\n");
    c->quit = true;
}

static const struct command {
    const char *name;
    size_t least, most, step; /* how many words: least, least + step, ... most */
    void (*fn)(struct client *c, const struct rnl_bytes *w);
} commands[] = {
    {"ping", 1, 2, 1, do_ping},           {"echo", 2, 2, 1, do_ping},
    {"get", 2, 2, 1, do_get},             {"mget", 2, WORDS_MAX, 1, do_get},
    {"set", 3, 5, 1, do_set},             {"mset", 3, WORDS_MAX, 2, do_mset},
    {"del", 2, WORDS_MAX, 1, do_del},     {"exists", 2, WORDS_MAX, 1, do_del},
    {"incr", 2, 2, 1, do_incr},           {"command", 1, WORDS_MAX, 1, do_config},
    {"config", 2, WORDS_MAX, 1, do_config}, {"quit", 1, 1, 1, do_quit},
};

static void execute(struct client *c)
{
    const struct command *cmd = commands, *end = cmd + sizeof commands / sizeof *commands;

    while (cmd < end && !is(&c->words[0], cmd->name))
        cmd++;
    if (cmd == end)
        reply(c, "-ERR unknown command\r\n");
    else if (c->count < cmd->least || c->count > cmd->most || (c->count - cmd->least) % cmd->step)
        reply(c, "-ERR wrong number of arguments for '%s' command\r\n", cmd->name);
    else
        cmd->fn(c, c->words);
}

static int serve(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct client c = {.reader = reader, .writer = writer};
    int err = RNL_OK;

    (void)arg;
    while (!err && !c.quit) {
        err = read_request(&c);
        if (!err && c.count > 0)
            execute(&c);
        if (!err)
            err = rnl_drain(writer); /* waits only while too much is queued */
        while (c.count > 0)
            free((void *)c.words[--c.count].data);
        c.size = 0;
    }
    /* The end of the input, and a client that breaks the protocol, are no failures. */
    return err == RNL_EINCOMPLETE || err == RNL_EPROTO ? RNL_OK : err;
}

static int run(void *arg)
{
    const uint16_t *port = arg;
    struct rnl_server *server;
    int err = rnl_start_server(serve, NULL, "127.0.0.1", *port, NULL, &server);

    return err ? err : serve_until_signal(server);
}

int main(int argc, char **argv)
{
    uint16_t port = argc > 1 ? port_of(argv[1]) : 6379;

    return exit_status("kv_server", rnl_run(run, &port, NULL));
}
