/* count.h: included before each of the core's sources in fuzzing builds, so that
 * the work they do can be counted. Nothing in the core knows of it. */
#ifndef RUNNEL_FUZZ_COUNT_H
#define RUNNEL_FUZZ_COUNT_H

#include <stddef.h>
#include <string.h>

void *fuzz_memchr(const void *data, int c, size_t len);
int fuzz_memcmp(const void *a, const void *b, size_t len);
void *fuzz_memcpy(void *to, const void *from, size_t len);
void *fuzz_memmove(void *to, const void *from, size_t len);

#undef memchr
#undef memcmp
#undef memcpy
#undef memmove
#define memchr  fuzz_memchr
#define memcmp  fuzz_memcmp
#define memcpy  fuzz_memcpy
#define memmove fuzz_memmove

#endif
