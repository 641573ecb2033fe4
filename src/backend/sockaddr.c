/* sockaddr.c: struct rnl_address to and from the system's struct sockaddr.
 *
 * Unix names are the delicate part. A path is bounded by sun_path less one, so that
 * its '\0' always fits (Linux would take one byte more, and then tell a path that
 * others cannot open); an abstract name fills sun_path and is counted by the
 * length alone; the empty name asks the system for one of its own (bind). */
#include "backend/sys.h"
#include "backend/sockaddr.h"

#include <string.h>

enum { PATH_AT = offsetof(struct sockaddr_un, sun_path) };

static const size_t path_max = sizeof((struct sockaddr_un *)0)->sun_path;

void rnli_sockaddr_clear(struct rnli_sockaddr *sa)
{
    memset(sa, 0, sizeof(*sa));
    sa->len = sizeof(sa->u);
}

int rnli_sockaddr_domain(enum rnl_family family)
{
    switch (family) {
    case RNL_INET:
        return AF_INET;
    case RNL_INET6:
        return AF_INET6;
    case RNL_UNIX:
        return AF_UNIX;
    case RNL_UNSPEC:
        break;
    }
    return AF_UNSPEC;
}

enum rnl_family rnli_sockaddr_family(int domain)
{
    switch (domain) {
    case AF_INET:
        return RNL_INET;
    case AF_INET6:
        return RNL_INET6;
    case AF_UNIX:
        return RNL_UNIX;
    default:
        return RNL_UNSPEC;
    }
}

static int from_inet(struct rnli_sockaddr *out, const struct rnl_address *address)
{
    out->u.in.sin_family = AF_INET;
    out->u.in.sin_port = htons(address->port);
    memcpy(&out->u.in.sin_addr, address->ip, sizeof(out->u.in.sin_addr));
    out->len = sizeof(out->u.in);
    return RNL_OK;
}

static int from_inet6(struct rnli_sockaddr *out, const struct rnl_address *address)
{
    out->u.in6.sin6_family = AF_INET6;
    out->u.in6.sin6_port = htons(address->port);
    out->u.in6.sin6_scope_id = address->scope_id;
    memcpy(&out->u.in6.sin6_addr, address->ip, sizeof(out->u.in6.sin6_addr));
    out->len = sizeof(out->u.in6);
    return RNL_OK;
}

static int from_unix(struct rnli_sockaddr *out, const struct rnl_address *address)
{
    size_t len = address->path_len;
    bool abstract = len == 0 || address->path[0] == '\0';

    if (len > sizeof(address->path) || len > path_max - !abstract)
        return RNL_ENAMETOOLONG;
    if (!abstract && memchr(address->path, '\0', len))
        return RNL_EINVAL;
    out->u.un.sun_family = AF_UNIX;
    memcpy(out->u.un.sun_path, address->path, len);
    out->len = (socklen_t)(PATH_AT + len + !abstract);
    return RNL_OK;
}

int rnli_sockaddr_from(struct rnli_sockaddr *out, const struct rnl_address *address)
{
    rnli_sockaddr_clear(out);
    switch (address->family) {
    case RNL_INET:
        return from_inet(out, address);
    case RNL_INET6:
        return from_inet6(out, address);
    case RNL_UNIX:
        return from_unix(out, address);
    case RNL_UNSPEC:
        break;
    }
    return RNL_EAFNOSUPPORT;
}

static void to_inet(struct rnl_address *out, const struct sockaddr *sa)
{
    struct sockaddr_in in;

    memcpy(&in, sa, sizeof(in));
    out->family = RNL_INET;
    out->port = ntohs(in.sin_port);
    memcpy(out->ip, &in.sin_addr, sizeof(in.sin_addr));
}

static void to_inet6(struct rnl_address *out, const struct sockaddr *sa)
{
    struct sockaddr_in6 in6;

    memcpy(&in6, sa, sizeof(in6));
    out->family = RNL_INET6;
    out->port = ntohs(in6.sin6_port);
    out->scope_id = in6.sin6_scope_id;
    memcpy(out->ip, &in6.sin6_addr, sizeof(in6.sin6_addr));
}

/* The length counts the '\0' of a path, and not on every system. */
static void to_unix(struct rnl_address *out, const struct sockaddr *sa, size_t len)
{
    const char *path = (const char *)sa + PATH_AT;
    size_t have = len > PATH_AT ? len - PATH_AT : 0;

    out->family = RNL_UNIX;
    if (have > sizeof(out->path))
        have = sizeof(out->path);
    if (have > 0 && path[0] != '\0')
        have = strnlen(path, have);
    memcpy(out->path, path, have);
    out->path_len = have;
}

void rnli_sockaddr_to(struct rnl_address *out, const struct sockaddr *sa, socklen_t len)
{
    memset(out, 0, sizeof(*out));
    if (len < (socklen_t)(offsetof(struct sockaddr, sa_family) + sizeof(sa->sa_family)))
        return;
    if (sa->sa_family == AF_INET && len >= (socklen_t)sizeof(struct sockaddr_in))
        to_inet(out, sa);
    else if (sa->sa_family == AF_INET6 && len >= (socklen_t)sizeof(struct sockaddr_in6))
        to_inet6(out, sa);
    else if (sa->sa_family == AF_UNIX)
        to_unix(out, sa, (size_t)len);
}
