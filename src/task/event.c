/* event.c: a flag that tasks wait for. */
#include "core/alloc.h"
#include "task/loop.h"
#include "task/misuse.h"

struct rnl_event {
    struct rnl_loop *loop;
    struct rnli_waitlist waiting;
    bool set;
    bool freed; /* for debug builds */
};

int rnl_event_open(struct rnl_event **out)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_event *event;

    if (!loop)
        return RNL_EINVAL;
    event = rnli_zalloc(&loop->face.allocator, sizeof *event);
    if (!event)
        return RNL_ENOMEM;
    event->loop = loop;
    rnli_waitlist_init(&event->waiting);
    *out = event;
    return RNL_OK;
}

void rnl_event_free(struct rnl_event *event)
{
    if (!event)
        return;
    RNLI_CHECK(event, !event->freed, event->loop);
    event->freed = true;
    rnli_wake_all(&event->waiting, RNL_ECLOSED);
    rnli_free(&event->loop->face.allocator, event, sizeof *event);
}

void rnl_event_set(struct rnl_event *event)
{
    RNLI_CHECK(event, !event->freed, event->loop);
    event->set = true;
    rnli_wake_all(&event->waiting, RNL_OK);
}

void rnl_event_clear(struct rnl_event *event)
{
    RNLI_CHECK(event, !event->freed, event->loop);
    event->set = false;
}

bool rnl_event_is_set(const struct rnl_event *event)
{
    return event->set;
}

int rnl_event_wait(struct rnl_event *event)
{
    RNLI_CHECK(event, !event->freed, event->loop);
    if (event->set)
        return rnli_checkpoint(); /* may wait: the event may be gone afterwards */
    return rnli_wait(&event->waiting, "event");
}
