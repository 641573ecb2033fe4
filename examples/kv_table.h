/* kv_table.h: a hash table from bytes to bytes, with a time to live. It has
 * nothing to do with networks; see kv_server.c for those. */
#ifndef EXAMPLES_KV_TABLE_H
#define EXAMPLES_KV_TABLE_H

#include <runnel.h>
#include <stdlib.h>
#include <string.h>

struct kv_entry {
    struct kv_entry *next;
    uint64_t hash;
    int64_t expires; /* ns; 0: never */
    size_t key_len, value_len, room;
    unsigned char *value;
    unsigned char key[];
};

/* All zero is an empty table. */
struct kv_table {
    struct kv_entry **buckets;
    size_t nbuckets, count; /* a power of two, or 0 */
};

static inline uint64_t kv_hash(const struct rnl_bytes *key)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < key->len; i++)
        h = (h ^ key->data[i]) * UINT64_C(1099511628211);
    return h ^ (h >> 32);
}

/* The link that points at the entry, or at NULL where there is none. */
static inline struct kv_entry **kv_link(struct kv_table *t, const struct rnl_bytes *key,
                                        uint64_t hash)
{
    struct kv_entry **at = &t->buckets[hash & (t->nbuckets - 1)];

    while (*at && ((*at)->hash != hash || (*at)->key_len != key->len ||
                   memcmp((*at)->key, key->data, key->len) != 0))
        at = &(*at)->next;
    return at;
}

static inline void kv_unlink(struct kv_table *t, struct kv_entry **at)
{
    struct kv_entry *entry = *at;

    *at = entry->next;
    t->count--;
    free(entry->value);
    free(entry);
}

/* The entry that lives; one whose time is over is removed. */
static inline struct kv_entry **kv_find(struct kv_table *t, const struct rnl_bytes *key,
                                        int64_t now)
{
    struct kv_entry **at;

    if (t->nbuckets == 0)
        return NULL;
    at = kv_link(t, key, kv_hash(key));
    if (*at && (*at)->expires && (*at)->expires <= now) {
        kv_unlink(t, at);
        return NULL;
    }
    return *at ? at : NULL;
}

static inline bool kv_get(struct kv_table *t, const struct rnl_bytes *key, int64_t now,
                          struct rnl_bytes *value)
{
    struct kv_entry **at = kv_find(t, key, now);

    if (at) {
        value->data = (*at)->value;
        value->len = (*at)->value_len;
    }
    return at != NULL;
}

static inline bool kv_delete(struct kv_table *t, const struct rnl_bytes *key, int64_t now)
{
    struct kv_entry **at = kv_find(t, key, now);

    if (at)
        kv_unlink(t, at);
    return at != NULL;
}

static inline bool kv_grow(struct kv_table *t)
{
    size_t n = t->nbuckets ? 2 * t->nbuckets : 1024;
    struct kv_entry **buckets;

    if (t->count < t->nbuckets)
        return true;
    buckets = calloc(n, sizeof *buckets);
    if (!buckets)
        return t->nbuckets > 0; /* a full table is slow, not wrong */
    for (size_t i = 0; i < t->nbuckets; i++) {
        while (t->buckets[i]) {
            struct kv_entry *entry = t->buckets[i];

            t->buckets[i] = entry->next;
            entry->next = buckets[entry->hash & (n - 1)];
            buckets[entry->hash & (n - 1)] = entry;
        }
    }
    free(t->buckets);
    t->buckets = buckets;
    t->nbuckets = n;
    return true;
}

static inline struct kv_entry *kv_add(struct kv_table *t, const struct rnl_bytes *key)
{
    uint64_t hash = kv_hash(key);
    struct kv_entry **at, *entry;

    if (!kv_grow(t))
        return NULL;
    at = kv_link(t, key, hash);
    if (*at)
        return *at;
    entry = calloc(1, sizeof *entry + key->len);
    if (!entry)
        return NULL;
    entry->hash = hash;
    entry->key_len = key->len;
    memcpy(entry->key, key->data, key->len);
    *at = entry;
    t->count++;
    return entry;
}

static inline bool kv_store(struct kv_entry *entry, const struct rnl_bytes *value)
{
    if (value->len > entry->room || !entry->value) {
        unsigned char *room = realloc(entry->value, value->len ? value->len : 1);

        if (!room)
            return false;
        entry->value = room;
        entry->room = value->len;
    }
    memcpy(entry->value, value->data, value->len);
    entry->value_len = value->len;
    return true;
}

/* Stores a value that expires at `expires` (0: never). False: no memory. */
static inline bool kv_set(struct kv_table *t, const struct rnl_bytes *key,
                          const struct rnl_bytes *value, int64_t expires)
{
    struct kv_entry *entry = kv_add(t, key);

    if (!entry || !kv_store(entry, value))
        return false;
    entry->expires = expires;
    return true;
}

/* The same, but the time to live stays. */
static inline bool kv_replace(struct kv_table *t, const struct rnl_bytes *key,
                              const struct rnl_bytes *value)
{
    struct kv_entry *entry = kv_add(t, key);

    return entry && kv_store(entry, value);
}

static inline void kv_free(struct kv_table *t)
{
    for (size_t i = 0; i < t->nbuckets; i++)
        while (t->buckets[i])
            kv_unlink(t, &t->buckets[i]);
    free(t->buckets);
    *t = (struct kv_table){NULL, 0, 0};
}

#endif
