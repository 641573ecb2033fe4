/* runner.h: the C runner's parts. README.md has the language.
 *
 * Each kind of script has a file: it is given the script and writes the outcomes,
 * one JSON array, to `out`. */
#ifndef CONFORMANCE_RUNNER_H
#define CONFORMANCE_RUNNER_H

#include <runnel/core.h>

#include "json.h"

/* Runs a line of JSON, which is changed, and appends its outcomes. False: it is no
 * script, and what is appended is a sentence. */
bool run_script(char *line, size_t len, struct json_out *out);

/* Standard input to standard output, line by line: what main is to do. */
int run_all_scripts(void);

/* A kind of script that only one of the programs knows; false if it is none. */
extern bool (*run_other_kind)(const struct json *script, struct json_out *out);

bool run_stream_script(const struct json *script, struct json_out *out);
void run_reader_script(const struct json *script, struct json_out *out);
void run_writer_script(const struct json *script, struct json_out *out);
void run_until_script(const struct json *script, struct json_out *out);

/* Ends the program with a sentence, which names the line that is run: the script or the
 * machine is at fault. */
void fail(const char *why);
extern unsigned long running_line; /* 0: none */

/* What bounds a script. */
enum { MAX_PIECES = 64, MAX_TICK = 16, MAX_CALLS = 64, MAX_SEPS = 4, MAX_LENGTH = 8 };

/* Whether a script is one, so that running it needs no second look; else a sentence. */
bool check_script(const struct json *script, char *why, size_t size);

/* The code that is called RNL_ and this name. */
int code_named(const struct json *name);

/* Writes ["word"], and ["error","ECONNRESET"] or the like for a code. */
void put_word(struct json_out *out, const char *word);
void put_code(struct json_out *out, int code);

/* ---- outcome.c --------------------------------------------------------- */

/* The number at `i` of a step; negative ones are RNL_ALL. */
size_t count_at(const struct json *op, size_t i);
/* The strings of an array, as views; how many. */
size_t bytes_of(const struct json *texts, struct rnl_bytes out[MAX_PIECES]);

/* What a read answered. readline with compat does not say how much was too much. */
void put_read(struct json_out *out, const struct json *op, int err, const struct rnl_bytes *value,
              size_t which, bool compat);
void put_over_limit(struct json_out *out, bool says_how_much, size_t len);
/* What any other call answered. */
void put_answer(struct json_out *out, int err);

#endif
