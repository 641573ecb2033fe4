/* helper_kernel.h: TLS that the kernel enciphers: the system's, and one made here.
 *
 * The one made here wraps a backend's table. It does what Linux does: once it has keys it
 * takes clear text, enciphers it in records of 16 KiB at most, counts a record as sent
 * when TCP had room for a part of it, sends the rest by itself, and loses it in a close. */
#ifndef TESTS_TLS_HELPER_KERNEL_H
#define TESTS_TLS_HELPER_KERNEL_H

#include "tls/helper_secure.h"

struct made_kernel {
    bool refuses;      /* keys */
    bool full;          /* before there are keys: nothing is taken at once */
    int no_memory;     /* for so many records, 1: the next */
    int busy;          /* for so many records: RNL_EAGAIN */
    int breaks;        /* the code that the next record ends with; RNL_OK: none */
    unsigned char type; /* ... if it is of this type */
    size_t room;       /* bytes that TCP takes at a time; 0: all that it can */
    size_t piece;      /* bytes of a record that is no data, at a time; 0: all of it */
    /* What became of it. */
    int keys, records; /* taken; sent that are no data */
    size_t lost;       /* bytes that a close dropped */
};
extern struct made_kernel made;

/* A CPU that is emulated, or a program under Valgrind: a minute for a second. */
bool is_slow(void);
/* Runs `body` over TCP on each backend of a POSIX system: with the kernel made here, and
 * with the system's, if it has any. */
void each_kernel(net_body *body);
#define EACH_KERNEL(body) static void body##_each(void) { each_kernel(body); }

/* The table of that backend with the kernel made here; until the next of these calls. */
const struct rnl_backend_ops *made_table(const char *backend);

/* Whether the kernel of this run enciphers: the one made here, or the system's. */
bool kernel_enciphers(void);
bool kernel_is_made(void);
/* Whether that end of a connection is as it has to be. */
bool sent_by_kernel(const struct rnl_writer *writer);

#endif
