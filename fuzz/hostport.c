/* hostport.c: addresses and "host:port" against a second reading of the rules.
 *
 * The model splits where the library scans: it counts colons, cuts the text at
 * them, and judges each part by itself. Then everything that was accepted is
 * written, and what was written is read again. */
#include "fuzz.h"

#include <runnel/core.h>
#include <string.h>

typedef struct rnl_bytes text; /* a short name for what nearly all lines take */

static size_t find_byte(text t, int c)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.data[i] == c)
            return i;
    return t.len;
}

static size_t count_byte(text t, int c)
{
    size_t n = 0;

    for (size_t i = 0; i < t.len; i++)
        n += t.data[i] == c;
    return n;
}

static text part(text t, size_t from, size_t to)
{
    text p = {t.data + from, to - from};

    return p;
}

static text after(text t, size_t from)
{
    return part(t, from < t.len ? from : t.len, t.len);
}

/* The value of a number in `base` of at most `digits` digits; -1: it is none. */
static int64_t number(text t, int base, size_t digits)
{
    static const char figures[] = "0123456789abcdef0123456789ABCDEF";
    int64_t value = 0;

    if (t.len == 0 || t.len > digits)
        return -1;
    for (size_t i = 0; i < t.len; i++) {
        const char *f = t.data[i] ? strchr(figures, t.data[i]) : NULL;

        if (!f || (f - figures) % 16 >= base)
            return -1;
        value = value * base + (f - figures) % 16;
    }
    return value;
}

/* A decimal number without leading zeros, at most `max`. */
static int64_t decimal(text t, int64_t max)
{
    int64_t value = number(t, 10, 10);

    if (t.len > 1 && t.data[0] == '0')
        return -1;
    return value > max ? -1 : value;
}

static bool model_ipv4(text t, unsigned char *ip)
{
    if (count_byte(t, '.') != 3)
        return false;
    for (int i = 0; i < 4; i++) {
        size_t dot = find_byte(t, '.');
        int64_t value = decimal(part(t, 0, dot), 255);

        if (value < 0)
            return false;
        ip[i] = (unsigned char)value;
        t = after(t, dot + 1);
    }
    return true;
}

/* Groups separated by single colons, the last perhaps IPv4. Answers how many
 * bytes they are; 99: wrong. An empty text is none. */
static size_t model_groups(text t, unsigned char *ip, bool last)
{
    size_t used = 0;

    if (t.len == 0)
        return 0;
    for (;;) {
        size_t colon = find_byte(t, ':');
        text one = part(t, 0, colon);
        int64_t value = number(one, 16, 4);

        if (last && colon == t.len && model_ipv4(one, ip + used))
            return used + 4;
        if (value < 0 || used > 14)
            return 99;
        ip[used++] = (unsigned char)(value >> 8);
        ip[used++] = (unsigned char)(value & 255);
        if (colon == t.len)
            return used;
        t = after(t, colon + 1);
    }
}

/* The place of the first "::"; the length if there is none. */
static size_t gap_place(text t)
{
    for (size_t i = 0; i + 1 < t.len; i++)
        if (t.data[i] == ':' && t.data[i + 1] == ':')
            return i;
    return t.len;
}

static bool model_ipv6(text t, unsigned char *ip)
{
    unsigned char head[20] = {0}, tail[20] = {0};
    size_t gap = gap_place(t), h, l;

    if (gap == t.len) {
        if (model_groups(t, head, true) != 16)
            return false;
        memcpy(ip, head, 16);
        return true;
    }
    h = model_groups(part(t, 0, gap), head, false);
    l = model_groups(after(t, gap + 2), tail, true);
    if (h + l > 14)
        return false;
    memset(ip, 0, 16);
    memcpy(ip, head, h);
    memcpy(ip + 16 - l, tail, l);
    return true;
}

static bool model_address(struct rnl_address *a, text t)
{
    size_t percent = find_byte(t, '%');

    memset(a, 0, sizeof *a);
    a->family = RNL_INET;
    if (count_byte(t, ':') == 0)
        return model_ipv4(t, a->ip);
    a->family = RNL_INET6;
    if (percent < t.len) {
        int64_t scope = decimal(after(t, percent + 1), UINT32_MAX);

        if (scope < 0)
            return false;
        a->scope_id = (uint32_t)scope;
    }
    return model_ipv6(part(t, 0, percent), a->ip);
}

static bool allowed(text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.data[i] <= ' ' || t.data[i] == 0x7f || t.data[i] == '[' || t.data[i] == ']')
            return false;
    return true;
}

/* -1: wrong; -2: no port. */
static int64_t model_hostport(text t, text *host)
{
    unsigned char ip[16];
    size_t end, percent;

    if (t.len == 0 || t.data[0] != '[') {
        end = find_byte(t, ':');
        *host = part(t, 0, end);
        if (!allowed(*host))
            return -1;
        return end == t.len ? -2 : decimal(after(t, end + 1), 65535);
    }
    end = find_byte(t, ']');
    if (end == t.len)
        return -1;
    *host = part(t, 1, end);
    percent = find_byte(*host, '%');
    if (!allowed(*host) || !model_ipv6(part(*host, 0, percent), ip) || percent + 1 == host->len)
        return -1;
    if (end + 1 == t.len)
        return -2;
    return t.data[end + 1] == ':' ? decimal(after(t, end + 2), 65535) : -1;
}

/* ---- Comparing --------------------------------------------------------- */

/* Also cut at every length, with nothing written behind the cut. */
static void check_format(const struct rnl_address *a)
{
    char whole[RNL_ADDRESS_TEXT_MAX], cut[RNL_ADDRESS_TEXT_MAX + 1];
    size_t len = rnl_address_format(a, whole, sizeof whole);

    CHECK(len < sizeof whole && strlen(whole) == len);
    for (size_t size = 0; size <= len + 1; size += 1 + len / 8) {
        cut[size] = '#';
        CHECK(rnl_address_format(a, cut, size) == len);
        CHECK(cut[size] == '#');
        CHECK(size == 0 || (strlen(cut) == size - 1 && fuzz_equal(cut, whole, size - 1)));
    }
}

static void check_back(const struct rnl_address *a)
{
    char buf[RNL_ADDRESS_TEXT_MAX];
    size_t len = rnl_address_format(a, buf, sizeof buf);
    struct rnl_address again;
    struct rnl_bytes host;
    uint16_t port = 1;

    CHECK(rnl_hostport_parse(buf, len, &host, &port) == RNL_OK);
    CHECK(port == a->port);
    CHECK(rnl_address_parse(&again, (const char *)host.data, host.len, port) == RNL_OK);
    CHECK(again.family == a->family && again.scope_id == a->scope_id);
    CHECK(fuzz_equal(again.ip, a->ip, 16));
}

static void check_address(text t, uint16_t port)
{
    struct rnl_address got, want;
    bool good = model_address(&want, t);

    memset(&got, 0x55, sizeof got);
    CHECK(rnl_address_parse(&got, (const char *)t.data, t.len, port) ==
          (good ? RNL_OK : RNL_EINVAL));
    if (!good)
        return;
    CHECK(got.family == want.family && got.port == port && got.path_len == 0);
    CHECK(got.scope_id == want.scope_id && fuzz_equal(got.ip, want.ip, 16));
    check_format(&got);
    check_back(&got);
}

static void check_hostport(text t)
{
    struct rnl_bytes want = {NULL, 0}, got = {NULL, 77};
    int64_t want_port = model_hostport(t, &want);
    uint16_t port = 4711;
    int rc = rnl_hostport_parse((const char *)t.data, t.len, &got, &port);

    CHECK(rc == (want_port == -1 ? RNL_EINVAL : RNL_OK));
    CHECK(port == (want_port < 0 ? 4711 : want_port));
    if (rc)
        CHECK(!got.data && got.len == 77);
    else
        CHECK(got.data == want.data && got.len == want.len);
}

static void check_path(text t)
{
    struct rnl_address a;

    memset(&a, 0, sizeof a);
    a.family = RNL_UNIX;
    a.path_len = t.len < sizeof a.path ? t.len : sizeof a.path;
    memcpy(a.path, t.data, a.path_len);
    check_format(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    text t = {data, size};
    static const struct rnl_address nothing;
    text host;

    fuzz_memory_reset();
    if (size == 0)
        t.data = (const uint8_t *)"";
    check_hostport(t);
    check_address(t, (uint16_t)(size * 257));
    if (model_hostport(t, &host) != -1)
        check_address(host, 80);
    check_path(t);
    check_format(&nothing);
    return 0;
}
