/* stack_posix.c: memory for stacks, and guards, on POSIX systems.
 *
 * Two ways to make a guard. MADV_GUARD_INSTALL (Linux 6.13) makes no mapping of
 * its own, so 100,000 guarded stacks are a handful of mappings. It is believed
 * only after a touch of a guard has failed, since qemu-user accepts any advice
 * and does nothing; RUNNEL_NO_GUARD_INSTALL=1 in the environment forbids it.
 *
 * With mprotect each stack is two mappings, its guard and itself, and the kernel
 * stops at vm.max_map_count. We stop earlier: at the limit itself malloc, a new
 * thread or dlopen would be the ones to fail. The count is the process's, since
 * the limit is; what others have mapped is counted once, the headroom is for
 * what they map later. */
#include "backend/sys.h"

#include "task/stack_os.h"

#include "task/atomic.h"

#ifndef MAP_STACK
#define MAP_STACK 0
#endif
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif
#if !defined(MAP_ANONYMOUS) && defined(MAP_ANON)
#define MAP_ANONYMOUS MAP_ANON
#endif

enum { UNKNOWN, INSTALL, PROTECT };
enum { MAP_HEADROOM = 2048, MAP_LIMIT = 65530 /* the kernel's default */ };

static atomic_int way;            /* UNKNOWN, INSTALL, PROTECT */
static atomic_size_t protected;   /* guards made by mprotect, two mappings each */
static atomic_size_t most_guards; /* that way; 0: not known yet */

/* ---- Pages ------------------------------------------------------------- */

size_t rnli_page_size(void)
{
    long size = rnli_sys_sysconf(_SC_PAGESIZE);

    return size > 0 ? (size_t)size : 4096;
}

/* A huge page under each idle stack would make it 64 KiB resident. */
#ifdef MADV_NOHUGEPAGE
static void no_huge_pages(void *at, size_t size)
{
    (void)rnli_sys_madvise(at, size, MADV_NOHUGEPAGE);
}
#else
static void no_huge_pages(void *at, size_t size)
{
    (void)at, (void)size;
}
#endif

void *rnli_pages_map(size_t size)
{
    void *at = rnli_sys_mmap(size, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK);

    if (at == MAP_FAILED)
        return NULL;
    no_huge_pages(at, size);
    return at;
}

void rnli_pages_unmap(void *at, size_t size)
{
    (void)rnli_sys_munmap(at, size);
}

void rnli_pages_discard(void *at, size_t size)
{
    (void)rnli_sys_madvise(at, size, MADV_DONTNEED);
}

size_t rnli_pages_touched(void *at, size_t size)
{
    unsigned char resident[64];
    size_t page = rnli_page_size();

    for (size_t done = 0; done < size; done += sizeof resident * page) {
        size_t len = size - done < sizeof resident * page ? size - done : sizeof resident * page;

        if (rnli_sys_mincore((unsigned char *)at + done, len, resident) < 0)
            return 0;
        for (size_t i = 0; i < len / page; i++) {
            if (resident[i] & 1)
                return size - done - i * page;
        }
    }
    return 0;
}

/* ---- Which way works ---------------------------------------------------- */

static int install(void *at)
{
    return rnli_sys_madvise(at, RNLI_GUARD_SIZE, RNLI_MADV_GUARD_INSTALL);
}

/* The kernel answers EFAULT when it is asked to read a page that is guarded. */
static bool is_guarded(const void *at)
{
    int fds[2];
    bool guarded;

    if (rnli_sys_pipe(fds) < 0)
        return false;
    guarded = rnli_sys_write(fds[1], at, 1) < 0 && errno == EFAULT;
    (void)rnli_sys_close(fds[0]);
    (void)rnli_sys_close(fds[1]);
    return guarded;
}

static int probe(void)
{
    const char *no = rnli_sys_getenv("RUNNEL_NO_GUARD_INSTALL");
    void *at;
    bool works;

    if (no && *no == '1')
        return PROTECT;
    at = rnli_pages_map(RNLI_GUARD_SIZE);
    if (!at)
        return PROTECT;
    works = install(at) == 0 && is_guarded(at);
    rnli_pages_unmap(at, RNLI_GUARD_SIZE);
    return works ? INSTALL : PROTECT;
}

static int way_of_guards(void)
{
    int known = atomic_load_explicit(&way, memory_order_relaxed);

    if (known == UNKNOWN) {
        known = probe();
        atomic_store(&way, known);
    }
    return known;
}

void rnli_guard_probe_again(void)
{
    atomic_store(&way, UNKNOWN);
    atomic_store(&most_guards, 0);
}

/* ---- How many mappings there may be -------------------------------------- */

#if defined(__linux__)
static size_t read_limit(void)
{
    char text[32] = "";
    int fd = rnli_sys_open("/proc/sys/vm/max_map_count", O_RDONLY, 0);
    long long limit = MAP_LIMIT;

    if (fd < 0)
        return MAP_LIMIT;
    if (rnli_sys_read(fd, text, sizeof text - 1) > 0)
        limit = strtoll(text, NULL, 10);
    (void)rnli_sys_close(fd);
    return limit > 0 ? (size_t)limit : MAP_LIMIT;
}

/* The process's mappings: one line each. */
static size_t count_mappings(void)
{
    char text[4096];
    int fd = rnli_sys_open("/proc/self/maps", O_RDONLY, 0);
    size_t count = 0;
    ssize_t n;

    if (fd < 0)
        return 0;
    while ((n = rnli_sys_read(fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            count += text[i] == '\n';
    }
    (void)rnli_sys_close(fd);
    return count;
}
#else
static size_t read_limit(void)
{
    return SIZE_MAX / 2; /* no such limit that we know of */
}

static size_t count_mappings(void)
{
    return 0;
}
#endif

/* At least one, so that a tiny limit is met in the kernel's own words. */
static size_t guards_allowed(void)
{
    size_t allowed = atomic_load_explicit(&most_guards, memory_order_relaxed);

    if (allowed == 0) {
        size_t limit = read_limit(), others = count_mappings() + MAP_HEADROOM;
        size_t ours = atomic_load(&protected);

        allowed = ours + (limit > others + 2 ? (limit - others) / 2 : 1);
        atomic_store(&most_guards, allowed);
    }
    return allowed;
}

/* ---- Guards ------------------------------------------------------------- */

static int protect(void *at, size_t *count, const char **hint)
{
    if (atomic_fetch_add(&protected, 1) < guards_allowed() &&
        rnli_sys_mprotect(at, RNLI_GUARD_SIZE, PROT_NONE) == 0) {
        ++*count;
        return RNL_OK;
    }
    atomic_fetch_sub(&protected, 1);
    *hint = "too many memory mappings for one more guarded stack: raise vm.max_map_count, "
            "or use Linux 6.13 or newer, which needs none";
    return RNL_ENOMEM;
}

int rnli_guard_make(void *at, size_t *count, const char **hint)
{
    if (way_of_guards() == INSTALL && install(at) == 0)
        return RNL_OK;
    return protect(at, count, hint);
}

void rnli_guards_drop(size_t count)
{
    atomic_fetch_sub(&protected, count);
}
