/* forkmark.c: a page that tells parent from child. See forkmark.h. */
#include "backend/sys.h"
#include "backend/forkmark.h"

#if defined(MADV_WIPEONFORK)
enum { WIPE = MADV_WIPEONFORK };
#else
enum { WIPE = -1 }; /* refused by every madvise */
#endif

enum { NONSENSE = 0x7777 }; /* no system's advice */

/* An emulator (qemu-user) accepts whatever it does not know, and does not do it. */
static bool wiped_in_children(void *page, size_t size)
{
    return rnli_sys_madvise(page, size, NONSENSE) < 0 && rnli_sys_madvise(page, size, WIPE) == 0;
}

void rnli_forkmark_open(struct rnli_forkmark *mark)
{
    long size = rnli_sys_sysconf(_SC_PAGESIZE);
    void *page;

    mark->page = NULL;
    mark->size = size > 0 ? (size_t)size : 4096;
    mark->pid = rnli_sys_getpid();
    page = rnli_sys_mmap(mark->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    if (page == MAP_FAILED)
        return;
    if (!wiped_in_children(page, mark->size)) {
        rnli_sys_munmap(page, mark->size);
        return;
    }
    mark->page = page;
    *mark->page = 1;
}

void rnli_forkmark_close(struct rnli_forkmark *mark)
{
    if (mark->page)
        rnli_sys_munmap((void *)(uintptr_t)mark->page, mark->size);
    mark->page = NULL;
}
