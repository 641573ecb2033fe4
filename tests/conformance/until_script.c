/* until_script.c: scripts of kind "until" over the core: until_script.py says what
 * they are. */
#include <stdlib.h>
#include <string.h>

#include "runner.h"

struct until {
    struct rnl_bytes seps[MAX_SEPS];
    size_t nseps;
    size_t limit;
    char text[MAX_LENGTH];
    struct json_out *out;
    struct json_out story;
};

static int ask(const struct until *u, struct rnl_core_reader *reader, struct rnl_bytes *value,
               size_t *which)
{
    *which = 0;
    if (u->nseps == 1)
        return rnl_core_readuntil(reader, u->seps[0].data, u->seps[0].len, 0, value);
    return rnl_core_readuntil_any(reader, u->seps, u->nseps, 0, value, which);
}

static void tell_bytes(struct until *u, const char *word, const void *bytes, size_t len)
{
    char text[MAX_LENGTH + 1];

    if (len > MAX_LENGTH)
        fail("more was read than was fed");
    memcpy(text, bytes ? bytes : "", len);
    text[len] = '\0';
    json_put(&u->story, word);
    json_put(&u->story, text);
}

/* False: it waits. */
static bool tell_answer(struct until *u, struct rnl_core_reader *reader)
{
    struct rnl_bytes value;
    size_t which;
    int err = ask(u, reader, &value, &which);

    if (err == RNL_EAGAIN) {
        json_put(&u->story, " w");
        return false;
    }
    if (err == RNL_OK) {
        tell_bytes(u, " v:", value.data, value.len);
        json_put(&u->story, ":");
        json_put_number(&u->story, (long long)which);
    } else if (err == RNL_ELIMIT) {
        json_put(&u->story, " l:");
        json_put_number(&u->story, (long long)value.len);
    } else if (err == RNL_EINCOMPLETE) {
        tell_bytes(u, " i:", value.data, value.len);
    } else {
        fail("an answer that cannot be");
    }
    return true;
}

static void tell_left(struct until *u, struct rnl_core_reader *reader)
{
    struct rnl_bytes left;

    rnl_core_peek_buffered(reader, &left);
    tell_bytes(u, " =", left.data, left.len);
    json_put(u->out, u->out->len > 1 ? ",[" : "[");
    json_put_string(u->out, u->story.text, u->story.len);
    json_put(u->out, "]");
}

/* The first `len` letters in pieces of `cut` and the rest; `cut` == `len`: in one. */
static void tell_story(struct until *u, size_t len, size_t cut)
{
    struct rnl_core_reader_options options = RNL_CORE_READER_OPTIONS_INIT;
    struct rnl_core_reader *reader;
    bool done;

    options.limit = u->limit;
    options.compat = RNL_YES;
    if (rnl_core_reader_open(&reader, &options))
        fail("cannot open a reader");
    u->story.len = 0;
    tell_bytes(u, "", u->text, cut);
    if (cut < len)
        tell_bytes(u, "|", u->text + cut, len - cut);
    rnl_core_feed(reader, u->text, cut);
    done = tell_answer(u, reader);
    rnl_core_feed(reader, u->text + cut, len - cut);
    if (!done && cut < len)
        done = tell_answer(u, reader);
    rnl_core_feed_eof(reader);
    if (!done)
        tell_answer(u, reader);
    tell_left(u, reader);
    rnl_core_reader_free(reader);
}

static void tell_all(struct until *u, size_t length)
{
    for (size_t len = 1; len <= length; len++) {
        for (unsigned bits = 0; bits < 1u << len; bits++) {
            for (size_t i = 0; i < len; i++)
                u->text[i] = bits >> (len - 1 - i) & 1 ? 'b' : 'a';
            tell_story(u, len, len);
            for (size_t cut = 1; cut < len; cut++)
                tell_story(u, len, cut);
        }
    }
}

void run_until_script(const struct json *script, struct json_out *out)
{
    struct until u = {.out = out};
    size_t length = (size_t)json_get(script, "length")->number;

    u.limit = (size_t)json_get(script, "limit")->number;
    for (const struct json *s = json_get(script, "seps")->first; s; s = s->next) {
        if (u.nseps == MAX_SEPS)
            fail("too many separators");
        u.seps[u.nseps++] = (struct rnl_bytes){(const unsigned char *)s->text, s->len};
    }
    if (length > MAX_LENGTH)
        fail("strings are too long");
    json_put(out, "[");
    tell_all(&u, length);
    json_put(out, "]");
    free(u.story.text);
}
