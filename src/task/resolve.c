/* resolve.c: names to addresses without keeping the loop waiting.
 *
 * An IP literal is read at once. Anything else is a job of the pool, which owns
 * copies of all that it touches: when the task that waits is cancelled, or the
 * loop ends, getaddrinfo goes on alone and its job frees itself. A resolver of the
 * program's takes getaddrinfo's place in the job. A backend with one of its own (the
 * simulator) is asked otherwise, and its answer owned alike. */
#include "task/resolve_os.h"

#include <string.h>

#include "core/alloc.h"
#include "task/loop.h"

enum { HOST_MAX = 255, GIVEN_MAX = 64 };

struct query {
    struct rnli_job job;
    struct rnli_waitlist waiting;
    struct rnli_resolve_query os;
    rnl_resolve_fn *resolve; /* the program's; NULL: the system's */
    void *resolve_user;
    int code;
    struct rnl_address *found; /* by the default allocator */
    size_t count;
    char host[HOST_MAX + 1], service[64];
};

/* Those of `count` that a stream can go to, with their ports. */
static size_t usable(const struct query *q, struct rnl_address *list, size_t count)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (list[i].family != RNL_INET && list[i].family != RNL_INET6)
            continue;
        list[n] = list[i];
        if (!q->os.service)
            list[n].port = q->os.port;
        n++;
    }
    return n;
}

static int ask_program(struct query *q, struct rnl_address *list, size_t *count)
{
    struct rnl_resolve_query query = {q->os.host, q->os.service, q->os.family, q->os.flags,
                                      q->os.passive};
    int code = q->resolve(q->resolve_user, &query, list, GIVEN_MAX, count);

    if (code)
        return code < 0 ? code : RNL_ENAMEFAIL;
    *count = usable(q, list, *count < GIVEN_MAX ? *count : GIVEN_MAX);
    return *count > 0 ? RNL_OK : RNL_ENONAME;
}

static int resolve_by_program(struct query *q)
{
    const struct rnl_allocator *a = rnli_default_allocator();
    size_t size = GIVEN_MAX * sizeof *q->found, count = 0;
    struct rnl_address *list = rnli_zalloc(a, size), *fitting = NULL;
    int code = list ? ask_program(q, list, &count) : RNL_ENOMEM;

    if (!code) {
        fitting = rnli_realloc(a, list, size, count * sizeof *list);
        code = fitting ? RNL_OK : RNL_ENOMEM;
    }
    if (code) {
        rnli_free(a, list, size);
        return code;
    }
    q->found = fitting;
    q->count = count;
    return RNL_OK;
}

static void do_query(struct rnli_job *job)
{
    struct query *q = RNLI_CONTAINER(job, struct query, job);

    q->code = q->resolve ? resolve_by_program(q) : rnli_sys_resolve(&q->os, &q->found, &q->count);
}

static void query_done(struct rnli_job *job)
{
    rnli_wake_all(&RNLI_CONTAINER(job, struct query, job)->waiting, RNL_OK);
}

static void dispose(struct rnli_job *job)
{
    struct query *q = RNLI_CONTAINER(job, struct query, job);
    const struct rnl_allocator *a = rnli_default_allocator();

    rnli_free(a, q->found, q->count * sizeof *q->found);
    rnli_free(a, q, sizeof *q);
}

/* Copies a string whole or not at all: a name cut short is another name. */
static int copy(char *to, size_t size, const char *from, const char **out)
{
    size_t len;

    *out = NULL;
    if (!from)
        return RNL_OK;
    len = strlen(from);
    if (len >= size)
        return RNL_ENONAME;
    memcpy(to, from, len + 1);
    *out = to;
    return RNL_OK;
}

static int new_query(struct query **out, const char *host, const char *service, uint16_t port,
                     enum rnl_family family, int flags)
{
    struct query *q = rnli_zalloc(rnli_default_allocator(), sizeof *q);
    int code;

    if (!q)
        return RNL_ENOMEM;
    q->job.share = RNLI_SHARE_RESOLVE;
    q->job.work = do_query;
    q->job.done = query_done;
    q->job.dispose = dispose;
    rnli_waitlist_init(&q->waiting);
    q->os.port = port;
    q->os.family = family;
    q->os.passive = (flags & RNLI_RESOLVE_PASSIVE) != 0;
    q->os.flags = flags & ~RNLI_RESOLVE_PASSIVE;
    code = copy(q->host, sizeof q->host, host, &q->os.host);
    if (!code)
        code = copy(q->service, sizeof q->service, service, &q->os.service);
    if (code) {
        dispose(&q->job);
        return code;
    }
    *out = q;
    return RNL_OK;
}

/* What was found, in the loop's memory. */
static int hand_over(struct rnl_loop *loop, const struct query *q, struct rnl_address **out,
                     size_t *count)
{
    size_t size = q->count * sizeof *q->found;

    if (q->code)
        return q->code;
    *out = rnli_alloc(&loop->face.allocator, size);
    if (!*out)
        return RNL_ENOMEM;
    memcpy(*out, q->found, size);
    *count = q->count;
    return RNL_OK;
}

/* ---- A backend that resolves -------------------------------------------- */

static int keep(struct query *q, int code, const struct rnl_address *addresses, size_t count)
{
    if (code)
        return code;
    q->found = rnli_alloc(rnli_default_allocator(), count * sizeof *q->found);
    if (!q->found)
        return RNL_ENOMEM;
    memcpy(q->found, addresses, count * sizeof *q->found);
    q->count = count;
    for (size_t i = 0; i < count && !q->os.service; i++)
        q->found[i].port = q->os.port;
    return RNL_OK;
}

static void answered(void *arg, int code, const struct rnl_address *addresses, size_t count)
{
    struct query *q = arg;

    if (q->job.orphaned) {
        dispose(&q->job);
        return;
    }
    q->job.finished = true;
    q->code = keep(q, code, addresses, count);
    rnl_loop_current()->outside--;
    query_done(&q->job);
}

static int ask_backend(struct rnl_loop *loop, struct query *q, struct rnl_address **out,
                       size_t *count)
{
    int flags = q->os.flags | (q->os.passive ? RNL_RESOLVE_PASSIVE : 0);
    int code = loop->face.ops->resolve(loop->face.backend, q->os.host, q->os.service,
                                       q->os.family, flags, answered, q);

    if (code == RNL_OK) {
        loop->outside++;
        code = rnli_wait(&q->waiting, "resolve");
        if (code && !q->job.finished) {
            q->job.orphaned = true;
            loop->outside--;
            return code;
        }
        if (!code)
            code = hand_over(loop, q, out, count);
    }
    dispose(&q->job);
    return code;
}

/* ---- Asking ------------------------------------------------------------- */

static int ask(struct rnl_loop *loop, struct query *q, struct rnl_address **out, size_t *count)
{
    int code = rnli_job_start(loop, &q->job);

    if (code == RNL_OK) {
        code = rnli_wait(&q->waiting, "resolve");
        if (code) {
            rnli_job_orphan(loop, &q->job);
            return code;
        }
        code = hand_over(loop, q, out, count);
    }
    dispose(&q->job);
    return code;
}

static int literal(struct rnl_loop *loop, const char *host, uint16_t port, enum rnl_family family,
                   struct rnl_address **out, size_t *count)
{
    struct rnl_address address;
    int code = rnl_address_parse(&address, host, strlen(host), port);

    if (code || (family != RNL_UNSPEC && family != address.family))
        return RNL_EAGAIN;
    *out = rnli_alloc(&loop->face.allocator, sizeof **out);
    if (!*out)
        return RNL_ENOMEM;
    **out = address;
    *count = 1;
    return RNL_OK;
}

int rnli_resolve(const char *host, const char *service, uint16_t port, enum rnl_family family,
                 int flags, struct rnl_address **out, size_t *count)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct query *q;
    int code;

    if (host && strlen(host) > HOST_MAX)
        return RNL_ENONAME;
    if (host && !service) {
        code = literal(loop, host, port, family, out, count);
        if (code != RNL_EAGAIN)
            return code;
    }
    code = new_query(&q, host, service, port, family, flags);
    if (code)
        return code;
    if (host) { /* else it is about our own interfaces */
        q->resolve = loop->resolve;
        q->resolve_user = loop->resolve_user;
    }
    if (loop->face.ops->resolve && !q->resolve)
        return ask_backend(loop, q, out, count);
    return ask(loop, q, out, count);
}
