/* os_probes.h: USDT probes, for perf, bpftrace and SystemTap: a nop and a note each.
 *
 * Where <sys/sdt.h> is (Debian: systemtap-sdt-dev) and the build wants it
 * (RUNNEL_PROBES); nothing elsewhere. docs/debugging.md lists them. */
#ifndef RNLI_BACKEND_OS_PROBES_H
#define RNLI_BACKEND_OS_PROBES_H

#ifdef RNLI_PROBES
#include <sys/sdt.h>
#if defined(__clang__) /* of a macro that the header hands no further arguments */
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif
#define RNLI_PROBE(name, a, b) DTRACE_PROBE2(runnel, name, a, b)
#else
#define RNLI_PROBE(name, a, b) ((void)0)
#endif

#endif
