// The owners of runnel.hpp, over loopback, in each dialect of C++ and without
// exceptions; and what becomes of an exception that leaves what it is handed.
#include <runnel.hpp>

#include <csignal>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "support/suite.h"
}

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

template <class T> constexpr bool only_moves()
{
    return std::is_nothrow_move_constructible<T>::value && !std::is_copy_constructible<T>::value &&
           !std::is_copy_assignable<T>::value;
}
static_assert(only_moves<runnel::stream>(), "");
static_assert(only_moves<runnel::server>(), "");
static_assert(only_moves<runnel::task>(), "");
static_assert(only_moves<runnel::group>(), "");
static_assert(only_moves<runnel::event>(), "");
static_assert(only_moves<runnel::lock>(), "");
static_assert(only_moves<runnel::queue<int>>(), "");
static_assert(only_moves<runnel::tls_context>(), "");
static_assert(!std::is_move_constructible<runnel::timeout>::value, "its scope must not move");

int live; // how many Counted there are

struct Counted {
    Counted() { ++live; }
    Counted(const Counted &) { ++live; }
    Counted(Counted &&) noexcept { ++live; }
    ~Counted() { --live; }
};

// ---- Views ---------------------------------------------------------------

void views()
{
    std::string text("a line\n");
    runnel::bytes view(text), none;

    CU_ASSERT(view == "a line\n" && view != "a line" && view == text);
    CU_ASSERT(view.str() == text && view.size() == 7 && view[2] == 'l');
    CU_ASSERT(none.empty() && none == "" && none.str().empty() && none.begin() == none.end());
    CU_ASSERT_EQUAL(std::string(view.begin(), view.end()), text);
    CU_ASSERT(runnel::bytes("a\0b", 3) == std::string("a\0b", 3));
    CU_ASSERT(text == view && "a line\n" == view && "a line" != view);
#if RUNNEL_CPLUSPLUS >= 201703L
    std::string_view sv = view;
    CU_ASSERT(sv == "a line\n" && view == sv && runnel::bytes(sv).data() == view.data());
    CU_ASSERT(sv == view && !(sv != view));
#endif
#if defined(__cpp_lib_span)
    std::span<const std::byte> span = view;
    CU_ASSERT(span.size() == 7 && runnel::bytes(span) == view);
#endif
}

// ---- Streams -------------------------------------------------------------

int echo(runnel::reader in, runnel::writer out)
{
    runnel::bytes line;
    int err;

    while (!(err = in.readline(line)) && !line.empty()) {
        out.write(line);
        if ((err = out.drain()))
            break;
    }
    return err;
}

int echo_many(runnel::server &server, int lines)
{
    runnel::stream to;
    int err = runnel::stream::connect(to, "127.0.0.1", server.port());

    for (int i = 0; i < lines && !err; i++) {
        std::string sent = "line " + std::to_string(i) + "\n";
        runnel::bytes line;

        to.write(sent);
        err = to.readline(line);
        CU_ASSERT(err || line == sent);
    }
    return err;
}

void echoes()
{
    int handled = 0;

    live = 0;
    int err = runnel::run([&] {
        runnel::server server;
        runnel::group clients;
        Counted state;
        int code = runnel::server::start(
            server,
            [&handled, state](runnel::reader in, runnel::writer out) {
                ++handled;
                return echo(in, out);
            },
            "127.0.0.1", 0);

        if (!code)
            code = runnel::group::open(clients);
        for (int i = 0; i < 5 && !code; i++)
            code = clients.spawn([&server] { return echo_many(server, 20); });
        code = clients.close(code);
        return code ? code : server.shutdown(seconds(20));
    });
    CU_ASSERT_EQUAL(err, RNL_OK);
    CU_ASSERT_EQUAL(handled, 5);
    CU_ASSERT_EQUAL(live, 0); // the handler's state went with the loop
}

void reads()
{
    int err = runnel::run([] {
        runnel::stream a, b;
        runnel::bytes got;
        std::uint64_t skipped = 0;
        std::size_t n = 0;
        bool done = false;
        char buf[4];
        int code = runnel::stream::pair(a, b);

        if (code)
            return code;
        a.write("head;12345junk\nabcdtail|");
        CU_ASSERT(b.readuntil(";", got) == RNL_OK && got == "head;");
        CU_ASSERT(b.readexactly(5, got) == RNL_OK && got == "12345");
        CU_ASSERT(b.discard_until("\n", &skipped) == RNL_OK && skipped == 5);
        CU_ASSERT(b.readexactly_into(buf, sizeof buf) == RNL_OK && std::memcmp(buf, "abcd", 4) == 0);
        CU_ASSERT(b.readuntil_part("|", got, done) == RNL_OK && done && got == "tail|");
        rnl_bytes pieces[2] = {runnel::bytes("x").raw(), runnel::bytes("y").raw()};
        CU_ASSERT_EQUAL(a.writelines(pieces, 2), RNL_OK);
        CU_ASSERT_EQUAL(a.flush(), RNL_OK);
        CU_ASSERT(b.read_into(buf, 1, n) == RNL_OK && n == 1 && buf[0] == 'x');
        const rnl_bytes marks[2] = {runnel::bytes("-").raw(), runnel::bytes("+").raw()};
        std::size_t which = 9;
        a.write("z\none\r\ntwo+");
        CU_ASSERT(b.read(1, got) == RNL_OK && got == "y");
        CU_ASSERT(b.readuntil_any({"\r\n", "\n"}, got, &which) == RNL_OK && got == "z\n" && which == 1);
        CU_ASSERT(b.readuntil_any({";", "\r\n"}, got) == RNL_OK && got == "one\r\n");
        CU_ASSERT(b.readuntil_any(marks, 2, got, &which, 2) == RNL_ELIMIT && got.size() == 3);
        CU_ASSERT(b.readuntil_any(marks, 2, got, &which) == RNL_OK && got == "two+" && which == 1);
        CU_ASSERT(a.write("y") == RNL_OK && a.write_eof() == RNL_OK);
        CU_ASSERT(b.wait_peer_closed() == RNL_OK && !b.at_eof()); // nothing is read by it
#if defined(__cpp_lib_span)
        std::byte room[8];
        CU_ASSERT(b.read_into(room, n) == RNL_OK && n == 1 && room[0] == std::byte('y'));
#else
        CU_ASSERT(b.read(8, got) == RNL_OK && got == "y");
#endif
        CU_ASSERT(b.read(RNL_ALL, got) == RNL_OK && got.empty() && b.at_eof());
        a.close();
        b.close();
        CU_ASSERT(a.is_closing() && a.wait_closed() == RNL_OK && b.exception() == RNL_OK);
        return b.wait_closed();
    });
    CU_ASSERT_EQUAL(err, RNL_OK);
}

void owners()
{
    int err = runnel::run([] {
        runnel::server server;
        runnel::stream kept, to, none;
        runnel::event there;
        runnel::bytes line;
        int code = runnel::event::open(there);

        CU_ASSERT_EQUAL(code, RNL_OK);
        code = runnel::server::start(
            server,
            [&](runnel::reader in, runnel::writer out) {
                CU_ASSERT_EQUAL(runnel::stream::keep(kept, in, out), RNL_OK);
                there.set();
            },
            "127.0.0.1", 0);
        CU_ASSERT_EQUAL(code, RNL_OK);
        CU_ASSERT_EQUAL(runnel::stream::connect(to, "127.0.0.1", server.port()), RNL_OK);
        CU_ASSERT_EQUAL(there.wait(), RNL_OK);
        CU_ASSERT_EQUAL(server.connections(), 1); // kept
        runnel::stream second = runnel::stream::share(kept, kept);
        kept.write("from the keeper\n");
        CU_ASSERT(to.readline(line) == RNL_OK && line == "from the keeper\n");
        runnel::stream moved(std::move(kept));
        CU_ASSERT(moved && !kept);
        second = std::move(moved); // drops one of two references
        CU_ASSERT(second && !moved && !second.is_closing());
        second.reset(); // and the last
        CU_ASSERT(to.read(1, line) == RNL_ECONNRESET || line.empty());
        rnl_address gone;
        server.close();
        CU_ASSERT(server.port() == 0 && server.address(0, gone) == RNL_EINVAL);
        // Nobody listens any more, and nothing is handed out.
        CU_ASSERT(runnel::stream::connect(none, "127.0.0.1", 1) < 0 && !none);
        CU_ASSERT(runnel::server::start(server, echo, "not an address", 0) < 0);
        return server.wait_closed();
    });
    CU_ASSERT_EQUAL(err, RNL_OK);
}

// ---- Tasks ---------------------------------------------------------------

void tasks()
{
    live = 0;
    int err = runnel::run([] {
        runnel::task one, other;
        runnel::event go;
        Counted state;
        int result = 0, order = 0;

        CU_ASSERT_EQUAL(runnel::event::open(go), RNL_OK);
        CU_ASSERT_EQUAL(runnel::task::spawn(one, [&, state] { return go.wait() ? -1 : ++order; }), RNL_OK);
        CU_ASSERT_EQUAL(live, 2);
        CU_ASSERT(one && !one.done());
        other = std::move(one);
        CU_ASSERT(other && !one);
        go.set();
        CU_ASSERT(other.join(&result) == RNL_OK && result == 1 && other.done());
        CU_ASSERT_EQUAL(live, 1); // the copy died with its task, not with the handle
        CU_ASSERT_EQUAL(other.get(), 1);
        CU_ASSERT(!other.exception());
        // Cancelled before its first turn it runs all the same, and ends.
        CU_ASSERT_EQUAL(runnel::task::spawn(other, [state] { return runnel::sleep(seconds(60)); }), RNL_OK);
        CU_ASSERT(other.cancel());
        CU_ASSERT(other.wait(&result) == RNL_OK && result == RNL_ECANCELED);
        // On its own, with an answer of nothing.
        CU_ASSERT_EQUAL(runnel::task::spawn([&, state] { go.clear(); }), RNL_OK);
        CU_ASSERT_EQUAL(runnel::yield(), RNL_OK);
        CU_ASSERT(!go.is_set());
        CU_ASSERT_EQUAL(live, 1);
        return runnel::to_thread([&] { return ++order; }, &result) ? -1 : result;
    });
    CU_ASSERT_EQUAL(err, 2);
    CU_ASSERT_EQUAL(live, 0);
}

void scopes()
{
    int err = runnel::run([] {
        runnel::group group;
        int ended = 0;

        {
            runnel::timeout limit(milliseconds(1));
            CU_ASSERT_EQUAL(limit.end(runnel::sleep(seconds(60))), RNL_ETIMEDOUT);
            CU_ASSERT(limit.expired());
        }
        {
            runnel::timeout limit(runnel::off());
            CU_ASSERT_EQUAL(limit.code(), RNL_OK);
            CU_ASSERT_EQUAL(limit.reset(seconds(60)), RNL_OK);
        } // not ended by hand: no cancel comes later
        CU_ASSERT_EQUAL(runnel::yield(), RNL_OK);
        {
            runnel::group early;
            CU_ASSERT_EQUAL(runnel::group::open(early), RNL_OK);
            for (int i = 0; i < 3; i++)
                CU_ASSERT_EQUAL(early.spawn([&ended] {
                    int code = runnel::sleep(seconds(60));
                    runnel::shield held;
                    if (runnel::yield() == RNL_OK)
                        ended++;
                    return code;
                }), RNL_OK);
            CU_ASSERT_EQUAL(early.count(), 3);
            rnl_task_cancel(rnl_task_current()); // held back until the group has ended
        }
        CU_ASSERT_EQUAL(ended, 3);
        CU_ASSERT_EQUAL(runnel::yield(), RNL_ECANCELED);
        CU_ASSERT_EQUAL(runnel::group::open(group), RNL_OK);
        // A task of it spawns while the owner is in close, and cannot close it itself.
        CU_ASSERT_EQUAL(group.spawn([&] {
            CU_ASSERT_EQUAL(runnel::yield(), RNL_OK);
            CU_ASSERT(group.close() == RNL_EINVAL && group.count() == 1);
            return group.spawn([&ended] { ended++; });
        }), RNL_OK);
        CU_ASSERT(group.close() == RNL_OK && ended == 4);
        CU_ASSERT_EQUAL(group.close(), RNL_EINVAL); // there is none
        CU_ASSERT_EQUAL(runnel::group::open(group), RNL_OK);
        CU_ASSERT_EQUAL(group.spawn([] { return RNL_EUSER - 7; }), RNL_OK);
        return group.close();
    });
    CU_ASSERT_EQUAL(err, RNL_EUSER - 7);
    CU_ASSERT_EQUAL(runnel::timeout(seconds(1)).code(), RNL_EINVAL); // outside a task
}

void synchronizing()
{
    live = 0;
    int err = runnel::run([] {
        runnel::lock lock;
        runnel::owned<rnl_barrier> barrier;
        runnel::owned<rnl_semaphore> semaphore;
        runnel::queue<Counted> queue;
        std::unique_ptr<Counted> item;
        runnel::task other;
        std::size_t index = 9;

        CU_ASSERT_EQUAL(runnel::lock::open(lock), RNL_OK);
        {
            runnel::lock::guard held(lock);
            CU_ASSERT(held.code() == RNL_OK && lock.is_held());
            CU_ASSERT_EQUAL(runnel::lock::guard(lock).code(), RNL_EDEADLOCK);
            CU_ASSERT(lock.is_held()); // by the first one still
        }
        CU_ASSERT(!lock.is_held());
        {
            runnel::lock moved;
            {
                runnel::lock::guard held(lock);
                moved = std::move(lock);
            } // releases what it took
            CU_ASSERT(!moved.is_held());
            lock = std::move(moved);
        }
        CU_ASSERT_EQUAL(runnel::open(rnl_semaphore_open, semaphore, 2u), RNL_OK);
        CU_ASSERT_EQUAL(rnl_semaphore_count(semaphore.get()), 2);
        CU_ASSERT_EQUAL(runnel::open(rnl_barrier_open, barrier, 2u), RNL_OK);
        CU_ASSERT_EQUAL(runnel::task::spawn(other, [&] { return rnl_barrier_wait(barrier.get(), nullptr); }), RNL_OK);
        CU_ASSERT(rnl_barrier_wait(barrier.get(), &index) == RNL_OK && other.get() == RNL_OK);

        CU_ASSERT_EQUAL(runnel::queue<Counted>::open(queue, 2), RNL_OK);
        CU_ASSERT_EQUAL(queue.put(std::unique_ptr<Counted>(new Counted)), RNL_OK);
        CU_ASSERT_EQUAL(queue.try_put(std::unique_ptr<Counted>(new Counted)), RNL_OK);
        item.reset(new Counted);
        CU_ASSERT(queue.try_put(std::move(item)) == RNL_EAGAIN && item); // it is ours still
        CU_ASSERT(queue.get(item) == RNL_OK && live == 2);
        runnel::queue<Counted> moved(std::move(queue));
        CU_ASSERT_EQUAL(moved.count(), 1);
        return RNL_OK; // one in the queue, one in `item`
    });
    CU_ASSERT_EQUAL(err, RNL_OK);
    CU_ASSERT_EQUAL(live, 0);
}

void signals()
{
    int err = runnel::run([] {
        runnel::task task;
        int got = 0, result = 0;

        CU_ASSERT_EQUAL(runnel::task::spawn(task, [&got] {
            return runnel::wait_signal({SIGUSR1, SIGUSR2}, &got);
        }), RNL_OK);
        CU_ASSERT_EQUAL(runnel::yield(), RNL_OK);
        raise(SIGUSR2);
        CU_ASSERT(task.join(&result) == RNL_OK && result == RNL_OK);
        return got;
    });
    CU_ASSERT_EQUAL(err, SIGUSR2);
    err = runnel::run([] { return runnel::wait_signal({0}); });
    CU_ASSERT_EQUAL(err, RNL_EINVAL);
}

// ---- Exceptions ----------------------------------------------------------

#if RUNNEL_EXCEPTIONS

// What `f` writes on standard error, and how the child that runs it ends.
template <class F> std::string said(F f, int *status)
{
    std::string all;
    char buf[256];
    ssize_t n;
    int ends[2];
    pid_t child;

    *status = -1;
    if (pipe(ends))
        return all;
    child = fork();
    if (child == 0) {
        rlimit none = {0, 0};

        setrlimit(RLIMIT_CORE, &none);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        f();
        _exit(0);
    }
    close(ends[1]);
    while ((n = read(ends[0], buf, sizeof buf)) > 0)
        all.append(buf, static_cast<std::size_t>(n));
    close(ends[0]);
    waitpid(child, status, 0);
    return all;
}

void thrown_by_tasks()
{
    live = 0;
    int err = runnel::run([] {
        runnel::task task;
        std::string text;
        int result = 0;

        CU_ASSERT_EQUAL(runnel::task::spawn(task, [] {
            Counted here;
            runnel::check(runnel::yield());
            throw std::runtime_error("from the task");
        }), RNL_OK);
        CU_ASSERT(task.join(&result) == RNL_OK && result == RNL_EUSER);
        CU_ASSERT_EQUAL(live, 0);
        try {
            (void)task.get();
        } catch (const std::runtime_error &e) {
            text = e.what();
        }
        CU_ASSERT_EQUAL(text, "from the task");
        CU_ASSERT_EQUAL(runnel::task::spawn(task, [] { runnel::check(RNL_ENOENT); }), RNL_OK);
        CU_ASSERT(task.join(&result) == RNL_OK && result == RNL_ENOENT && task.exception());
        CU_ASSERT_EQUAL(runnel::task::spawn(task, [] { throw std::bad_alloc(); }), RNL_OK);
        CU_ASSERT(task.join(&result) == RNL_OK && result == RNL_ENOMEM);
        CU_ASSERT_EQUAL(runnel::task::spawn(task, [] { throw 7; }), RNL_OK);
        CU_ASSERT(task.join(&result) == RNL_OK && result == RNL_EUSER);
        // Of a thread: thrown in the task that asked.
        text.clear();
        try {
            (void)runnel::to_thread([] { throw std::runtime_error("from a thread"); });
        } catch (const std::runtime_error &e) {
            text = e.what();
        }
        CU_ASSERT_EQUAL(text, "from a thread");
        return runnel::check(RNL_OK);
    });
    CU_ASSERT_EQUAL(err, RNL_OK);
}

void thrown_by_main()
{
    std::string text;

    for (int i = 0; i < 2; i++) { // the second time as good as the first: the loop has ended
        text.clear();
        try {
            (void)runnel::run([] {
                runnel::check(runnel::yield());
                throw std::runtime_error("from main");
            });
        } catch (const std::runtime_error &e) {
            text = e.what();
            CU_ASSERT(!rnl_loop_current());
            // A loop of its own inside a catch block is no wait in a task's.
            CU_ASSERT_EQUAL(runnel::run([] { return runnel::yield(); }), RNL_OK);
        }
        CU_ASSERT_EQUAL(text, "from main");
    }
}

int failures;

void count_failures(void *, const rnl_report *report)
{
    failures += report->code == RNL_EUSER;
}

// A handler that throws loses its connection, and nobody else anything.
void thrown_by_handlers()
{
    int status;
    std::string text = said([] {
        rnl_run_options options = RNL_RUN_OPTIONS_INIT;

        options.report = count_failures;
        int err = runnel::run([] {
            runnel::server server;
            int code = runnel::server::start(
                server,
                [](runnel::reader in, runnel::writer out) {
                    runnel::bytes line;

                    runnel::check(in.readline(line));
                    if (line == "bad\n")
                        throw std::runtime_error("a bad line");
                    out.write(line);
                },
                "127.0.0.1", 0);

            for (int i = 0; i < 6 && !code; i++) {
                runnel::stream to;
                runnel::bytes answer;

                code = runnel::stream::connect(to, "127.0.0.1", server.port());
                if (code)
                    break;
                to.write(i % 2 ? "bad\n" : "good\n");
                code = to.readline(answer);
                if (!code && answer != (i % 2 ? "" : "good\n"))
                    code = -1;
            }
            return code ? code : server.shutdown(seconds(20));
        }, &options);
        _exit(err ? 1 : 100 + failures);
    }, &status);

    CU_ASSERT(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 103);
    CU_ASSERT(text.find("an exception left a task: a bad line") != std::string::npos);
}

// Of a task whose handle was given up before it threw.
void thrown_and_never_asked()
{
    int status;
    std::string text = said([] {
        (void)runnel::run([] {
            runnel::task task;

            runnel::check(runnel::task::spawn(task, [] {
                runnel::check(runnel::yield());
                throw std::runtime_error("nobody asks");
            }));
            runnel::check(runnel::yield());
            task.reset();
            runnel::check(runnel::yield());
        });
    }, &status);

    CU_ASSERT(WIFEXITED(status));
    CU_ASSERT(text.find("an exception left a task: nobody asks") != std::string::npos);
}

// A destructor may wait while an exception passes it; the tasks that run meanwhile
// throw, catch and wait as they like.
void waits_while_unwinding()
{
    int caught = 0;
    int err = runnel::run([&] {
        try {
            runnel::group group;

            runnel::check(runnel::group::open(group));
            for (int i = 0; i < 4; i++)
                runnel::check(group.spawn([&caught] {
                    for (int k = 0; k < 5; k++) {
                        int code = RNL_OK;

                        try {
                            runnel::check(RNL_EUSER - k);
                        } catch (const runnel::error &e) {
                            caught += e.code() == RNL_EUSER - k;
                            code = e.code();
                        }
                        runnel::shield held;
                        if (code && runnel::yield())
                            return RNL_EIO;
                    }
                    return RNL_OK;
                }));
            throw std::runtime_error("passes the group");
        } catch (const std::runtime_error &e) {
            CU_ASSERT_EQUAL(std::string(e.what()), "passes the group");
        }
        return runnel::yield();
    });
    CU_ASSERT_EQUAL(err, RNL_OK);
    CU_ASSERT_EQUAL(caught, 20);
}

void waits_in_a_catch()
{
    int status;
    std::string text = said([] {
        (void)runnel::run([] {
            try {
                runnel::check(RNL_EUSER);
            } catch (...) {
                (void)runnel::yield();
            }
        });
    }, &status);

    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CU_ASSERT(text.find("a call that waits stands in a catch block") != std::string::npos);
}

#endif

} // namespace

#if RUNNEL_EXCEPTIONS
#define ABOUT_EXCEPTIONS                                                                    \
    , {"what a task or a thread throws", thrown_by_tasks},                                    \
        {"what the first task throws", thrown_by_main},                                     \
        {"what a handler throws", thrown_by_handlers},                                      \
        {"what a task throws that is on its own by then", thrown_and_never_asked},            \
        {"a wait while an exception passes", waits_while_unwinding},                        \
        {"a wait in a catch block ends the process", waits_in_a_catch}
#else
#define ABOUT_EXCEPTIONS
#endif

SUITE("runnel.hpp", {"views", views}, {"a server and its clients", echoes},
      {"each read and write", reads}, {"streams are owned", owners}, {"tasks", tasks},
      {"timeouts, shields and groups", scopes}, {"signals", signals},
      {"locks, queues and other owners", synchronizing} ABOUT_EXCEPTIONS)
