/* runner.c: what the programs that run scripts share. */
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool (*run_other_kind)(const struct json *script, struct json_out *out);
unsigned long running_line;

void fail(const char *why)
{
    fflush(stdout);
    if (running_line)
        fprintf(stderr, "runner: line %lu: %s\n", running_line, why);
    else
        fprintf(stderr, "runner: %s\n", why);
    exit(2);
}

int code_named(const struct json *name)
{
    for (int code = -1; name && code > RNL_EUSER; code--) {
        const char *known = rnl_error_name(code);

        if (strncmp(known, "RNL_", 4) == 0 && json_is(name, known + 4))
            return code;
    }
    fail("no code has this name");
    return 0;
}

void put_word(struct json_out *out, const char *word)
{
    json_put(out, "[\"");
    json_put(out, word);
    json_put(out, "\"]");
}

void put_code(struct json_out *out, int code)
{
    const char *name = rnl_error_name(code);

    json_put(out, "[\"error\",\"");
    json_put(out, strncmp(name, "RNL_", 4) == 0 ? name + 4 : name);
    json_put(out, "\"]");
}

static void run_kind(const struct json *script, struct json_out *out)
{
    const struct json *kind = json_get(script, "kind");

    if (json_is(kind, "reader"))
        run_reader_script(script, out);
    else if (json_is(kind, "writer"))
        run_writer_script(script, out);
    else if (json_is(kind, "until"))
        run_until_script(script, out);
    else if (!run_other_kind || !run_other_kind(script, out))
        fail("this program runs no scripts of this kind");
}

bool run_script(char *line, size_t len, struct json_out *out)
{
    char text[200];
    const char *why = text;
    struct json *script = json_parse(line, len, &why);
    bool good = script && check_script(script, text, sizeof text);

    if (good)
        run_kind(script, out);
    else
        json_put(out, why);
    if (out->failed)
        fail("out of memory");
    free(script);
    return good;
}

int run_all_scripts(void)
{
    struct json_out out = {NULL, 0, 0, false};
    size_t capacity = 0;
    char *line = NULL;
    ssize_t len;

    setvbuf(stdout, NULL, _IOLBF, 0);
    while ((len = getline(&line, &capacity, stdin)) > 0) {
        out.len = 0;
        running_line++;
        if (!run_script(line, (size_t)len, &out))
            fail(out.text);
        puts(out.text);
    }
    free(line);
    free(out.text);
    return 0;
}
