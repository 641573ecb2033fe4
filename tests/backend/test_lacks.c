/* test_lacks.c: older kernels are imitated faithfully (RUNNEL_LACKS, sys.h). */
#include "backend/sys.h"

#include <string.h>

#include "support/suite.h"

#if defined(RNLI_FAULTS) && defined(__linux__)
/* errno of a wait without epoll_pwait2; 0: it was there. */
static int pwait2_errno(void)
{
    struct epoll_event event;
    int epfd = rnli_sys_epoll_create();
    int code;

    CU_ASSERT_TRUE_FATAL(epfd >= 0);
    code = rnli_sys_epoll_pwait2(epfd, &event, 1, 1) < 0 ? errno : 0;
    close(epfd);
    return code;
}

static int advice_errno(int advice)
{
    size_t size = 64 * 1024;
    void *at = rnli_sys_mmap(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    int code;

    CU_ASSERT_TRUE_FATAL(at != MAP_FAILED);
    code = rnli_sys_madvise(at, size, advice) < 0 ? errno : 0;
    rnli_sys_munmap(at, size);
    return code;
}

static void a_call(void)
{
    const char *was = rnli_fault_lacking;

    rnli_fault_lacking = "eventfd epoll_pwait2";
    CU_ASSERT_EQUAL(pwait2_errno(), ENOSYS);
    rnli_fault_lacking = "epoll_pwait2";
    CU_ASSERT_EQUAL(pwait2_errno(), ENOSYS);
    rnli_fault_lacking = was;
}

static void an_advice(void)
{
    const char *was = rnli_fault_lacking;

    rnli_fault_lacking = "MADV_WIPEONFORK";
    CU_ASSERT_EQUAL(advice_errno(RNLI_MADV_WIPEONFORK), EINVAL);
    CU_ASSERT_EQUAL(advice_errno(MADV_DONTNEED), 0);
    rnli_fault_lacking = "MADV_GUARD_INSTALL";
    CU_ASSERT_EQUAL(advice_errno(RNLI_MADV_GUARD_INSTALL), EINVAL);
    CU_ASSERT_EQUAL(advice_errno(RNLI_MADV_WIPEONFORK), 0); /* Linux 4.14 */
    rnli_fault_lacking = was;
}

static void whole_names(void)
{
    static const char *const others[] = {NULL, "", "epoll", "epoll_", "epoll_create2 create",
                                         "xepoll_create", "epoll_createx epoll"};
    const char *was = rnli_fault_lacking;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        rnli_fault_lacking = others[i];
        CU_ASSERT_FALSE(rnli_fault_lacks("epoll_create"));
    }
    rnli_fault_lacking = "xepoll_create epoll_create";
    CU_ASSERT_TRUE(rnli_fault_lacks("epoll_create"));
    rnli_fault_lacking = was;
}

/* Before main: nothing of the library has asked yet. */
static void from_the_environment(void)
{
    const char *now = getenv("RUNNEL_LACKS");

    CU_ASSERT_TRUE(now == rnli_fault_lacking || (now && !strcmp(now, rnli_fault_lacking)));
}

SUITE("backend.lacks", {"a call is not there", a_call}, {"an advice is not known", an_advice},
      {"names are whole words", whole_names},
      {"they come from the environment", from_the_environment})
#else
static void nothing_to_imitate(void)
{
    CU_PASS("a build without RUNNEL_FAULTS, or not Linux");
}

SUITE("backend.lacks", {"older kernels of Linux", nothing_to_imitate})
#endif
