/* shared.c: the files that readiness backends share, over simulated system calls.
 *
 * Their text is compiled once more, so whatever is wrong with it is wrong here too. The
 * way that lost: a table of functions in place of the calls, which each call on a real
 * socket would have to look up. */
#include "backend/sys.h"
#include "backend/sim/calls.h" /* before all of them */

#include "backend/ready.c"
#include "backend/serve.c"
#include "backend/wait.c"
