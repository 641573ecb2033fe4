/* limits.h: limits of time on what a peer does, and a close that lingers. */
#ifndef RNLI_STREAM_LIMITS_H
#define RNLI_STREAM_LIMITS_H

#include "stream/conn.h"

/* Whether the options ask for any limit; and whether they make sense. */
bool rnli_limits_wanted(const struct rnl_stream_options *options);
bool rnli_limits_valid(const struct rnl_stream_options *options);
/* RNL_OK or RNL_ENOMEM. */
int rnli_limits_open(struct rnli_conn *conn, const struct rnl_stream_options *options);
/* No more ticks; and the memory. */
void rnli_limits_stop(struct rnli_conn *conn);
void rnli_limits_free(struct rnli_conn *conn);

void rnli_limits_received(struct rnli_conn *conn, size_t len);
/* Of what was received, clear bytes through filters. */
void rnli_limits_deciphered(struct rnli_conn *conn, size_t len);
void rnli_limits_sent(struct rnli_conn *conn, size_t len);
/* Reading is paused by hand; receiving begins again after a pause. */
void rnli_limits_paused(struct rnli_conn *conn);
void rnli_limits_resumed(struct rnli_conn *conn);
/* The kernel takes no more for now. */
void rnli_limits_blocked(struct rnli_conn *conn);

/* linger.c. All is sent of a connection that closes: whether it lingers now, taking
 * and dropping what the peer still sends. */
bool rnli_linger(struct rnli_conn *conn);
/* The receive of a lingering connection lends from here, and has ended. */
int rnli_linger_lend(struct rnli_conn *conn, unsigned char **data, size_t *len);
void rnli_linger_final(struct rnli_conn *conn, const struct rnl_entry *entry);
void rnli_linger_free(struct rnli_conn *conn);

/* sockopt.c: what the options say of the socket itself; whether that makes sense. */
bool rnli_sockopt_valid(const struct rnl_stream_options *options);
void rnli_sockopt_apply(struct rnli_conn *conn, const struct rnl_stream_options *options);
/* The close that comes will be a reset. */
void rnli_sockopt_reset(struct rnli_conn *conn);

#endif
