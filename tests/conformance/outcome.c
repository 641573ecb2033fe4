/* outcome.c: steps' arguments and outcomes, as all kinds of scripts have them. */
#include <string.h>

#include "runner.h"

size_t count_at(const struct json *op, size_t i)
{
    long long n = json_at(op, i)->number;

    return n < 0 ? RNL_ALL : (size_t)n;
}

size_t bytes_of(const struct json *texts, struct rnl_bytes out[MAX_PIECES])
{
    size_t n = 0;

    for (const struct json *t = texts->first; t; t = t->next) {
        if (n == MAX_PIECES)
            fail("too many pieces or separators");
        out[n++] = (struct rnl_bytes){(const unsigned char *)t->text, t->len};
    }
    return n;
}

static void put_value(struct json_out *out, const char *word, const struct rnl_bytes *value)
{
    json_put(out, "[\"");
    json_put(out, word);
    json_put(out, "\",");
    json_put_string(out, value->data, value->len);
}

static void put_incomplete(struct json_out *out, const struct json *op,
                           const struct rnl_bytes *part)
{
    put_value(out, "incomplete", part);
    json_put(out, ",");
    if (json_is(json_at(op, 0), "readexactly"))
        json_put_number(out, json_at(op, 1)->number);
    else
        json_put(out, "null");
    json_put(out, "]");
}

void put_over_limit(struct json_out *out, bool says_how_much, size_t len)
{
    json_put(out, "[\"limit\"");
    if (says_how_much) {
        json_put(out, ",");
        json_put_number(out, (long long)len);
    }
    json_put(out, "]");
}

static void put_success(struct json_out *out, const struct json *op,
                        const struct rnl_bytes *value, size_t which)
{
    put_value(out, "value", value);
    if (json_is(json_at(op, 0), "readuntil_any")) {
        json_put(out, ",");
        json_put_number(out, (long long)which);
    }
    json_put(out, "]");
}

void put_read(struct json_out *out, const struct json *op, int err, const struct rnl_bytes *value,
              size_t which, bool compat)
{
    bool is_line = json_is(json_at(op, 0), "readline");

    if (err == RNL_OK)
        put_success(out, op, value, which);
    else if (err == RNL_EINCOMPLETE)
        put_incomplete(out, op, value);
    else if (err == RNL_ELIMIT)
        put_over_limit(out, !(is_line && compat), value->len);
    else
        put_answer(out, err);
}

void put_answer(struct json_out *out, int err)
{
    switch (err) {
    case RNL_OK:
        put_word(out, "ok");
        break;
    case RNL_EINVAL:
        put_word(out, "einval");
        break;
    case RNL_EBUSY:
        put_word(out, "busy");
        break;
    case RNL_ECANCELED:
        put_word(out, "cancelled");
        break;
    default:
        put_code(out, err);
    }
}
