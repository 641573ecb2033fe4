/* backends.c: which backends this build has, the best first. */
#include "backend/sys.h"
#include "backend/backends.h"

#include <runnel/loop.h>
#include <string.h>

static const struct rnl_backend_ops *const backends[] = {
#if defined(RNLI_KQUEUE)
    &rnli_kqueue_ops,
#endif
#if defined(__linux__)
    &rnli_epoll_ops,
#endif
#if defined(_WIN32)
    &rnli_iocp_ops,
#endif
    &rnli_select_ops,
    &rnli_sim_ops,
};

/* The same, ended by NULL: what users see. */
static const char *const names[] = {
#if defined(RNLI_KQUEUE)
    "kqueue",
#endif
#if defined(__linux__)
    "epoll",
#endif
#if defined(_WIN32)
    "iocp",
#endif
    "select",
    "sim",
    NULL,
};

const char *const *rnl_backend_names(void)
{
    return names;
}

const struct rnl_backend_ops *rnli_backend_find(const char *name)
{
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
        if (!name || strcmp(backends[i]->name, name) == 0)
            return backends[i];
    return NULL;
}
