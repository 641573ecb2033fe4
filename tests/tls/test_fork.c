/* Streams over TLS in a child of fork. */
#include "tls/helper_secure.h"

#include <sys/wait.h>
#include <unistd.h>

/* N5: a child that ends its copies says no close_notify in the parent's name. */
static void forked(struct net *n)
{
    struct rnl_bytes b;
    int status = -1;
    pid_t child;

    secure_open(n);
    OK(rnl_write_str(n->w, "to a server\n"));
    OK(rnl_readline(n->pr, &b));
    child = fork();
    if (child == 0) {
        (void)rnl_write_str(n->w, "the child\n");
        (void)rnl_write_eof(n->pw);
        rnl_close(n->w);
        (void)!rnl_wait_closed(n->w);
        secure_close(n);
        _exit(0);
    }
    IS(waitpid(child, &status, 0), child);
    IS(status, 0);
    OK(rnl_write_str(n->w, "still here\n"));
    OK(rnl_readline(n->pr, &b));
    CU_ASSERT(same(&b, "still here\n"));
    OK(rnl_write_str(n->pw, "and here\n"));
    OK(rnl_readline(n->r, &b));
    CU_ASSERT(same(&b, "and here\n"));
    secure_close(n);
}
EACH_SYSTEM_RAW(forked)

SUITE("tls.fork", {"N5 a forked child says nothing", forked_each})
