/* kv_server [PORT]: a key-value server that redis-cli and redis-benchmark can talk
 * to: PING, ECHO, GET, SET (EX, PX), MGET, MSET, DEL, EXISTS, INCR, COMMAND,
 * CONFIG GET, QUIT. Requests are arrays of bulk strings, or plain lines.
 *
 * Replies are written one by one and go out together: the library gathers them
 * until the task waits for the next request. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "common.h"
#include "kv_table.h"

enum { ARGS_MAX = 1024, INLINE_MAX = 64 * 1024, REQUEST_MAX = 64 * 1024 * 1024 };
#define BULK_MAX INT64_C(16777216)

/* A request: copies of its words, in one block that is used again. */
struct request {
    struct rnl_bytes args[ARGS_MAX];
    size_t offsets[ARGS_MAX];
    size_t count;
    unsigned char *data;
    size_t len, room;
};

struct client {
    struct rnl_reader *reader;
    struct rnl_writer *writer;
    struct kv_table *table;
    struct request request;
    bool quit;
};

/* ---- Replies ----------------------------------------------------------- */

static void reply(struct client *c, const char *text)
{
    rnl_write_str(c->writer, text);
}

static void reply_number(struct client *c, char kind, int64_t number)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%c%" PRId64 "\r\n", kind, number);

    rnl_write(c->writer, text, (size_t)len);
}

static void reply_bulk(struct client *c, const struct rnl_bytes *value)
{
    if (!value) {
        reply(c, "$-1\r\n");
        return;
    }
    reply_number(c, '$', (int64_t)value->len);
    rnl_write(c->writer, value->data, value->len);
    reply(c, "\r\n");
}

/* ---- Requests ---------------------------------------------------------- */

static int add_arg(struct request *r, const struct rnl_bytes *word)
{
    if (r->count == ARGS_MAX || word->len > REQUEST_MAX - r->len)
        return RNL_ELIMIT;
    if (r->len + word->len > r->room) {
        size_t room = 2 * (r->len + word->len) + 256;
        unsigned char *data = realloc(r->data, room);

        if (!data)
            return RNL_ENOMEM;
        r->data = data;
        r->room = room;
    }
    if (word->len > 0)
        memcpy(r->data + r->len, word->data, word->len);
    r->offsets[r->count] = r->len;
    r->args[r->count++].len = word->len;
    r->len += word->len;
    return RNL_OK;
}

/* "*3\r\n" and its like: a number behind `kind`, at most `most`. */
static bool parse_count(const struct rnl_bytes *line, int64_t most, int64_t *out)
{
    int64_t value = 0;
    size_t i = 1;

    if (line->len < 4 || line->data[line->len - 2] != '\r')
        return false;
    for (; i < line->len - 2; i++) {
        if (line->data[i] < '0' || line->data[i] > '9')
            return false;
        value = 10 * value + (line->data[i] - '0');
        if (value > most)
            return false;
    }
    *out = value;
    return true;
}

static int protocol_error(struct client *c, const char *what)
{
    reply(c, "-ERR Protocol error: ");
    reply(c, what);
    reply(c, "\r\n");
    return RNL_EPROTO;
}

static int read_bulk(struct client *c)
{
    struct rnl_bytes line;
    int64_t len;
    int err = rnl_readuntil(c->reader, "\n", 1, &line);

    if (err)
        return err;
    if (line.data[0] != '$')
        return protocol_error(c, "expected '$'");
    if (!parse_count(&line, BULK_MAX, &len))
        return protocol_error(c, "invalid bulk length");
    if ((err = rnl_readexactly(c->reader, (size_t)len + 2, &line)))
        return err;
    line.len -= 2;
    return add_arg(&c->request, &line);
}

static int read_array(struct client *c, const struct rnl_bytes *head)
{
    int64_t count;
    int err = RNL_OK;

    if (!parse_count(head, ARGS_MAX, &count))
        return protocol_error(c, "invalid multibulk length");
    while (count-- > 0 && !err)
        err = read_bulk(c);
    return err;
}

static int read_words(struct client *c, const struct rnl_bytes *line)
{
    struct rnl_bytes word;
    size_t i = 0;
    int err = RNL_OK;

    while (i < line->len && !err) {
        while (i < line->len && line->data[i] <= ' ')
            i++;
        word.data = line->data + i;
        while (i < line->len && line->data[i] > ' ')
            i++;
        word.len = (size_t)(line->data + i - word.data);
        if (word.len > 0)
            err = add_arg(&c->request, &word);
    }
    return err;
}

/* RNL_OK with no words: the end of input, or an empty line. A request that the end
 * of input cut off is none: "SET k 1234" may have been to end in 56. */
static int read_request(struct client *c, bool *end)
{
    struct rnl_bytes line;
    int err = rnl_readline(c->reader, &line);

    c->request.count = 0;
    c->request.len = 0;
    *end = !err && line.len == 0;
    if (*end)
        return RNL_OK;
    if (!err && line.data[line.len - 1] != '\n')
        err = RNL_EINCOMPLETE;
    if (!err)
        err = line.data[0] == '*' ? read_array(c, &line) : read_words(c, &line);
    if (err == RNL_ELIMIT)
        return protocol_error(c, "too big a request");
    for (size_t i = 0; i < c->request.count; i++)
        c->request.args[i].data = c->request.data + c->request.offsets[i];
    return err;
}

/* ---- Commands ---------------------------------------------------------- */

/* A number as we would write it: no spaces, signs or zeros more, nothing too large. */
static bool parse_int(const struct rnl_bytes *text, int64_t *out)
{
    char copy[24], again[24];
    int len;

    if (text->len == 0 || text->len >= sizeof copy)
        return false;
    memcpy(copy, text->data, text->len);
    copy[text->len] = '\0';
    *out = strtoll(copy, NULL, 10);
    len = snprintf(again, sizeof again, "%" PRId64, *out);
    return (size_t)len == text->len && memcmp(copy, again, text->len) == 0;
}

static bool is_word(const struct rnl_bytes *a, const char *word)
{
    return a->len == strlen(word) && strncasecmp((const char *)a->data, word, a->len) == 0;
}

static void do_ping(struct client *c, const struct rnl_bytes *args, size_t count)
{
    if (count == 1)
        reply(c, "+PONG\r\n");
    else
        reply_bulk(c, &args[1]);
}

static void do_echo(struct client *c, const struct rnl_bytes *args, size_t count)
{
    (void)count;
    reply_bulk(c, &args[1]);
}

static void do_get(struct client *c, const struct rnl_bytes *args, size_t count)
{
    struct rnl_bytes value;

    (void)count;
    reply_bulk(c, kv_get(c->table, &args[1], rnl_now(), &value) ? &value : NULL);
}

static void do_mget(struct client *c, const struct rnl_bytes *args, size_t count)
{
    reply_number(c, '*', (int64_t)count - 1);
    for (size_t i = 1; i < count; i++)
        do_get(c, args + i - 1, 2);
}

static void do_set(struct client *c, const struct rnl_bytes *args, size_t count)
{
    int64_t time = 0, unit = 0;

    if (count == 5)
        unit = is_word(&args[3], "EX") ? RNL_SECOND : is_word(&args[3], "PX") ? RNL_MILLISECOND : 0;
    if (count != 3 && unit == 0) {
        reply(c, "-ERR syntax error\r\n");
    } else if (unit && (!parse_int(&args[4], &time) || time <= 0 || time > INT64_MAX / 2 / unit)) {
        reply(c, "-ERR invalid expire time in 'set' command\r\n");
    } else if (kv_set(c->table, &args[1], &args[2], unit ? rnl_now() + time * unit : 0)) {
        reply(c, "+OK\r\n");
    } else {
        reply(c, "-ERR out of memory\r\n");
    }
}

static void do_mset(struct client *c, const struct rnl_bytes *args, size_t count)
{
    bool ok = count % 2 == 1;

    if (!ok) {
        reply(c, "-ERR wrong number of arguments for 'mset' command\r\n");
        return;
    }
    for (size_t i = 1; i < count; i += 2)
        ok = kv_set(c->table, &args[i], &args[i + 1], 0) && ok;
    reply(c, ok ? "+OK\r\n" : "-ERR out of memory\r\n");
}

static void do_del(struct client *c, const struct rnl_bytes *args, size_t count)
{
    int64_t n = 0;

    for (size_t i = 1; i < count; i++)
        n += kv_delete(c->table, &args[i], rnl_now());
    reply_number(c, ':', n);
}

static void do_exists(struct client *c, const struct rnl_bytes *args, size_t count)
{
    struct rnl_bytes value;
    int64_t n = 0;

    for (size_t i = 1; i < count; i++)
        n += kv_get(c->table, &args[i], rnl_now(), &value);
    reply_number(c, ':', n);
}

static void do_incr(struct client *c, const struct rnl_bytes *args, size_t count)
{
    struct rnl_bytes value;
    int64_t number = 0;
    char text[24];

    (void)count;
    if (kv_get(c->table, &args[1], rnl_now(), &value) &&
        (!parse_int(&value, &number) || number == INT64_MAX)) {
        reply(c, "-ERR value is not an integer or out of range\r\n");
        return;
    }
    value.len = (size_t)snprintf(text, sizeof text, "%" PRId64, number + 1);
    value.data = (const unsigned char *)text;
    if (kv_replace(c->table, &args[1], &value))
        reply_number(c, ':', number + 1);
    else
        reply(c, "-ERR out of memory\r\n");
}

static void do_empty(struct client *c, const struct rnl_bytes *args, size_t count)
{
    (void)args;
    (void)count;
    reply(c, "*0\r\n");
}

/* Every parameter is known, and empty. */
static void do_config(struct client *c, const struct rnl_bytes *args, size_t count)
{
    static const struct rnl_bytes none = {NULL, 0};

    if (count != 3 || !is_word(&args[1], "GET")) {
        reply(c, "-ERR only CONFIG GET is supported\r\n");
        return;
    }
    reply(c, "*2\r\n");
    reply_bulk(c, &args[2]);
    reply_bulk(c, &none);
}

static void do_quit(struct client *c, const struct rnl_bytes *args, size_t count)
{
    (void)args;
    (void)count;
    reply(c, "+OK\r\n");
    c->quit = true;
}

static const struct command {
    const char *name;
    size_t least, most; /* words, the name included */
    void (*fn)(struct client *c, const struct rnl_bytes *args, size_t count);
} commands[] = {
    {"ping", 1, 2, do_ping},          {"echo", 2, 2, do_echo},
    {"get", 2, 2, do_get},            {"set", 3, 5, do_set},
    {"mget", 2, ARGS_MAX, do_mget},   {"mset", 3, ARGS_MAX, do_mset},
    {"del", 2, ARGS_MAX, do_del},     {"exists", 2, ARGS_MAX, do_exists},
    {"incr", 2, 2, do_incr},          {"command", 1, ARGS_MAX, do_empty},
    {"config", 2, ARGS_MAX, do_config}, {"quit", 1, 1, do_quit},
};

static void execute(struct client *c)
{
    const struct request *r = &c->request;
    char text[96];

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!is_word(&r->args[0], commands[i].name))
            continue;
        if (r->count >= commands[i].least && r->count <= commands[i].most) {
            commands[i].fn(c, r->args, r->count);
            return;
        }
        snprintf(text, sizeof text, "-ERR wrong number of arguments for '%s' command\r\n",
                 commands[i].name);
        reply(c, text);
        return;
    }
    reply(c, "-ERR unknown command\r\n");
}

static int serve(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct client *c = calloc(1, sizeof *c);
    bool end = false;
    int err = c ? RNL_OK : RNL_ENOMEM;

    if (c) {
        c->reader = reader;
        c->writer = writer;
        c->table = arg;
    }
    while (!err && !end && !c->quit) {
        err = read_request(c, &end);
        if (!err && c->request.count > 0)
            execute(c);
        if (!err)
            err = rnl_drain(writer); /* waits only while too much is queued */
    }
    if (c)
        free(c->request.data);
    free(c);
    /* A client that breaks the protocol, or off, is no failure of ours. */
    return err == RNL_EPROTO || err == RNL_EINCOMPLETE ? RNL_OK : err;
}

struct args {
    uint16_t port;
    struct kv_table table;
};

static int run(void *arg)
{
    struct args *args = arg;
    struct rnl_server_options options = RNL_SERVER_OPTIONS_INIT;
    struct rnl_server *server;
    int err;

    options.stream.limit = INLINE_MAX;
    options.backlog = 511;
    err = rnl_start_server(serve, &args->table, "127.0.0.1", args->port, &options, &server);
    return err ? err : serve_until_signal(server);
}

int main(int argc, char **argv)
{
    struct args args = {.port = argc > 1 ? port_of(argv[1]) : 6379};
    int err = rnl_run(run, &args, NULL);

    kv_free(&args.table);
    return exit_status("kv_server", err);
}
