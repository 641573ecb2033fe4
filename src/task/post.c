/* post.c: calls into a loop, from itself and from other threads.
 *
 * A loop has one counted reference object, which outlives it: posts go through
 * it, under its mutex, so a post either is in the list before the loop empties
 * it for the last time, or finds the loop gone. Only the post that finds the list
 * empty wakes the loop. */
#include "backend/sys.h"

#include "core/alloc.h"
#include "task/loop.h"

struct rnl_loop_ref {
    rnli_mutex mutex;
    struct rnl_loop *loop; /* NULL: it has ended */
    struct rnli_list posts;
    unsigned count;        /* references */
};

/* ---- References -------------------------------------------------------- */

int rnli_ref_open(struct rnl_loop *loop)
{
    const struct rnl_allocator *a = rnli_default_allocator();
    struct rnl_loop_ref *ref = rnli_zalloc(a, sizeof *ref);

    if (!ref)
        return RNL_ENOMEM;
    if (rnli_sys_mutex_init(&ref->mutex)) {
        rnli_free(a, ref, sizeof *ref);
        return RNL_ENOMEM;
    }
    rnli_list_init(&ref->posts);
    ref->loop = loop;
    ref->count = 1;
    loop->ref = ref;
    return RNL_OK;
}

struct rnl_loop_ref *rnli_ref_again(struct rnl_loop_ref *ref)
{
    rnli_sys_mutex_lock(&ref->mutex);
    ref->count++;
    rnli_sys_mutex_unlock(&ref->mutex);
    return ref;
}

int rnl_loop_ref(struct rnl_loop_ref **out)
{
    struct rnl_loop *loop = rnl_loop_current();

    if (!loop)
        return RNL_EINVAL;
    *out = rnli_ref_again(loop->ref);
    return RNL_OK;
}

void rnl_loop_unref(struct rnl_loop_ref *ref)
{
    bool last;

    if (!ref)
        return;
    rnli_sys_mutex_lock(&ref->mutex);
    last = --ref->count == 0;
    /* The loop may be waiting for nobody else: let it look. */
    if (!last && ref->count == 1 && ref->loop)
        ref->loop->face.ops->wake(ref->loop->face.backend);
    rnli_sys_mutex_unlock(&ref->mutex);
    if (!last)
        return;
    rnli_sys_mutex_destroy(&ref->mutex);
    rnli_free(rnli_default_allocator(), ref, sizeof *ref);
}

bool rnli_ref_shared(struct rnl_loop *loop)
{
    bool shared;

    rnli_sys_mutex_lock(&loop->ref->mutex);
    shared = loop->ref->count > 1;
    rnli_sys_mutex_unlock(&loop->ref->mutex);
    return shared;
}

/* ---- Posts ------------------------------------------------------------- */

int rnli_post(struct rnl_loop_ref *ref, struct rnli_post *post)
{
    int code = RNL_ECLOSED;

    rnli_sys_mutex_lock(&ref->mutex);
    if (ref->loop) {
        bool first = rnli_list_empty(&ref->posts);

        rnli_list_init(&post->node);
        rnli_list_push(&ref->posts, &post->node);
        if (first)
            ref->loop->face.ops->wake(ref->loop->face.backend);
        code = RNL_OK;
    }
    rnli_sys_mutex_unlock(&ref->mutex);
    return code;
}

bool rnli_posts_waiting(struct rnl_loop *loop)
{
    bool waiting;

    rnli_sys_mutex_lock(&loop->ref->mutex);
    waiting = !rnli_list_empty(&loop->ref->posts);
    rnli_sys_mutex_unlock(&loop->ref->mutex);
    return waiting;
}

static void run_list(struct rnli_list *batch)
{
    struct rnli_list *node;

    while ((node = rnli_list_shift(batch)) != NULL) {
        struct rnli_post *post = RNLI_CONTAINER(node, struct rnli_post, node);

        post->fn(post);
    }
}

void rnli_posts_run(struct rnl_loop *loop)
{
    struct rnli_list batch;

    rnli_list_init(&batch);
    rnli_sys_mutex_lock(&loop->ref->mutex);
    rnli_list_splice(&batch, &loop->ref->posts);
    rnli_sys_mutex_unlock(&loop->ref->mutex);
    run_list(&batch);
}

/* Posts that came before the end are still called: OK was answered. */
void rnli_ref_close(struct rnl_loop *loop)
{
    struct rnli_list batch;

    rnli_list_init(&batch);
    rnli_sys_mutex_lock(&loop->ref->mutex);
    loop->ref->loop = NULL;
    rnli_list_splice(&batch, &loop->ref->posts);
    rnli_sys_mutex_unlock(&loop->ref->mutex);
    run_list(&batch);
    rnl_loop_unref(loop->ref);
}

/* ---- Calls of the program's -------------------------------------------- */

struct call {
    struct rnli_post post;
    struct rnli_soon soon;
    struct rnl_allocator allocator;
    rnl_callback_fn *fn;
    void *arg;
    struct rnl_loop *loop; /* a soon call's */
    unsigned place;
};

static void run_call(struct call *call)
{
    rnl_callback_fn *fn = call->fn;
    void *arg = call->arg;
    struct rnl_allocator a = call->allocator;

    rnli_free(&a, call, sizeof *call);
    fn(arg);
}

static void run_posted(struct rnli_post *post)
{
    run_call(RNLI_CONTAINER(post, struct call, post));
}

static void run_soon(struct rnli_soon *soon)
{
    struct call *call = RNLI_CONTAINER(soon, struct call, soon);

    rnli_enter(call->loop, RNL_STEP_CALL, call->place, NULL);
    run_call(call);
}

static struct call *new_call(const struct rnl_allocator *a, rnl_callback_fn *fn, void *arg)
{
    struct call *call = rnli_zalloc(a, sizeof *call);

    if (!call)
        return NULL;
    call->post.fn = run_posted;
    call->soon.fn = run_soon;
    call->allocator = *a;
    call->fn = fn;
    call->arg = arg;
    return call;
}

int rnl_call_soon(rnl_callback_fn *fn, void *arg)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct call *call;

    if (!loop || !fn)
        return RNL_EINVAL;
    if (loop->ended)
        return RNL_ECLOSED;
    call = new_call(&loop->face.allocator, fn, arg);
    if (!call)
        return RNL_ENOMEM;
    call->loop = loop;
    call->place = loop->face.place;
    rnli_list_init(&call->soon.node);
    rnli_soon_add(loop, &call->soon);
    return RNL_OK;
}

/* When a post from outside arrives is nothing that a seed decides. */
static bool refuses_posts(struct rnl_loop_ref *ref)
{
    bool refuses;

    rnli_sys_mutex_lock(&ref->mutex);
    refuses = ref->loop && ref->loop->face.ops->thread_delay && ref->loop != rnl_loop_current();
    rnli_sys_mutex_unlock(&ref->mutex);
    return refuses;
}

int rnl_call_soon_threadsafe(struct rnl_loop_ref *ref, rnl_callback_fn *fn, void *arg)
{
    struct call *call;
    int code;

    if (!ref || !fn)
        return RNL_EINVAL;
    if (refuses_posts(ref))
        return RNL_ENOTSUP;
    call = new_call(rnli_default_allocator(), fn, arg);
    if (!call)
        return RNL_ENOMEM;
    code = rnli_post(ref, &call->post);
    if (code)
        rnli_free(rnli_default_allocator(), call, sizeof *call);
    return code;
}
