/* resolve_posix.c: getaddrinfo, and the environment. */
#include "backend/sys.h"

#include "backend/sockaddr.h"
#include "core/alloc.h"
#include "task/resolve_os.h"

static int code_of(int eai)
{
    switch (eai) {
    case 0:
        return RNL_OK;
    case EAI_NONAME:
    case EAI_SERVICE:
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
        return RNL_ENONAME;
    case EAI_AGAIN:
        return RNL_ENAMEAGAIN;
    case EAI_MEMORY:
        return RNL_ENOMEM;
    case EAI_FAMILY:
        return RNL_EAFNOSUPPORT;
    case EAI_BADFLAGS:
        return RNL_EINVAL;
    default:
        return RNL_ENAMEFAIL;
    }
}

static int family_of(enum rnl_family family)
{
    return family == RNL_INET ? AF_INET : family == RNL_INET6 ? AF_INET6 : AF_UNSPEC;
}

static size_t copy_list(const struct addrinfo *list, struct rnl_address *to, size_t room,
                        const struct rnli_resolve_query *query)
{
    size_t count = 0;

    for (; list; list = list->ai_next) {
        struct rnl_address a;

        if (list->ai_family != AF_INET && list->ai_family != AF_INET6)
            continue;
        if (count < room) {
            rnli_sockaddr_to(&a, list->ai_addr, list->ai_addrlen);
            if (!query->service)
                a.port = query->port;
            to[count] = a;
        }
        count++;
    }
    return count;
}

int rnli_sys_resolve(const struct rnli_resolve_query *query, struct rnl_address **found,
                     size_t *count)
{
    struct addrinfo hints = {.ai_family = family_of(query->family), .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    const char *service = query->service;
    int code;

    hints.ai_flags = query->flags | (query->passive ? AI_PASSIVE : 0);
    if (!query->host && !service)
        service = "0"; /* one of the two must be there */
    code = code_of(rnli_sys_getaddrinfo(query->host, service, &hints, &list));
    if (code)
        return code;
    *count = copy_list(list, NULL, 0, query);
    if (*count == 0)
        code = RNL_ENONAME;
    else if (!(*found = rnli_alloc(rnli_default_allocator(), *count * sizeof **found)))
        code = RNL_ENOMEM;
    else
        (void)copy_list(list, *found, *count, query);
    if (code)
        *count = 0;
    rnli_sys_freeaddrinfo(list);
    return code;
}

const char *rnli_env(const char *name)
{
    return rnli_sys_getenv(name);
}
