/* helper_regs.h: a call with chosen values in every register that it must preserve. */
#ifndef RUNNEL_TESTS_HELPER_REGS_H
#define RUNNEL_TESTS_HELPER_REGS_H

#include <stdint.h>

struct regs {
    uint64_t general[12]; /* those there are; the rest is left alone */
    uint64_t floating[12];
    uint64_t control[2]; /* rounding and precision of floating point */
};

#if defined(__x86_64__)
enum { REGS_GENERAL = 6, REGS_FLOATING = 0, REGS_CONTROL = 2 };
#elif defined(__i386__) && defined(__SSE__)
enum { REGS_GENERAL = 4, REGS_FLOATING = 0, REGS_CONTROL = 2 };
#elif defined(__i386__)
enum { REGS_GENERAL = 4, REGS_FLOATING = 0, REGS_CONTROL = 1 };
#elif defined(__aarch64__)
enum { REGS_GENERAL = 11, REGS_FLOATING = 8, REGS_CONTROL = 1 };
#elif defined(__riscv) && __riscv_xlen == 64 && defined(__riscv_float_abi_double)
enum { REGS_GENERAL = 12, REGS_FLOATING = 12, REGS_CONTROL = 1 };
#else
#define REGS_UNKNOWN 1
#endif

#ifndef REGS_UNKNOWN
/* Loads `in`, calls fn(arg), stores to `out` what is there then. */
void regs_across(const struct regs *in, struct regs *out, void (*fn)(void *), void *arg);

/* Values that no two `seed`s share; control words that the machine accepts. */
void regs_fill(struct regs *regs, unsigned seed);
#endif

#endif
