/* load.c: certificates and keys.
 *
 * A file and bytes go the same way: a BIO that PEM blocks are read from. A file
 * that is not there is RNL_ENOENT, one without what it should hold, or that cannot be
 * read, RNL_ECERT.
 * A key that is encrypted is never asked for at the terminal. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <limits.h>
#include <string.h>

#include "tls/load.h"

/* The BIO of a file or of bytes; *out NULL: neither is given. */
static int open_source(const char *file, const struct rnl_bytes *bytes, BIO **out)
{
    *out = NULL;
    if (file) {
        *out = BIO_new_file(file, "rb");
        if (!*out)
            return ERR_GET_REASON(ERR_peek_error()) == EACCES ? RNL_EACCES : RNL_ENOENT;
    } else if (bytes->len > 0) {
        if (bytes->len > INT_MAX)
            return RNL_EINVAL;
        *out = BIO_new_mem_buf(bytes->data, (int)bytes->len);
        if (!*out)
            return RNL_ENOMEM;
    }
    return RNL_OK;
}

/* A file may open and not be read: a directory, a disk that fails. To the PEM reader that is
 * an end like any other. */
static int close_source(BIO *bio, const char *file, int code)
{
    unsigned char byte;
    bool failed =
        BIO_read(bio, &byte, 1) <= 0 && ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_SYS_LIB;
    unsigned long error = 0;

    BIO_free(bio);
    if (!file || !failed)
        return code;
    do
        error = ERR_get_error();
    while (error && !ERR_SYSTEM_ERROR(error));
    ERR_clear_error();
    ERR_raise_data(ERR_LIB_SYS, ERR_GET_REASON(error), "reading %s", file);
    return RNL_ECERT;
}

/* No more PEM blocks is how a list ends; anything else is an error that stays. */
static bool at_end_of_pem(void)
{
    unsigned long error = ERR_peek_last_error();

    if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
        return false;
    ERR_clear_error();
    return true;
}

/* What was to be read held no block of the kind. */
static void say_if_nothing(int reason)
{
    unsigned long error = ERR_peek_last_error();

    if ((ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) ||
        (ERR_GET_LIB(error) == ERR_LIB_OSSL_DECODER && ERR_GET_REASON(error) == ERR_R_UNSUPPORTED))
        ERR_raise(ERR_LIB_SSL, reason);
}

static int no_password(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

struct asking {
    const struct rnl_tls_options *o;
    bool asked, answered;
};

static int ask_password(char *buf, int size, int writing, void *arg)
{
    struct asking *asking = arg;
    const struct rnl_tls_options *o = asking->o;
    int len = o->password ? o->password(o->password_user, buf, (size_t)size) : -1;

    (void)writing;
    asking->asked = true;
    asking->answered = len >= 0 && len <= size;
    return asking->answered ? len : -1;
}

/* ---- Who we are -------------------------------------------------------- */

static int use_chain(SSL_CTX *ctx, BIO *bio)
{
    X509 *cert = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL);
    int used;

    if (!cert) {
        say_if_nothing(SSL_R_NO_CERTIFICATE_ASSIGNED);
        return RNL_ECERT;
    }
    used = SSL_CTX_use_certificate(ctx, cert);
    X509_free(cert);
    if (!used)
        return RNL_ECERT;
    while ((cert = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL)
        if (!SSL_CTX_add0_chain_cert(ctx, cert)) {
            X509_free(cert);
            return RNL_ECERT;
        }
    return at_end_of_pem() ? RNL_OK : RNL_ECERT;
}

/* A key of another kind than the certificate's is kept for a certificate to come. */
static void say_if_strange(void)
{
    unsigned long error = ERR_peek_last_error();

    if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_NO_CERTIFICATE_ASSIGNED)
        ERR_raise(ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH);
}

static int use_key(SSL_CTX *ctx, BIO *bio, const struct rnl_tls_options *o)
{
    struct asking asking = {.o = o};
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, ask_password, &asking);
    int used;

    if (!key && asking.asked)
        ERR_raise(ERR_LIB_PEM, asking.answered ? PEM_R_BAD_DECRYPT : PEM_R_BAD_PASSWORD_READ);
    if (!key) {
        say_if_nothing(SSL_R_NO_PRIVATE_KEY_ASSIGNED);
        return RNL_ECERT;
    }
    used = SSL_CTX_use_PrivateKey(ctx, key) && SSL_CTX_check_private_key(ctx);
    EVP_PKEY_free(key);
    if (!used)
        say_if_strange();
    return used ? RNL_OK : RNL_ECERT;
}

static int load_key(SSL_CTX *ctx, const struct rnl_tls_options *o)
{
    bool own = o->key_file || o->key_data.len > 0;
    BIO *bio;
    int code = own ? open_source(o->key_file, &o->key_data, &bio)
                   : open_source(o->cert_file, &o->cert_data, &bio);

    if (code)
        return code;
    return close_source(bio, own ? o->key_file : o->cert_file, use_key(ctx, bio, o));
}

int rnli_tls_load_identity(SSL_CTX *ctx, const struct rnl_tls_options *o, bool needed)
{
    BIO *bio;
    int code = open_source(o->cert_file, &o->cert_data, &bio);

    if (code)
        return code;
    if (!bio)
        return needed || o->key_file || o->key_data.len > 0 ? RNL_EINVAL : RNL_OK;
    code = close_source(bio, o->cert_file, use_chain(ctx, bio));
    return code ? code : load_key(ctx, o);
}

/* ---- Whom we trust ----------------------------------------------------- */

static int trust_one(SSL_CTX *ctx, X509 *cert, bool server)
{
    if (!X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert))
        return RNL_ECERT;
    return !server || SSL_CTX_add_client_CA(ctx, cert) ? RNL_OK : RNL_ENOMEM;
}

static int trust_all(SSL_CTX *ctx, BIO *bio, bool server)
{
    int code = RNL_OK;
    X509 *cert;

    while (!code && (cert = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL)) != NULL) {
        code = trust_one(ctx, cert, server);
        X509_free(cert);
    }
    return code || at_end_of_pem() ? code : RNL_ECERT;
}

static int trust_source(SSL_CTX *ctx, const char *file, const struct rnl_bytes *bytes, bool server)
{
    BIO *bio;
    int code = open_source(file, bytes, &bio);

    if (code || !bio)
        return code;
    return close_source(bio, file, trust_all(ctx, bio, server));
}

static bool is_store_empty(SSL_CTX *ctx)
{
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx))) <= 0;
}

/* "5ed36f99.0": how OpenSSL finds a certificate in a directory. */
static bool is_hashed(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : path;

    return name && strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] >= '0' &&
           name[9] <= '9';
}

/* A directory is looked into when a certificate is wanted; until then all that can
 * be said is whether anything is in it that would be found. */
static bool is_dir_empty(const char *dir)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open(dir, NULL, NULL, NULL, NULL);
    bool empty = true;

    while (store && empty && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_NAME)
            empty = !is_hashed(OSSL_STORE_INFO_get0_NAME(info));
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    if (!empty)
        ERR_clear_error();
    return empty;
}

static int trusts_nobody(int reason)
{
    ERR_raise(ERR_LIB_X509, reason);
    return RNL_ECERT;
}

static int trust_system(SSL_CTX *ctx)
{
    const char *dir = NULL;
    int code = rnli_tls_trust_system(ctx, &dir);

    if (code)
        return code;
    ERR_clear_error(); /* a default file that is not there */
    return is_store_empty(ctx) && (!dir || is_dir_empty(dir))
               ? trusts_nobody(X509_R_NO_CERTIFICATE_FOUND)
               : RNL_OK;
}

int rnli_tls_load_trust(SSL_CTX *ctx, const struct rnl_tls_options *o, bool server)
{
    int code;

    if (!o->ca_file && !o->ca_dir && o->ca_data.len == 0)
        return server ? RNL_EINVAL : trust_system(ctx);
    code = trust_source(ctx, o->ca_file, &o->ca_data, server);
    if (!code && o->ca_file && o->ca_data.len > 0)
        code = trust_source(ctx, NULL, &o->ca_data, server);
    if (!code && o->ca_dir && !SSL_CTX_load_verify_dir(ctx, o->ca_dir))
        code = RNL_ENOENT;
    if (!code && is_store_empty(ctx) && (!o->ca_dir || is_dir_empty(o->ca_dir)))
        code = trusts_nobody(o->ca_dir ? X509_R_INVALID_DIRECTORY : X509_R_NO_CERTIFICATE_FOUND);
    return code;
}
