/* Whom a client trusts that was told nobody: the system's store, or SSL_CERT_FILE. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "tls/helper_duo.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/system.h"

/* The client's context by the environment alone, then a handshake with our server. */
static void with_file(const char *file, int context_code, int code, const char *text)
{
    struct rnl_tls_options o = RNL_TLS_OPTIONS_INIT;
    char why[300] = "";
    struct duo d;

    setenv("SSL_CERT_FILE", file, 1);
    setenv("SSL_CERT_DIR", "/nonexistent", 1);
    duo_init(&d);
    o.error_text = why;
    o.error_text_size = sizeof why;
    IS(rnl_tls_client(&d.cc, &o), context_code);
    if (context_code == RNL_OK) {
        OK(duo_open(&d));
        duo_shake(&d);
        IS(d.client_code, code);
        CU_ASSERT(strstr(d.client->detail, text) != NULL);
    } else {
        CU_ASSERT(strstr(why, text) != NULL);
    }
    duo_close(&d);
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
}

static void write_file(char *path, const struct cert *cert)
{
    char pem[4096] = "";
    int fd = mkstemp(path);

    CU_ASSERT_FATAL(fd >= 0);
    cert_pem(cert, pem, sizeof pem);
    CU_ASSERT_EQUAL(write(fd, pem, (unsigned)strlen(pem)), (int)strlen(pem));
    close(fd);
}

static void the_environment_names_whom(void)
{
    char root[] = "/tmp/runnel-trust-XXXXXX", other[] = "/tmp/runnel-trust-XXXXXX";

    write_file(root, pki()->root);
    write_file(other, pki()->other_root);
    with_file(root, RNL_OK, RNL_OK, "");
    with_file(other, RNL_OK, RNL_ECERT, "issuer");
    with_file("/nonexistent.pem", RNL_ECERT, 0, "no certificate");
    unlink(root);
    unlink(other);
}

SUITE("tls.trust", {"SSL_CERT_FILE instead of the system's store", the_environment_names_whom})
