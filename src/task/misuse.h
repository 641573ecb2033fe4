/* misuse.h: what debug builds say of calls that cannot be right.
 *
 * Objects belong to one loop, and a loop to one thread; a handle is dead once it
 * was given up. In a release build nothing of this is looked at. */
#ifndef RNLI_TASK_MISUSE_H
#define RNLI_TASK_MISUSE_H

#include <runnel/base.h>

struct rnl_loop;

/* Ends the process with a sentence unless `alive`, and `owner` runs in this thread. */
void rnli_check_handle(bool alive, const struct rnl_loop *owner, const char *function);
/* The same, of a NULL where none may be. */
void rnli_refuse_null(const char *function);
/* The same, of a reader and a writer that are not of one connection. */
void rnli_refuse_mixed(const char *function);

#ifdef NDEBUG
#define RNLI_CHECK(handle, alive, owner) ((void)0)
#define RNLI_CHECK_ENDS(same)            ((void)0)
#else
/* Nothing may have looked into `handle` before. */
#define RNLI_CHECK(handle, alive, owner) \
    ((handle) ? rnli_check_handle(alive, owner, __func__) : rnli_refuse_null(__func__))
#define RNLI_CHECK_ENDS(same) ((same) ? (void)0 : rnli_refuse_mixed(__func__))
#endif

#endif
