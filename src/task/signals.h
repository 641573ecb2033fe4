/* signals.h: what waiting for signals asks of a system (signal_posix.c, signal_win.c). */
#ifndef RNLI_TASK_SIGNALS_H
#define RNLI_TASK_SIGNALS_H

#include <stdbool.h>

enum { RNLI_SIGNALS = 65 };

/* Whether a program can wait for it here. */
bool rnli_signal_known(int number);
/* The first waiter has come: installs the handler. RNL_OK or RNL_EINVAL. */
int rnli_signal_catch(int number);
/* The last one has gone: the old handler is back. */
void rnli_signal_release(int number);

/* From a handler, in any thread: counts it, and wakes the loops that wait. */
void rnli_signal_note(int number);

#endif
