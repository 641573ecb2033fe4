/* address.c: addresses as text.
 *
 * Reading goes by a cursor over (text, length), so an embedded '\0' is just a
 * byte that no rule allows, and nothing is copied into a buffer that could be too
 * short: what does not fit the grammar to its last byte is refused, never cut.
 * (A name cut or read in two ways by two layers is how request forgery begins.)
 *
 *     IPv4     d.d.d.d, decimal, no leading zeros: "0x7f.1", "127.1" and "010.0.0.1"
 *              are read differently by different systems, so they are no literals
 *     IPv6     RFC 4291: eight groups, or fewer with one "::", the last two perhaps
 *              as IPv4; then perhaps "%" and the interface's number
 *
 * Writing follows RFC 5952, so that equal addresses have equal text. */
#include <runnel/core.h>

#include <string.h>

#include "core/rules.h"

struct cursor {
    const char *at, *end;
};

static struct cursor over(const char *text, size_t len)
{
    struct cursor in = {text, len ? text + len : text};

    return in;
}

static bool peek_is(const struct cursor *in, char c)
{
    return in->at < in->end && *in->at == c;
}

static bool skip(struct cursor *in, char c)
{
    if (!peek_is(in, c))
        return false;
    in->at++;
    return true;
}

/* The digit's value in `base`, or -1. */
static int digit(const struct cursor *in, int base)
{
    int c = in->at < in->end ? (unsigned char)*in->at : -1;
    int value = -1;

    if (c >= '0' && c <= '9')
        value = c - '0';
    else if (c >= 'a' && c <= 'f')
        value = c - 'a' + 10;
    else if (c >= 'A' && c <= 'F')
        value = c - 'A' + 10;
    return value < base ? value : -1;
}

/* ---- Reading ----------------------------------------------------------- */

/* A decimal number up to `max`, no leading zeros. */
static bool read_number(struct cursor *in, uint32_t max, uint32_t *out)
{
    const char *start = in->at;
    uint64_t value = 0;
    int d;

    for (; (d = digit(in, 10)) >= 0; in->at++) {
        if (in->at > start && value == 0)
            return false;
        value = value * 10 + (unsigned)d;
        if (value > max)
            return false;
    }
    *out = (uint32_t)value;
    return in->at > start;
}

static bool read_ipv4(struct cursor *in, unsigned char *ip)
{
    for (int i = 0; i < 4; i++) {
        uint32_t part;

        if (i > 0 && !skip(in, '.'))
            return false;
        if (!read_number(in, 255, &part))
            return false;
        ip[i] = (unsigned char)part;
    }
    return true;
}

static bool at_end_or_zone(const struct cursor *in)
{
    return in->at == in->end || *in->at == '%';
}

/* One to four hexadecimal digits. */
static bool read_group(struct cursor *in, unsigned char *ip)
{
    unsigned value = 0;
    int digits = 0, d;

    for (; (d = digit(in, 16)) >= 0; in->at++) {
        if (++digits > 4)
            return false;
        value = value * 16 + (unsigned)d;
    }
    ip[0] = (unsigned char)(value >> 8);
    ip[1] = (unsigned char)(value & 0xff);
    return digits > 0;
}

/* Reads groups up to the end, a "::" or a '%', from byte `used` of `ip` on.
 * Answers how many bytes are filled then; 0 for bad text. */
static size_t read_groups(struct cursor *in, unsigned char *ip, size_t used)
{
    for (;;) {
        struct cursor start = *in;

        if (used > 14 || !read_group(in, ip + used))
            return 0;
        if (peek_is(in, '.')) {
            *in = start;
            if (used > 12 || !read_ipv4(in, ip + used) || !at_end_or_zone(in))
                return 0;
            return used + 4;
        }
        used += 2;
        if (in->end - in->at >= 2 && in->at[0] == ':' && in->at[1] == ':')
            return used;
        if (!skip(in, ':'))
            return used;
    }
}

static bool skip_gap(struct cursor *in)
{
    return skip(in, ':') && skip(in, ':');
}

/* Reads an IPv6 address without its zone. */
static bool read_ipv6(struct cursor *in, unsigned char *ip)
{
    size_t head = 0, tail;

    memset(ip, 0, 16);
    if (!peek_is(in, ':')) {
        head = read_groups(in, ip, 0);
        if (head == 0)
            return false;
        if (at_end_or_zone(in))
            return head == 16;
    }
    if (!skip_gap(in))
        return false;
    if (at_end_or_zone(in))
        return head <= 14;
    tail = read_groups(in, ip, head);
    if (tail == 0 || tail > 14)
        return false;
    memmove(ip + 16 - (tail - head), ip + head, tail - head);
    memset(ip + head, 0, 16 - tail);
    return at_end_or_zone(in);
}

int rnl_address_parse(struct rnl_address *out, const char *text, size_t len, uint16_t port)
{
    struct cursor in = over(text, len);
    struct rnl_address a;
    bool good;

    RNLI_GIVEN(out);
    RNLI_GIVEN_IF(len, text);
    memset(&a, 0, sizeof a);
    a.port = port;
    if (len && memchr(text, ':', len)) {
        a.family = RNL_INET6;
        good = read_ipv6(&in, a.ip);
        if (good && skip(&in, '%'))
            good = read_number(&in, UINT32_MAX, &a.scope_id);
    } else {
        a.family = RNL_INET;
        good = read_ipv4(&in, a.ip);
    }
    if (!good || in.at < in.end)
        return RNL_EINVAL;
    *out = a;
    return RNL_OK;
}

/* Whether a byte may be in a host: no blank, control or bracket. What a name may
 * be made of is the resolver's business. */
static bool host_byte(char c)
{
    unsigned char u = (unsigned char)c;

    return u > ' ' && u != 0x7f && u != '[' && u != ']';
}

/* Skips the bytes of a host up to `stop` or the end. */
static bool skip_host(struct cursor *in, char stop)
{
    while (in->at < in->end && *in->at != stop) {
        if (!host_byte(*in->at))
            return false;
        in->at++;
    }
    return true;
}

/* What is between brackets: an IPv6 address, perhaps with a zone, which may be an
 * interface's name here. */
static bool bracketed(const char *text, const char *end)
{
    struct cursor in = {text, end};
    unsigned char ip[16];

    if (!read_ipv6(&in, ip))
        return false;
    return in.at == in.end || in.end - in.at > 1;
}

int rnl_hostport_parse(const char *text, size_t len, struct rnl_bytes *host, uint16_t *port)
{
    struct cursor in = over(text, len);
    const char *start, *end;
    uint32_t number;
    bool bracket;

    RNLI_GIVEN_IF(len, text);
    RNLI_GIVEN(host);
    RNLI_GIVEN(port);
    number = *port;
    bracket = skip(&in, '[');
    start = in.at;
    if (!skip_host(&in, bracket ? ']' : ':'))
        return RNL_EINVAL;
    end = in.at;
    if (bracket && (!skip(&in, ']') || !bracketed(start, end)))
        return RNL_EINVAL;
    if (skip(&in, ':') && !read_number(&in, UINT16_MAX, &number))
        return RNL_EINVAL;
    if (in.at < in.end)
        return RNL_EINVAL;
    host->data = (const unsigned char *)start;
    host->len = (size_t)(end - start);
    *port = (uint16_t)number;
    return RNL_OK;
}

/* ---- Writing ----------------------------------------------------------- */

/* Counts all, writes what fits. */
struct text {
    char *buf;
    size_t size, len;
};

static void put(struct text *out, char c)
{
    if (out->len + 1 < out->size)
        out->buf[out->len] = c;
    out->len++;
}

static void put_string(struct text *out, const char *s)
{
    while (*s)
        put(out, *s++);
}

/* At least `width` digits. */
static void put_number(struct text *out, uint32_t value, unsigned base, size_t width)
{
    char digits[10];
    size_t n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0 || n < width);
    while (n > 0)
        put(out, digits[--n]);
}

static void put_ipv4(struct text *out, const unsigned char *ip)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            put(out, '.');
        put_number(out, ip[i], 10, 1);
    }
}

static unsigned group(const unsigned char *ip, int i)
{
    return (unsigned)ip[2 * i] << 8 | ip[2 * i + 1];
}

/* The longest run of two or more zero groups among the first `groups`, the first
 * of several; *length is 0 if there is none. */
static int longest_gap(const unsigned char *ip, int groups, int *length)
{
    int best = 0, run = 0;

    *length = 0;
    for (int i = 0; i < groups; i++) {
        run = group(ip, i) == 0 ? run + 1 : 0;
        if (run > 1 && run > *length) {
            *length = run;
            best = i + 1 - run;
        }
    }
    return best;
}

static void put_ipv6(struct text *out, const unsigned char *ip)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool v4 = memcmp(ip, mapped, sizeof mapped) == 0;
    int groups = v4 ? 6 : 8, length;
    int gap = longest_gap(ip, groups, &length);

    for (int i = 0; i < groups; i++) {
        if (length > 0 && i == gap) {
            put_string(out, i == 0 ? "::" : ":");
            i += length - 1;
            continue;
        }
        put_number(out, group(ip, i), 16, 1);
        if (i < 7)
            put(out, ':');
    }
    if (v4)
        put_ipv4(out, ip + 12);
}

/* Bytes as they are, but controls and the backslash escaped. */
static void put_path(struct text *out, const char *path, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)path[i];

        if (c < ' ' || c == 0x7f) {
            put_string(out, "\\x");
            put_number(out, c, 16, 2);
        } else if (c == '\\') {
            put_string(out, "\\\\");
        } else {
            put(out, (char)c);
        }
    }
}

static void put_unix(struct text *out, const struct rnl_address *a)
{
    size_t len = a->path_len < sizeof a->path ? a->path_len : sizeof a->path;
    bool abstract = len > 0 && a->path[0] == '\0';

    if (len == 0)
        put_string(out, "unix:");
    if (abstract)
        put(out, '@');
    put_path(out, a->path + abstract, len - abstract);
}

static void put_inet6(struct text *out, const struct rnl_address *a)
{
    put(out, '[');
    put_ipv6(out, a->ip);
    if (a->scope_id) {
        put(out, '%');
        put_number(out, a->scope_id, 10, 1);
    }
    put(out, ']');
}

size_t rnl_address_format(const struct rnl_address *a, char *buf, size_t size)
{
    struct text out = {buf, size, 0};

    RNLI_GIVEN(a);
    RNLI_GIVEN_IF(size, buf);
    switch (a->family) {
    case RNL_INET:
        put_ipv4(&out, a->ip);
        break;
    case RNL_INET6:
        put_inet6(&out, a);
        break;
    case RNL_UNIX:
        put_unix(&out, a);
        break;
    default:
        put(&out, '-');
        break;
    }
    if (a->family == RNL_INET || a->family == RNL_INET6) {
        put(&out, ':');
        put_number(&out, a->port, 10, 1);
    }
    if (size > 0)
        buf[out.len < size ? out.len : size - 1] = '\0';
    return out.len;
}
