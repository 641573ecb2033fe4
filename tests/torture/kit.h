/* kit.h: what scenarios are made of: a server, a client, bytes that can be checked. */
#ifndef TESTS_TORTURE_KIT_H
#define TESTS_TORTURE_KIT_H

#include "torture/torture.h"

/* A server on a fresh port or name, and one connection to it. */
struct net {
    struct rnl_server *server;
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_address address;
};

/* Starts a server and connects; net_close ends what is there, in any state. */
int net_open(struct net *net, rnl_handler_fn *handler, const struct rnl_server_options *options);
int net_serve(struct net *net, rnl_handler_fn *handler, const struct rnl_server_options *options);
int net_dial(struct net *net, const struct rnl_connect_options *options, struct rnl_reader **r,
             struct rnl_writer **w);
/* The same, given up where it is cancelled. */
int net_dial_once(struct net *net, const struct rnl_connect_options *options, struct rnl_reader **r,
                  struct rnl_writer **w);
void net_close(struct net *net);

/* Writes `n` known bytes from `from` on; drains as it goes. */
int put_bytes(struct rnl_writer *w, size_t from, size_t n);
/* Says that something is wrong unless they are the known bytes from `from` on. */
void check_bytes(const struct rnl_bytes *bytes, size_t from);
/* Reads to the end of input; wrong unless it is `n` bytes or, after an error, fewer. */
int get_bytes(struct rnl_reader *r, size_t n);
/* In an untroubled stream this is what it says, or the peer is gone. */
void check_text(const struct rnl_bytes *bytes, const char *text);

/* Handlers. */
int echo(struct rnl_reader *reader, struct rnl_writer *writer, void *arg);
int sink(struct rnl_reader *reader, struct rnl_writer *writer, void *arg);
int greet(struct rnl_reader *reader, struct rnl_writer *writer, void *arg); /* "hello\n" */
int pour(struct rnl_reader *reader, struct rnl_writer *writer, void *arg);  /* 100,000 bytes */
int lines(struct rnl_reader *reader, struct rnl_writer *writer, void *arg); /* echoes lines */
int slam(struct rnl_reader *reader, struct rnl_writer *writer, void *arg);  /* aborts */

enum { POURED = 100000 };

#endif
