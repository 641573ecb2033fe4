/* pool.c: the threads of the process that work for loops.
 *
 * Two shares, so that a hundred names that do not resolve keep no other work
 * waiting. Threads start when there is work and none is idle, and go when the
 * last loop has ended: they are joined, but one that still works is left
 * to end by itself. A job belongs to the pool until its work is done; then it is
 * posted to its loop, or disposes of itself where nobody waits any more.
 *
 * A child of a fork has the pool's memory but none of its threads: whoever comes to
 * the pool first there empties it. pthread_atfork lost: it would install something
 * behind the program's back. */
#include "backend/sys.h"

#include "core/alloc.h"
#include "task/atomic.h"
#include "task/loop.h"

enum { MOST = 4 }; /* threads of a share */

struct worker {
    struct rnli_list node; /* of the share's, until it is told to go */
    rnli_thread thread;
    enum rnli_share share;
    bool idle;
    bool busy; /* in a job, which may take for ever */
    bool go;   /* it is to end */
    bool left; /* and nobody will join it */
};

struct pool {
    rnli_mutex mutex;
    rnli_cond work[RNLI_SHARES];
    struct rnli_list jobs[RNLI_SHARES];
    struct rnli_list workers[RNLI_SHARES]; /* not told to go */
    size_t nworkers[RNLI_SHARES];
    size_t nidle[RNLI_SHARES];
    size_t njobs[RNLI_SHARES]; /* that no thread has come to yet */
    unsigned loops;
    bool ready;
};

#define EMPTY_POOL                                                                      \
    {                                                                                   \
        .mutex = RNLI_MUTEX_INIT, .work = { RNLI_COND_INIT, RNLI_COND_INIT }            \
    }

static struct pool pool = EMPTY_POOL;
static struct pool lost; /* of the parent's, in a child: its memory is not leaked */

static atomic_int owner; /* the process whose threads they are; 0: none yet; < 0: being emptied */

/* Forgets threads that are not there, and a mutex that one of them may have held.
 * What their jobs own is the parent's to free. */
static void look_for_fork(void)
{
    int self = (int)rnli_sys_getpid();
    int was = atomic_load(&owner);

    while (was != self) {
        if (was != -self && atomic_compare_exchange_strong(&owner, &was, -self)) {
            if (was != 0) {
                lost = pool;
                pool = (struct pool)EMPTY_POOL;
            }
            atomic_store(&owner, self);
        }
        was = atomic_load(&owner);
    }
}

static void lock(void)
{
    look_for_fork();
    rnli_sys_mutex_lock(&pool.mutex);
}

static void unlock(void)
{
    rnli_sys_mutex_unlock(&pool.mutex);
}

/* ---- A job's end ------------------------------------------------------- */

static void posted(struct rnli_post *post)
{
    struct rnli_job *job = RNLI_CONTAINER(post, struct rnli_job, post);
    struct rnl_loop_ref *ref = job->ref;

    if (job->orphaned) {
        job->dispose(job);
    } else {
        rnl_loop_current()->outside--;
        job->finished = true;
        job->done(job);
    }
    rnl_loop_unref(ref);
}

/* On a thread, or for a job that no thread came to (`worker` NULL). */
static void finish(struct rnli_job *job, struct worker *worker)
{
    struct rnl_loop_ref *ref = job->ref;
    bool orphaned;

    lock();
    orphaned = job->orphaned;
    if (worker)
        worker->busy = orphaned; /* to dispose of it is the program's affair again */
    unlock();
    job->post.fn = posted;
    if (orphaned || rnli_post(ref, &job->post)) {
        job->dispose(job);
        rnl_loop_unref(ref);
    }
}

/* ---- Threads ----------------------------------------------------------- */

static void free_worker(struct worker *worker)
{
    rnli_free(rnli_default_allocator(), worker, sizeof *worker);
}

/* Nobody may count on it to come to a job any more, or it has come to one. */
static void not_idle(struct worker *worker)
{
    if (worker->idle)
        pool.nidle[worker->share]--;
    worker->idle = false;
}

/* The next job; NULL: the thread is to go. Called with the lock. */
static struct rnli_job *next_job(struct worker *worker)
{
    enum rnli_share share = worker->share;

    while (!worker->go && rnli_list_empty(&pool.jobs[share])) {
        worker->idle = true;
        pool.nidle[share]++;
        rnli_sys_cond_wait(&pool.work[share], &pool.mutex);
        not_idle(worker);
    }
    if (worker->go)
        return NULL;
    pool.njobs[share]--;
    worker->busy = true;
    return RNLI_CONTAINER(rnli_list_shift(&pool.jobs[share]), struct rnli_job, node);
}

static void *run(void *arg)
{
    struct worker *worker = arg;
    struct rnli_job *job;
    bool left;

    lock();
    while ((job = next_job(worker)) != NULL) {
        unlock();
        job->work(job);
        finish(job, worker);
        lock();
        worker->busy = false;
    }
    left = worker->left;
    unlock();
    if (left)
        free_worker(worker);
    return NULL;
}

/* RNL_OK: the share has a thread that will come to the job. Called with the lock. */
static int staff(enum rnli_share share)
{
    struct worker *worker;

    if (pool.loops == 0) /* the parent's loop, in a child */
        return RNL_EAGAIN;
    if (pool.nidle[share] > pool.njobs[share]) /* the others are on their way to a job */
        return RNL_OK;
    if (pool.nworkers[share] == MOST)
        return RNL_OK;
    worker = rnli_zalloc(rnli_default_allocator(), sizeof *worker);
    if (!worker)
        return pool.nworkers[share] > 0 ? RNL_OK : RNL_ENOMEM;
    worker->share = share;
    if (rnli_sys_thread_start(&worker->thread, run, worker)) {
        free_worker(worker);
        return pool.nworkers[share] > 0 ? RNL_OK : RNL_EAGAIN;
    }
    rnli_list_init(&worker->node);
    rnli_list_push(&pool.workers[share], &worker->node);
    pool.nworkers[share]++;
    return RNL_OK;
}

int rnli_job_start(struct rnl_loop *loop, struct rnli_job *job)
{
    int code;

    job->orphaned = false;
    job->finished = false;
    rnli_list_init(&job->node);
    if (loop->face.ops->thread_delay)
        return rnli_job_simulate(loop, job);
    job->ref = rnli_ref_again(loop->ref);
    lock();
    code = staff(job->share);
    if (!code) {
        rnli_list_push(&pool.jobs[job->share], &job->node);
        pool.njobs[job->share]++;
        rnli_sys_cond_signal(&pool.work[job->share]);
    }
    unlock();
    if (code) {
        rnl_loop_unref(job->ref);
        return code;
    }
    loop->outside++;
    return RNL_OK;
}

void rnli_job_orphan(struct rnl_loop *loop, struct rnli_job *job)
{
    if (job->finished) { /* the cancel came first, but this before its task ran */
        job->dispose(job);
        return;
    }
    lock();
    job->orphaned = true;
    unlock();
    loop->outside--;
}

/* ---- Loops ------------------------------------------------------------- */

void rnli_threads_enter(void)
{
    lock();
    if (!pool.ready)
        for (size_t i = 0; i < RNLI_SHARES; i++) {
            rnli_list_init(&pool.jobs[i]);
            rnli_list_init(&pool.workers[i]);
        }
    pool.ready = true;
    pool.loops++;
    unlock();
}

/* Tells every thread to go; those not in a job are to be joined. Called with the lock. */
static void dismiss(enum rnli_share share, struct rnli_list *to_join)
{
    struct rnli_list *node;

    while ((node = rnli_list_shift(&pool.workers[share])) != NULL) {
        struct worker *worker = RNLI_CONTAINER(node, struct worker, node);

        worker->go = true;
        worker->left = worker->busy;
        if (worker->left)
            (void)rnli_sys_thread_detach(worker->thread);
        else
            rnli_list_push(to_join, &worker->node);
        not_idle(worker);
    }
    pool.nworkers[share] = 0;
    rnli_sys_cond_broadcast(&pool.work[share]);
}

static void join_all(struct rnli_list *to_join)
{
    struct rnli_list *node;

    while ((node = rnli_list_shift(to_join)) != NULL) {
        struct worker *worker = RNLI_CONTAINER(node, struct worker, node);

        (void)rnli_sys_thread_join(worker->thread);
        free_worker(worker);
    }
}

/* Jobs that no thread came to: nobody waits for them. */
static void dispose_rest(struct rnli_list *rest)
{
    struct rnli_list *node;

    while ((node = rnli_list_shift(rest)) != NULL)
        finish(RNLI_CONTAINER(node, struct rnli_job, node), NULL);
}

void rnli_threads_leave(void)
{
    struct rnli_list rest, to_join;

    rnli_list_init(&rest);
    rnli_list_init(&to_join);
    lock();
    if (pool.loops > 0 && --pool.loops == 0) { /* 0: the parent's loop, in a child */
        for (int share = 0; share < RNLI_SHARES; share++) {
            rnli_list_splice(&rest, &pool.jobs[share]);
            pool.njobs[share] = 0;
            dismiss((enum rnli_share)share, &to_join);
        }
    }
    unlock();
    dispose_rest(&rest);
    join_all(&to_join);
}
