/* atomic.h: the one header of atomics, by the name that tasks know it by. */
#ifndef RNLI_TASK_ATOMIC_H
#define RNLI_TASK_ATOMIC_H

#include "backend/atomics.h"

#endif
