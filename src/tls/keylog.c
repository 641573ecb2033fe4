/* keylog.c: the secrets of each connection, for Wireshark; in builds that want it.
 *
 * Whoever has the file reads all that was said. So it is not in a library unless it
 * was built with RUNNEL_KEYLOG, and not done in a program that runs with somebody
 * else's rights. */
#ifdef RNLI_KEYLOG
#include "backend/sys.h"

#include "tls/tls.h"

static void log_line(const SSL *ssl, const char *line)
{
    const char *path = rnli_sys_getenv("SSLKEYLOGFILE");
    BIO *file = path && *path ? BIO_new_file(path, "a") : NULL;

    (void)ssl;
    if (file)
        BIO_printf(file, "%s\n", line);
    BIO_free(file);
}

void rnli_tls_log_keys(SSL_CTX *ctx)
{
    SSL_CTX_set_keylog_callback(ctx, log_line);
}
#else
typedef int rnli_tls_no_keylog; /* a file has to declare something */
#endif
