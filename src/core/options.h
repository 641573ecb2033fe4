/* options.h: reading a struct of options that may be older or newer than we are.
 *
 * The first member of each is `size_t size`. Fields beyond it are not read and
 * count as 0; fields that we do not know must be 0. */
#ifndef RNLI_CORE_OPTIONS_H
#define RNLI_CORE_OPTIONS_H

#include <runnel/base.h>
#include <string.h>

/* Fills `own` (own_size bytes) from `given`, which may be NULL: all defaults.
 * RNL_OK, or RNL_EINVAL. */
static inline int rnli_options_read(void *own, size_t own_size, const void *given)
{
    const unsigned char *bytes = (const unsigned char *)given;
    size_t size = 0;

    memset(own, 0, own_size);
    if (!given)
        return RNL_OK;
    memcpy(&size, given, sizeof size);
    if (size < sizeof size)
        return RNL_EINVAL;
    for (size_t i = own_size; i < size; i++)
        if (bytes[i] != 0)
            return RNL_EINVAL;
    memcpy(own, given, size < own_size ? size : own_size);
    return RNL_OK;
}

#endif
