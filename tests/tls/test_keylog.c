/* SSLKEYLOGFILE: heeded where the library was built for it, and nowhere else. */
#include "tls/helper_secure.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/system.h"

static void keys_are_logged_only_on_request(struct net *n)
{
    char path[] = "/tmp/runnel-keys-XXXXXX", line[512];
    int fd = mkstemp(path), secrets = 0;
    struct rnl_bytes b;
    FILE *file;

    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    setenv("SSLKEYLOGFILE", path, 1);
    secure_open(n);
    OK(rnl_write_str(n->w, "hello\n"));
    OK(rnl_readline(n->pr, &b));
    secure_close(n);
    unsetenv("SSLKEYLOGFILE");
    file = fopen(path, "r");
    CU_ASSERT_FATAL(file != NULL);
    while (fgets(line, sizeof line, file))
        secrets += strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0;
    fclose(file);
    unlink(path);
#ifdef RNLI_KEYLOG
    IS(secrets, 2); /* each end's own context tells */
#else
    IS(secrets, 0);
#endif
}
EACH_RAW(keys_are_logged_only_on_request)

SUITE("tls.keylog",
      {"I25 key logging is compiled in, or not there", keys_are_logged_only_on_request_each})
