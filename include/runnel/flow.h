/* runnel/flow.h: what is on its way on a stream, and holding it back.
 *
 * rnl_drain waits until little enough is queued; here are the waits for all of
 * it, and for the other side. How long a peer may take for its part is said by
 * the options of the stream (struct rnl_stream_options: idle_timeout_ns ...).
 *
 * Threads:  that of the stream's loop. */
#ifndef RUNNEL_FLOW_H
#define RUNNEL_FLOW_H

#include <runnel/base.h>
#include <runnel/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Waits until every byte written so far has been handed to the kernel. That the
 * peer has them only the peer can say.
 *
 * Suspends: while anything is queued.
 * Returns:  RNL_OK; the stream's error; RNL_ECLOSED if bytes were dropped
 *           (rnl_abort, rnl_stream_free; written after the end); RNL_ECANCELED.
 * Cancel:   nothing queued is lost.
 * asyncio:  none (drain is not that). */
RNL_API RNL_MUST_USE int rnl_wait_flushed(struct rnl_writer *writer);

/* Waits until the peer has ended its side, or the connection is lost; reads
 * nothing, and another task may read meanwhile. What the peer sent before stays
 * readable. While reading is paused (more than twice the limit is unread, or
 * rnl_pause_reading) the end is not seen.
 *
 * Suspends: until then.
 * Returns:  RNL_OK at the end of input; the stream's error; RNL_ECLOSED once our
 *           own side is closed; RNL_ECANCELED.
 * Cancel:   nothing is consumed.
 * asyncio:  none (python/asyncio#95). */
RNL_API RNL_MUST_USE int rnl_wait_peer_closed(struct rnl_reader *reader);

/* Receives nothing more until rnl_resume_reading, whatever the buffer holds: the
 * peer is held back by the kernel. What has been received stays readable; a read
 * that needs more waits. Again is fine.
 * asyncio:  transport.pause_reading. */
RNL_API void rnl_pause_reading(struct rnl_reader *reader);

/* Takes a pause by hand back: receives again.
 * asyncio:  transport.resume_reading. */
RNL_API void rnl_resume_reading(struct rnl_reader *reader);

/* Whether the program paused it. asyncio: not transport.is_reading. */
RNL_API bool rnl_reading_paused(const struct rnl_reader *reader);

/* The most bytes that may be queued, as write_cap in the options; 0: no cap. What
 * is queued already stays. */
RNL_API void rnl_set_write_cap(struct rnl_writer *writer, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
