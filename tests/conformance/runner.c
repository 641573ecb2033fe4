/* runner.c: what the programs that run scripts share. */
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool (*run_other_kind)(const struct json *script, struct json_out *out);

void fail(const char *why)
{
    fflush(stdout);
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

void run_script(char *line, size_t len, struct json_out *out)
{
    struct json *script = json_parse(line, len);
    const struct json *kind = json_get(script, "kind");

    if (!script)
        fail("a line is no script");
    if (json_is(kind, "reader"))
        run_reader_script(script, out);
    else if (json_is(kind, "writer"))
        run_writer_script(script, out);
    else if (json_is(kind, "until"))
        run_until_script(script, out);
    else if (!run_other_kind || !run_other_kind(script, out))
        fail("unknown kind of script");
    if (out->failed)
        fail("out of memory");
    free(script);
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
        run_script(line, (size_t)len, &out);
        puts(out.text);
    }
    free(line);
    free(out.text);
    return 0;
}
