/* unix.h: Unix paths as addresses. */
#ifndef RNLI_STREAM_UNIX_H
#define RNLI_STREAM_UNIX_H

#include <runnel/stream.h>

/* Fills *out from a path (`len` RNL_ALL: a string) or an abstract name ('\0'
 * first). RNL_OK; RNL_ENAMETOOLONG; RNL_EINVAL for none, or a '\0' in a path. */
int rnli_unix_address(struct rnl_address *out, const char *path, size_t len);

#endif
