/* helper_table.h: a backend driven by its table alone, both ends of each connection.
 *
 * Every step writes what happened into a log, in words that do not depend on the
 * backend: so what the simulator says can be compared with what a kernel says. */
#ifndef TESTS_SIM_HELPER_TABLE_H
#define TESTS_SIM_HELPER_TABLE_H

#include <runnel/backend.h>
#include <runnel/sim.h>
#include <stdarg.h>

struct table_op {
    struct rnl_op op;
    bool final;
    int code;
    size_t len; /* bytes so far */
    rnl_socket accepted[16];
    int naccepted;
    struct rnl_address peer; /* of the last accepted */
};

struct table {
    const struct rnl_backend_ops *ops;
    struct rnl_backend *backend;
    bool simulated;
    char log[4096];
    size_t len;
    unsigned char got[1 << 16]; /* what receives bring, overwritten */
    char path[64];              /* a Unix path that can be used */
};

/* `name`: of a backend of this build; `model`: what a simulator is. */
void table_open(struct table *t, const char *name, enum rnl_sim_model model);
void table_close(struct table *t);
void say(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Lets everything that can happen without waiting happen. */
void settle(struct table *t);

/* Sockets; what fails is logged. */
rnl_socket new_socket(struct table *t, enum rnl_family family);
int bind_to(struct table *t, rnl_socket sock, const struct rnl_address *address);
void loopback(struct rnl_address *out, enum rnl_family family, uint16_t port);
void path_address(struct rnl_address *out, const char *path);
/* Bound to loopback, or to a fresh abstract name. */
rnl_socket listener(struct table *t, enum rnl_family family, int backlog,
                    struct rnl_address *address);
void pair(struct table *t, enum rnl_family family, rnl_socket *client, rnl_socket *server);
void shut(struct table *t, rnl_socket sock);                    /* close */
void half(struct table *t, rnl_socket sock, enum rnl_shut how); /* logs the code */
int option(struct table *t, rnl_socket sock, enum rnl_sockopt option, int value);

/* Operations. begin submits; finish waits for the end (not for ever); both log nothing. */
int begin(struct table *t, struct table_op *op, enum rnl_op_kind kind, rnl_socket sock);
bool finish(struct table *t, struct table_op *op);
void stop(struct table *t, struct table_op *op);

/* Whole steps, which log what came. */
int connect_to(struct table *t, rnl_socket sock, const struct rnl_address *address);
rnl_socket accept_one(struct table *t, rnl_socket listener);
/* Up to `n` bytes: "recv 5 hello", "recv end", "recv RNL_ECONNRESET". */
void receive(struct table *t, rnl_socket sock, size_t n);
void transmit(struct table *t, rnl_socket sock, const char *text); /* "send 5" */
/* Sends until it would block; how much. Logs nothing. */
size_t fill(struct table *t, rnl_socket sock);
void drain_all(struct table *t, rnl_socket sock, size_t n);

#endif
