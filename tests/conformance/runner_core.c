/* runner_core.c: the C runner over the core: a script a line on standard input,
 * its outcomes a line on standard output.
 *
 *      {"kind":"reader","limit":4,"compat":true,"steps":[["feed","ab"],["read",2]]}
 *      [[["ok"],null,"ab",""],[["value","ab"],null,"",""]]
 *
 * After a crash the driver knows which script it was: the first without outcomes,
 * because each line is flushed. */
#include "runner.h"

int main(void)
{
    return run_all_scripts();
}
