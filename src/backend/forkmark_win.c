/* forkmark_win.c: Windows does not fork; its process number costs a load. */
#include "backend/sys.h"
#include "backend/forkmark.h"

void rnli_forkmark_open(struct rnli_forkmark *mark)
{
    mark->page = NULL;
    mark->size = 0;
    mark->pid = rnli_sys_getpid();
}

void rnli_forkmark_close(struct rnli_forkmark *mark)
{
    (void)mark;
}
