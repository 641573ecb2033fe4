/* features.c: what this build has. */
#include <runnel/inspect.h>

#include "core/poison.h"
#include "task/probes.h"

#ifdef _WIN32
#define SYSTEM "switch: fibers",
#elif defined(RNLI_UCONTEXT)
#define SYSTEM "unix", "handover", "switch: ucontext",
#else
#define SYSTEM "unix", "handover", "switch: assembly",
#endif

#ifdef RNLI_PROBES
#define PROBES "probes",
#else
#define PROBES
#endif

#ifdef RNLI_POISON
#define POISON "poison",
#else
#define POISON
#endif

#ifdef RNLI_FAULTS
#define FAULTS "faults",
#else
#define FAULTS
#endif

static const char *const features[] = {"signals", SYSTEM PROBES POISON FAULTS NULL};

const char *const *rnl_features(void)
{
    return features;
}
