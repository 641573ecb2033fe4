/* Addresses as text, both ways. */
#include <runnel/core.h>
#include "support/suite.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static int parse(struct rnl_address *out, const char *text)
{
    return rnl_address_parse(out, text, strlen(text), 80);
}

static void format_is(const struct rnl_address *a, const char *want)
{
    char buf[RNL_ADDRESS_TEXT_MAX];

    CU_ASSERT_EQUAL(rnl_address_format(a, buf, sizeof buf), strlen(want));
    CU_ASSERT_STRING_EQUAL(buf, want);
}

/* What is read, and how RFC 5952 writes it. */
static void literals(void)
{
    static const struct {
        const char *text, *back;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1:80"},
        {"0.0.0.0", "0.0.0.0:80"},
        {"255.255.255.255", "255.255.255.255:80"},
        {"10.200.30.4", "10.200.30.4:80"},
        {"::", "[::]:80"},
        {"::1", "[::1]:80"},
        {"1::", "[1::]:80"},
        {"2001:db8::1", "[2001:db8::1]:80"},
        {"2001:DB8::00aB", "[2001:db8::ab]:80"},
        {"2001:0db8:0000:0000:0000:0000:0000:0001", "[2001:db8::1]:80"},
        {"2001:db8:0:1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]:80"},
        {"2001:0:0:1:0:0:0:1", "[2001:0:0:1::1]:80"},
        {"2001:db8:0:0:1:0:0:1", "[2001:db8::1:0:0:1]:80"},
        {"1:0:0:2:3:4:0:0", "[1::2:3:4:0:0]:80"},
        {"1:2:3:4:5:6:0:0", "[1:2:3:4:5:6::]:80"},
        {"1:2:3:4:5:6:7::", "[1:2:3:4:5:6:7:0]:80"},
        {"::2:3:4:5:6:7:8", "[0:2:3:4:5:6:7:8]:80"},
        {"1::3:4:5:6:7:8", "[1:0:3:4:5:6:7:8]:80"},
        {"0:0:0:0:0:0:0:0", "[::]:80"},
        {"::ffff:192.0.2.1", "[::ffff:192.0.2.1]:80"},
        {"::ffff:c000:0201", "[::ffff:192.0.2.1]:80"},
        {"0:0:0:0:0:ffff:192.0.2.1", "[::ffff:192.0.2.1]:80"},
        {"::ffff:0:0", "[::ffff:0.0.0.0]:80"},
        {"::192.0.2.1", "[::c000:201]:80"},
        {"64:ff9b::192.0.2.33", "[64:ff9b::c000:221]:80"},
        {"1:2:3:4:5:6:192.0.2.1", "[1:2:3:4:5:6:c000:201]:80"},
        {"fe80::1%3", "[fe80::1%3]:80"},
        {"fe80::1%0", "[fe80::1]:80"},
        {"fe80::%4294967295", "[fe80::%4294967295]:80"},
        {"::1.2.3.4%7", "[::102:304%7]:80"},
        {"1:2:3:4:5:6:7:8%9", "[1:2:3:4:5:6:7:8%9]:80"},
    };
    struct rnl_address a;

    for (size_t i = 0; i < COUNT(rows); i++) {
        CU_ASSERT_EQUAL(parse(&a, rows[i].text), RNL_OK);
        format_is(&a, rows[i].back);
    }
}

static void bytes_of_a_literal(void)
{
    static const unsigned char v6[16] = {0x20, 1, 0x0d, 0xb8, [14] = 0xab, [15] = 0xcd};
    struct rnl_address a;

    CU_ASSERT_EQUAL(rnl_address_parse(&a, "1.2.3.4", 7, 65535), RNL_OK);
    CU_ASSERT_EQUAL(a.family, RNL_INET);
    CU_ASSERT_EQUAL(a.port, 65535);
    CU_ASSERT_EQUAL(memcmp(a.ip, "\1\2\3\4\0\0\0\0\0\0\0\0\0\0\0", 16), 0);
    CU_ASSERT_EQUAL(a.scope_id, 0);
    CU_ASSERT_EQUAL(a.path_len, 0);
    CU_ASSERT_EQUAL(rnl_address_parse(&a, "2001:db8::abcd%12", 17, 1), RNL_OK);
    CU_ASSERT_EQUAL(a.family, RNL_INET6);
    CU_ASSERT_EQUAL(memcmp(a.ip, v6, 16), 0);
    CU_ASSERT_EQUAL(a.scope_id, 12);
}

static void no_literals(void)
{
    static const char *const rows[] = {
        "", " ", ".", "1", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5", ".1.2.3.4", "1..2.3",
        "256.0.0.1", "1.2.3.256", "1.2.3.999999999999999999999", "01.2.3.4", "1.2.3.00",
        "0x7f.1", "0x7f000001", "2130706433", "127.1", "0177.0.0.1", "1.2.3.4 ", " 1.2.3.4",
        "+1.2.3.4", "-1.2.3.4", "1.2.3.4%1", "1.2.3.4/8", "localhost", "a.b.c.d", "1.2.3.4a",
        ":", ":::", "1:", ":1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
        "1::2:3:4:5:6:7:8", "1::2::3", "1:::2", "::1::", "12345::", "::12345", "::g", "g::1",
        "::1 ", " ::1", "[::1]", "::1]", "::1.2.3", "::1.2.3.4.5", "::1.2.3.256", "1.2.3.4::",
        "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:1.2.3.4", "1.2.3.4:1:2:3:4:5:6",
        "::ffff:1.2.3.4::", "::ffff:01.2.3.4", "::1%", "::1%eth0", "::1%1%2", "::1%4294967296",
        "::1%99999999999999999999", "::1%-1", "::1%1 ", "::1%01", "%1", "1:2:3%1", "::1:1.2.3.4%",
        "fe80::1%0x3", "1::1234567.2.3.4", "1x::1", "1:2x",
    };
    struct rnl_address a, untouched;

    memset(&a, 0x77, sizeof a);
    untouched = a;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (parse(&a, rows[i]) != RNL_EINVAL)
            CU_FAIL("accepted what is no literal");
    CU_ASSERT_EQUAL(memcmp(&a, &untouched, sizeof a), 0);
    CU_ASSERT_EQUAL(rnl_address_parse(&a, NULL, 0, 1), RNL_EINVAL);
}

/* A byte behind a literal, or '\0' in it, is not overlooked. */
static void embedded_nul(void)
{
    struct rnl_address a;
    struct rnl_bytes host;
    uint16_t port = 7;

    CU_ASSERT_EQUAL(rnl_address_parse(&a, "127.0.0.1\0.evil", 15, 1), RNL_EINVAL);
    CU_ASSERT_EQUAL(rnl_address_parse(&a, "127.0.0.1\0", 10, 1), RNL_EINVAL);
    CU_ASSERT_EQUAL(rnl_address_parse(&a, "::1\0", 4, 1), RNL_EINVAL);
    CU_ASSERT_EQUAL(rnl_address_parse(&a, "::1%1\0", 6, 1), RNL_EINVAL);
    CU_ASSERT_EQUAL(rnl_address_parse(&a, "127.0.0.1x", 9, 1), RNL_OK);
    CU_ASSERT_EQUAL(rnl_hostport_parse("good.example\0.evil:80", 21, &host, &port), RNL_EINVAL);
    CU_ASSERT_EQUAL(rnl_hostport_parse("host:8\0", 7, &host, &port), RNL_EINVAL);
    CU_ASSERT_EQUAL(port, 7);
}

/* Every length about the limit of names: the view is whole, or nothing. */
static void long_hosts(void)
{
    static char text[400];
    struct rnl_address a;
    struct rnl_bytes host;
    uint16_t port;

    for (size_t len = 250; len <= 270; len++) {
        memset(text, 'a', sizeof text);
        memcpy(text + len, ":443", 4);
        CU_ASSERT_EQUAL(rnl_hostport_parse(text, len + 4, &host, &port), RNL_OK);
        CU_ASSERT_EQUAL(host.len, len);
        CU_ASSERT_PTR_EQUAL(host.data, (unsigned char *)text);
        CU_ASSERT_EQUAL(port, 443);
        CU_ASSERT_EQUAL(rnl_address_parse(&a, text, len, 1), RNL_EINVAL);
        memset(text, '1', sizeof text);
        memcpy(text + len - 8, ".1.1.1.1", 8);
        CU_ASSERT_EQUAL(rnl_address_parse(&a, text, len, 1), RNL_EINVAL);
        memset(text, '0', sizeof text);
        memcpy(text + len - 3, "::1", 3);
        CU_ASSERT_EQUAL(rnl_address_parse(&a, text, len, 1), RNL_EINVAL);
    }
}

static void host_and_port(void)
{
    static const struct {
        const char *text, *host;
        int port; /* -1: kept */
    } rows[] = {
        {"example.org:80", "example.org", 80},
        {"example.org", "example.org", -1},
        {"", "", -1},
        {":8080", "", 8080},
        {"127.0.0.1:1", "127.0.0.1", 1},
        {"[::1]:80", "::1", 80},
        {"[::1]", "::1", -1},
        {"[fe80::1%eth0]:443", "fe80::1%eth0", 443},
        {"[fe80::1%3]", "fe80::1%3", -1},
        {"[::ffff:1.2.3.4]:5", "::ffff:1.2.3.4", 5},
        {"h:0", "h", 0},
        {"h:65535", "h", 65535},
        {"b\xc3\xbc""cher.example:1", "b\xc3\xbc""cher.example", 1},
        {"0x7f.1:80", "0x7f.1", 80}, /* a name, for the resolver to refuse */
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rnl_bytes host = {NULL, 99};
        uint16_t port = 4711;
        int rc = rnl_hostport_parse(rows[i].text, strlen(rows[i].text), &host, &port);

        CU_ASSERT_EQUAL_FATAL(rc, RNL_OK);
        CU_ASSERT_EQUAL(host.len, strlen(rows[i].host));
        CU_ASSERT_EQUAL(memcmp(host.data, rows[i].host, host.len), 0);
        CU_ASSERT_EQUAL(port, rows[i].port < 0 ? 4711 : rows[i].port);
    }
}

static void no_host_and_port(void)
{
    static const char *const rows[] = {
        "host:", "host:x", "host:-1", "host:+1", "host: 1", "host:1 ", "host:65536", "host:080",
        "host:99999999999999999999", "host:1:2", "::1", "::1:80", "1:2:3:4:5:6:7:8", "[::1", "::1]",
        "[::1]80", "[::1]:", "[::1]:x", "[::1]:1x", "[]", "[]:80", "[host]:80", "[127.0.0.1]:80",
        "[::1%]:80", "[::1]]:80", "[[::1]]:80", "[::1:80", "ho st:80", " host", "host ", "h\tx:1",
        "h\nx", "h\x7f", "a[b", "a]b", "[::1%e h]:1", "[::1x]:1", "[", "]", "[:]:1",
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rnl_bytes host = {NULL, 99};
        uint16_t port = 4711;

        if (rnl_hostport_parse(rows[i], strlen(rows[i]), &host, &port) != RNL_EINVAL)
            CU_FAIL("accepted what is no host and port");
        CU_ASSERT_EQUAL(host.len, 99);
        CU_ASSERT_EQUAL(port, 4711);
    }
}

/* ---- Writing ----------------------------------------------------------- */

static struct rnl_address path(const char *bytes, size_t len)
{
    struct rnl_address a;

    memset(&a, 0, sizeof a);
    a.family = RNL_UNIX;
    a.path_len = len;
    memcpy(a.path, bytes, len);
    return a;
}

static void unix_paths(void)
{
    struct rnl_address a = path("/run/a b.sock", 13);

    format_is(&a, "/run/a b.sock");
    a = path("", 0);
    format_is(&a, "unix:");
    a = path("\0name\0x", 7);
    format_is(&a, "@name\\x00x");
    a = path("\0", 1);
    format_is(&a, "@");
    a = path("a\n\x1b[2J\x7f\\", 8);
    format_is(&a, "a\\x0a\\x1b[2J\\x7f\\\\");
    a = path("caf\xc3\xa9", 5);
    format_is(&a, "caf\xc3\xa9");
}

static void the_longest_text_fits(void)
{
    struct rnl_address a;
    char raw[sizeof a.path], buf[RNL_ADDRESS_TEXT_MAX];

    memset(raw, '\n', sizeof raw);
    a = path(raw, sizeof raw);
    CU_ASSERT_EQUAL(rnl_address_format(&a, buf, sizeof buf), 4 * sizeof raw);
    CU_ASSERT_EQUAL(strlen(buf), 4 * sizeof raw);
    raw[0] = '\0';
    a = path(raw, sizeof raw);
    CU_ASSERT(rnl_address_format(&a, buf, sizeof buf) < sizeof buf);
    a.path_len = SIZE_MAX; /* nobody's address: still no byte behind it is read */
    CU_ASSERT(rnl_address_format(&a, buf, sizeof buf) < sizeof buf);
}

static void no_address(void)
{
    struct rnl_address a;

    memset(&a, 0, sizeof a);
    format_is(&a, "-");
    a.family = (enum rnl_family)9;
    format_is(&a, "-");
}

/* Cut where the buffer ends, and the length tells. */
static void short_buffers(void)
{
    static const char want[] = "[2001:db8::1]:65535";
    struct rnl_address a;
    char buf[32];

    CU_ASSERT_EQUAL(rnl_address_parse(&a, "2001:db8::1", 11, 65535), RNL_OK);
    for (size_t size = 0; size <= sizeof want; size++) {
        memset(buf, '#', sizeof buf);
        CU_ASSERT_EQUAL(rnl_address_format(&a, buf, size), sizeof want - 1);
        if (size > 0) {
            CU_ASSERT_EQUAL(strlen(buf), size - 1);
            CU_ASSERT_EQUAL(memcmp(buf, want, size - 1), 0);
        }
        CU_ASSERT_EQUAL(buf[size], '#');
    }
    CU_ASSERT_EQUAL(rnl_address_format(&a, NULL, 0), sizeof want - 1);
}

/* Whatever 16 bytes are written is read back as the same 16 bytes. */
static void there_and_back(void)
{
    uint32_t dice = 7;

    for (int round = 0; round < 20000; round++) {
        struct rnl_address a, b;
        char buf[RNL_ADDRESS_TEXT_MAX];
        size_t len;

        memset(&a, 0, sizeof a);
        a.family = RNL_INET6;
        for (int i = 0; i < 16; i++) {
            dice = dice * 1664525 + 1013904223;
            a.ip[i] = (unsigned char)(dice >> 30 ? 0 : dice >> 16);
        }
        a.scope_id = dice & 1 ? dice : 0;
        rnl_address_format(&a, buf, sizeof buf);
        len = strlen(buf) - strlen("[]:0");
        CU_ASSERT_EQUAL(rnl_address_parse(&b, buf + 1, len, 0), RNL_OK);
        CU_ASSERT_EQUAL(memcmp(a.ip, b.ip, 16), 0);
        CU_ASSERT_EQUAL(a.scope_id, b.scope_id);
    }
}

SUITE("core.address",
      {"O4 literals, and as RFC 5952 writes them", literals},
      {"the bytes of a literal", bytes_of_a_literal},
      {"E12 what is no literal", no_literals},
      {"E12 an embedded NUL is not overlooked", embedded_nul},
      {"E12 hosts of 250 to 270 bytes are never cut", long_hosts},
      {"host and port", host_and_port},
      {"E12 what is no host and port", no_host_and_port},
      {"O1 Unix paths", unix_paths},
      {"the longest text fits", the_longest_text_fits},
      {"no address", no_address},
      {"short buffers", short_buffers},
      {"there and back", there_and_back})
