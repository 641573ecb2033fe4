/* list.h: intrusive doubly linked lists.
 *
 * A list is a ring through a head; an empty one points at itself. A node that
 * is in no list points at itself too, so unlinking twice is harmless. */
#ifndef RNLI_CORE_LIST_H
#define RNLI_CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct rnli_list {
    struct rnli_list *next, *prev;
};

#define RNLI_CONTAINER(ptr, type, member) \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void rnli_list_init(struct rnli_list *list)
{
    list->next = list->prev = list;
}

static inline bool rnli_list_empty(const struct rnli_list *list)
{
    return list->next == list;
}

/* Appends `node`, which must be in no list. */
static inline void rnli_list_push(struct rnli_list *list, struct rnli_list *node)
{
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

/* Prepends `node`, which must be in no list. */
static inline void rnli_list_unshift(struct rnli_list *list, struct rnli_list *node)
{
    rnli_list_push(list->next, node);
}

static inline void rnli_list_remove(struct rnli_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    rnli_list_init(node);
}

/* The first node, taken out; NULL if the list is empty. */
static inline struct rnli_list *rnli_list_shift(struct rnli_list *list)
{
    struct rnli_list *node = list->next;

    if (node == list)
        return NULL;
    rnli_list_remove(node);
    return node;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void rnli_list_splice(struct rnli_list *to, struct rnli_list *from)
{
    if (rnli_list_empty(from))
        return;
    from->next->prev = to->prev;
    from->prev->next = to;
    to->prev->next = from->next;
    to->prev = from->prev;
    rnli_list_init(from);
}

#endif
