/* race.h: connecting to the first of several addresses that answers. */
#ifndef RNLI_STREAM_RACE_H
#define RNLI_STREAM_RACE_H

#include <runnel/stream.h>
#include "task/sched.h"

struct rnli_race_plan {
    const struct rnl_address *addresses; /* in the order in which to try */
    size_t count;
    const struct rnl_address *locals; /* to bind to; of each family the first that can be */
    size_t nlocals;
    int64_t attempt_ns;           /* each may take; <= 0: as long as the system says */
    int64_t delay_ns;             /* between attempts; < 0: one after the other */
    struct rnl_attempt *attempts; /* for those that failed, in order of start */
    size_t attempts_max;
    size_t *attempts_count; /* may be NULL */
};

/* Connects. Suspends. RNL_OK with an attached socket, and which address it is
 * connected to; the first attempt's error; RNL_ECANCELED. Every other attempt's
 * socket is closed, if need be later. */
int rnli_race(struct rnl_loop *loop, const struct rnli_race_plan *plan, rnl_socket *sock,
              size_t *winner);

/* RFC 8305, section 4: `first` addresses of the first family, then one of each
 * family in turn. In place. RNL_OK or RNL_ENOMEM. */
int rnli_interleave(struct rnl_loop *loop, struct rnl_address *addresses, size_t count,
                    size_t first);

#endif
