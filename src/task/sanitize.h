/* sanitize.h: telling ASan, TSan, LSan and Valgrind where we are.
 *
 * Each of them follows a thread's stack and is wrong about tasks unless told.
 * Without the tool, each of these is nothing. */
#ifndef RNLI_TASK_SANITIZE_H
#define RNLI_TASK_SANITIZE_H

#include <stddef.h>

#include "core/compiler.h"

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>) && !defined(RNLI_ASAN) && !defined(RNLI_TSAN)
#define RNLI_VALGRIND 1
#endif
#endif

#ifdef RNLI_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#define RNLI_ASAN_START(save, low, size) __sanitizer_start_switch_fiber(save, low, size)
#define RNLI_ASAN_FINISH(save, low, size) __sanitizer_finish_switch_fiber(save, low, size)
/* `to` is switched to from `from`: the end of the switch needs to know. */
#define RNLI_ASAN_CAME_FROM(to, from) ((to)->came_from = (from))
/* What lives on the stack keeps what it points to from being called leaked. */
#define RNLI_ASAN_USED(stack) __lsan_register_root_region((stack)->low, (stack)->size)
/* Dead frames have left marks as deep as the stack was used; taking them from all
 * of it would give each stack 32 KiB of shadow. */
#define RNLI_ASAN_UNUSED(stack, used)                                                       \
    do {                                                                                    \
        size_t used_ = (used);                                                              \
        __asan_unpoison_memory_region((stack)->low + ((stack)->size - used_), used_);       \
        __lsan_unregister_root_region((stack)->low, (stack)->size);                         \
    } while (0)
#else
#define RNLI_ASAN_START(save, low, size)  ((void)0)
#define RNLI_ASAN_FINISH(save, low, size) ((void)0)
#define RNLI_ASAN_CAME_FROM(to, from)     ((void)0)
#define RNLI_ASAN_USED(stack)             ((void)0)
#define RNLI_ASAN_UNUSED(stack, used)     ((void)0)
#endif

#ifdef RNLI_TSAN
#include <sanitizer/tsan_interface.h>
/* tsan_posix.c: the process; before a switch; behind it, in `home` or in a child. */
int rnli_tsan_home(void);
void *rnli_tsan_create(void);
void rnli_tsan_destroy(void *fiber);
void rnli_tsan_leave(void);
void rnli_tsan_arrived(int home);

#define RNLI_TSAN_CREATE()            rnli_tsan_create()
#define RNLI_TSAN_CURRENT()           __tsan_get_current_fiber()
#define RNLI_TSAN_HOME()              rnli_tsan_home()
#define RNLI_TSAN_SWITCH(fiber, home) \
    (rnli_tsan_leave(), __tsan_switch_to_fiber(fiber, 0), rnli_tsan_arrived(home))
#define RNLI_TSAN_DESTROY(fiber)      rnli_tsan_destroy(fiber)
#else
#define RNLI_TSAN_CREATE()            NULL
#define RNLI_TSAN_CURRENT()           NULL
#define RNLI_TSAN_HOME()              0
#define RNLI_TSAN_SWITCH(fiber, home) ((void)0)
#define RNLI_TSAN_DESTROY(fiber)      ((void)0)
#endif

#ifdef RNLI_VALGRIND
#include <valgrind/memcheck.h>
#define RNLI_VALGRIND_STACK(low, high) VALGRIND_STACK_REGISTER(low, high)
#define RNLI_VALGRIND_GONE(id)         VALGRIND_STACK_DEREGISTER(id)
#define RNLI_VALGRIND_FRESH(low, size) ((void)VALGRIND_MAKE_MEM_UNDEFINED(low, size))
#else
#define RNLI_VALGRIND_STACK(low, high) 0u
#define RNLI_VALGRIND_GONE(id)         ((void)0)
#define RNLI_VALGRIND_FRESH(low, size) ((void)0)
#endif

/* Sanitized code needs more stack. */
#if defined(RNLI_ASAN) || defined(RNLI_TSAN)
enum { RNLI_DEFAULT_STACK = 256 * 1024 };
#else
enum { RNLI_DEFAULT_STACK = 64 * 1024 };
#endif

#endif
