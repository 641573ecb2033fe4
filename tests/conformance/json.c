/* json.c: a reader and writer for exactly the JSON of json.h.
 *
 * A value needs at least one byte of text, so a line of n bytes has at most n
 * values: one array of them is enough. Strings are unescaped in place, which
 * never makes them longer. */
#include "json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    char *at, *end;
    struct json *free; /* the next unused value */
    unsigned depth;    /* of the arrays and objects that are open */
    const char *why;   /* the first fault that has a sentence of its own, or NULL */
};

static struct json *parse_value(struct parser *p);

/* NULL, as what could not be parsed. */
static void *wrong(struct parser *p, const char *why)
{
    p->why = p->why ? p->why : why;
    return NULL;
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->end && *p->at && strchr(" \t\r\n", *p->at))
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

/* Four digits; -1: they are none. */
static int parse_hex(struct parser *p)
{
    static const char digits[] = "00112233445566778899aAbBcCdDeEfF";
    int code = 0;

    for (int i = 0; i < 4; i++) {
        const char *found = p->at < p->end && *p->at ? strchr(digits, *p->at) : NULL;

        if (!found)
            return -1;
        code = code * 16 + (int)(found - digits) / 2;
        p->at++;
    }
    return code;
}

static bool parse_escape(struct parser *p, char **to)
{
    static const char from[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
    char c = p->at < p->end ? *p->at++ : '\0';
    const char *found = c ? strchr(from, c) : NULL;
    int code;

    if (found) {
        *(*to)++ = plain[found - from];
        return true;
    }
    code = c == 'u' ? parse_hex(p) : -1;
    if (code > 0xff)
        wrong(p, "a string is bytes: none is beyond \\u00ff");
    *(*to)++ = (char)(unsigned char)code;
    return code >= 0 && code <= 0xff;
}

/* Behind the opening quote. */
static bool parse_text(struct parser *p, const char **text, size_t *len)
{
    char *to = p->at;

    *text = to;
    while (p->at < p->end && *p->at != '"') {
        if ((unsigned char)*p->at < 0x20)
            return false;
        if (*p->at != '\\')
            *to++ = *p->at++;
        else if (p->at++, !parse_escape(p, &to))
            return false;
    }
    *len = (size_t)(to - *text);
    if (p->at == p->end)
        return false;
    p->at++;
    return true;
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

    if (p->depth == JSON_DEPTH)
        return wrong(p, "it is nested too deeply");
    if (accept(p, close))
        return many;
    p->depth++;
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
    p->depth--;
    return accept(p, close) ? many : NULL;
}

static bool at_digit(const struct parser *p)
{
    return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

static struct json *parse_number(struct parser *p)
{
    struct json *value = new_value(p, JSON_INT);
    bool minus = accept(p, '-');
    char *from = p->at;

    for (; at_digit(p); p->at++) {
        value->number = value->number * 10 + (*p->at - '0');
        if (value->number > JSON_MOST)
            return wrong(p, "a number is too big");
    }
    if (p->at == from || (*from == '0' && p->at - from > 1))
        return NULL;
    if (p->at < p->end && (*p->at == '.' || *p->at == 'e' || *p->at == 'E'))
        return wrong(p, "numbers are integers");
    if (minus)
        value->number = -value->number;
    return value;
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

static bool is_ascii(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)line[i] > 0x7f)
            return false;
    }
    return true;
}

struct json *json_parse(char *line, size_t len, const char **why)
{
    struct parser p = {.at = line, .end = line + len};
    struct json *values =
        len < SIZE_MAX / sizeof *values ? malloc((len + 1) * sizeof *values) : NULL;

    p.free = values;
    if (!values)
        wrong(&p, "there is no memory for it");
    else if (!is_ascii(line, len))
        wrong(&p, "all but ASCII is written as \\u0080 to \\u00ff, each a byte");
    else if (parse_value(&p) && (skip_blanks(&p), p.at == p.end))
        return values;
    *why = p.why ? p.why : "it is no JSON";
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

void json_put_bytes(struct json_out *out, const void *bytes, size_t len)
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
    memcpy(out->text + out->len, bytes, len);
    out->len += len;
    out->text[out->len] = '\0';
}

void json_put(struct json_out *out, const char *text)
{
    json_put_bytes(out, text, strlen(text));
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
