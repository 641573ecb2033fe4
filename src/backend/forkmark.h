/* forkmark.h: has the process forked since? Asked at every turn of the loop.
 *
 * A page that the kernel wipes in a child (MADV_WIPEONFORK) answers with one
 * load. getpid, the way that lost, is a system call each time (glibc stopped
 * caching it), where a message costs two in all; pthread_atfork would install
 * something global behind the user's back. It is the fallback where the page is
 * not to be had. */
#ifndef RNLI_BACKEND_FORKMARK_H
#define RNLI_BACKEND_FORKMARK_H

#include "backend/sys.h"

struct rnli_forkmark {
    volatile unsigned char *page; /* 1 here, 0 in a child; NULL: compare pid */
    size_t size;
    pid_t pid;
};

/* Cannot fail: it falls back. */
void rnli_forkmark_open(struct rnli_forkmark *mark);
void rnli_forkmark_close(struct rnli_forkmark *mark);

static inline bool rnli_forkmark_forked(const struct rnli_forkmark *mark)
{
    return mark->page ? *mark->page == 0 : rnli_sys_getpid() != mark->pid;
}

#endif
