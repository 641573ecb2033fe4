/* under.h: what the test runs under. Counts and sizes depend on it. */
#ifndef RUNNEL_TESTS_UNDER_H
#define RUNNEL_TESTS_UNDER_H

#include <stdlib.h>

#include "task/sanitize.h"

#if defined(RNLI_ASAN) || defined(RNLI_TSAN)
#define UNDER_SANITIZER 1
#else
#define UNDER_SANITIZER 0
#endif

#if defined(RNLI_VALGRIND)
#define UNDER_VALGRIND (RUNNING_ON_VALGRIND != 0)
#else
#define UNDER_VALGRIND 0
#endif

/* /proc tells of a process's memory and mappings. */
#if defined(__linux__)
#define SEES_MEMORY 1
#else
#define SEES_MEMORY 0
#endif

#define UNDER_CHECKER (UNDER_SANITIZER || UNDER_VALGRIND)

/* Set by whoever runs the tests of another architecture: an emulator keeps notes
 * of each page, which count as ours. */
#define UNDER_EMULATOR (getenv("RUNNEL_EMULATED") != NULL)

/* qemu-i386 7.2 dies of a storm of signals, or loses them: C programs without any
 * library too. */
#define LOSES_SIGNALS (UNDER_EMULATOR && getenv("RUNNEL_EMULATED")[0] == 'i')

#endif
