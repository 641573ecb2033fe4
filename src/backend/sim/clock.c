/* clock.c: virtual time.
 *
 *      events:  when <= when <= when ...   a list in the order of happening
 *
 * Time stands still while code runs, and leaps to the next event when every task
 * waits. Events are embedded in what they are about, so planning one cannot fail;
 * equal times happen in the order of planning, so a run depends on nothing else.
 *
 * A list and not a heap: most events are planned for later than all others, where
 * the search from the end finds them a place at once. Thousands of connections
 * under a partition would want a heap. */
#include "backend/sim/sim.h"
#include "core/timerq.h"

void rnli_sim_event_init(struct rnli_sim_event *event,
                         void (*fire)(struct rnl_backend *, struct rnli_sim_event *))
{
    rnli_list_init(&event->node);
    event->fire = fire;
}

static struct rnli_sim_event *event_of(struct rnli_list *node)
{
    return RNLI_CONTAINER(node, struct rnli_sim_event, node);
}

void rnli_sim_plan(struct rnl_backend *sim, struct rnli_sim_event *event, int64_t when_ns)
{
    struct rnli_list *before = sim->events.prev;

    rnli_list_remove(&event->node);
    event->when_ns = when_ns > sim->now_ns ? when_ns : sim->now_ns;
    before = sim->events.prev;
    while (before != &sim->events && event_of(before)->when_ns > event->when_ns)
        before = before->prev;
    rnli_list_push(before->next, &event->node); /* in front of the next one */
}

void rnli_sim_forget(struct rnli_sim_event *event)
{
    rnli_list_remove(&event->node);
}

void rnli_sim_run_due(struct rnl_backend *sim)
{
    while (!rnli_list_empty(&sim->events)) {
        struct rnli_sim_event *event = event_of(sim->events.next);

        if (event->when_ns > sim->now_ns)
            return;
        rnli_list_remove(&event->node);
        event->fire(sim, event);
    }
}

/* After a suspend: everything that was planned is overdue at once. */
static void jump(struct rnl_backend *sim)
{
    if (!rnli_sim_fault(sim, RNL_SIM_CLOCK_JUMP))
        return;
    sim->now_ns = rnli_time_after(sim->now_ns, rnli_sim_draw_ns(sim, RNL_HOUR));
}

bool rnli_sim_leap(struct rnl_backend *sim, int64_t deadline_ns)
{
    bool found =
        !rnli_list_empty(&sim->events) && event_of(sim->events.next)->when_ns <= deadline_ns;

    if (found)
        sim->now_ns = event_of(sim->events.next)->when_ns;
    else if (deadline_ns != INT64_MAX && deadline_ns > sim->now_ns)
        sim->now_ns = deadline_ns;
    jump(sim);
    return found;
}
