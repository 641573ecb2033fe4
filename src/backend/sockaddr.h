/* sockaddr.h: struct rnl_address to and from the system's struct sockaddr. */
#ifndef RNLI_BACKEND_SOCKADDR_H
#define RNLI_BACKEND_SOCKADDR_H

#include "backend/sys.h"
#include <runnel/core.h>

struct rnli_sockaddr {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
        struct sockaddr_storage storage;
    } u;
    socklen_t len;
};

/* Ready to be filled by the system. */
void rnli_sockaddr_clear(struct rnli_sockaddr *sa);
/* The library's family as the system's (AF_...), and back (RNL_UNSPEC: another). */
int rnli_sockaddr_domain(enum rnl_family family);
enum rnl_family rnli_sockaddr_family(int domain);
/* RNL_OK; RNL_EAFNOSUPPORT; RNL_ENAMETOOLONG; RNL_EINVAL: a path with a '\0' inside. */
int rnli_sockaddr_from(struct rnli_sockaddr *out, const struct rnl_address *address);
/* `len` bytes of `sa` are valid. A family that has no name here: RNL_UNSPEC. */
void rnli_sockaddr_to(struct rnl_address *out, const struct sockaddr *sa, socklen_t len);

#endif
