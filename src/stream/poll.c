/* poll.c: waiting for a descriptor of the program's own.
 *
 * The descriptor is attached for the time of the wait only: between two waits the
 * program may close it, and its number be another's. So a cancelled wait returns
 * when the final entry is back and the descriptor is let go. The way that lost: to
 * return at once and detach later, by number; it took away the registration of
 * whoever had the number by then. */
#include <runnel/handover.h>

#include "core/alloc.h"
#include "task/sched.h"

struct watch {
    struct rnl_op op;
    struct rnl_loop *loop;
    struct rnli_waitlist waiting; /* the one task */
    int code;
    bool done;
};

static void free_watch(struct watch *watch)
{
    rnli_free(&rnli_face(watch->loop)->allocator, watch, sizeof *watch);
}

static void ready(struct rnl_op *op, const struct rnl_entry *entry)
{
    struct watch *watch = RNLI_CONTAINER(op, struct watch, op);
    struct rnli_loop_face *face = rnli_face(watch->loop);

    face->ops->detach(face->backend, op->sock);
    watch->code = entry->code;
    watch->done = true;
    rnli_wake_all(&watch->waiting, RNL_OK);
}

static int begin(struct watch *watch, rnl_socket fd, int what)
{
    struct rnli_loop_face *face = rnli_face(watch->loop);
    int64_t os;
    int code = face->ops->attach(face->backend, fd, &os);

    if (code)
        return code;
    watch->op.kind = RNL_OP_POLL;
    watch->op.sock = fd;
    watch->op.poll = what;
    watch->op.done = ready;
    rnli_waitlist_init(&watch->waiting);
    code = rnli_submit(watch->loop, &watch->op);
    if (code)
        face->ops->detach(face->backend, fd);
    return code;
}

static void give_up(struct watch *watch)
{
    rnli_cancel(watch->loop, &watch->op);
    (void)rnl_shield_begin();
    while (!watch->done)
        (void)rnli_wait(&watch->waiting, "the end of a poll");
    (void)rnl_shield_end();
}

static int wait_for(rnl_socket fd, int what, const char *name)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct watch *watch;
    int code = rnli_checkpoint();

    if (code)
        return code;
    watch = rnli_zalloc(&rnli_face(loop)->allocator, sizeof *watch);
    if (!watch)
        return RNL_ENOMEM;
    watch->loop = loop;
    code = begin(watch, fd, what);
    if (!code) {
        code = rnli_wait(&watch->waiting, name);
        if (!watch->done)
            give_up(watch);
        if (!code)
            code = watch->code;
    }
    free_watch(watch);
    return code;
}

int rnl_wait_readable(rnl_socket fd)
{
    return wait_for(fd, RNL_POLL_READ, "readable");
}

int rnl_wait_writable(rnl_socket fd)
{
    return wait_for(fd, RNL_POLL_WRITE, "writable");
}
