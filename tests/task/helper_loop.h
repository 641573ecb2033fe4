/* helper_loop.h: a body inside rnl_run, over each backend, with nothing left over. */
#ifndef TESTS_TASK_HELPER_LOOP_H
#define TESTS_TASK_HELPER_LOOP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <CUnit/CUnit.h>
#include <runnel.h>

#include "support/suite.h"

typedef void loop_body(void);

/* Runs `body` in the main task; the loop's memory must all be back. Answers what
 * rnl_run does. */
int run_body(const char *backend, loop_body *body);
void each_backend(loop_body *body);
void each_system(loop_body *body); /* not the simulator: for real threads and signals */
#define EACH(body) static void body##_each(void) { each_backend(body); }
#define EACH_SYSTEM(body) static void body##_each(void) { each_system(body); }

/* What was reported since the last run began. */
extern int reports, last_report_code;
extern char last_report[200];

struct rnl_task *start(rnl_task_fn *fn, void *arg);
int join(struct rnl_task *task); /* its result; frees the handle */
void turns(int n);
/* Until the caller may complete no call more in this turn: its next one waits for the
 * next turn first. */
void use_up_turn(void);

#define IS(call, code)                   \
    do {                                 \
        CU_ASSERT_EQUAL((call), (code)); \
    } while (0)
#define OK(call) IS(call, RNL_OK)

/* Fewer where a tool makes tasks dear. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { MANY = 2000 };
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
enum { MANY = 2000 };
#else
enum { MANY = 100000 };
#endif
#elif defined(_WIN32) /* wine runs out of mappings */
enum { MANY = 10000 };
#else
enum { MANY = 100000 };
#endif

#endif
