/* helper_process.c: threads, signals, fork. */
#include "helper_rig.h"

#include <stdatomic.h>
#include <sys/wait.h>

#include "task/under.h"

/* ---- Wake-ups ---------------------------------------------------------- */

struct posts {
    struct rig *rig;
    atomic_int posted;
    int each;
};

static void *post(void *arg)
{
    struct posts *posts = arg;

    for (int i = 0; i < posts->each; i++) {
        atomic_fetch_add(&posts->posted, 1);
        posts->rig->ops->wake(posts->rig->backend);
    }
    return NULL;
}

static void a_wake_before_the_wait(void)
{
    struct rig rig;

    rig_open(&rig);
    for (int i = 0; i < 5; i++) { /* however many, one wait */
        rig.ops->wake(rig.backend);
        rig.ops->wake(rig.backend);
        CU_ASSERT_EQUAL(rig_wait(&rig, 5 * RNL_SECOND), 0);
    }
    CU_ASSERT_TRUE(rig.ops->now(rig.backend) > 0);
    rig_close(&rig);
}

static void a_spent_wake_wakes_nobody(void)
{
    struct rig rig;
    int64_t before;

    rig_open(&rig);
    rig.ops->wake(rig.backend);
    rig_wait(&rig, 0);
    before = rig.ops->now(rig.backend);
    CU_ASSERT_EQUAL(rig_wait(&rig, 20 * RNL_MILLISECOND), 0);
    CU_ASSERT_TRUE(rig.ops->now(rig.backend) - before >= 20 * RNL_MILLISECOND);
    rig_close(&rig);
}

/* The wait that brought an entry has heard the wake too. */
static void a_wake_beside_an_entry(void)
{
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    int peer;

    rig_open(&rig);
    rig_pair(&rig, RNL_UNIX, &sock, &peer);
    probe_recv(&rig, &recv, sock);
    for (int i = 0; i < 3; i++) {
        plain_write(peer, "x", 1);
        rig.ops->wake(rig.backend);
        CU_ASSERT_EQUAL(rig_wait(&rig, -1), 1);
        rig.ops->wake(rig.backend);
        CU_ASSERT_EQUAL(rig_wait(&rig, -1), 0); /* or it hangs */
    }
    CU_ASSERT_TRUE(recv.len == 3);
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

/* Waits for ever while there are posts that it has not seen: a lost wake hangs. */
static void n2_no_wake_is_lost(void)
{
    enum { THREADS = 3, EACH = 5000 };
    struct rig rig;
    struct posts posts = {.rig = &rig, .each = EACH};
    pthread_t threads[THREADS];
    int seen = 0;

    rig_open(&rig);
    atomic_init(&posts.posted, 0);
    for (int i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, post, &posts), 0);
    while (seen < THREADS * EACH) {
        CU_ASSERT_TRUE_FATAL(rig_wait(&rig, -1) >= 0);
        seen = atomic_load(&posts.posted);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    rig_settle(&rig);
    rig_close(&rig);
}

static void n2_wakes_beside_bytes(void)
{
    enum { EACH = 3000 };
    struct rig rig;
    struct posts posts = {.rig = &rig, .each = EACH};
    struct probe recv;
    pthread_t thread;
    rnl_socket sock;
    int peer, seen = 0;

    rig_open(&rig);
    atomic_init(&posts.posted, 0);
    rig_pair(&rig, RNL_UNIX, &sock, &peer);
    probe_recv(&rig, &recv, sock);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, post, &posts), 0);
    while (seen < EACH) { /* an entry must not swallow the wake beside it */
        plain_write(peer, "x", 1);
        CU_ASSERT_TRUE_FATAL(rig_wait(&rig, -1) >= 0);
        while (seen < atomic_load(&posts.posted)) {
            seen = atomic_load(&posts.posted);
            CU_ASSERT_TRUE_FATAL(rig_wait(&rig, seen < EACH ? -1 : 0) >= 0);
        }
    }
    pthread_join(thread, NULL);
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

/* ---- Fork and exec ----------------------------------------------------- */

/* In the child: everything is refused, and nothing of it reaches the parent. */
static int in_child(struct rig *rig, rnl_socket sock)
{
    struct rnl_bytes piece = {(const unsigned char *)"child", 5};
    struct rnl_address somewhere = {.family = RNL_INET, .ip = {127, 0, 0, 1}};
    struct rnl_address nowhere = {.family = RNL_UNIX, .path_len = 12, .path = "/nowhere/one"};
    struct rnl_socket_info info;
    struct rnl_entry entry;
    struct probe recv;
    rnl_socket other;
    size_t sent;
    int64_t os;
    int bad = 0;

    probe_init(&recv, RNL_OP_RECV, sock);
    bad += rig->ops->submit(rig->backend, &recv.op) != RNL_EINVAL;
    bad += rig->ops->wait(rig->backend, 0, &entry, 1) != RNL_EINVAL;
    bad += rig->ops->try_send(rig->backend, sock, &piece, 1, &sent, &os) != RNL_EINVAL;
    bad += rig->ops->attach(rig->backend, sock, &os) != RNL_EINVAL;
    bad += rig->ops->open_socket(rig->backend, RNL_INET, &other, &os) != RNL_EINVAL;
    bad += rig->ops->shutdown(rig->backend, sock, RNL_SHUT_BOTH, &os) != RNL_EINVAL;
    bad += rig->ops->set_option(rig->backend, sock, RNL_SO_LINGER, 0, &os) != RNL_EINVAL;
    bad += rig->ops->listen(rig->backend, sock, 1, &os) != RNL_EINVAL;
    bad += rig->ops->bind(rig->backend, sock, &somewhere, &os) != RNL_EINVAL;
    bad += rig->ops->info(rig->backend, sock, &info, &os) != RNL_EINVAL;
    bad += rig->ops->unix_unlink(rig->backend, &nowhere, &os) != RNL_EINVAL;
    rig->ops->wake(rig->backend);
    rig->ops->close_socket(rig->backend, sock); /* the parent's stays registered */
    rig->ops->close(rig->backend);
    free(recv.got);
    return bad;
}

static int child_of_its_own(void)
{
    struct rnl_backend *backend;
    const struct rnl_backend_ops *ops = rnli_backend_find(rig_name);
    struct rnl_entry entry;

    if (ops->open(rig_config(), &backend) != RNL_OK)
        return 100;
    if (ops->wait(backend, 0, &entry, 1) != 0)
        return 101;
    ops->close(backend);
    return 0;
}

static void fork_and_go_on(void)
{
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    int peer, status = -1;
    pid_t child;

    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    rig_settle(&rig);
    child = fork();
    if (child == 0) {
        int bad = in_child(&rig, sock);

        _exit(bad ? bad : child_of_its_own());
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    probe_recv(&rig, &recv, sock); /* the parent's traffic goes on */
    CU_ASSERT_EQUAL(rig_wait(&rig, 0), 0);
    plain_write(peer, "still here", 10);
    CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 10));
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static void n5_a_forked_child(void)
{
    fork_and_go_on();
}

enum { RECV_1, RECV_2, POLL, CONNECT, OPS };

/* What was over at the fork, or is cancelled in the child, ends there, as far as there is room
 * for it; the rest is not tried. */
static int ends_in_child(struct rig *rig, struct probe ops[OPS])
{
    int bad = rig_wait(rig, 0) != 1 || ops[CONNECT].code != RNL_ENOENT;

    bad += rig_wait(rig, 0) != RNL_EINVAL;
    rig->ops->cancel(rig->backend, &ops[RECV_1].op);
    rig->ops->cancel(rig->backend, &ops[RECV_2].op);
    bad += rig_wait_max(rig, 0, 1) != 1;
    bad += rig_wait_max(rig, 0, 1) != 1;
    bad += ops[RECV_1].code != RNL_ECANCELED || ops[RECV_2].code != RNL_ECANCELED;
    bad += rig_wait(rig, 0) != RNL_EINVAL || ops[POLL].final;
    rig->ops->cancel(rig->backend, &ops[POLL].op);
    bad += rig_wait(rig, -1) != 1 || ops[POLL].code != RNL_ECANCELED;
    return bad;
}

static void n5_what_a_child_cancels(void)
{
    static const struct rnl_address nowhere = {
        .family = RNL_UNIX, .path_len = 12, .path = "/nowhere/one"};
    struct rig rig;
    struct probe ops[OPS];
    rnl_socket sock[OPS];
    int peer[3], status = -1;
    pid_t child;
    int64_t os;

    rig_open(&rig);
    for (int i = 0; i < 3; i++)
        rig_pair(&rig, RNL_UNIX, &sock[i], &peer[i]);
    CU_ASSERT_EQUAL(rig.ops->open_socket(rig.backend, RNL_UNIX, &sock[CONNECT], &os), RNL_OK);
    rig_settle(&rig);
    probe_recv(&rig, &ops[RECV_1], sock[RECV_1]);
    probe_recv(&rig, &ops[RECV_2], sock[RECV_2]);
    plain_write(peer[POLL], "x", 1);
    probe_poll(&rig, &ops[POLL], sock[POLL], RNL_POLL_READ);
    probe_init(&ops[CONNECT], RNL_OP_CONNECT, sock[CONNECT]);
    ops[CONNECT].op.address = nowhere;
    CU_ASSERT_EQUAL(probe_submit(&rig, &ops[CONNECT]), RNL_OK);
    child = fork();
    if (child == 0)
        status = ends_in_child(&rig, ops);
    else
        CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    for (int i = 0; i < OPS; i++) {
        if (!ops[i].final)
            probe_stop(&rig, &ops[i]);
        probe_free(&ops[i]);
        rig_shut(&rig, sock[i], i < 3 ? peer[i] : -1);
    }
    if (child == 0) {
        rig.ops->close(rig.backend);
        _exit(status);
    }
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    rig_close(&rig);
}

static void n5_where_no_page_is_wiped(void)
{
    if (!faults_start("madvise", EINVAL, 0, INT_MAX))
        return;
    fork_and_go_on();
    CU_ASSERT_TRUE(faults_injected() > 0);
    faults_stop();
}

static void n6_every_descriptor_is_close_on_exec(void)
{
    struct rnl_address address;
    struct rig rig;
    bool before[256];
    rnl_socket listener, sock;
    int peer;

    for (int fd = 0; fd < 256; fd++)
        before[fd] = fcntl(fd, F_GETFD) >= 0;
    rig_open(&rig);
    listener = rig_listener(&rig, RNL_INET, 4, &address);
    rig_pair(&rig, RNL_UNIX, &sock, &peer);
    for (int fd = 0; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);

        if (!before[fd] && flags >= 0)
            CU_ASSERT_TRUE(flags & FD_CLOEXEC);
    }
    rig_shut(&rig, sock, peer);
    rig_shut(&rig, listener, -1);
    rig_close(&rig);
}

/* A process without stdin gets that number for the next descriptor. */
static void an_accepted_descriptor_is_0(void)
{
    struct rnl_address address;
    struct rig rig;
    struct probe accept;
    rnl_socket listener;
    int client, kept = dup(0);

    if (kept < 0)
        return; /* the backend's own would have it */
    close(kept);
    rig_open(&rig);
    kept = dup(0);
    listener = rig_listener(&rig, RNL_INET, 4, &address);
    client = plain_connect(&address);
    probe_init(&accept, RNL_OP_ACCEPT, listener);
    CU_ASSERT_EQUAL(probe_submit(&rig, &accept), RNL_OK);
    close(0);
    CU_ASSERT_TRUE(rig_accepted(&rig, &accept, 1));
    CU_ASSERT_EQUAL(accept.accepted[0], 0);
    probe_stop(&rig, &accept);
    rig_shut(&rig, accept.accepted[0], client);
    CU_ASSERT_EQUAL(dup2(kept, 0), 0);
    close(kept);
    rig_shut(&rig, listener, -1);
    rig_close(&rig);
}

/* ---- Signals ----------------------------------------------------------- */

static volatile sig_atomic_t caught;

static void catch (int number)
{
    (void)number;
    caught++;
}

struct storm {
    pthread_t target;
    atomic_bool over;
};

static void *blow(void *arg)
{
    struct storm *storm = arg;

    while (!atomic_load(&storm->over))
        pthread_kill(storm->target, SIGUSR1);
    return NULL;
}

static void n7_a_storm_of_signals(void)
{
    struct sigaction action, old;
    struct storm storm = {.target = pthread_self()};
    struct rig rig;
    struct probe recv;
    rnl_socket sock;
    pthread_t thread;
    int64_t before;
    int peer;

    if (LOSES_SIGNALS)
        return;
    memset(&action, 0, sizeof(action));
    action.sa_handler = catch; /* without SA_RESTART */
    sigaction(SIGUSR1, &action, &old);
    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    probe_recv(&rig, &recv, sock);
    rig_settle(&rig);
    atomic_init(&storm.over, false);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, blow, &storm), 0);
    before = rig.ops->now(rig.backend);
    CU_ASSERT_EQUAL(rig_wait(&rig, 50 * RNL_MILLISECOND), 0); /* idle: not short */
    CU_ASSERT_TRUE(rig.ops->now(rig.backend) - before >= 50 * RNL_MILLISECOND);
    for (int i = 0; i < 500; i++)
        plain_write(peer, "0123456789", 10);
    CU_ASSERT_TRUE(rig_bytes(&rig, &recv, 5000)); /* busy: nothing lost */
    atomic_store(&storm.over, true);
    pthread_join(thread, NULL);
    CU_ASSERT_TRUE(caught > 0);
    sigaction(SIGUSR1, &old, NULL);
    probe_stop(&rig, &recv);
    probe_free(&recv);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
}

static struct rig *handler_rig;

static void wake_from_handler(int number)
{
    (void)number;
    handler_rig->ops->wake(handler_rig->backend);
}

static void a_wake_from_a_signal_handler(void)
{
    struct sigaction action, old;
    struct rig rig;

    memset(&action, 0, sizeof(action));
    action.sa_handler = wake_from_handler;
    rig_open(&rig);
    handler_rig = &rig;
    sigaction(SIGUSR1, &action, &old);
    raise(SIGUSR1);
    CU_ASSERT_EQUAL(rig_wait(&rig, -1), 0); /* or it hangs */
    sigaction(SIGUSR1, &old, NULL);
    rig_close(&rig);
}

static void n9_signals_are_left_alone(void)
{
    struct sigaction before[NSIG], after;
    struct rig rig;
    rnl_socket sock;
    int peer;

    for (int i = 1; i < 32; i++)
        sigaction(i, NULL, &before[i]);
    rig_open(&rig);
    rig_pair(&rig, RNL_INET, &sock, &peer);
    rig_wait(&rig, RNL_MILLISECOND);
    rig_shut(&rig, sock, peer);
    rig_close(&rig);
    for (int i = 1; i < 32; i++) {
        sigaction(i, NULL, &after);
        CU_ASSERT_PTR_EQUAL(before[i].sa_handler, after.sa_handler);
    }
}

void suite_process(CU_pSuite suite)
{
    CU_ADD_TEST(suite, a_wake_before_the_wait);
    CU_ADD_TEST(suite, a_wake_beside_an_entry);
    CU_ADD_TEST(suite, a_spent_wake_wakes_nobody);
    CU_ADD_TEST(suite, a_wake_from_a_signal_handler);
    CU_add_test(suite, "N2 no wake is lost", n2_no_wake_is_lost);
    CU_add_test(suite, "N2 wakes beside bytes", n2_wakes_beside_bytes);
    CU_add_test(suite, "N5 a forked child", n5_a_forked_child);
    CU_add_test(suite, "N5 what a child cancels", n5_what_a_child_cancels);
    CU_add_test(suite, "N5 where no page is wiped", n5_where_no_page_is_wiped);
    CU_add_test(suite, "N6 every descriptor is close-on-exec",
                n6_every_descriptor_is_close_on_exec);
    CU_ADD_TEST(suite, an_accepted_descriptor_is_0);
    CU_add_test(suite, "N7 a storm of signals", n7_a_storm_of_signals);
    CU_add_test(suite, "N9 signals are left alone", n9_signals_are_left_alone);
}
