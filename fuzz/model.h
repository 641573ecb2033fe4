/* model.h: asyncio.StreamReader once more, as plainly as can be.
 *
 * The second opinion of the reader's targets: one array, moved down when bytes
 * are taken, and every question answered by looking at all of it from the start.
 * It has the library's departures from asyncio too, where `compat` is off. */
#ifndef RUNNEL_FUZZ_MODEL_H
#define RUNNEL_FUZZ_MODEL_H

#include <runnel/core.h>

#define MODEL_MOST ((size_t)8192) /* bytes buffered; targets feed no more */

struct model {
    unsigned char buf[MODEL_MOST];
    size_t len, limit;
    size_t away; /* seen by a read(RNL_ALL) that waits: asyncio has taken them out */
    bool eof, paused, compat;
    int exception;
};

/* What a read answered. `bytes` views `taken`, or the model's buffer. */
struct answer {
    int rc;
    struct rnl_bytes bytes;
    size_t which;
    bool done;
    uint64_t skipped;
    unsigned char taken[MODEL_MOST];
};

void model_init(struct model *m, size_t limit, bool compat);
int model_feed(struct model *m, const unsigned char *data, size_t len);

void model_read(struct model *m, size_t n, struct answer *a);
void model_readexactly(struct model *m, size_t n, struct answer *a);
void model_readuntil_any(struct model *m, const struct rnl_bytes *seps, size_t nseps, size_t limit,
                         struct answer *a);
void model_readline(struct model *m, size_t limit, struct answer *a);
void model_readuntil_part(struct model *m, struct rnl_bytes sep, struct answer *a);
void model_discard_until(struct model *m, struct rnl_bytes sep, struct answer *a);

#endif
