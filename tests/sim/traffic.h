/* traffic.h: servers and clients whose behaviour a seed decides. */
#ifndef TESTS_SIM_TRAFFIC_H
#define TESTS_SIM_TRAFFIC_H

#include <runnel.h>
#include <runnel/sim.h>

struct traffic_totals {
    uint64_t streams; /* connections that were made */
    uint64_t whole;   /* closed cleanly at both ends, everything received */
    uint64_t broken;  /* ended in an error */
    uint64_t bytes;   /* received and compared */
    uint64_t sleeps;  /* that ended to the nanosecond */
};

struct traffic {
    struct rnl_sim_result result;
    struct traffic_totals totals;
    char fault[200]; /* what does not hold; "" */
};

/* One run. `trace` may be NULL. */
void traffic_run(struct traffic *run, uint64_t seed, void (*trace)(void *, const char *),
                 void *user);

#endif
