/* fuzz.h: what every target shares: the input as a stream of small decisions,
 * checks that end the program, memory that fails on request, and counted work.
 *
 * A target is one function, LLVMFuzzerTestOneInput. It links with
 *     replay.c    into a plain program that runs files (the ctests),
 *     afl.c       into an AFL++ persistent-mode program,
 *     nothing     under -fsanitize=fuzzer (libFuzzer, OSS-Fuzz). */
#ifndef RUNNEL_FUZZ_H
#define RUNNEL_FUZZ_H

#include <runnel/base.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- Checks ------------------------------------------------------------ */

/* Prints where and what, and aborts. */
_Noreturn void fuzz_fail(const char *file, int line, const char *what);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fuzz_fail(__FILE__, __LINE__, #condition);                                             \
    } while (0)

/* memcmp that takes NULL for no bytes. */
bool fuzz_equal(const void *a, const void *b, size_t len);

/* ---- Input ------------------------------------------------------------- */

struct input {
    const uint8_t *at, *end;
};

static inline size_t input_left(const struct input *in)
{
    return (size_t)(in->end - in->at);
}

/* The next byte; 0 when there is none, so that short inputs have a meaning. */
static inline unsigned input_byte(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* The next `want` bytes, or as many as are left. */
static inline struct rnl_bytes input_bytes(struct input *in, size_t want)
{
    struct rnl_bytes bytes = {in->at, want < input_left(in) ? want : input_left(in)};

    in->at += bytes.len;
    return bytes;
}

/* ---- Memory ------------------------------------------------------------ */

/* An allocator that checks the sizes it is told, counts, and fails once where
 * the input says so. */
struct fuzz_memory {
    size_t live, bytes; /* allocations, and what was asked for */
    size_t calls;       /* alloc and realloc, since the reset */
    size_t failed;      /* how many were refused, since the reset */
    size_t fail_in;     /* the n-th call from now fails; 0: none */
};

extern struct fuzz_memory fuzz_memory;

/* Makes it empty again; everything was freed. */
void fuzz_memory_reset(void);
const struct rnl_allocator *fuzz_allocator(void);

/* ---- Work -------------------------------------------------------------- */

/* Bytes that the core has looked at and copied since the reset: its sources are
 * compiled with count.h, which counts in memchr, memcmp, memcpy and memmove. The
 * core's own accounts are rnli_work and rnli_moved (src/core/work.h). */
struct fuzz_work {
    size_t looked, copied;
};

extern struct fuzz_work fuzz_work;
extern unsigned long long rnli_work, rnli_moved;

#endif
