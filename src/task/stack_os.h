/* stack_os.h: what stacks need of the operating system. */
#ifndef RNLI_TASK_STACK_OS_H
#define RNLI_TASK_STACK_OS_H

#include <stddef.h>

/* Bytes of a guard: more than a usual frame, and a multiple of any page size. */
enum { RNLI_GUARD_SIZE = 64 * 1024 };

size_t rnli_page_size(void);

/* Zeroed pages, reserved but not committed, never huge; NULL: none. */
void *rnli_pages_map(size_t size);
void rnli_pages_unmap(void *at, size_t size);
/* Gives the pages' memory back; they read as zero again. Guards stay. */
void rnli_pages_discard(void *at, size_t size);
/* How many bytes from the lowest page that has memory up to the end. */
size_t rnli_pages_touched(void *at, size_t size);

/* Makes RNLI_GUARD_SIZE bytes at `at` inaccessible; adds one to *count if that
 * took mappings. RNL_OK, or RNL_ENOMEM with a static sentence in *hint. */
int rnli_guard_make(void *at, size_t *count, const char **hint);
/* So many of those are about to be unmapped. */
void rnli_guards_drop(size_t count);
/* Forgets which way of making guards works: for tests. */
void rnli_guard_probe_again(void);

#endif
