#include "torture/scenarios.h"

#define S(fn, over)                                                                                \
    {                                                                                              \
#fn, fn, over, false                                                                       \
    }
#define SYSTEM(fn, over)                                                                           \
    {                                                                                              \
#fn, fn, over, true                                                                        \
    }

const struct scenario scenarios[] = {
    S(line_and_back, OVER_BOTH),
    S(much_and_back, OVER_BOTH),
    S(exact_pieces, OVER_BOTH),
    S(exact_into, OVER_BOTH),
    S(read_into, OVER_BOTH),
    S(read_all, OVER_BOTH),
    S(until, OVER_BOTH),
    S(until_any, OVER_BOTH),
    S(until_parts, OVER_BOTH),
    S(over_the_limit, OVER_BOTH),
    S(many_pieces, OVER_BOTH),
    S(pipelined, OVER_BOTH),
    S(closed_in_order, OVER_BOTH),
    S(aborted, OVER_BOTH),
    S(slammed, OVER_BOTH),
    S(written_to_the_gone, OVER_BOTH),
    S(half_closed, OVER_BOTH),
    S(slow_reader, OVER_BOTH),
    S(small_marks, OVER_BOTH),
    S(capped, OVER_BOTH),
    S(large_write, OVER_BOTH),
    S(looked_at, OVER_BOTH),
    S(limited_in_time, OVER_BOTH),
    S(counted_references, OVER_BOTH),
    S(several_clients, OVER_BOTH),
    S(one_after_the_other, OVER_BOTH),
    S(clients_closed, OVER_BOTH),
    S(clients_aborted, OVER_BOTH),
    S(served_for_ever, OVER_BOTH),
    S(serving_later, OVER_BOTH),
    S(failing_handler, OVER_BOTH),
    S(handed_on, OVER_BOTH),
    S(through_a_proxy, OVER_BOTH),
    S(refused, OVER_BOTH),
    S(many_at_once, OVER_BOTH),
    S(by_name, OVER_TCP),
    S(every_interface, OVER_TCP),
    S(from_an_address, OVER_TCP),
    S(at_a_path, OVER_UNIX),
    SYSTEM(of_a_socket, OVER_UNIX),
    S(joined, OVER_NOTHING),
    S(grouped, OVER_NOTHING),
    S(group_that_fails, OVER_NOTHING),
    S(slept, OVER_NOTHING),
    S(called, OVER_NOTHING),
    S(queued, OVER_NOTHING),
    S(shielded, OVER_NOTHING),
    S(nested_limits, OVER_NOTHING),
    S(on_a_thread, OVER_NOTHING),
    S(left_behind, OVER_NOTHING),
    S(deep, OVER_NOTHING),
#ifdef TORTURE_TLS
    S(secret_line, OVER_BOTH),
    S(much_secret, OVER_BOTH),
    S(secret_in_order, OVER_BOTH),
    S(upgraded, OVER_BOTH),
#endif
};

const size_t nscenarios = sizeof scenarios / sizeof *scenarios;
