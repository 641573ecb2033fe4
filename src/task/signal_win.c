/* signal_win.c: what Windows has of signals.
 *
 *      SIGINT    Ctrl-C, and raise
 *      SIGBREAK  Ctrl-Break, and raise
 *      SIGHUP    the console is closed (as in libuv; the number of other systems)
 *      SIGTERM   raise
 *
 * The console's handler runs in a thread of its own, raise's in the thread that
 * raises. */
#include "backend/sys.h"

#include <runnel/base.h>
#include <signal.h>

#include "task/signals.h"

enum { HANGUP = 1, KNOWN = 32 };

static void (*old[KNOWN])(int number);
static volatile LONG wanted[KNOWN]; /* for the console's thread */

/* The C library takes a handler away when it calls it. */
static void on_raise(int number)
{
    (void)signal(number, on_raise);
    rnli_signal_note(number);
}

static int number_of(DWORD event)
{
    switch (event) {
    case CTRL_C_EVENT:
        return SIGINT;
    case CTRL_BREAK_EVENT:
        return SIGBREAK;
    case CTRL_CLOSE_EVENT:
        return HANGUP;
    default:
        return 0;
    }
}

static BOOL WINAPI on_console(DWORD event)
{
    int number = number_of(event);

    if (number == 0 || wanted[number] == 0)
        return FALSE; /* whoever comes next, or the end */
    rnli_signal_note(number);
    return TRUE;
}

bool rnli_signal_known(int number)
{
    return number == SIGINT || number == SIGBREAK || number == HANGUP || number == SIGTERM;
}

int rnli_signal_catch(int number)
{
    if (number != HANGUP) {
        old[number] = signal(number, on_raise);
        if (old[number] == SIG_ERR)
            return RNL_EINVAL;
    }
    /* After signal, whose own handler would otherwise be asked first. */
    if (!SetConsoleCtrlHandler(on_console, TRUE))
        return RNL_EINVAL;
    InterlockedIncrement(&wanted[number]);
    return RNL_OK;
}

void rnli_signal_release(int number)
{
    InterlockedDecrement(&wanted[number]);
    SetConsoleCtrlHandler(on_console, FALSE);
    if (number != HANGUP)
        (void)signal(number, old[number]);
}
