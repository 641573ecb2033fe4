/* json.h: the JSON of conformance scripts, read and written.
 *
 * A string is bytes: each of its characters is one byte, 0 to 255, so "\u00ff"
 * is one byte, and nothing but ASCII stands in a line. Numbers are integers between
 * -JSON_MOST and JSON_MOST. Values are at most JSON_DEPTH deep. */
#ifndef CONFORMANCE_JSON_H
#define CONFORMANCE_JSON_H

#include <stdbool.h>
#include <stddef.h>

enum { JSON_DEPTH = 16, JSON_MOST = 1000000000 };

enum json_kind { JSON_NULL, JSON_BOOL, JSON_INT, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* A value. An array's or object's values hang on `first`, in order; those of an
 * object have a `key`. */
struct json {
    enum json_kind kind;
    bool truth;
    long long number;
    const char *text; /* a string's bytes, not ended by '\0' */
    size_t len;       /* a string's bytes, or how many values */
    const char *key;
    size_t key_len;
    struct json *first, *next;
};

/* Reads one value from `line`, which is changed and must outlive it. One malloc:
 * free() the result. NULL if it is no JSON of this kind, or without memory: then
 * `*why` is a sentence. */
struct json *json_parse(char *line, size_t len, const char **why);

/* The member of an object; NULL if there is none. */
const struct json *json_get(const struct json *object, const char *key);
/* The i-th value of an array; NULL if there are not so many. */
const struct json *json_at(const struct json *array, size_t i);
/* Whether a string is this one. */
bool json_is(const struct json *value, const char *text);

/* Text that grows. After a failed allocation it stays as it was and says so. */
struct json_out {
    char *text;
    size_t len, capacity;
    bool failed;
};

void json_put(struct json_out *out, const char *text);
void json_put_bytes(struct json_out *out, const void *bytes, size_t len);
void json_put_number(struct json_out *out, long long number);
/* As Python's json.dumps writes it: in quotes, all but ASCII escaped. */
void json_put_string(struct json_out *out, const void *bytes, size_t len);

#endif
