/* scenarios.h: every scenario. Each answers RNL_OK, or the error that stopped it. */
#ifndef TESTS_TORTURE_SCENARIOS_H
#define TESTS_TORTURE_SCENARIOS_H

#include "torture/torture.h"

/* streams.c */
rnl_task_fn line_and_back, much_and_back, exact_pieces, exact_into, read_into, read_all, until,
    until_any, until_parts, over_the_limit, many_pieces, pipelined, closed_in_order, aborted,
    slammed, written_to_the_gone, half_closed, slow_reader, small_marks, capped, large_write,
    looked_at, limited_in_time, counted_references;
/* servers.c */
rnl_task_fn several_clients, one_after_the_other, clients_closed, clients_aborted, served_for_ever,
    serving_later, failing_handler, handed_on, through_a_proxy, refused, by_name, every_interface,
    from_an_address, at_a_path, of_a_socket, many_at_once;
/* tasks.c */
rnl_task_fn joined, grouped, group_that_fails, slept, called, queued, shielded, nested_limits,
    on_a_thread, left_behind, deep;
/* secure.c, where TLS is built; secure_init comes first. */
rnl_task_fn secret_line, much_secret, secret_in_order, upgraded;
#ifdef TORTURE_TLS
void secure_init(void);
#else
static inline void secure_init(void)
{
}
#endif

#endif
