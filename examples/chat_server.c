/* chat_server [PORT]: everybody hears everybody. The first line is one's name.
 *
 * Each client is two tasks: the handler reads lines and says them; a writer of
 * its own takes messages from a queue. The writer may still be sending when the
 * handler has ended, so it holds a reference to the pair. A client that does not
 * read fills its queue, and is dropped with a word to the others. */
#include <string.h>

#include "common.h"

enum { QUEUE = 64, NAME = 32 };

struct message {
    size_t refs, len;
    char text[];
};

struct client {
    struct client *next;
    struct rnl_reader *reader;
    struct rnl_writer *writer;
    struct rnl_queue *queue;
    unsigned refs; /* the handler, the writer */
    char name[NAME];
};

struct room {
    struct client *clients;
    struct rnl_group *writers;
};

static void message_unref(struct message *m)
{
    if (--m->refs == 0)
        free(m);
}

static void client_unref(struct client *c)
{
    struct message *m;
    void *item;

    if (--c->refs > 0)
        return;
    while (rnl_queue_try_get(c->queue, &item) == RNL_OK) {
        m = item;
        message_unref(m);
    }
    rnl_queue_free(c->queue);
    free(c);
}

/* To everybody but `from`. */
static void say(struct room *room, const struct client *from, const char *format, const char *name,
                const char *text, size_t len)
{
    size_t room_for = strlen(format) + strlen(name) + len;
    struct message *m = malloc(sizeof *m + room_for + 1);

    if (!m)
        return;
    m->refs = 1;
    m->len = (size_t)snprintf(m->text, room_for + 1, format, name, (int)len, text);
    for (struct client *c = room->clients; c; c = c->next) {
        if (c == from)
            continue;
        if (rnl_queue_try_put(c->queue, m) == RNL_OK)
            m->refs++;
        else
            rnl_abort(c->writer); /* too slow: its handler notices */
    }
    message_unref(m);
}

static int write_messages(void *arg)
{
    struct client *c = arg;
    struct rnl_reader *reader = c->reader;
    struct rnl_writer *writer = c->writer;
    void *item;
    int err;

    while (!(err = rnl_queue_get(c->queue, &item))) {
        struct message *m = item;

        rnl_write(writer, m->text, m->len);
        message_unref(m);
        if ((err = rnl_drain(writer)))
            break;
    }
    rnl_stream_free(reader, writer); /* the reference that join took */
    client_unref(c);
    return RNL_OK;
}

/* Without the end of the line, which the last one may lack anyway. */
static void chop(struct rnl_bytes *line)
{
    while (line->len > 0 && (line->data[line->len - 1] == '\n' || line->data[line->len - 1] == '\r'))
        line->len--;
}

static struct client *join(struct room *room, struct rnl_reader *reader, struct rnl_writer *writer,
                           const struct rnl_bytes *name)
{
    struct client *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    memcpy(c->name, name->data, name->len < NAME ? name->len : NAME - 1);
    c->reader = reader;
    c->writer = writer;
    c->refs = 2;
    if (rnl_queue_open(&c->queue, QUEUE)) {
        free(c);
        return NULL;
    }
    rnl_stream_ref(reader, writer);
    if (rnl_group_spawn(room->writers, write_messages, c, NULL)) {
        rnl_stream_free(reader, writer);
        c->refs = 1;
        client_unref(c);
        return NULL;
    }
    c->next = room->clients;
    room->clients = c;
    return c;
}

static void leave(struct room *room, struct client *c)
{
    struct client **at = &room->clients;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    rnl_queue_close(c->queue); /* the writer sends what is left, and ends */
    say(room, c, "* %s left%.*s\n", c->name, "", 0);
    client_unref(c);
}

static int chat(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct room *room = arg;
    struct client *c;
    struct rnl_bytes line;
    int err;

    rnl_write_str(writer, "name? ");
    err = rnl_readline(reader, &line);
    if (err || line.len == 0)
        return err;
    chop(&line);
    c = join(room, reader, writer, &line);
    if (!c)
        return RNL_ENOMEM;
    say(room, c, "* %s joined%.*s\n", c->name, "", 0);
    while (!(err = rnl_readline(reader, &line)) && line.len > 0) {
        chop(&line);
        say(room, c, "%s: %.*s\n", c->name, (const char *)line.data, line.len);
    }
    leave(room, c);
    return err;
}

static int run(void *arg)
{
    const uint16_t *port = arg;
    struct room room = {NULL, NULL};
    struct rnl_server *server;
    int err = rnl_group_open(&room.writers);

    if (err)
        return err;
    err = rnl_start_server(chat, &room, "127.0.0.1", *port, NULL, &server);
    if (!err)
        err = serve_until_signal(server);
    return rnl_group_close(room.writers, err);
}

int main(int argc, char **argv)
{
    uint16_t port = argc > 1 ? port_of(argv[1]) : 8888;

    return exit_status("chat_server", rnl_run(run, &port, NULL));
}
