/* signal_posix.c: signals by sigaction. */
#include "backend/sys.h"

#include <runnel/base.h>

#include "task/signals.h"

static struct sigaction old[RNLI_SIGNALS];

static void handle(int number)
{
    int saved = errno;

    rnli_signal_note(number);
    errno = saved;
}

bool rnli_signal_known(int number)
{
    return number > 0 && number < RNLI_SIGNALS;
}

int rnli_signal_catch(int number)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};

    sigfillset(&action.sa_mask);
    return rnli_sys_sigaction(number, &action, &old[number]) ? RNL_EINVAL : RNL_OK;
}

void rnli_signal_release(int number)
{
    (void)rnli_sys_sigaction(number, &old[number], NULL);
}
