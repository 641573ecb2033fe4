/* replay.c: the kept outcomes of CPython, again, on a machine without Python.
 *
 *      conformance_replay FILE...
 *
 * vectors.py says what is in the files. A script whose outcomes are not those kept
 * is printed with both. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

static unsigned passed, failed;

static void digest(const char *text, size_t len, char out[32])
{
    uint64_t value = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        value = (value ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    snprintf(out, 32, "fnv1a64:%016" PRIx64, value);
}

static void judge(const char *script, const char *kept, const struct json_out *got)
{
    char short_form[32];

    digest(got->text, got->len, short_form);
    if (strcmp(kept, got->text) == 0 || strcmp(kept, short_form) == 0) {
        passed++;
        return;
    }
    failed++;
    printf("differs: %s\n  kept: %s\n  got:  %.4000s\n", script, kept, got->text);
}

/* Reads a line without its end; NULL at the end of the file. */
static char *next_line(FILE *file, char **line, size_t *capacity)
{
    ssize_t len = getline(line, capacity, file);

    if (len > 0 && (*line)[len - 1] == '\n')
        (*line)[len - 1] = '\0';
    return len > 0 ? *line : NULL;
}

/* A line that is no script has the sentence for an outcome. */
static void run_or_refuse(char *line, struct json_out *out)
{
    struct json_out sentence = {NULL, 0, 0, false};

    if (run_script(line, strlen(line), out))
        return;
    json_put(&sentence, "refused: ");
    json_put_bytes(&sentence, out->text, out->len);
    free(out->text);
    *out = sentence;
}

static void replay_script(const char *script, const char *kept, struct json_out *out)
{
    char *copy = strdup(script); /* which parsing changes */

    if (!copy)
        fail("out of memory");
    out->len = 0;
    run_or_refuse(copy, out);
    judge(script, kept, out);
    free(copy);
}

static void replay_file(const char *path, struct json_out *out)
{
    FILE *file = fopen(path, "r");
    char *script = NULL, *kept = NULL;
    size_t script_size = 0, kept_size = 0;

    if (!file)
        fail(path);
    while (next_line(file, &script, &script_size)) {
        if (script[0] == '#')
            continue;
        if (!next_line(file, &kept, &kept_size))
            fail("a script without outcomes");
        replay_script(script, kept, out);
    }
    free(script);
    free(kept);
    fclose(file);
}

int main(int argc, char **argv)
{
    struct json_out out = {NULL, 0, 0, false};

    run_other_kind = run_stream_script;
    for (int i = 1; i < argc; i++)
        replay_file(argv[i], &out);
    free(out.text);
    printf("%u passed, %u failed\n", passed, failed);
    return failed || !passed ? 1 : 0;
}
