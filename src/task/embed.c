/* embed.c: a loop that somebody else's loop drives.
 *
 * A step is a turn that does not wait. How long the loop may be left alone is the
 * least of what it knows (tasks that are ready, gathered writes, timers) and of
 * what the backend knows (operations that are ready but not served yet). There is
 * no deadlock here: a task may be woken by what the other loop does. */
#include <runnel/embed.h>

#include "core/options.h"
#include "task/loop.h"

int rnl_loop_open(struct rnl_loop **out, const struct rnl_run_options *options)
{
    struct rnl_run_options o;
    int code = rnli_loop_get() ? RNL_EINVAL : rnli_options_read(&o, sizeof o, options);

    if (!code)
        code = rnli_loop_open(out, &o);
    if (code)
        return code;
    (*out)->stepped = true;
    rnli_loop_set(*out);
    return RNL_OK;
}

static rnl_socket look(const struct rnl_loop *loop, int64_t *rest_ns)
{
    const struct rnl_backend_ops *ops = loop->face.ops;

    *rest_ns = -1;
    return ops->descriptor ? ops->descriptor(loop->face.backend, rest_ns) : RNL_NO_SOCKET;
}

rnl_socket rnl_loop_descriptor(const struct rnl_loop *loop)
{
    int64_t rest;

    return look(loop, &rest);
}

int64_t rnl_loop_wait_time(struct rnl_loop *loop)
{
    int64_t rest, own;

    if (!rnli_list_empty(&loop->flushes))
        return 0;
    own = rnli_loop_rest(loop);
    (void)look(loop, &rest);
    if (rest >= 0 && (own < 0 || rest < own))
        own = rest;
    return own < 0 ? RNL_OFF : own;
}

/* Whether it may be driven from here. Nothing is looked into before it is known to
 * live; a hook is in the middle of something. */
static bool is_ours(const struct rnl_loop *loop)
{
    return loop && rnli_loop_get() == loop && loop->stepped && !loop->in_turn && !loop->reporting;
}

int rnl_loop_step(struct rnl_loop *loop)
{
    int code;

    if (!is_ours(loop))
        return RNL_EINVAL;
    loop->in_turn = true;
    code = rnli_loop_turn(loop);
    loop->in_turn = false;
    return code;
}

size_t rnl_loop_tasks(const struct rnl_loop *loop)
{
    return loop->ntasks;
}

int rnl_loop_close(struct rnl_loop *loop)
{
    if (!is_ours(loop))
        return RNL_EINVAL;
    loop->stepped = false; /* from here on it waits for itself */
    rnli_loop_close(loop);
    rnli_loop_set(NULL);
    return RNL_OK;
}
