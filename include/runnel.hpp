/* runnel.hpp: owners for C++11 and later, over runnel.h. Header only.
 *
 * Nothing here throws, and every call answers the same codes as the C call of
 * its name; what it says there of suspending and lifetimes is true here. The
 * destructor of an owner gives up what it owns; owners move and are not copied.
 *
 * Exceptions never cross a task switch:
 *
 *  1. An exception that leaves a function which was handed over here (a task, a
 *     handler, work for a thread) is caught in the first frame of its stack. The
 *     task then ends with a code: that of a runnel::error, RNL_ENOMEM for
 *     std::bad_alloc, else RNL_EUSER.
 *  2. It is thrown again, on the asker's own stack, by task::get, runnel::run and
 *     to_thread. Where nobody can ask (handlers, tasks of a group or on their
 *     own) its text is reported on standard error.
 *  3. No call that waits may stand in a catch block: the runtime keeps one list of
 *     what is being caught for each thread. Such a call ends the process with a
 *     sentence (define RUNNEL_NO_CATCH_CHECK before the include to leave it out).
 *     Destructors may wait, also while an exception passes them.
 *
 * In a build without exceptions (-fno-exceptions) the same header works. */
#ifndef RUNNEL_HPP
#define RUNNEL_HPP

#include <runnel.h>
#include <runnel/tls.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(_MSVC_LANG) && _MSVC_LANG > __cplusplus
#define RUNNEL_CPLUSPLUS _MSVC_LANG
#else
#define RUNNEL_CPLUSPLUS __cplusplus
#endif
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#define RUNNEL_EXCEPTIONS 1
#else
#define RUNNEL_EXCEPTIONS 0
#endif
#if RUNNEL_CPLUSPLUS >= 201703L
#include <string_view>
#endif
#if RUNNEL_CPLUSPLUS >= 202002L
#include <version>
#if defined(__cpp_lib_span)
#include <span>
#endif
#endif

namespace runnel {

/* ---- Codes and exceptions ---------------------------------------------- */

/* A code as an exception, for programs that like them. A task that lets it out
 * ends with the code. */
class error : public std::exception {
public:
    explicit error(int code) noexcept : code_(code) {}
    int code() const noexcept { return code_; }
    const char *what() const noexcept override { return rnl_strerror(code_); }

private:
    int code_;
};

#if RUNNEL_EXCEPTIONS
/* Throws what is a failure; hands on what is none. */
inline int check(int code)
{
    if (code < 0)
        throw error(code);
    return code;
}
#endif

/* ---- Bytes ------------------------------------------------------------- */

/* A view of bytes that somebody else owns: struct rnl_bytes with manners. Made of
 * strings, string views and spans; becomes one. */
class bytes {
public:
    bytes() noexcept : view_{nullptr, 0} {}
    bytes(const void *data, std::size_t size) noexcept
        : view_{static_cast<const unsigned char *>(data), size} {}
    bytes(const rnl_bytes &view) noexcept : view_(view) {}
    bytes(const char *text) noexcept : bytes(text, std::strlen(text)) {} /* up to its NUL */
    bytes(const std::string &text) noexcept : bytes(text.data(), text.size()) {}
#if RUNNEL_CPLUSPLUS >= 201703L
    bytes(std::string_view text) noexcept : bytes(text.data(), text.size()) {}
    operator std::string_view() const noexcept
    {
        return std::string_view(reinterpret_cast<const char *>(view_.data), view_.len);
    }
#endif
#if defined(__cpp_lib_span)
    bytes(std::span<const std::byte> span) noexcept : bytes(span.data(), span.size()) {}
    operator std::span<const std::byte>() const noexcept
    {
        return {reinterpret_cast<const std::byte *>(view_.data), view_.len};
    }
#endif

    const unsigned char *data() const noexcept { return view_.data; }
    std::size_t size() const noexcept { return view_.len; }
    bool empty() const noexcept { return view_.len == 0; }
    const unsigned char *begin() const noexcept { return view_.data; }
    const unsigned char *end() const noexcept { return empty() ? view_.data : view_.data + view_.len; }
    unsigned char operator[](std::size_t i) const noexcept { return view_.data[i]; }
    /* A copy, which lives as long as one likes. */
    std::string str() const
    {
        return std::string(reinterpret_cast<const char *>(begin()), view_.len);
    }

    const rnl_bytes &raw() const noexcept { return view_; }
    rnl_bytes *out() noexcept { return &view_; } /* for a C call to fill in */

    friend bool operator==(bytes a, bytes b) noexcept
    {
        return a.size() == b.size() &&
               (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
    }
    friend bool operator!=(bytes a, bytes b) noexcept { return !(a == b); }
    /* With whatever a view can be made of. */
    template <class T>
    friend typename std::enable_if<std::is_convertible<const T &, bytes>::value, bool>::type
    operator==(bytes a, const T &b) noexcept
    {
        return a == bytes(b);
    }
    template <class T>
    friend typename std::enable_if<std::is_convertible<const T &, bytes>::value, bool>::type
    operator!=(bytes a, const T &b) noexcept
    {
        return !(a == bytes(b));
    }
    template <class T>
    friend typename std::enable_if<std::is_convertible<const T &, bytes>::value, bool>::type
    operator==(const T &a, bytes b) noexcept
    {
        return b == bytes(a);
    }
    template <class T>
    friend typename std::enable_if<std::is_convertible<const T &, bytes>::value, bool>::type
    operator!=(const T &a, bytes b) noexcept
    {
        return !(b == bytes(a));
    }

private:
    rnl_bytes view_;
};

/* ---- Owners ------------------------------------------------------------ */

struct release {
    void operator()(rnl_task *p) const noexcept { rnl_task_free(p); }
    void operator()(rnl_server *p) const noexcept { rnl_server_free(p); }
    void operator()(rnl_event *p) const noexcept { rnl_event_free(p); }
    void operator()(rnl_queue *p) const noexcept { rnl_queue_free(p); }
    void operator()(rnl_lock *p) const noexcept { rnl_lock_free(p); }
    void operator()(rnl_semaphore *p) const noexcept { rnl_semaphore_free(p); }
    void operator()(rnl_condition *p) const noexcept { rnl_condition_free(p); }
    void operator()(rnl_barrier *p) const noexcept { rnl_barrier_free(p); }
    void operator()(rnl_timer *p) const noexcept { rnl_timer_free(p); }
    void operator()(struct rnl_loop_ref *p) const noexcept { rnl_loop_unref(p); }
    void operator()(rnl_tls_context *p) const noexcept { rnl_tls_free(p); }
};

/* The owner of one of C's objects: owned<rnl_barrier>. It is a unique_ptr, so
 * get() is what C's calls want. */
template <class T> using owned = std::unique_ptr<T, release>;

/* open(rnl_barrier_open, barrier, 3): what a C call hands out first, into an owner. */
template <class T, class... Params, class... Args>
int open(int (*call)(T **, Params...), owned<T> &out, Args &&...args)
{
    T *p = nullptr;
    int code = call(&p, std::forward<Args>(args)...);

    if (code >= 0)
        out.reset(p);
    return code;
}

/* ---- Inside ------------------------------------------------------------ */

namespace detail {

/* The exception that was being caught when the thread's loop began. */
inline std::exception_ptr &outer_catch() noexcept
{
    static thread_local std::exception_ptr outer;
    return outer;
}

/* Before each call that waits: rule 3. */
inline void may_wait() noexcept
{
#if RUNNEL_EXCEPTIONS && !defined(RUNNEL_NO_CATCH_CHECK)
    std::exception_ptr now = std::current_exception();

    if (now && now != outer_catch()) {
        std::fputs("runnel: a call that waits stands in a catch block\n", stderr);
        std::abort();
    }
#endif
}

template <class F, class... Args>
auto answer(F &f, Args &&...args) ->
    typename std::enable_if<std::is_void<decltype(f(std::forward<Args>(args)...))>::value, int>::type
{
    f(std::forward<Args>(args)...);
    return RNL_OK;
}
template <class F, class... Args>
auto answer(F &f, Args &&...args) ->
    typename std::enable_if<!std::is_void<decltype(f(std::forward<Args>(args)...))>::value, int>::type
{
    return f(std::forward<Args>(args)...);
}

inline void tell(int code, const char *what) noexcept
{
    rnl_report report = {};
    char text[256];

    std::snprintf(text, sizeof text, "an exception left a task: %s", what);
    report.size = sizeof report;
    report.level = RNL_REPORT_ERROR;
    report.code = code;
    report.what = text;
    report.task = rnl_task_current() ? rnl_task_name(rnl_task_current()) : nullptr;
    report.loop = rnl_loop_current();
    rnl_report_to_stderr(nullptr, &report);
}

/* Calls `f`; what it throws ends here: rules 1 and 2. Kept where there is somebody
 * to ask for it by then, else told. */
template <class F, class... Args>
int bounded(std::exception_ptr *const &kept, F &f, Args &&...args) noexcept
{
#if RUNNEL_EXCEPTIONS
    int code;

    try {
        return answer(f, std::forward<Args>(args)...);
    } catch (const error &e) {
        code = e.code() < 0 ? e.code() : RNL_EUSER;
        if (kept)
            *kept = std::current_exception();
    } catch (const std::bad_alloc &) {
        code = RNL_ENOMEM;
        if (kept)
            *kept = std::current_exception();
    } catch (const std::exception &e) {
        code = RNL_EUSER;
        if (kept)
            *kept = std::current_exception();
        else
            tell(code, e.what());
    } catch (...) {
        code = RNL_EUSER;
        if (kept)
            *kept = std::current_exception();
        else
            tell(code, "not a std::exception");
    }
    return code;
#else
    (void)kept;
    return answer(f, std::forward<Args>(args)...);
#endif
}

inline void rethrow(std::exception_ptr thrown)
{
#if RUNNEL_EXCEPTIONS
    if (thrown)
        std::rethrow_exception(std::move(thrown));
#else
    (void)thrown;
#endif
}

/* What a task and its handle share. All in one thread, so a plain count will do. */
struct shared {
    std::exception_ptr thrown;
    std::exception_ptr *kept = nullptr; /* &thrown while there is a handle */
    unsigned refs = 1;

    virtual ~shared() {}
    virtual int run() noexcept = 0;
    void drop() noexcept
    {
        if (--refs == 0)
            delete this;
    }
};

template <class F> struct job final : shared {
    /* The function dies with its task, on the task's stack. */
    std::unique_ptr<F> f;

    explicit job(std::unique_ptr<F> own) noexcept : f(std::move(own)) {}
    int run() noexcept override
    {
        int code = bounded(kept, *f);

        f.reset();
        return code;
    }
};

inline int run_job(void *arg)
{
    shared *self = static_cast<shared *>(arg);
    int code = self->run();

    self->drop();
    return code;
}

/* NULL: no memory. Copying the function may throw, in the caller. */
template <class F> shared *make_job(F &&f)
{
    typedef typename std::decay<F>::type own;
    std::unique_ptr<own> copy(new (std::nothrow) own(std::forward<F>(f)));

    return copy ? new (std::nothrow) job<own>(std::move(copy)) : nullptr;
}

template <class F> struct borrowed {
    F *f;
    std::exception_ptr thrown;

    static int run(void *arg)
    {
        borrowed *self = static_cast<borrowed *>(arg);

        return bounded(&self->thrown, *self->f);
    }
};

/* The handlers of this thread's servers. A connection may outlive its server, so
 * they live as long as the loop. */
struct kept {
    virtual ~kept() {}
};
inline std::vector<std::unique_ptr<kept>> &handlers() noexcept
{
    static thread_local std::vector<std::unique_ptr<kept>> all;
    return all;
}

} /* namespace detail */

/* ---- Running and waiting ----------------------------------------------- */

typedef std::chrono::nanoseconds nanoseconds;

/* No limit of time. */
inline nanoseconds off() noexcept { return nanoseconds(RNL_OFF); }

/* rnl_run. What `f` throws is thrown here, after the loop has ended. */
template <class F> int run(F &&f, const rnl_run_options *options = nullptr)
{
    typedef typename std::remove_reference<F>::type own;
    detail::borrowed<own> main{&f, nullptr};
    std::exception_ptr outer = detail::outer_catch();
    int code;

    if (!rnl_loop_current())
        detail::outer_catch() = std::current_exception();
    code = rnl_run(detail::borrowed<own>::run, &main, options);
    if (!rnl_loop_current()) {
        detail::handlers().clear();
        detail::outer_catch() = outer;
    }
    detail::rethrow(main.thrown);
    return code;
}

inline int sleep(nanoseconds time) noexcept
{
    detail::may_wait();
    return rnl_sleep(time.count());
}
inline int yield() noexcept
{
    detail::may_wait();
    return rnl_yield();
}
/* wait_signal({SIGINT, SIGTERM}, &got) */
inline int wait_signal(std::initializer_list<int> signals, int *got = nullptr) noexcept
{
    detail::may_wait();
    return rnl_wait_signal(signals.begin(), signals.size(), got);
}

/* A thread of the pool runs `f`, and this task waits for it, also when it is
 * cancelled meanwhile; so `f` may use the task's variables. What `f` throws is thrown
 * here; *result is what it answers. */
template <class F> int to_thread(F &&f, int *result = nullptr)
{
    typedef typename std::remove_reference<F>::type own;
    detail::borrowed<own> work{&f, nullptr};
    int code;

    detail::may_wait();
    code = rnl_to_thread(detail::borrowed<own>::run, &work, nullptr, result);
    detail::rethrow(work.thrown);
    return code;
}

/* ---- Tasks ------------------------------------------------------------- */

class task {
public:
    task() noexcept : shared_(nullptr) {}
    task(task &&other) noexcept : task_(std::move(other.task_)), shared_(other.shared_)
    {
        other.shared_ = nullptr;
    }
    task &operator=(task &&other) noexcept
    {
        if (this != &other) {
            reset();
            task_ = std::move(other.task_);
            std::swap(shared_, other.shared_);
        }
        return *this;
    }
    ~task() { reset(); }

    /* Starts `f`, of which the task has a copy: int f() or void f(). */
    template <class F>
    static int spawn(task &out, F &&f, const rnl_task_options *options = nullptr)
    {
        detail::shared *job = detail::make_job(std::forward<F>(f));
        rnl_task *raw;
        int code;

        if (!job)
            return RNL_ENOMEM;
        job->kept = &job->thrown;
        job->refs = 2;
        code = rnl_task_spawn(&raw, detail::run_job, job, options);
        if (code) {
            delete job;
            return code;
        }
        out.reset();
        out.task_.reset(raw);
        out.shared_ = job;
        return RNL_OK;
    }
    /* On its own. */
    template <class F> static int spawn(F &&f, const rnl_task_options *options = nullptr)
    {
        detail::shared *job = detail::make_job(std::forward<F>(f));
        int code = job ? rnl_task_spawn(nullptr, detail::run_job, job, options) : RNL_ENOMEM;

        if (code)
            delete job;
        return code;
    }

    int join(int *result = nullptr) noexcept
    {
        detail::may_wait();
        return rnl_task_join(task_.get(), result);
    }
    int wait(int *result = nullptr) noexcept
    {
        detail::may_wait();
        return rnl_task_wait(task_.get(), result);
    }
    /* Joins, and throws what the task threw; else its result. */
    int get()
    {
        int result = RNL_OK, code = join(&result);

        if (code)
            return code;
        detail::rethrow(exception());
        return result;
    }
    /* What left the task's function, once it has ended; null: nothing. */
    std::exception_ptr exception() const noexcept
    {
        return shared_ ? shared_->thrown : std::exception_ptr();
    }

    bool cancel() noexcept { return rnl_task_cancel(task_.get()); }
    bool done() const noexcept { return rnl_task_done(task_.get()); }
    /* Lets the task go on alone. */
    void reset() noexcept
    {
        task_.reset();
        if (shared_) {
            shared_->kept = nullptr;
            shared_->drop();
        }
        shared_ = nullptr;
    }
    rnl_task *raw() const noexcept { return task_.get(); }
    explicit operator bool() const noexcept { return task_ != nullptr; }

private:
    owned<rnl_task> task_;
    detail::shared *shared_; /* a reference */
};

/* A group: close() waits for its tasks. A destructor that comes first cancels them
 * and waits, with cancels of its own task held back so long. */
class group {
public:
    group() noexcept : group_(nullptr), owner_(nullptr) {}
    group(group &&other) noexcept : group_(other.group_), owner_(other.owner_)
    {
        other.group_ = nullptr;
    }
    group &operator=(group &&other) noexcept
    {
        if (this != &other) {
            end();
            std::swap(group_, other.group_);
            owner_ = other.owner_;
        }
        return *this;
    }
    ~group() { end(); }

    static int open(group &out) noexcept
    {
        out.end();
        out.owner_ = rnl_task_current();
        return rnl_group_open(&out.group_);
    }
    template <class F> int spawn(F &&f, const rnl_task_options *options = nullptr)
    {
        detail::shared *job = detail::make_job(std::forward<F>(f));
        int code = job ? rnl_group_spawn(group_, detail::run_job, job, options) : RNL_ENOMEM;

        if (code)
            delete job;
        return code;
    }
    void cancel() noexcept { rnl_group_cancel(group_); }
    std::size_t count() const noexcept { return rnl_group_count(group_); }
    /* Its tasks may spawn more while it waits. */
    int close(int err = RNL_OK) noexcept
    {
        int code;

        detail::may_wait();
        if (!group_ || rnl_task_current() != owner_)
            return RNL_EINVAL; /* all is as before */
        code = rnl_group_close(group_, err);
        group_ = nullptr;
        return code;
    }
    rnl_group *raw() const noexcept { return group_; }

private:
    void end() noexcept
    {
        if (!group_)
            return;
        rnl_shield_begin();
        rnl_group_cancel(group_);
        if (rnl_group_close(group_, RNL_OK) < 0) {
            /* of tasks that we did not want any more */
        }
        rnl_shield_end();
        group_ = nullptr;
    }
    rnl_group *group_;
    rnl_task *owner_; /* compared only */
};

/* A limit of time on all that is done while it lives; it stays where it was made.
 *
 *     runnel::timeout limit(std::chrono::seconds(5));
 *     return limit.end(in.readline(line));      RNL_ETIMEDOUT if it was too late */
class timeout {
public:
    explicit timeout(nanoseconds time) noexcept : code_(rnl_timeout_begin(&scope_, time.count())) {}
    timeout(const timeout &) = delete;
    timeout &operator=(const timeout &) = delete;
    ~timeout()
    {
        if (rnl_timeout_end(&scope_, RNL_OK) < 0) {
            /* nothing: an end comes once */
        }
    }
    int reset(nanoseconds time) noexcept { return rnl_timeout_reset(&scope_, time.count()); }
    int end(int err) noexcept { return rnl_timeout_end(&scope_, err); }
    bool expired() const noexcept { return rnl_timeout_expired(&scope_); }
    int code() const noexcept { return code_; } /* of the begin: is there a limit? */

private:
    rnl_timeout scope_;
    int code_;
};

/* Holds cancels back while it lives. */
class shield {
public:
    shield() noexcept { rnl_shield_begin(); }
    shield(const shield &) = delete;
    shield &operator=(const shield &) = delete;
    ~shield() { rnl_shield_end(); }
};

/* ---- Synchronizing ----------------------------------------------------- */

class event {
public:
    static int open(event &out) noexcept { return runnel::open(rnl_event_open, out.event_); }
    void set() noexcept { rnl_event_set(event_.get()); }
    void clear() noexcept { rnl_event_clear(event_.get()); }
    bool is_set() const noexcept { return rnl_event_is_set(event_.get()); }
    int wait() noexcept
    {
        detail::may_wait();
        return rnl_event_wait(event_.get());
    }
    rnl_event *raw() const noexcept { return event_.get(); }

private:
    owned<rnl_event> event_;
};

class lock {
public:
    static int open(lock &out) noexcept { return runnel::open(rnl_lock_open, out.lock_); }
    int acquire() noexcept
    {
        detail::may_wait();
        return rnl_lock_acquire(lock_.get());
    }
    int try_acquire() noexcept { return rnl_lock_try_acquire(lock_.get()); }
    int release() noexcept { return rnl_lock_release(lock_.get()); }
    bool is_held() const noexcept { return rnl_lock_is_held(lock_.get()); }
    rnl_lock *raw() const noexcept { return lock_.get(); }

    /* Holds the lock while it lives, if code() is RNL_OK. */
    class guard {
    public:
        explicit guard(lock &of) noexcept : lock_(of.raw()), code_(of.acquire()) {}
        guard(const guard &) = delete;
        guard &operator=(const guard &) = delete;
        ~guard()
        {
            if (!code_)
                rnl_lock_release(lock_);
        }
        int code() const noexcept { return code_; }

    private:
        rnl_lock *lock_; /* its owner may move meanwhile */
        int code_;
    };

private:
    owned<rnl_lock> lock_;
};

/* A queue of owned objects; those that are left die with it. */
template <class T> class queue {
public:
    queue() noexcept {}
    queue(queue &&) noexcept = default;
    queue &operator=(queue &&other) noexcept
    {
        if (this != &other) {
            drain();
            queue_ = std::move(other.queue_);
        }
        return *this;
    }
    ~queue() { drain(); }

    static int open(queue &out, std::size_t capacity = 0) noexcept
    {
        out.drain();
        return runnel::open(rnl_queue_open, out.queue_, capacity);
    }
    /* On RNL_OK the queue has the item; otherwise the caller keeps it. */
    int put(std::unique_ptr<T> &&item) noexcept
    {
        detail::may_wait();
        return taken(rnl_queue_put(queue_.get(), item.get()), item);
    }
    int try_put(std::unique_ptr<T> &&item) noexcept
    {
        return taken(rnl_queue_try_put(queue_.get(), item.get()), item);
    }
    int get(std::unique_ptr<T> &out) noexcept
    {
        void *item = nullptr;
        int code;

        detail::may_wait();
        code = rnl_queue_get(queue_.get(), &item);
        if (!code)
            out.reset(static_cast<T *>(item));
        return code;
    }
    int try_get(std::unique_ptr<T> &out) noexcept
    {
        void *item = nullptr;
        int code = rnl_queue_try_get(queue_.get(), &item);

        if (!code)
            out.reset(static_cast<T *>(item));
        return code;
    }
    void close() noexcept { rnl_queue_close(queue_.get()); }
    std::size_t count() const noexcept { return rnl_queue_count(queue_.get()); }
    rnl_queue *raw() const noexcept { return queue_.get(); }

private:
    static int taken(int code, std::unique_ptr<T> &item) noexcept
    {
        if (!code)
            (void)item.release();
        return code;
    }
    void drain() noexcept
    {
        std::unique_ptr<T> item;

        while (queue_ && try_get(item) == RNL_OK) {
        }
    }
    owned<rnl_queue> queue_;
};

/* ---- Streams ----------------------------------------------------------- */

/* One end of a connection that somebody else owns: a handle to copy at will. */
class reader {
public:
    explicit reader(rnl_reader *raw = nullptr) noexcept : in_(raw) {}

    int read(std::size_t n, bytes &out) noexcept
    {
        detail::may_wait();
        return rnl_read(in_, n, out.out());
    }
    int readline(bytes &out) noexcept
    {
        detail::may_wait();
        return rnl_readline(in_, out.out());
    }
    int readexactly(std::size_t n, bytes &out) noexcept
    {
        detail::may_wait();
        return rnl_readexactly(in_, n, out.out());
    }
    int readuntil(bytes sep, bytes &out) noexcept
    {
        detail::may_wait();
        return rnl_readuntil(in_, sep.data(), sep.size(), out.out());
    }
    /* `which` and `limit` as in C. */
    int readuntil_any(const rnl_bytes *seps, std::size_t count, bytes &out,
                      std::size_t *which = nullptr, std::size_t limit = 0) noexcept
    {
        detail::may_wait();
        return rnl_readuntil_any(in_, seps, count, limit, out.out(), which);
    }
    /* readuntil_any({"\r\n", "\n"}, line) */
    template <std::size_t N>
    int readuntil_any(const bytes (&seps)[N], bytes &out, std::size_t *which = nullptr,
                      std::size_t limit = 0) noexcept
    {
        rnl_bytes raw[N];

        for (std::size_t i = 0; i < N; i++)
            raw[i] = seps[i].raw();
        return readuntil_any(raw, N, out, which, limit);
    }
    int readuntil_part(bytes sep, bytes &out, bool &done) noexcept
    {
        detail::may_wait();
        return rnl_readuntil_part(in_, sep.data(), sep.size(), out.out(), &done);
    }
    int discard_until(bytes sep, std::uint64_t *skipped = nullptr) noexcept
    {
        detail::may_wait();
        return rnl_discard_until(in_, sep.data(), sep.size(), skipped);
    }
    int read_into(void *buf, std::size_t n, std::size_t &got) noexcept
    {
        detail::may_wait();
        return rnl_read_into(in_, buf, n, &got);
    }
    int readexactly_into(void *buf, std::size_t n, std::size_t *got = nullptr) noexcept
    {
        detail::may_wait();
        return rnl_readexactly_into(in_, buf, n, got);
    }
#if defined(__cpp_lib_span)
    int read_into(std::span<std::byte> buf, std::size_t &got) noexcept
    {
        return read_into(buf.data(), buf.size(), got);
    }
    int readexactly_into(std::span<std::byte> buf, std::size_t *got = nullptr) noexcept
    {
        return readexactly_into(buf.data(), buf.size(), got);
    }
#endif
    int wait_peer_closed() noexcept
    {
        detail::may_wait();
        return rnl_wait_peer_closed(in_);
    }
    bool at_eof() const noexcept { return rnl_at_eof(in_); }
    int exception() const noexcept { return rnl_exception(in_); }
    std::size_t buffered() const noexcept { return rnl_buffered(in_); }
    rnl_reader *raw_reader() const noexcept { return in_; }

protected:
    rnl_reader *in_;
};

class writer {
public:
    explicit writer(rnl_writer *raw = nullptr) noexcept : out_(raw) {}

    int write(bytes data) noexcept { return rnl_write(out_, data.data(), data.size()); }
    int writelines(const rnl_bytes *pieces, std::size_t count) noexcept
    {
        return rnl_writelines(out_, pieces, count);
    }
    int drain() noexcept
    {
        detail::may_wait();
        return rnl_drain(out_);
    }
    int flush() noexcept { return rnl_flush(out_); }
    int write_eof() noexcept { return rnl_write_eof(out_); }
    std::size_t queued() const noexcept { return rnl_queued(out_); }
    void close() noexcept { rnl_close(out_); }
    void abort() noexcept { rnl_abort(out_); }
    bool is_closing() const noexcept { return rnl_is_closing(out_); }
    int wait_closed() noexcept
    {
        detail::may_wait();
        return rnl_wait_closed(out_);
    }
    int start_tls(const rnl_start_tls_options &options) noexcept
    {
        detail::may_wait();
        return rnl_start_tls(out_, &options);
    }
    int peername(rnl_address &out) const noexcept { return rnl_get_peername(out_, &out); }
    int sockname(rnl_address &out) const noexcept { return rnl_get_sockname(out_, &out); }
    const char *error_detail() const noexcept { return rnl_error_detail(out_); }
    rnl_writer *raw_writer() const noexcept { return out_; }

protected:
    rnl_writer *out_;
};

/* The owner of a connection, which is both ends of it. */
class stream : public reader, public writer {
public:
    stream() noexcept {}
    /* Takes over a pair, or one reference to it. */
    stream(rnl_reader *in, rnl_writer *out) noexcept : reader(in), writer(out) {}
    stream(stream &&other) noexcept : reader(other.in_), writer(other.out_) { other.forget(); }
    stream &operator=(stream &&other) noexcept
    {
        if (this != &other) {
            reset();
            in_ = other.in_;
            out_ = other.out_;
            other.forget();
        }
        return *this;
    }
    ~stream() { reset(); }

    static int connect(stream &out, const char *host, std::uint16_t port,
                       const rnl_connect_options *options = nullptr) noexcept
    {
        stream s;
        int code;

        detail::may_wait();
        code = rnl_open_connection(host, port, options, &s.in_, &s.out_);
        return out.take(code, s);
    }
    static int connect(stream &out, rnl_socket sock,
                       const rnl_connect_options *options = nullptr) noexcept
    {
        stream s;
        int code;

        detail::may_wait();
        code = rnl_open_connection_socket(sock, options, &s.in_, &s.out_);
        return out.take(code, s);
    }
    static int connect_unix(stream &out, bytes path,
                            const rnl_connect_options *options = nullptr) noexcept
    {
        stream s;
        int code;

        detail::may_wait();
        code = rnl_open_unix_connection(reinterpret_cast<const char *>(path.data()), path.size(),
                                        options, &s.in_, &s.out_);
        return out.take(code, s);
    }
    /* Two connected ones in this process. */
    static int pair(stream &a, stream &b, const rnl_stream_options *options = nullptr) noexcept
    {
        rnl_reader *in[2];
        rnl_writer *out[2];
        int code;

        detail::may_wait();
        code = rnl_open_pair(options, in, out);
        if (!code) {
            a = stream(in[0], out[0]);
            b = stream(in[1], out[1]);
        }
        return code;
    }
    /* In a handler: its pair, which is then not closed when the handler ends. */
    static int keep(stream &out, reader in, writer to) noexcept
    {
        int code = rnl_stream_keep(in.raw_reader(), to.raw_writer());

        if (!code)
            out = stream(in.raw_reader(), to.raw_writer());
        return code;
    }
    /* One more reference to the memory of a pair: rnl_stream_ref. */
    static stream share(reader in, writer to) noexcept
    {
        rnl_stream_ref(in.raw_reader(), to.raw_writer());
        return stream(in.raw_reader(), to.raw_writer());
    }

    /* rnl_stream_free: what is open is aborted. close() and wait_closed() first for
     * an end in order. */
    void reset() noexcept
    {
        rnl_stream_free(in_, out_);
        forget();
    }
    explicit operator bool() const noexcept { return in_ != nullptr; }

private:
    void forget() noexcept
    {
        in_ = nullptr;
        out_ = nullptr;
    }
    int take(int code, stream &from) noexcept
    {
        if (code)
            from.forget(); /* nothing was handed out */
        else
            *this = std::move(from);
        return code;
    }
};

/* ---- Servers ----------------------------------------------------------- */

class server {
public:
    /* Starts a server whose handler is a copy of `f`: int or void f(reader, writer).
     * One copy serves all connections, and dies when the loop has ended: it must not own
     * what belongs to the loop (an event, a stream); such things are referred to. */
    template <class F>
    static int start(server &out, F &&f, const char *host, std::uint16_t port,
                     const rnl_server_options *options = nullptr)
    {
        typedef handler<typename std::decay<F>::type> own;
        own *h = own::make(std::forward<F>(f));
        rnl_server *raw = nullptr;
        int code = RNL_ENOMEM;

        detail::may_wait();
        if (h)
            code = rnl_start_server(own::serve, h, host, port, options, &raw);
        return out.take(code, raw, h);
    }
    template <class F>
    static int start_unix(server &out, F &&f, bytes path,
                          const rnl_server_options *options = nullptr)
    {
        typedef handler<typename std::decay<F>::type> own;
        own *h = own::make(std::forward<F>(f));
        rnl_server *raw = nullptr;
        int code = RNL_ENOMEM;

        detail::may_wait();
        if (h)
            code = rnl_start_unix_server(own::serve, h, reinterpret_cast<const char *>(path.data()),
                                         path.size(), options, &raw);
        return out.take(code, raw, h);
    }

    int serve_forever() noexcept
    {
        detail::may_wait();
        return rnl_server_serve_forever(server_.get());
    }
    void close() noexcept { rnl_server_close(server_.get()); }
    int wait_closed() noexcept
    {
        detail::may_wait();
        return rnl_server_wait_closed(server_.get());
    }
    int shutdown(nanoseconds time, rnl_shutdown_counts *counts = nullptr) noexcept
    {
        detail::may_wait();
        return rnl_server_shutdown(server_.get(), time.count(), counts);
    }
    void close_clients() noexcept { rnl_server_close_clients(server_.get()); }
    void abort_clients() noexcept { rnl_server_abort_clients(server_.get()); }
    int address(std::size_t index, rnl_address &out) const noexcept
    {
        return rnl_server_address(server_.get(), index, &out);
    }
    /* Of the first listener; 0: there is none. */
    std::uint16_t port() const noexcept
    {
        rnl_address first;

        return !server_ || address(0, first) ? std::uint16_t(0) : first.port;
    }
    std::size_t connections() const noexcept { return rnl_server_connections(server_.get()); }
    rnl_server *raw() const noexcept { return server_.get(); }

private:
    template <class F> struct handler final : detail::kept {
        F f;

        template <class G> explicit handler(G &&g) : f(std::forward<G>(g)) {}
        template <class G> static handler *make(G &&g)
        {
            std::unique_ptr<handler> h(new (std::nothrow) handler(std::forward<G>(g)));
            handler *at = h.get();

            if (at)
                detail::handlers().push_back(std::unique_ptr<detail::kept>(std::move(h)));
            return at;
        }
        static int serve(rnl_reader *in, rnl_writer *out, void *arg)
        {
            return detail::bounded(nullptr, static_cast<handler *>(arg)->f, reader(in), writer(out));
        }
    };
    int take(int code, rnl_server *raw, detail::kept *h) noexcept
    {
        std::vector<std::unique_ptr<detail::kept>> &all = detail::handlers();

        if (!code)
            server_.reset(raw);
        for (std::size_t i = all.size(); code && h && i-- > 0;)
            if (all[i].get() == h) { /* no connection ever saw it */
                all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
                break;
            }
        return code;
    }
    owned<rnl_server> server_;
};

/* ---- TLS: link librunnel_tls ------------------------------------------- */

class tls_context {
public:
    static int client(tls_context &out, const rnl_tls_options *options = nullptr) noexcept
    {
        return runnel::open(rnl_tls_client, out.context_, options);
    }
    static int server(tls_context &out, const rnl_tls_options &options) noexcept
    {
        return runnel::open(rnl_tls_server, out.context_, &options);
    }
    rnl_tls_context *raw() const noexcept { return context_.get(); } /* for `ssl.context` */

private:
    owned<rnl_tls_context> context_;
};

} /* namespace runnel */

#endif
