/* sys.c: the hook of sys.h, in builds whose system calls can be made to fail. */
#include "backend/sys.h"

#ifdef RNLI_FAULTS
int (*rnli_fault)(const char *call);
#endif
