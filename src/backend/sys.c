/* sys.c: the hooks of sys.h, in builds whose system calls can be made to fail. */
#include "backend/sys.h"

#ifdef RNLI_FAULTS
#include <string.h>

int (*rnli_fault)(const char *call);
const char *rnli_fault_lacking;

/* Before main, since a thread might change the environment meanwhile. */
__attribute__((constructor)) static void look_for_lacking(void)
{
    rnli_fault_lacking = getenv("RUNNEL_LACKS");
}

bool rnli_fault_lacks(const char *name)
{
    size_t len = strlen(name);
    const char *all = rnli_fault_lacking, *at = all;

    for (; at && (at = strstr(at, name)); at += len)
        if ((at == all || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}
#endif
