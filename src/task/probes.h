/* probes.h: for the rooms that do not see the system. */
#ifndef RNLI_TASK_PROBES_H
#define RNLI_TASK_PROBES_H

#include "backend/os_probes.h"

#endif
