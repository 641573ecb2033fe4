/* script_check.c: whether a script is one, before it is run; script_check.py says the
 * same in the same words. The first fault that is found is told. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runner.h"
#include "scripted.h"

enum { READER = 1, WRITER = 2, STREAM = 4, UNTIL = 8 };

/* What a member or an argument is: a letter of `kinds_of_value`. */
struct member {
    const char *name;
    unsigned in, may_lack; /* kinds of script */
    char what;
};

struct step {
    const char *name;
    unsigned in;
    const char *args; /* a letter each */
};

struct check {
    const struct json *script;
    unsigned kind;
    size_t at;                       /* the step, from 1 up; 0: none yet */
    size_t calls, arrivals, written; /* so far, where a connection bounds them */
    char *why;
    size_t size;
};

static const char *const kinds[] = {"reader", "writer", "stream", "until"};

static const struct member members[] = {
    {"kind", READER | WRITER | STREAM | UNTIL, 0, 'k'},
    {"steps", READER | WRITER | STREAM, 0, 's'},
    {"limit", READER, 0, 'n'}, /* 0: the reader refuses it */
    {"limit", STREAM | UNTIL, 0, '1'},
    {"compat", READER | STREAM, 0, 'f'},
    {"beyond", READER | STREAM, READER | STREAM, 'f'},
    {"space", STREAM, STREAM, 'n'},
    {"seps", UNTIL, 0, 'u'},
    {"length", UNTIL, 0, '8'},
};

static const struct step steps[] = {
    {"read", READER | STREAM, "i"},
    {"readexactly", READER | STREAM, "n"},
    {"readline", READER | STREAM, ""},
    {"readuntil", READER | STREAM, "b"},
    {"readuntil_any", READER | STREAM, "l"},
    {"lines", READER | STREAM, ""},
    {"cancel", READER | STREAM, ""},
    {"at_eof", READER | STREAM, ""},
    {"exception", READER | STREAM, ""},
    {"feed", READER, "b"},
    {"feed_eof", READER, ""},
    {"set_exception", READER, "e"},
    {"tick", READER, "t"},
    {"write", WRITER | STREAM, "b"},
    {"writelines", WRITER | STREAM, "l"},
    {"drain", WRITER | STREAM, ""},
    {"marks", WRITER | STREAM, "ii"},
    {"write_eof", WRITER | STREAM, ""},
    {"sent", WRITER, "n"},
    {"recv", STREAM, "B"},
    {"recv_eof", STREAM, ""},
    {"recv_error", STREAM, "e"},
    {"space", STREAM, "n"},
    {"send_error", STREAM, "e"},
    {"writes", STREAM, "l"},
    {"close", STREAM, ""},
    {"abort", STREAM, ""},
    {"is_closing", STREAM, ""},
    {"can_write_eof", STREAM, ""},
    {"wait_closed", STREAM, ""},
    {"cancel_drain", STREAM, ""},
    {"cancel_wait_closed", STREAM, ""},
    {"sends", STREAM, ""},
};

static const char *const may_wait[] = {"read",          "readexactly", "readline", "readuntil",
                                       "readuntil_any", "lines",       "drain",    "wait_closed"};

/* What both sides have a name for, and asyncio's loop no other use. */
static const char *const errors[] = {"ECONNABORTED", "ECONNRESET", "EIO", "EPIPE", "ETIMEDOUT"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- Sentences --------------------------------------------------------- */

/* False, as what is no script. */
static bool refuse(struct check *c, const char *format, ...)
{
    int len = c->at ? snprintf(c->why, c->size, "step %zu: ", c->at) : 0;
    va_list args;

    va_start(args, format);
    vsnprintf(c->why + len, c->size - (size_t)len, format, args);
    va_end(args);
    return false;
}

/* A name out of the script, as it can be printed. */
static const char *quoted(const char *text, size_t len, char out[40])
{
    size_t n = len < 32 ? len : 32;

    for (size_t i = 0; i < n; i++)
        out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    out[n] = '\0';
    return out;
}

static const char *must_be(char what)
{
    switch (what) {
    case 's':
        return "an array of steps";
    case 'n':
        return "a number from 0 up";
    case 'i':
        return "a number from -1 up";
    case '1':
        return "a number from 1 up";
    case '8':
        return "a number from 1 to 8";
    case 'f':
        return "true or false";
    case 'u':
        return "an array of 1 to 4 strings, none of them empty";
    case 'b':
        return "a string";
    case 'B':
        return "a string that is not empty";
    case 'l':
        return "an array of at most 64 strings";
    case 't':
        return "an array of at most 16 steps";
    case 'e':
        return "ECONNABORTED, ECONNRESET, EIO, EPIPE or ETIMEDOUT";
    default:
        return "reader, writer, stream or until";
    }
}

/* ---- Values ------------------------------------------------------------ */

static bool number_from(const struct json *v, long long least, long long most)
{
    return v->kind == JSON_INT && v->number >= least && v->number <= most;
}

static bool strings(const struct json *v, size_t least, size_t most, size_t shortest)
{
    if (v->kind != JSON_ARRAY || v->len < least || v->len > most)
        return false;
    for (const struct json *s = v->first; s; s = s->next) {
        if (s->kind != JSON_STRING || s->len < shortest)
            return false;
    }
    return true;
}

static bool one_of(const struct json *v, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (json_is(v, names[i]))
            return true;
    }
    return false;
}

static bool fits(const struct json *v, char what)
{
    switch (what) {
    case 's':
        return v->kind == JSON_ARRAY;
    case 'n':
        return number_from(v, 0, JSON_MOST);
    case 'i':
        return number_from(v, -1, JSON_MOST);
    case '1':
        return number_from(v, 1, JSON_MOST);
    case '8':
        return number_from(v, 1, MAX_LENGTH);
    case 'f':
        return v->kind == JSON_BOOL;
    case 'u':
        return strings(v, 1, MAX_SEPS, 1);
    case 'b':
        return v->kind == JSON_STRING;
    case 'B':
        return v->kind == JSON_STRING && v->len > 0;
    case 'l':
        return strings(v, 0, MAX_PIECES, 0);
    case 't':
        return v->kind == JSON_ARRAY && v->len <= MAX_TICK;
    case 'e':
        return one_of(v, errors, COUNT(errors));
    default:
        return one_of(v, kinds, COUNT(kinds));
    }
}

/* ---- Steps ------------------------------------------------------------- */

static bool check_args(struct check *c, const struct step *step, const struct json *op)
{
    const struct json *v = op->first->next;

    if (op->len != strlen(step->args) + 1)
        return refuse(c, "\"%s\" takes another number of values: %zu", step->name,
                      strlen(step->args));
    for (const char *what = step->args; *what; what++, v = v->next) {
        if (!fits(v, *what))
            return refuse(c, "what \"%s\" takes must be %s", step->name, must_be(*what));
    }
    return true;
}

static size_t bytes_in(const struct json *v)
{
    size_t sum = v->kind == JSON_STRING ? v->len : 0;

    for (const struct json *s = v->first; s; s = s->next)
        sum += s->len;
    return sum;
}

/* A connection has room for so much of a script. */
static bool check_room(struct check *c, const struct json *op)
{
    static const char *const arrive[] = {"recv", "recv_eof"};
    static const char *const write[] = {"write", "writes", "writelines"};

    c->calls += one_of(op->first, may_wait, COUNT(may_wait));
    c->arrivals += one_of(op->first, arrive, COUNT(arrive));
    if (one_of(op->first, write, COUNT(write)))
        c->written += bytes_in(json_at(op, 1));
    if (c->calls > MAX_CALLS)
        return refuse(c, "a connection has no more than %d calls that may wait", MAX_CALLS);
    if (c->arrivals > SCRIPTED_PIECES)
        return refuse(c, "a connection receives no more than %d pieces", SCRIPTED_PIECES);
    if (c->written > SCRIPTED_SENT)
        return refuse(c, "a connection writes no more than %d bytes", SCRIPTED_SENT);
    return true;
}

static const struct step *find_step(const struct check *c, const struct json *name)
{
    for (size_t i = 0; i < COUNT(steps); i++) {
        if ((steps[i].in & c->kind) && json_is(name, steps[i].name))
            return &steps[i];
    }
    return NULL;
}

static bool check_step(struct check *c, const struct json *op, bool in_tick)
{
    const struct json *name = op->kind == JSON_ARRAY ? op->first : NULL;
    const struct step *step = find_step(c, name);
    char text[40];

    if (!name || name->kind != JSON_STRING)
        return refuse(c, "a step is an array that begins with a name");
    if (!step)
        return refuse(c, "this kind has no step \"%s\"", quoted(name->text, name->len, text));
    if (step->args[0] == 't' && in_tick)
        return refuse(c, "there is no tick in a tick");
    if (!check_args(c, step, op) || (c->kind == STREAM && !check_room(c, op)))
        return false;
    for (const struct json *sub = step->args[0] == 't' ? json_at(op, 1)->first : NULL; sub;
         sub = sub->next) {
        if (!check_step(c, sub, true))
            return false;
    }
    return true;
}

static bool check_steps(struct check *c)
{
    const struct json *all = json_get(c->script, "steps");

    for (const struct json *op = all ? all->first : NULL; op; op = op->next) {
        c->at++;
        if (!check_step(c, op, false))
            return false;
    }
    return true;
}

/* ---- The script -------------------------------------------------------- */

static bool is_called(const struct json *value, const char *name)
{
    return value->key_len == strlen(name) && memcmp(value->key, name, value->key_len) == 0;
}

/* No member is unknown, and none is there twice. */
static bool check_names(struct check *c)
{
    bool seen[COUNT(members)] = {false};
    char text[40];

    for (const struct json *v = c->script->first; v; v = v->next) {
        size_t i = 0;

        while (i < COUNT(members) && !((members[i].in & c->kind) && is_called(v, members[i].name)))
            i++;
        if (i == COUNT(members))
            return refuse(c, "this kind has no member \"%s\"", quoted(v->key, v->key_len, text));
        if (seen[i])
            return refuse(c, "\"%s\" is there twice", members[i].name);
        seen[i] = true;
    }
    return true;
}

static bool check_member(struct check *c, const struct member *member)
{
    const struct json *v = json_get(c->script, member->name);

    if (!(member->in & c->kind) || (!v && (member->may_lack & c->kind)))
        return true;
    if (!v)
        return refuse(c, "\"%s\" is missing", member->name);
    if (!fits(v, member->what))
        return refuse(c, "\"%s\" must be %s", member->name, must_be(member->what));
    return true;
}

static unsigned kind_of(const struct json *script)
{
    for (unsigned i = 0; i < COUNT(kinds); i++) {
        if (json_is(json_get(script, "kind"), kinds[i]))
            return 1u << i;
    }
    return READER; /* which has the member "kind", too */
}

bool check_script(const struct json *script, char *why, size_t size)
{
    struct check c = {.script = script, .why = why, .size = size};

    if (script->kind != JSON_OBJECT)
        return refuse(&c, "a script is an object");
    c.kind = kind_of(script);
    if (!check_member(&c, &members[0]) || !check_names(&c))
        return false;
    for (size_t i = 1; i < COUNT(members); i++) {
        if (!check_member(&c, &members[i]))
            return false;
    }
    return check_steps(&c);
}
