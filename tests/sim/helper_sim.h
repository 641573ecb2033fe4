/* helper_sim.h: a body inside rnl_run over the simulator. */
#ifndef TESTS_SIM_HELPER_SIM_H
#define TESTS_SIM_HELPER_SIM_H

#include <CUnit/CUnit.h>
#include <runnel.h>
#include <runnel/sim.h>
#include <string.h>

#include "support/suite.h"

typedef void sim_body(void);

/* Where the next run begins; sim_reset puts it to the defaults. */
extern struct rnl_sim_config config;
/* What the last run was. */
extern struct rnl_sim_result result;
/* Reports of the last run, and the last of them. */
extern int reports;
extern char last_report[256];

void sim_reset(void);
/* Answers what rnl_run does. The loop's memory and the sockets must all be back. */
int sim_run(sim_body *body);

struct rnl_sim *sim(void);
struct rnl_task *start(rnl_task_fn *fn, void *arg);
int join(struct rnl_task *task); /* its result; frees the handle */
bool same(const struct rnl_bytes *bytes, const char *text);

/* A handler that sends back what it gets, until the end. */
int echo(struct rnl_reader *reader, struct rnl_writer *writer, void *arg);
/* A host's main: an echo server on port 7 of every interface. */
int echo_host(void *arg);

#define IS(call, code)                                                                             \
    do {                                                                                           \
        CU_ASSERT_EQUAL((call), (code));                                                           \
    } while (0)
#define OK(call) IS(call, RNL_OK)

#endif
