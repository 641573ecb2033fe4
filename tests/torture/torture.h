/* torture.h: scenarios, and what they share with the driver that tortures them.
 *
 * A scenario is a small program that ends right or with a clean error: it says by
 * torture_wrong what no fault may cause (a byte that was not sent, an answer that makes
 * no sense), and answers RNL_OK or the error that stopped it. */
#ifndef TESTS_TORTURE_H
#define TESTS_TORTURE_H

#include <runnel.h>
#include <string.h>

enum over { OVER_TCP = 1, OVER_UNIX = 2, OVER_BOTH = 3, OVER_NOTHING = 4 };

struct scenario {
    const char *name;
    rnl_task_fn *fn; /* gets NULL */
    int over;        /* enum over: what it can run over */
    bool system;     /* needs a real kernel */
};

extern const struct scenario scenarios[];
extern const size_t nscenarios;

/* What the scenario that runs is over. */
extern enum over torture_over;

/* Something that must not be. */
void torture_wrong(const char *what);

/* A cancel came. True: it was the torture's own, and is taken back; the scenario goes on
 * as if nothing had been, and must end right. */
bool torture_again(int err);

/* A suspending call that is repeated when a cancel only came to disturb it. */
#define TRY(err, call)                                                                             \
    do {                                                                                           \
        (err) = (call);                                                                            \
    } while (torture_again(err))

/* The pair that close and abort are tried on: 0 is the client's end, 1 the server's. It
 * has to be given up (NULL) before it is freed. */
void torture_pair(int end, struct rnl_writer *writer);

/* A byte of what everybody sends. */
static inline unsigned char torture_byte(size_t i)
{
    return (unsigned char)("0123456789abcdefghijklmnopqrstuvwxyz"[i % 36]);
}

#endif
