/* helper_rig.c: a backend on the bench. See helper_rig.h. */
#include "helper_rig.h"

#include <stdio.h>

#include "backend/sockaddr.h"

const char *rig_name = "epoll";
enum rnl_sim_model rig_model = RNL_SIM_COMPLETIONS;

/* ---- Memory and descriptors that are counted ---------------------------- */

static size_t live;

static void *count_alloc(void *user, size_t size)
{
    (void)user;
    live += size;
    return malloc(size);
}

static void *count_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    (void)user;
    live += size - old_size;
    return realloc(ptr, size);
}

static void count_free(void *user, void *ptr, size_t size)
{
    (void)user;
    live -= size;
    free(ptr);
}

static const struct rnl_allocator counting = {count_alloc, count_realloc, count_free, NULL};

const struct rnl_backend_config *rig_config(void)
{
    static struct rnl_sim_config sim = RNL_SIM_CONFIG_INIT;
    static struct rnl_backend_config config = {sizeof(config), &counting, NULL};

    sim.model = rig_model;
    config.user = rig_simulated() ? &sim : NULL;
    return &config;
}

size_t rig_live_memory(void)
{
    return live;
}

int count_fds(void)
{
    int count = 0;

    for (int fd = 0; fd < 4096; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

bool rig_simulated(void)
{
    return strcmp(rig_name, "sim") == 0;
}

/* ---- The rig ----------------------------------------------------------- */

void rig_open(struct rig *rig)
{
    rig->fds = count_fds();
    rig->ops = rnli_backend_find(rig_name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rig->ops);
    CU_ASSERT_EQUAL_FATAL(rig->ops->open(rig_config(), &rig->backend), RNL_OK);
}

void rig_close(struct rig *rig)
{
    rig->ops->close(rig->backend);
    CU_ASSERT_EQUAL(live, 0);
    CU_ASSERT_EQUAL(count_fds(), rig->fds);
}

int rig_wait_max(struct rig *rig, int64_t timeout_ns, int max)
{
    struct rnl_entry entries[256];
    int n = rig->ops->wait(rig->backend, timeout_ns, entries, max);

    for (int i = 0; i < n; i++)
        entries[i].op->done(entries[i].op, &entries[i]);
    return n;
}

int rig_wait(struct rig *rig, int64_t timeout_ns)
{
    return rig_wait_max(rig, timeout_ns, 256);
}

void rig_settle(struct rig *rig)
{
    while (rig_wait(rig, 0) > 0)
        continue;
}

enum { PATIENCE_S = 5 };

static bool out_of_patience(int64_t since)
{
    return rnli_sys_monotonic() - since > PATIENCE_S * RNL_SECOND;
}

#define UNTIL(rig, condition)                                                                      \
    do {                                                                                           \
        int64_t since = rnli_sys_monotonic();                                                      \
        while (!(condition) && !out_of_patience(since))                                            \
            if (rig_wait(rig, RNL_SECOND) < 0)                                                     \
                break;                                                                             \
    } while (0)

bool rig_final(struct rig *rig, struct probe *probe)
{
    UNTIL(rig, probe->final);
    return probe->final;
}

bool rig_bytes(struct rig *rig, struct probe *probe, size_t len)
{
    UNTIL(rig, probe->len >= len || probe->final);
    return probe->len >= len;
}

bool rig_accepted(struct rig *rig, struct probe *probe, int count)
{
    UNTIL(rig, probe->naccepted >= count || probe->final);
    return probe->naccepted >= count;
}

enum rnl_family rig_local(void)
{
    int fd = (int)socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0)
        return RNL_INET;
    close(fd);
    return RNL_UNIX;
}

bool tcp_or_local(int i, enum rnl_family *family)
{
    *family = i == 0 ? RNL_INET : rig_local();
    return i == 0 || (i == 1 && *family == RNL_UNIX);
}

/* ---- Probes ------------------------------------------------------------ */

static struct probe *probe_of(struct rnl_op *op)
{
    return (struct probe *)(void *)op; /* its first member */
}

static int lend(struct rnl_op *op, unsigned char **data, size_t *len)
{
    struct probe *probe = probe_of(op);
    size_t room = PROBE_ROOM - probe->len;

    probe->lends++;
    if (probe->refuse)
        return probe->refuse;
    if (room == 0)
        return RNL_ENOBUFS;
    *data = probe->got + probe->len;
    *len = probe->lend_len && probe->lend_len < room ? probe->lend_len : room;
    probe->lent = true;
    return RNL_OK;
}

static void take_accepted(struct probe *probe, const struct rnl_entry *entry)
{
    CU_ASSERT_EQUAL(entry->code, RNL_OK);
    CU_ASSERT_TRUE(entry->accepted >= 0);
    CU_ASSERT_PTR_NOT_NULL(entry->peer);
    CU_ASSERT_TRUE(rig_simulated() || (fcntl((int)entry->accepted, F_GETFL) & O_NONBLOCK));
    CU_ASSERT_TRUE(rig_simulated() || (fcntl((int)entry->accepted, F_GETFD) & FD_CLOEXEC));
    CU_ASSERT_FATAL(probe->naccepted < 256);
    if (probe->naccepted == 0)
        probe->peer = *entry->peer;
    probe->accepted[probe->naccepted++] = entry->accepted;
}

static void take_bytes(struct probe *probe, const struct rnl_entry *entry)
{
    if (probe->lent && entry->len > 0)
        CU_ASSERT_PTR_EQUAL(entry->data, probe->got + probe->len);
    if (entry->data && entry->data != probe->got + probe->len)
        memcpy(probe->got + probe->len, entry->data, entry->len);
    probe->lent = false;
    probe->len += entry->len;
}

static void done(struct rnl_op *op, const struct rnl_entry *entry)
{
    struct probe *probe = probe_of(op);

    CU_ASSERT_FALSE(probe->final); /* nothing comes after the final entry */
    probe->entries++;
    if (entry->more) {
        CU_ASSERT_TRUE(op->kind == RNL_OP_ACCEPT || op->kind == RNL_OP_RECV);
        CU_ASSERT_EQUAL(entry->code, RNL_OK);
    }
    if (op->kind == RNL_OP_ACCEPT && (entry->more || entry->code == RNL_OK))
        take_accepted(probe, entry);
    if (op->kind == RNL_OP_RECV)
        take_bytes(probe, entry);
    if (op->kind == RNL_OP_SEND)
        probe->len += entry->len;
    if (entry->more)
        return;
    probe->final = true;
    probe->code = entry->code;
    probe->os = entry->os_code;
    probe->ended = op->kind == RNL_OP_RECV && entry->code == RNL_OK && entry->len == 0;
}

void probe_init(struct probe *probe, enum rnl_op_kind kind, rnl_socket sock)
{
    memset(probe, 0, sizeof(*probe));
    probe->op.kind = kind;
    probe->op.sock = sock;
    probe->op.done = done;
    if (kind != RNL_OP_RECV)
        return;
    probe->op.lend = lend;
    probe->got = malloc(PROBE_ROOM);
    CU_ASSERT_PTR_NOT_NULL_FATAL(probe->got);
}

void probe_free(struct probe *probe)
{
    CU_ASSERT_TRUE(probe->final);
    free(probe->got);
    probe->got = NULL;
}

int probe_submit(struct rig *rig, struct probe *probe)
{
    probe->final = false;
    return rig->ops->submit(rig->backend, &probe->op);
}

void probe_recv(struct rig *rig, struct probe *probe, rnl_socket sock)
{
    probe_init(probe, RNL_OP_RECV, sock);
    CU_ASSERT_EQUAL_FATAL(probe_submit(rig, probe), RNL_OK);
}

void probe_poll(struct rig *rig, struct probe *probe, rnl_socket sock, int what)
{
    probe_init(probe, RNL_OP_POLL, sock);
    probe->op.poll = what;
    CU_ASSERT_EQUAL_FATAL(probe_submit(rig, probe), RNL_OK);
}

void probe_send(struct rig *rig, struct probe *probe, rnl_socket sock,
                const struct rnl_bytes *pieces, size_t npieces)
{
    probe_init(probe, RNL_OP_SEND, sock);
    probe->op.pieces = pieces;
    probe->op.npieces = npieces;
    CU_ASSERT_EQUAL_FATAL(probe_submit(rig, probe), RNL_OK);
}

void probe_stop(struct rig *rig, struct probe *probe)
{
    if (!probe->final) {
        rig->ops->cancel(rig->backend, &probe->op);
        CU_ASSERT_FALSE(probe->final); /* a cancel calls nobody */
    }
    CU_ASSERT_TRUE(rig_final(rig, probe));
}

/* ---- Sockets ----------------------------------------------------------- */

static int names; /* of Unix sockets, so far */

/* Without abstract names, which leave nothing behind. */
static void path_of(struct rnl_address *address, int number)
{
    address->path_len = (size_t)snprintf(address->path, sizeof(address->path),
                                         "/tmp/runnel-contract-%ld-%d", (long)getpid(), number);
}

static void remove_paths(void)
{
    struct rnl_address address;

    while (!UNIX_AS_LINUX && names > 0) {
        path_of(&address, --names);
        unlink(address.path);
    }
}

static void name_for(struct rnl_address *address, enum rnl_family family)
{
    memset(address, 0, sizeof(*address));
    address->family = family;
    if (family == RNL_INET)
        memcpy(address->ip, (unsigned char[]){127, 0, 0, 1}, 4);
    if (family == RNL_INET6)
        address->ip[15] = 1;
    if (family != RNL_UNIX)
        return;
    if (!UNIX_AS_LINUX) {
        path_of(address, names++);
        return;
    }
    address->path_len = (size_t)snprintf(address->path + 1, sizeof(address->path) - 1,
                                         "runnel-contract-%ld-%d", (long)getpid(), names++) +
                        1;
}

rnl_socket rig_listener(struct rig *rig, enum rnl_family family, int backlog,
                        struct rnl_address *address)
{
    rnl_socket sock = RNL_NO_SOCKET;
    int64_t os;

    name_for(address, family);
    CU_ASSERT_EQUAL_FATAL(rig->ops->open_socket(rig->backend, family, &sock, &os), RNL_OK);
    CU_ASSERT_EQUAL_FATAL(rig->ops->bind(rig->backend, sock, address, &os), RNL_OK);
    CU_ASSERT_EQUAL_FATAL(rig->ops->listen(rig->backend, sock, backlog, &os), RNL_OK);
    CU_ASSERT_EQUAL_FATAL(rig->ops->get_name(rig->backend, sock, false, address, &os), RNL_OK);
    return sock;
}

int plain_connect(const struct rnl_address *address)
{
    struct rnli_sockaddr sa;
    int fd = (int)socket(rnli_sockaddr_domain(address->family), SOCK_STREAM | SOCK_CLOEXEC, 0);

    rnli_sockaddr_from(&sa, address);
    if (connect(fd, &sa.u.any, sa.len) == 0)
        return fd;
    close(fd);
    return -1;
}

void rig_pair(struct rig *rig, enum rnl_family family, rnl_socket *ours, int *theirs)
{
    struct rnl_address address;
    rnl_socket listener = rig_listener(rig, family, 4, &address);
    struct probe accept;
    int64_t os;
    int on = 1;

    probe_init(&accept, RNL_OP_ACCEPT, listener);
    CU_ASSERT_EQUAL_FATAL(probe_submit(rig, &accept), RNL_OK);
    *theirs = plain_connect(&address);
    CU_ASSERT_FATAL(*theirs >= 0);
    if (family != RNL_UNIX) /* or small writes wait 40 ms for an acknowledgement */
        (void)setsockopt(*theirs, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    CU_ASSERT_FATAL(rig_accepted(rig, &accept, 1));
    probe_stop(rig, &accept);
    *ours = accept.accepted[0];
    CU_ASSERT_EQUAL_FATAL(rig->ops->attach(rig->backend, *ours, &os), RNL_OK);
    rig->ops->close_socket(rig->backend, listener);
}

void plain_write(int fd, const void *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return; /* the other end has gone: its own test says whether it may */
        data = (const char *)data + n;
        len -= (size_t)n;
    }
}

bool plain_read(int fd, void *data, size_t len)
{
    while (len > 0) {
        ssize_t n = read(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data = (char *)data + n;
        len -= (size_t)n;
    }
    return true;
}

void plain_reset(int fd)
{
    struct linger none = {1, 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    close(fd);
}

void rig_shut(struct rig *rig, rnl_socket sock, int plain)
{
    rig->ops->close_socket(rig->backend, sock);
    if (plain >= 0)
        close(plain);
}

/* ---- Faults ------------------------------------------------------------ */

static struct {
    const char *calls;
    int err, skip, count, seen, injected;
    bool alternate;
} faults;

#ifdef RNLI_FAULTS
static bool is_meant(const char *call)
{
    size_t len = strlen(call);
    const char *at = faults.calls;

    if (!at)
        return true;
    for (; (at = strstr(at, call)); at += len)
        if ((at == faults.calls || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

static int answer(const char *call)
{
    if (!is_meant(call))
        return 0;
    faults.seen++;
    if (faults.seen <= faults.skip || faults.injected >= faults.count)
        return 0;
    if (faults.alternate && faults.seen % 2)
        return 0;
    faults.injected++;
    return faults.err;
}

static bool install(void)
{
    rnli_fault = answer;
    return true;
}

static void uninstall(void)
{
    rnli_fault = NULL;
}
#else
static bool install(void)
{
    printf("(skipped: a build without RUNNEL_FAULTS) ");
    return false;
}

static void uninstall(void)
{
}
#endif

bool faults_start(const char *calls, int err, int skip, int count)
{
    memset(&faults, 0, sizeof(faults));
    faults.calls = calls;
    faults.err = err;
    faults.skip = skip;
    faults.count = count;
    return install();
}

void faults_alternate(void)
{
    faults.alternate = true;
}

int faults_injected(void)
{
    return faults.injected;
}

int faults_stop(void)
{
    uninstall();
    return faults.seen;
}

/* ---- Running ----------------------------------------------------------- */

void add_suite(const char *name, void (*fill)(CU_pSuite suite))
{
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);

    if (suite)
        fill(suite);
}

int contract_main(const char *backend)
{
    unsigned failures;

    rig_name = backend;
    if (!rnli_backend_find(backend)) {
        printf("this build has no %s\n", backend);
        return 0;
    }
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    add_suite("table", suite_table);
    if (!rig_simulated()) /* these have plain descriptors at the other end */
        suites();
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    remove_paths();
    return failures > 0 || CU_get_error() != CUE_SUCCESS;
}
