// Exceptions of C++ inside tasks: thrown and caught there, also across waits of
// others; and one that is not caught ends the process at the task's first frame.
#include <runnel.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "support/suite.h"
}

namespace {

struct Counted {
    explicit Counted(int &n) : count(n) { ++count; }
    ~Counted() { --count; }
    Counted(const Counted &) = delete;
    Counted &operator=(const Counted &) = delete;
    int &count;
};

int live;

void throw_below(int depth)
{
    Counted here(live);

    if (rnl_yield() != RNL_OK)
        throw std::runtime_error("cancelled");
    if (depth == 0)
        throw std::runtime_error("from the depth");
    throw_below(depth - 1);
}

int throws_and_catches(void *arg)
{
    int *caught = static_cast<int *>(arg);

    for (int i = 0; i < 20; i++) {
        try {
            throw_below(i % 7);
        } catch (const std::exception &e) {
            *caught += std::string("from the depth") == e.what();
        }
        if (rnl_yield() != RNL_OK)
            return RNL_ECANCELED;
    }
    return RNL_OK;
}

int many_at_once(void *arg)
{
    rnl_group *group;
    int err = rnl_group_open(&group);

    for (int i = 0; i < 10 && !err; i++)
        err = rnl_group_spawn(group, throws_and_catches, arg, nullptr);
    return rnl_group_close(group, err);
}

void caught_inside()
{
    int caught = 0;

    CU_ASSERT_EQUAL(rnl_run(many_at_once, &caught, nullptr), RNL_OK);
    CU_ASSERT_EQUAL(caught, 200);
    CU_ASSERT_EQUAL(live, 0);
}

int lets_out(void *)
{
    throw std::runtime_error("nobody catches it");
}

int spawns_it(void *)
{
    rnl_task *task;
    int result = rnl_task_spawn(&task, lets_out, nullptr, nullptr);

    try { // not around that task, whose frames begin anew
        if (result == RNL_OK)
            result = rnl_task_join(task, nullptr);
    } catch (...) {
        _exit(3);
    }
    return result;
}

void not_caught()
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        rlimit none = {0, 0};

        setrlimit(RLIMIT_CORE, &none);
        if (!freopen("/dev/null", "w", stderr))
            _exit(4);
        try {
            (void)rnl_run(spawns_it, nullptr, nullptr);
        } catch (...) {
            _exit(5);
        }
        _exit(0);
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

} // namespace

SUITE("C++", {"L8 exceptions inside tasks", caught_inside},
      {"L8 an exception that leaves a task ends the process", not_caught})
