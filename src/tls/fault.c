/* fault.c: what went wrong, told apart: a code of ours, and a sentence that says
 * what was expected. The order matters: memory first, since a failed allocation
 * can look like anything; then the certificate, since its own reason is better
 * than "certificate verify failed". */
#include <openssl/err.h>
#include <openssl/pemerr.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "tls/tls.h"

static bool is_name_fault(long verdict)
{
    return verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

static int certificate_fault(struct rnli_tls_engine *e, long verdict, char *text, size_t size)
{
    const char *reason = X509_verify_cert_error_string(verdict);

    if (verdict == X509_V_ERR_OUT_OF_MEM) {
        snprintf(text, size, "out of memory");
        return RNL_ENOMEM;
    }
    if (is_name_fault(verdict)) {
        snprintf(text, size, "the certificate is not for %.200s (%s)", e->name, reason);
        return RNL_ECERTNAME;
    }
    snprintf(text, size, "the peer's certificate was refused: %s", reason);
    return RNL_ECERT;
}

/* Reasons that mean: these bytes are no TLS. */
static bool is_clear_text(int reason)
{
    switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_UNEXPECTED_RECORD:
        return true;
    default:
        return false;
    }
}

/* A sentence where OpenSSL's own does not say what to do. */
static const char *sentence(int reason)
{
    switch (reason) {
    case SSL_R_NO_CERTIFICATE_ASSIGNED:
        return "no certificate in cert_file or cert_data";
    case SSL_R_NO_PRIVATE_KEY_ASSIGNED:
        return "no private key that can be read; it is in key_file or key_data, or with the "
               "certificate, and wants its password if it is encrypted";
    case SSL_R_HTTP_REQUEST:
        return "the peer speaks plain HTTP, and TLS was expected";
    case SSL_R_RECORD_TOO_SMALL:
        return "the peer sends records without data, over and over";
    case SSL_R_NO_SHARED_CIPHER:
        return "no cipher is known to both sides";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return "no version of TLS is known to both sides";
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
        return "no group is known to both sides";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return "the peer found no cipher, group or signature in common, or wants a certificate";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "the peer refused our certificate: it does not know the CA";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "the peer refused our certificate: it has expired, or is not valid yet";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        return "the peer refused our certificate: it was revoked";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        return "the peer refused our certificate";
    case SSL_R_TLSV1_UNRECOGNIZED_NAME:
        return "the server does not know the name that was asked for";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return "the client was asked for a certificate and has none";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "the server wants a certificate of ours";
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
        return "no protocol of ALPN is known to both sides";
    default:
        return NULL;
    }
}

/* The same for what load.c finds. */
static const char *load_sentence(int lib, int reason)
{
    if (lib == ERR_LIB_PEM && reason == PEM_R_BAD_DECRYPT)
        return "the private key cannot be decrypted: the password is wrong, or the key is damaged";
    if (lib == ERR_LIB_PEM && reason == PEM_R_BAD_PASSWORD_READ)
        return "the private key is encrypted, and no password was given";
    if (lib == ERR_LIB_X509 &&
        (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH))
        return "the private key does not belong to the certificate";
    if (lib == ERR_LIB_X509 && reason == X509_R_INVALID_DIRECTORY)
        return "no certificate found; ca_dir has to be hashed (openssl rehash)";
    return NULL;
}

static int reason_code(unsigned long error, bool handshaking)
{
    int reason = ERR_GET_REASON(error);

    if (reason == ERR_R_MALLOC_FAILURE)
        return RNL_ENOMEM;
    if (ERR_GET_LIB(error) != ERR_LIB_SSL)
        return RNL_ETLS;
    if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        return RNL_ECERT;
    return handshaking && is_clear_text(reason) ? RNL_ENOTTLS : RNL_ETLS;
}

/* Any entry of the queue that tells of memory. */
static bool ran_out_of_memory(void)
{
    unsigned long error;
    bool found = false;

    while ((error = ERR_get_error()) != 0)
        found |= ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    return found;
}

/* A file that could not be opened: which, and why. */
static bool tell_file(char *text, size_t size)
{
    char line[256];
    const char *data = "", *words;
    int flags = 0;
    unsigned long first = ERR_peek_error_all(NULL, NULL, NULL, &data, &flags);

    if (!ERR_SYSTEM_ERROR(first) || !(flags & ERR_TXT_STRING))
        return false;
    ERR_error_string_n(first, line, sizeof line); /* its reason alone is not to be had: NULL */
    words = strrchr(line, ':');
    snprintf(text, size, "%.300s: %s", data, words ? words + 1 : line);
    return true;
}

static int queue_fault(char *text, size_t size, bool handshaking)
{
    unsigned long error = ERR_peek_last_error();
    const char *words = NULL;
    int code = reason_code(error, handshaking);

    if (tell_file(text, size)) {
        ERR_clear_error();
        return code;
    }
    if (ERR_GET_LIB(error) == ERR_LIB_SSL)
        words = sentence(ERR_GET_REASON(error));
    else
        words = load_sentence(ERR_GET_LIB(error), ERR_GET_REASON(error));
    if (ran_out_of_memory())
        code = RNL_ENOMEM;
    if (!words)
        words = error ? ERR_reason_error_string(error) : "no reason was given";
    if (code == RNL_ENOMEM)
        words = "out of memory";
    else if (code == RNL_ENOTTLS && ERR_GET_REASON(error) != SSL_R_HTTP_REQUEST)
        words = "the peer does not speak TLS";
    snprintf(text, size, "%s", words ? words : "an unknown error of OpenSSL's");
    return code;
}

int rnli_tls_queue_fault(char *text, size_t size)
{
    return queue_fault(text, size, false);
}

int rnli_tls_fault(struct rnli_tls_engine *e, int ssl_error)
{
    char *text = e->filter.detail;
    size_t size = sizeof e->filter.detail;
    long verdict = SSL_get_verify_result(e->ssl);
    unsigned long last = ERR_peek_last_error();

    (void)ssl_error;
    if (verdict != X509_V_OK && ERR_GET_LIB(last) == ERR_LIB_SSL &&
        ERR_GET_REASON(last) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        ERR_clear_error();
        return certificate_fault(e, verdict, text, size);
    }
    return queue_fault(text, size, !e->filter.started);
}
