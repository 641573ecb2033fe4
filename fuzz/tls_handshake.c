/* tls_handshake.c: raw bytes at a server's engine, in pieces.
 *
 * A stranger's bytes never finish a handshake by themselves, never make the server
 * write much or hold much, and an error is for ever, with a text. */
#include "fuzz.h"

#include <string.h>

#include "tls_kit.h"

enum { MOST_OUT = 65536, MOST_HELD = 131072 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct rnli_filter *f;
    int first = RNL_OK;

    fuzz_memory_reset();
    f = kit_engine(true);
    while (input_left(&in) > 0) {
        struct rnl_bytes piece = input_bytes(&in, (size_t)input_byte(&in) * 4 + 1);
        int code;

        if (!rnl_core_paused(f->in))
            CHECK(rnl_core_feed(f->in, piece.data, piece.len) == RNL_OK);
        code = f->ops->start(f);
        CHECK(code < 0 && !f->started);
        CHECK(first == RNL_OK || code == first);
        if (code != RNL_EAGAIN)
            first = code;
        CHECK(rnl_core_queued(f->out) < MOST_OUT);
        CHECK(fuzz_memory.bytes < MOST_HELD);
    }
    rnl_core_feed_eof(f->in);
    CHECK(f->ops->start(f) != RNL_EAGAIN);
    CHECK(f->detail[0] != '\0');
    f->ops->free(f);
    CHECK(fuzz_memory.live == 0);
    return 0;
}
