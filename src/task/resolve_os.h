/* resolve_os.h: the system's resolver, called on a thread. */
#ifndef RNLI_TASK_RESOLVE_OS_H
#define RNLI_TASK_RESOLVE_OS_H

#include <runnel/core.h>

struct rnli_resolve_query {
    const char *host;    /* NULL: every interface if passive, else loopback */
    const char *service; /* NULL: port */
    uint16_t port;
    enum rnl_family family;
    int flags;           /* AI_... */
    bool passive;
};

/* Blocks. *found is by the default allocator. RNL_OK with at least one. */
int rnli_sys_resolve(const struct rnli_resolve_query *query, struct rnl_address **found,
                     size_t *count);

/* The environment; NULL in a program that gained privileges. */
const char *rnli_env(const char *name);

#endif
