/* errors.h: with which errno a system call may fail. */
#ifndef TESTS_TORTURE_ERRORS_H
#define TESTS_TORTURE_ERRORS_H

/* How many there are for the wrapper of that name (sys.h); 0: it is left alone. */
int errors_count(const char *call);
const int *errors_of(const char *call);
/* Calls, and pairs of a call and an errno, in the table. */
int errors_calls(void);
int errors_pairs(void);

#endif
