/* alloc.h: memory by way of the caller's allocator. */
#ifndef RNLI_CORE_ALLOC_H
#define RNLI_CORE_ALLOC_H

#include <runnel/base.h>

/* The default allocator, to be copied by whoever is given none. */
const struct rnl_allocator *rnli_default_allocator(void);

/* NULL when there is no memory. Not zeroed. */
void *rnli_alloc(const struct rnl_allocator *a, size_t size);
/* Zeroed. */
void *rnli_zalloc(const struct rnl_allocator *a, size_t size);
/* NULL leaves `ptr` as it is. */
void *rnli_realloc(const struct rnl_allocator *a, void *ptr, size_t old_size, size_t size);
/* NULL is fine. */
void rnli_free(const struct rnl_allocator *a, void *ptr, size_t size);

#endif
