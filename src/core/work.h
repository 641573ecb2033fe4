/* work.h: counts looked-at and moved bytes, for the test that proves the reader
 * linear.
 *
 * A file compiled with RNLI_COUNT_WORK adds to rnli_work and rnli_moved, which
 * the test defines; in every other build this is nothing. */
#ifndef RNLI_CORE_WORK_H
#define RNLI_CORE_WORK_H

#ifdef RNLI_COUNT_WORK
extern unsigned long long rnli_work, rnli_moved;
#define RNLI_WORK(n)  ((void)(rnli_work += (n)))
#define RNLI_MOVED(n) ((void)(rnli_moved += (n)))
#else
#define RNLI_WORK(n)  ((void)0)
#define RNLI_MOVED(n) ((void)0)
#endif

#endif
