/* local.c: values that each task has for itself.
 *
 * A short list by key in each task; most tasks have none, and a program has few
 * keys. Values are inherited when a task is spawned, one by one, by the key's own
 * function: a copy of the pointer alone could not say who frees it. */
#include <runnel/sync.h>

#include "core/alloc.h"
#include "task/loop.h"

struct rnli_local_value {
    struct rnli_local_value *next;
    const struct rnl_local *key;
    void *value;
};

static struct rnli_local_value *find(const struct rnl_task *task, const struct rnl_local *key)
{
    struct rnli_local_value *v = task ? task->locals : NULL;

    while (v && v->key != key)
        v = v->next;
    return v;
}

static int add(struct rnl_task *task, const struct rnl_local *key, void *value)
{
    struct rnli_local_value *v = rnli_alloc(&task->loop->face.allocator, sizeof *v);

    if (!v)
        return RNL_ENOMEM;
    *v = (struct rnli_local_value){task->locals, key, value};
    task->locals = v;
    return RNL_OK;
}

static void drop(const struct rnl_local *key, void *value)
{
    if (key->drop && value)
        key->drop(value);
}

void *rnl_local_get(const struct rnl_local *key)
{
    const struct rnli_local_value *v = find(rnl_task_current(), key);

    return v ? v->value : NULL;
}

int rnl_local_set(const struct rnl_local *key, void *value)
{
    struct rnl_task *task = rnl_task_current();
    struct rnli_local_value *v = find(task, key);
    void *old;

    if (!task)
        return RNL_EINVAL;
    if (!v)
        return add(task, key, value);
    old = v->value;
    v->value = value;
    if (old != value)
        drop(key, old);
    return RNL_OK;
}

int rnli_locals_inherit(struct rnl_task *task, const struct rnl_task *from)
{
    const struct rnli_local_value *v = from ? from->locals : NULL;
    int code = RNL_OK;

    for (; v && !code; v = v->next) {
        if (!v->key->inherit)
            continue;
        code = add(task, v->key, NULL);
        if (!code)
            task->locals->value = v->key->inherit(v->value);
    }
    return code;
}

void rnli_locals_drop(struct rnl_task *task)
{
    struct rnli_local_value *v;

    while ((v = task->locals) != NULL) {
        task->locals = v->next;
        drop(v->key, v->value);
        rnli_free(&task->loop->face.allocator, v, sizeof *v);
    }
}
