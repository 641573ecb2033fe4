/* helper_net.h: a connected pair on each backend and over each kind of socket.
 *
 * EACH(body) runs `body` inside rnl_run for every backend of the build and over
 * TCP and Unix sockets; afterwards no memory of the loop's and no descriptor may
 * be left. `body` gets a net whose two ends are connected. */
#ifndef TESTS_STREAM_HELPER_NET_H
#define TESTS_STREAM_HELPER_NET_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <CUnit/CUnit.h>
#include <runnel.h>
#include <string.h>

#include "support/suite.h"

enum net_kind { NET_TCP, NET_UNIX };

struct net {
    enum net_kind kind;
    struct rnl_server_options options; /* of the server; set before net_open */
    struct rnl_connect_options client;
    struct rnl_server *server;
    struct rnl_reader *r;  /* the client's end */
    struct rnl_writer *w;
    struct rnl_reader *pr; /* the peer's: the server's end */
    struct rnl_writer *pw;
    struct rnl_event *accepted;
    char path[64];
    uint16_t port;
};

typedef void net_body(struct net *net);

/* Connects the two ends; net_close frees what is still there. Both are done by
 * EACH, with default options; EACH_RAW leaves them to the body. */
void net_open(struct net *net);
void net_close(struct net *net);
/* One more connection to the server of the net. */
int net_connect(struct net *net, struct rnl_reader **r, struct rnl_writer **w);

/* What hears the reports of the runs that follow; NULL: standard error. */
extern void (*net_report)(void *user, const struct rnl_report *report);

void each(net_body *body);
void each_raw(net_body *body);
/* Once, over TCP, on that backend, or by a table of the caller's. */
struct rnl_backend_ops;
void once_raw(net_body *body, const char *backend, const struct rnl_backend_ops *ops);
/* The same without the simulator, for what needs descriptors of the system. */
void each_system(net_body *body);
void each_system_raw(net_body *body);
#define EACH(body)     static void body##_each(void) { each(body); }
#define EACH_RAW(body) static void body##_each(void) { each_raw(body); }
#define EACH_SYSTEM(body)     static void body##_each(void) { each_system(body); }
#define EACH_SYSTEM_RAW(body) static void body##_each(void) { each_system_raw(body); }

/* What has been reported since the run began. */
int net_reports(void);
/* ... and what the last of them says; "" if there is none. */
const char *net_last_report(void);

/* What a task is to do, and what became of it. */
struct job {
    rnl_task_fn *fn;
    void *arg;
    struct rnl_task *task;
};
struct rnl_task *start(rnl_task_fn *fn, void *arg);
int join(struct rnl_task *task); /* its result; frees the handle */

/* Makes the kernel send a reset when this end is aborted. */
void reset_on_abort(struct rnl_writer *w);
/* Lets the loop turn `n` times. */
void turns(int n);
/* Whether the system has them. */
bool has_unix_sockets(void);
/* Descriptors of the process. */
int open_descriptors(void);
/* Those that there are when no thread of the resolver's has some; and what is left when
 * it has had time to close them. */
int descriptors_at_rest(void);
int descriptors_left(int at_rest);
/* Whether the bytes are those of the text. */
bool same(const struct rnl_bytes *bytes, const char *text);

#define IS(call, code)                    \
    do {                                  \
        CU_ASSERT_EQUAL((call), (code));  \
    } while (0)
#define OK(call) IS(call, RNL_OK)

#endif
