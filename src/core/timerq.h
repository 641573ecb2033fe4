/* timerq.h: a queue of points in time. No clock: the caller brings the time.
 *
 * A heap of pointers; O(log n) to add and to remove, and removed timers take no
 * memory. Equal times come out in the order in which they were added. */
#ifndef RNLI_CORE_TIMERQ_H
#define RNLI_CORE_TIMERQ_H

#include <runnel/base.h>

/* Embedded by the owner. index 0: not in a queue (places count from 1). */
struct rnli_timer {
    int64_t when_ns;
    uint64_t seq;
    size_t index;
    void (*fire)(struct rnli_timer *timer); /* for the loop's use */
};

struct rnli_timerq {
    struct rnl_allocator allocator;
    struct rnli_timer **heap;
    size_t count, capacity;
    uint64_t seq;
};

void rnli_timerq_init(struct rnli_timerq *q, const struct rnl_allocator *allocator);
void rnli_timerq_destroy(struct rnli_timerq *q);
/* `timer` is in no queue. RNL_OK or RNL_ENOMEM. */
int rnli_timerq_push(struct rnli_timerq *q, struct rnli_timer *timer, int64_t when_ns);
/* Harmless if it is in no queue. Shrinks the heap when it is mostly empty. */
void rnli_timerq_remove(struct rnli_timerq *q, struct rnli_timer *timer);
/* The earliest, still in the queue; NULL if there is none. */
struct rnli_timer *rnli_timerq_first(const struct rnli_timerq *q);
/* Takes out the earliest if it is due at `now_ns`; NULL otherwise. */
struct rnli_timer *rnli_timerq_due(struct rnli_timerq *q, int64_t now_ns);
/* now + delay without overflow; a delay below 0 counts as 0. */
int64_t rnli_time_after(int64_t now_ns, int64_t delay_ns);
/* For tests and fuzzers: whether the queue is what timerq.c says it is; O(n). */
bool rnli_timerq_check(const struct rnli_timerq *q);

#endif
