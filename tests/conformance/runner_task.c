/* runner_task.c: runner_core.c with scripts of kind "stream" as well, which need the
 * loop and the tasks. */
#include <stdio.h>
#include <stdlib.h>

#include "runner.h"

int main(void)
{
    run_other_kind = run_stream_script;
    return run_all_scripts();
}
