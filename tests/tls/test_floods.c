/* Records that carry nothing, or half a message. OpenSSL sends none, so they are enciphered
 * by hand. */
#include "tls/helper_duo.h"
#include "tls/helper_sender.h"

static void open_sender(struct duo *d, struct sender *s)
{
    duo_init(d);
    sender_options(&d->copts);
    OK(rnl_tls_client(&d->cc, &d->copts));
    sender_listen(d->cc);
    OK(duo_open(d));
    duo_shake(d);
    OK(d->server_code);
    sender_open(s);
}

static int feed(struct duo *d, struct sender *s, const char *text, size_t padding, size_t *got)
{
    unsigned char record[300];
    char buf[100];

    OK(rnl_core_feed(d->server->in, record, sender_seal(s, SENDER_DATA, text, strlen(text), padding, record)));
    return d->server->ops->read(d->server, buf, sizeof buf, got);
}

/* However they are padded, they end within 33, and data in between are well. */
static void empty_records(void)
{
    for (size_t padding = 0; padding < 100; padding += 99) {
        struct sender s;
        struct duo d;
        size_t got;
        int code = RNL_EAGAIN, n = 0;

        open_sender(&d, &s);
        for (int i = 0; i < 20; i++)
            for (int k = 0; k < 10; k++) {
                code = feed(&d, &s, k == 9 ? "data" : "", padding, &got);
                IS(code, k == 9 ? RNL_OK : RNL_EAGAIN);
                IS(got, k == 9 ? 4u : 0u);
            }
        code = RNL_EAGAIN;
        while (code == RNL_EAGAIN && n < 1000) {
            code = feed(&d, &s, "", padding, &got);
            n++;
        }
        IS(code, RNL_ETLS);
        CU_ASSERT(n <= 33);
        CU_ASSERT(strstr(d.server->detail, "without data") != NULL);
        duo_close(&d);
    }
}

/* Many in one feed: the same, and no more is looked at. */
static void empty_records_at_once(void)
{
    static unsigned char records[60000];
    struct sender s;
    struct duo d;
    size_t len = 0, got;
    char buf[10];

    open_sender(&d, &s);
    while (len < sizeof records - 300)
        len += sender_seal(&s, SENDER_DATA, "", 0, 0, records + len);
    OK(rnl_core_feed(d.server->in, records, len));
    IS(d.server->ops->read(d.server, buf, sizeof buf, &got), RNL_ETLS);
    CU_ASSERT(rnl_core_buffered(d.server->in) > len / 2);
    duo_close(&d);
}

static void feed_part(struct duo *d, struct sender *s, const void *part, size_t len)
{
    unsigned char record[SENDER_MOST];
    char buf[10];
    size_t got;

    OK(rnl_core_feed(d->server->in, record,
                     sender_seal(s, SENDER_HANDSHAKE, part, len, 0, record)));
    IS(d->server->ops->read(d->server, buf, sizeof buf, &got), RNL_EAGAIN);
}

/* In the middle of a message of the peer's nothing can be said, and nothing is broken. */
static void half_a_message(void)
{
    static const unsigned char key_update[5] = {24, 0, 0, 1, 0};
    struct sender s;
    struct duo d;
    size_t done;

    open_sender(&d, &s);
    feed_part(&d, &s, key_update, 4);
    IS(d.server->ops->write(d.server, "x", 1, &done), RNL_EAGAIN);
    IS(d.server->ops->close(d.server), RNL_EAGAIN);
    CU_ASSERT(!d.server->write_closed);
    feed_part(&d, &s, key_update + 4, 1);
    OK(d.server->ops->write(d.server, "x", 1, &done));
    OK(d.server->ops->close(d.server));
    CU_ASSERT(d.server->write_closed);
    duo_close(&d);
}

SUITE("tls.floods", {"I8 half a message", half_a_message}, {"I8 empty records end", empty_records},
      {"I8 empty records, many at once", empty_records_at_once})
