/* inspect.c: counters, and how deep stacks were used.
 *
 * What is counted all the time is a handful of sums; what can be found by looking
 * is counted when somebody asks. The census asks the system which pages of a stack
 * are there (rnli_stack_used): no build of its own is needed, and a page is what a
 * stack costs. */
#include <runnel/inspect.h>

#include <string.h>

#include "task/loop.h"

static size_t length(const struct rnli_list *list)
{
    size_t count = 0;

    for (const struct rnli_list *node = list->next; node != list; node = node->next)
        count++;
    return count;
}

int rnl_counters_get(struct rnl_counters *out)
{
    const struct rnl_loop *loop = rnli_loop_get();
    struct rnl_counters c = {.size = out->size};

    if (!loop || out->size < sizeof out->size)
        return RNL_EINVAL;
    c.turns = loop->face.turns;
    c.tasks_spawned = loop->colour; /* one for each */
    c.streams_opened = loop->face.streams_opened;
    c.bytes_received = loop->face.bytes_in;
    c.bytes_sent = loop->face.bytes_out;
    c.tasks = loop->ntasks;
    c.streams = length(&loop->face.streams);
    c.servers = length(&loop->face.servers);
    c.operations = loop->ops;
    c.blocks_kept = loop->face.blocks.count;
    c.chunks_kept = loop->face.chunks.count;
    c.lag_ns = loop->lag;
    c.max_lag_ns = loop->max_lag;
    memcpy(out, &c, out->size < sizeof c ? out->size : sizeof c);
    return RNL_OK;
}

void rnl_dump_tasks(enum rnl_report_level level)
{
    if (rnli_loop_get())
        rnli_dump_tasks(rnli_loop_get(), level);
}

/* ---- The census -------------------------------------------------------- */

/* The entry of `fn`, a new one if need be; NULL where there is no room for it. */
static struct rnl_stack_use *entry_of(struct rnl_stack_use *out, size_t max, size_t *count,
                                      rnl_task_fn *fn)
{
    for (size_t i = 0; i < *count && i < max; i++)
        if (out[i].fn == fn)
            return &out[i];
    if ((*count)++ >= max)
        return NULL;
    out[*count - 1] = (struct rnl_stack_use){.fn = fn};
    return &out[*count - 1];
}

static void count_task(struct rnl_stack_use *use, const struct rnl_task *task)
{
    size_t used = rnli_stack_used(task->stack);

    use->tasks++;
    use->name = task->name;
    if (used > use->most)
        use->most = used;
    if (task->stack->size > use->size)
        use->size = task->stack->size;
}

int rnl_stack_census(struct rnl_stack_use *out, size_t max, size_t *count)
{
    struct rnl_loop *loop = rnli_loop_get();

    *count = 0;
    if (!loop)
        return RNL_EINVAL;
    for (struct rnli_list *n = loop->tasks.next; n != &loop->tasks; n = n->next) {
        const struct rnl_task *task = RNLI_CONTAINER(n, struct rnl_task, all);
        struct rnl_stack_use *use = entry_of(out, max, count, (rnl_task_fn *)task->entry);

        if (use)
            count_task(use, task);
    }
    return RNL_OK;
}
