/* pair.h: a reader and the model, driven side by side.
 *
 * Each call here does the same to both and compares: the answer, the bytes, what
 * is left in the buffer, pause, end and error, the reader's invariants, and that
 * the view handed out last still shows what it showed. */
#ifndef RUNNEL_FUZZ_PAIR_H
#define RUNNEL_FUZZ_PAIR_H

#include "fuzz.h"
#include "model.h"

struct pair_options {
    size_t limit;
    bool compat;
    size_t pool_block; /* bytes; 0: no pool */
    bool opened;       /* by rnl_core_reader_open, which has no pool */
    size_t sep_bytes;  /* of all separators that one call may be given */
};

void pair_begin(const struct pair_options *options);
void pair_end(void);

/* How many bytes more the model can hold. */
size_t pair_room(void);
size_t pair_buffered(void);

void pair_feed(const uint8_t *data, size_t len);
/* The same through a loan of `want` bytes at least. */
void pair_lend(const uint8_t *data, size_t len, size_t want);
void pair_feed_eof(void);
void pair_set_exception(int code);
void pair_set_limit(size_t limit);
void pair_forget_view(void);

/* The reads answer their code. *len, if not NULL, gets the answer's length. */
int pair_read(size_t n);
int pair_readexactly(size_t n);
int pair_readuntil(struct rnl_bytes sep, size_t limit, size_t *len);
int pair_readuntil_any(const struct rnl_bytes *seps, size_t nseps, size_t limit, size_t *len);
int pair_readline(size_t limit);
int pair_readuntil_part(struct rnl_bytes sep);
int pair_discard_until(struct rnl_bytes sep);

/* Bytes looked at since the beginning, by the library's account or by ours. */
size_t pair_looked(void);

#endif
