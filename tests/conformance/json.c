/* json.c: a reader and writer for exactly the JSON of json.h.
 *
 * A value needs at least one byte of text, so a line of n bytes has at most n
 * values: one array of them is enough. Strings are unescaped in place, which
 * never makes them longer. */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    char *at, *end;
    struct json *free; /* the next unused value */
};

static struct json *parse_value(struct parser *p);

static void skip_blanks(struct parser *p)
{
    while (p->at < p->end && strchr(" \t\r\n", *p->at))
        p->at++;
}

static bool accept(struct parser *p, char c)
{
    skip_blanks(p);
    if (p->at == p->end || *p->at != c)
        return false;
    p->at++;
    return true;
}

static struct json *new_value(struct parser *p, enum json_kind kind)
{
    struct json *value = p->free++;

    memset(value, 0, sizeof *value);
    value->kind = kind;
    return value;
}

static bool parse_escape(struct parser *p, char **to)
{
    static const char from[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
    char c = p->at < p->end ? *p->at++ : '\0';
    const char *found = c ? strchr(from, c) : NULL;
    char hex[5] = "";
    char *stop;

    if (found) {
        *(*to)++ = plain[found - from];
        return true;
    }
    if (c != 'u' || p->end - p->at < 4)
        return false;
    memcpy(hex, p->at, 4);
    *(*to)++ = (char)(unsigned char)strtoul(hex, &stop, 16);
    p->at += 4;
    return stop == hex + 4 && hex[0] == '0' && hex[1] == '0';
}

/* Behind the opening quote. */
static bool parse_text(struct parser *p, const char **text, size_t *len)
{
    char *to = p->at;

    *text = to;
    while (p->at < p->end && *p->at != '"') {
        if (*p->at != '\\')
            *to++ = *p->at++;
        else if (p->at++, !parse_escape(p, &to))
            return false;
    }
    *len = (size_t)(to - *text);
    return accept(p, '"');
}

static bool parse_key(struct parser *p, const char **key, size_t *len)
{
    return accept(p, '"') && parse_text(p, key, len) && accept(p, ':');
}

/* Behind the opening bracket. */
static struct json *parse_many(struct parser *p, enum json_kind kind)
{
    struct json *many = new_value(p, kind);
    struct json **link = &many->first;
    char close = kind == JSON_ARRAY ? ']' : '}';

    if (accept(p, close))
        return many;
    do {
        const char *key = NULL;
        size_t key_len = 0;

        if (kind == JSON_OBJECT && !parse_key(p, &key, &key_len))
            return NULL;
        *link = parse_value(p);
        if (!*link)
            return NULL;
        (*link)->key = key;
        (*link)->key_len = key_len;
        link = &(*link)->next;
        many->len++;
    } while (accept(p, ','));
    return accept(p, close) ? many : NULL;
}

static struct json *parse_number(struct parser *p)
{
    struct json *value = new_value(p, JSON_INT);
    bool minus = accept(p, '-');
    char *from = p->at;

    while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
        value->number = value->number * 10 + (*p->at++ - '0');
    if (minus)
        value->number = -value->number;
    return p->at > from ? value : NULL;
}

static struct json *parse_word(struct parser *p, const char *word, enum json_kind kind)
{
    size_t len = strlen(word);
    struct json *value;

    if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
        return NULL;
    p->at += len;
    value = new_value(p, kind);
    value->truth = word[0] == 't';
    return value;
}

static struct json *parse_value(struct parser *p)
{
    struct json *value;

    if (accept(p, '['))
        return parse_many(p, JSON_ARRAY);
    if (accept(p, '{'))
        return parse_many(p, JSON_OBJECT);
    if (accept(p, '"')) {
        value = new_value(p, JSON_STRING);
        return parse_text(p, &value->text, &value->len) ? value : NULL;
    }
    if (p->at == p->end)
        return NULL;
    switch (*p->at) {
    case 't':
        return parse_word(p, "true", JSON_BOOL);
    case 'f':
        return parse_word(p, "false", JSON_BOOL);
    case 'n':
        return parse_word(p, "null", JSON_NULL);
    default:
        return parse_number(p);
    }
}

struct json *json_parse(char *line, size_t len)
{
    struct json *values = malloc((len + 1) * sizeof *values);
    struct parser p = {line, line + len, values};

    if (!values)
        return NULL;
    if (parse_value(&p) && (skip_blanks(&p), p.at == p.end))
        return values;
    free(values);
    return NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
    size_t len = strlen(key);

    for (const struct json *v = object ? object->first : NULL; v; v = v->next) {
        if (v->key && v->key_len == len && memcmp(v->key, key, len) == 0)
            return v;
    }
    return NULL;
}

const struct json *json_at(const struct json *array, size_t i)
{
    const struct json *v = array ? array->first : NULL;

    while (v && i-- > 0)
        v = v->next;
    return v;
}

bool json_is(const struct json *value, const char *text)
{
    return value && value->kind == JSON_STRING && value->len == strlen(text) &&
           memcmp(value->text, text, value->len) == 0;
}

/* ---- Writing ----------------------------------------------------------- */

static void put(struct json_out *out, const char *text, size_t len)
{
    if (out->capacity - out->len < len + 1) {
        size_t capacity = 2 * out->capacity + len + 256;
        char *grown = realloc(out->text, capacity);

        if (!grown) {
            out->failed = true;
            return;
        }
        out->text = grown;
        out->capacity = capacity;
    }
    memcpy(out->text + out->len, text, len);
    out->len += len;
    out->text[out->len] = '\0';
}

void json_put(struct json_out *out, const char *text)
{
    put(out, text, strlen(text));
}

void json_put_number(struct json_out *out, long long number)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", number);
    json_put(out, text);
}

static void put_byte(struct json_out *out, unsigned char byte)
{
    static const char from[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = byte ? strchr(from, byte) : NULL;
    char text[8];

    if (found)
        snprintf(text, sizeof text, "\\%c", letters[found - from]);
    else if (byte < 0x20 || byte > 0x7e)
        snprintf(text, sizeof text, byte == 0x7f ? "%c" : "\\u%04x", byte);
    else
        snprintf(text, sizeof text, "%c", byte);
    json_put(out, text);
}

void json_put_string(struct json_out *out, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    json_put(out, "\"");
    for (size_t i = 0; i < len; i++)
        put_byte(out, at[i]);
    json_put(out, "\"");
}
