/* resolve_win.c: the resolver of Windows, with names in UTF-8; and the environment. */
#include "backend/sys.h"

#include "backend/sockaddr.h"
#include "core/alloc.h"
#include "task/resolve_os.h"

enum { NAME_MAX_WIDE = 260 };

static int code_of(int os)
{
    switch (os) {
    case 0:
        return RNL_OK;
    case WSAHOST_NOT_FOUND:
    case WSANO_DATA:
    case WSATYPE_NOT_FOUND:
        return RNL_ENONAME;
    case WSATRY_AGAIN:
        return RNL_ENAMEAGAIN;
    case WSA_NOT_ENOUGH_MEMORY:
        return RNL_ENOMEM;
    case WSAEAFNOSUPPORT:
        return RNL_EAFNOSUPPORT;
    case WSAEINVAL:
        return RNL_EINVAL;
    default:
        return RNL_ENAMEFAIL;
    }
}

static int family_of(enum rnl_family family)
{
    return family == RNL_INET ? AF_INET : family == RNL_INET6 ? AF_INET6 : AF_UNSPEC;
}

/* NULL stays NULL; false: no UTF-8, or too long. */
static bool widen(const char *text, wchar_t room[NAME_MAX_WIDE], const wchar_t **out)
{
    *out = text ? room : NULL;
    return !text || MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, room,
                                        NAME_MAX_WIDE) > 0;
}

static size_t copy_list(const ADDRINFOW *list, struct rnl_address *to, size_t room,
                        const struct rnli_resolve_query *query)
{
    size_t count = 0;

    for (; list; list = list->ai_next) {
        struct rnl_address a;

        if (list->ai_family != AF_INET && list->ai_family != AF_INET6)
            continue;
        if (count < room) {
            rnli_sockaddr_to(&a, list->ai_addr, (socklen_t)list->ai_addrlen);
            if (!query->service)
                a.port = query->port;
            to[count] = a;
        }
        count++;
    }
    return count;
}

static int ask(const struct rnli_resolve_query *query, ADDRINFOW **list)
{
    ADDRINFOW hints = {.ai_family = family_of(query->family), .ai_socktype = SOCK_STREAM};
    wchar_t host_room[NAME_MAX_WIDE], service_room[NAME_MAX_WIDE];
    const wchar_t *host, *service;
    const char *named = query->service;

    if (query->host && !*query->host)
        return RNL_ENONAME; /* Windows would name itself */
    hints.ai_flags = query->flags | (query->passive ? AI_PASSIVE : 0);
    if (!query->host && !named)
        named = "0"; /* one of the two must be there */
    if (!widen(query->host, host_room, &host) || !widen(named, service_room, &service))
        return RNL_ENONAME;
    if (rnli_win_start() || rnli_fault_code("getaddrinfo"))
        return RNL_ENAMEFAIL;
    return code_of(GetAddrInfoW(host, service, &hints, list));
}

int rnli_sys_resolve(const struct rnli_resolve_query *query, struct rnl_address **found,
                     size_t *count)
{
    ADDRINFOW *list = NULL;
    int code = ask(query, &list);

    *count = 0;
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
    FreeAddrInfoW(list);
    return code;
}

const char *rnli_env(const char *name)
{
    return rnli_sys_getenv(name);
}
