#include <runnel/base.h>
#include <stdio.h>
#include <string.h>

#include "support/suite.h"

static const int codes[] = {
    RNL_OK,           RNL_EAGAIN,       RNL_ECANCELED,   RNL_ETIMEDOUT,     RNL_EINCOMPLETE,
    RNL_ELIMIT,       RNL_EBUSY,        RNL_ECLOSED,     RNL_EINVAL,        RNL_ENOMEM,
    RNL_ENOBUFS,      RNL_ENOTSUP,      RNL_EDEADLOCK,   RNL_ETRUNCATED,    RNL_ELEFTOVER,
    RNL_ECONNREFUSED, RNL_ECONNRESET,   RNL_ECONNABORTED, RNL_EPIPE,        RNL_ENOTCONN,
    RNL_EADDRINUSE,   RNL_EADDRNOTAVAIL, RNL_ENETUNREACH, RNL_EHOSTUNREACH, RNL_ENETDOWN,
    RNL_EACCES,       RNL_EMFILE,       RNL_ENFILE,      RNL_ENOENT,        RNL_EEXIST,
    RNL_ENAMETOOLONG, RNL_ENOTSOCK,     RNL_EBADF,       RNL_EAFNOSUPPORT,  RNL_EPROTO,
    RNL_EIO,          RNL_EISCONN,      RNL_EINTR,       RNL_ERANGE,        RNL_ENONAME,
    RNL_ENAMEAGAIN,   RNL_ENAMEFAIL,    RNL_ETLS,        RNL_ECERT,         RNL_ECERTNAME,
    RNL_ENOTTLS,      RNL_ESYS,         RNL_EUSER,
};

#define COUNT (sizeof codes / sizeof *codes)

static void every_code(void)
{
    for (size_t i = 0; i < COUNT; i++) {
        const char *name = rnl_error_name(codes[i]);
        const char *text = rnl_strerror(codes[i]);

        CU_ASSERT_EQUAL(strncmp(name, "RNL_", 4), 0);
        CU_ASSERT_TRUE(strlen(text) > 3);
        for (size_t j = 0; j < i; j++) {
            CU_ASSERT_STRING_NOT_EQUAL(name, rnl_error_name(codes[j]));
            CU_ASSERT_STRING_NOT_EQUAL(text, rnl_strerror(codes[j]));
        }
    }
}

/* No number between has a name that this test does not know. */
static void no_other_code(void)
{
    size_t named = 0;

    for (int code = RNL_EUSER; code <= 100; code++)
        named += strcmp(rnl_error_name(code), "unknown") != 0;
    CU_ASSERT_EQUAL(named, COUNT);
    CU_ASSERT_STRING_EQUAL(rnl_strerror(-50), "unknown error");
    CU_ASSERT_STRING_EQUAL(rnl_strerror(1), "unknown error");
}

static void the_programs_own(void)
{
    CU_ASSERT_STRING_EQUAL(rnl_error_name(RNL_EUSER), "RNL_EUSER");
    CU_ASSERT_STRING_EQUAL(rnl_error_name(RNL_EUSER - 7), "RNL_EUSER");
    CU_ASSERT_STRING_EQUAL(rnl_error_name(RNL_EUSER + 1), "unknown");
}

static void names(void)
{
    CU_ASSERT_STRING_EQUAL(rnl_error_name(RNL_OK), "RNL_OK");
    CU_ASSERT_STRING_EQUAL(rnl_error_name(RNL_ECONNRESET), "RNL_ECONNRESET");
    CU_ASSERT_STRING_EQUAL(rnl_strerror(RNL_ECONNRESET), "connection reset by peer");
}

static void version(void)
{
    char text[32];

    snprintf(text, sizeof text, "%d.%d.%d", RNL_VERSION_MAJOR, RNL_VERSION_MINOR,
             RNL_VERSION_PATCH);
    CU_ASSERT_STRING_EQUAL(rnl_version(), text);
}

SUITE("error", {"P6 every code has a name and a text of its own", every_code},
      {"P6 no code is without a test", no_other_code},
      {"the program's own codes share a name", the_programs_own},
      {"names are the constants' spelling", names}, {"the version is the header's", version})
