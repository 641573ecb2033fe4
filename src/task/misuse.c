/* misuse.c: a bug of the program's ends with a sentence, in debug builds.
 *
 * What tells that a handle is dead is a field that the freeing leaves behind (no
 * references, a flag): right until the memory is used again, so it finds most of
 * what is wrong soon after it happens, and ASan the rest. Handles with generations
 * would find all of it, and make each handle a table look-up; they lost. */
#include "task/misuse.h"

#include <stdio.h>
#include <stdlib.h>

#include "task/loop.h"

static void die(const char *function, const char *rule)
{
    fprintf(stderr, "runnel: %s: %s\n", function, rule);
    abort();
}

void rnli_check_handle(bool alive, const struct rnl_loop *owner, const char *function)
{
    if (!alive)
        die(function, "what it was called on has been freed");
    if (rnli_loop_get() != owner)
        die(function, "what it was called on belongs to a loop of another thread, or one that "
                      "has ended");
}

void rnli_refuse_null(const char *function)
{
    die(function, "what it was called on is NULL");
}

void rnli_refuse_mixed(const char *function)
{
    die(function, "the reader and the writer are of two connections");
}
