/* servers.c: scenarios of several connections, names and paths. */
#include "torture/kit.h"
#include "torture/scenarios.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/system.h"

static int greeted(struct rnl_reader *r)
{
    struct rnl_bytes line;
    int err;

    TRY(err, rnl_readline(r, &line));
    if (!err)
        check_text(&line, "hello\n");
    return err ? err : line.len == 6 ? RNL_OK : RNL_EINCOMPLETE;
}

static int one_client(void *arg)
{
    struct net *net = arg;
    struct rnl_reader *r = NULL;
    struct rnl_writer *w = NULL;
    int err = net_dial(net, NULL, &r, &w);

    if (!err)
        err = greeted(r);
    rnl_stream_free(r, w);
    return err;
}

int several_clients(void *arg)
{
    struct rnl_group *group;
    struct net net;
    int err = net_serve(&net, greet, NULL);

    (void)arg;
    if (!err)
        err = rnl_group_open(&group);
    if (!err) {
        for (int i = 0; i < 5 && !err; i++)
            err = rnl_group_spawn(group, one_client, &net, NULL);
        err = rnl_group_close(group, err);
    }
    net_close(&net);
    return err;
}

int one_after_the_other(void *arg)
{
    struct net net;
    int err = net_serve(&net, greet, NULL);

    (void)arg;
    for (int i = 0; i < 5 && !err; i++)
        err = one_client(&net);
    net_close(&net);
    return err;
}

static int end_clients(void (*end)(struct rnl_server *))
{
    struct net net;
    struct rnl_bytes bytes;
    int err = net_open(&net, echo, NULL);

    if (!err)
        err = rnl_write_str(net.w, "x");
    if (!err)
        TRY(err, rnl_readexactly(net.r, 1, &bytes));
    if (!err) {
        rnl_server_close(net.server);
        end(net.server);
        TRY(err, rnl_server_wait_closed(net.server));
    }
    if (!err)
        TRY(err, rnl_read(net.r, 1, &bytes));
    net_close(&net);
    return err == RNL_ECONNRESET ? RNL_OK : err;
}

int clients_closed(void *arg)
{
    (void)arg;
    return end_clients(rnl_server_close_clients);
}

int clients_aborted(void *arg)
{
    (void)arg;
    return end_clients(rnl_server_abort_clients);
}

static int forever(void *arg)
{
    return rnl_server_serve_forever(arg);
}

int served_for_ever(void *arg)
{
    struct rnl_task *task = NULL;
    struct net net;
    int err = net_serve(&net, greet, NULL), result = RNL_OK;

    (void)arg;
    if (!err)
        err = rnl_task_spawn(&task, forever, net.server, NULL);
    if (!err)
        err = one_client(&net);
    if (task) {
        int joined;

        (void)rnl_task_cancel(task);
        TRY(joined, rnl_task_join(task, &result));
        if (!joined && result != RNL_ECANCELED && result > 0)
            torture_wrong("serve_forever ended well");
        rnl_task_free(task);
    }
    net_close(&net);
    return err;
}

int serving_later(void *arg)
{
    struct rnl_server_options o = RNL_SERVER_OPTIONS_INIT;
    struct net net;
    int err;

    (void)arg;
    o.start_serving = RNL_NO;
    err = net_serve(&net, greet, &o);
    if (!err && rnl_server_is_serving(net.server))
        torture_wrong("it serves though it should not");
    if (!err)
        err = rnl_server_start_serving(net.server);
    if (!err)
        err = one_client(&net);
    net_close(&net);
    return err;
}

static int fail(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    (void)reader;
    (void)writer;
    (void)arg;
    return RNL_EUSER;
}

int failing_handler(void *arg)
{
    struct net net;
    struct rnl_bytes bytes;
    int err = net_open(&net, fail, NULL);

    (void)arg;
    if (!err)
        TRY(err, rnl_read(net.r, 1, &bytes));
    if (!err && bytes.len > 0)
        torture_wrong("bytes of a handler that wrote none");
    net_close(&net);
    return err == RNL_ECONNRESET ? RNL_OK : err;
}

/* ---- A pair that is handed on ------------------------------------------- */

struct gift {
    struct rnl_reader *r;
    struct rnl_writer *w;
};

static struct rnl_queue *gifts;

static int hand_on(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    static struct gift gift;

    (void)arg;
    if (!gifts || rnl_queue_count(gifts) > 0) /* too late, or one too many */
        return RNL_OK;
    gift.r = reader;
    gift.w = writer;
    if (rnl_queue_try_put(gifts, &gift))
        return RNL_ENOMEM;
    return rnl_stream_keep(reader, writer);
}

static int take_gift(struct net *net)
{
    struct gift *gift;
    void *item;
    int err;

    TRY(err, rnl_queue_get(gifts, &item));
    if (err)
        return err;
    gift = item;
    err = rnl_write_str(gift->w, "hello\n");
    if (!err)
        TRY(err, rnl_drain(gift->w));
    if (!err) {
        rnl_close(gift->w);
        TRY(err, rnl_wait_closed(gift->w));
    }
    rnl_stream_free(gift->r, gift->w);
    return err ? err : greeted(net->r);
}

int handed_on(void *arg)
{
    struct rnl_timeout limit;
    struct net net;
    int err = rnl_queue_open(&gifts, 0);

    (void)arg;
    if (err)
        return err;
    err = net_serve(&net, hand_on, NULL);
    if (!err) /* once: a connect that is repeated is a second gift */
        err = net_dial_once(&net, NULL, &net.r, &net.w);
    if (!err) /* a connection may never be accepted */
        err = rnl_timeout_begin(&limit, RNL_SECOND);
    if (!err) {
        err = rnl_timeout_end(&limit, take_gift(&net));
    }
    net_close(&net);
    if (rnl_queue_count(gifts) > 0) {
        struct gift *gift;
        void *item;

        if (rnl_queue_try_get(gifts, &item) == RNL_OK) {
            gift = item;
            rnl_stream_free(gift->r, gift->w);
        }
    }
    rnl_queue_free(gifts);
    gifts = NULL;
    return err;
}

/* ---- A proxy ----------------------------------------------------------- */

static struct net *behind;

static int copy(struct rnl_reader *r, struct rnl_writer *w)
{
    struct rnl_bytes bytes;
    int err;

    while ((err = rnl_read(r, 2000, &bytes)) == RNL_OK && bytes.len > 0) {
        err = rnl_write(w, bytes.data, bytes.len);
        if (!err)
            err = rnl_drain(w);
        if (err)
            break;
    }
    return err;
}

static int proxy(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_reader *r = NULL;
    struct rnl_writer *w = NULL;
    int err = net_dial(behind, NULL, &r, &w);

    (void)arg;
    (void)reader;
    if (!err)
        err = copy(r, writer);
    rnl_stream_free(r, w);
    return err;
}

int through_a_proxy(void *arg)
{
    struct net back, front = {.server = NULL};
    int err = net_serve(&back, pour, NULL);

    (void)arg;
    behind = &back;
    if (!err)
        err = net_open(&front, proxy, NULL);
    if (!err)
        err = get_bytes(front.r, POURED);
    net_close(&front);
    net_close(&back);
    return err;
}

/* ---- Names, addresses, paths -------------------------------------------- */

int refused(void *arg)
{
    struct net net;
    struct rnl_reader *r = NULL;
    struct rnl_writer *w = NULL;
    int err = net_serve(&net, greet, NULL);

    (void)arg;
    if (!err) {
        rnl_server_close(net.server);
        TRY(err, rnl_server_wait_closed(net.server));
    }
    if (!err) {
        err = net_dial(&net, NULL, &r, &w);
        if (err == RNL_OK)
            torture_wrong("connected to nobody");
        err = err == RNL_ECONNREFUSED || err == RNL_ENOENT ? RNL_OK : err;
    }
    net_close(&net);
    return err;
}

int by_name(void *arg)
{
    struct rnl_server *server = NULL;
    struct rnl_reader *r = NULL;
    struct rnl_writer *w = NULL;
    struct rnl_address address;
    int err;

    (void)arg;
    TRY(err, rnl_start_server(greet, NULL, "localhost", 0, NULL, &server));
    if (!err)
        err = rnl_server_address(server, 0, &address);
    if (!err)
        TRY(err, rnl_open_connection("localhost", address.port, NULL, &r, &w));
    if (!err)
        err = greeted(r);
    rnl_stream_free(r, w);
    rnl_server_free(server);
    return err;
}

int every_interface(void *arg)
{
    struct rnl_server_options o = RNL_SERVER_OPTIONS_INIT;
    struct rnl_server *server = NULL;
    struct rnl_reader *r = NULL;
    struct rnl_writer *w = NULL;
    struct rnl_address address;
    int err;

    (void)arg;
    o.same_port = RNL_YES;
    TRY(err, rnl_start_server(greet, NULL, NULL, 0, &o, &server));
    if (!err)
        err = rnl_server_address(server, 0, &address);
    if (!err)
        TRY(err, rnl_open_connection("127.0.0.1", address.port, NULL, &r, &w));
    if (!err)
        err = greeted(r);
    rnl_stream_free(r, w);
    rnl_server_free(server);
    return err;
}

int from_an_address(void *arg)
{
    struct rnl_connect_options o = RNL_CONNECT_OPTIONS_INIT;
    struct net net;
    int err = net_serve(&net, greet, NULL);

    (void)arg;
    o.local_host = "127.0.0.1";
    if (!err)
        err = net_dial(&net, &o, &net.r, &net.w);
    if (!err)
        err = greeted(net.r);
    net_close(&net);
    return err;
}

int at_a_path(void *arg)
{
    struct rnl_server *first = NULL, *second = NULL;
    struct rnl_reader *r = NULL;
    struct rnl_writer *w = NULL;
    char path[80];
    int err, other;

    (void)arg;
    snprintf(path, sizeof path, "/tmp/runnel-torture-%ld", (long)getpid());
    TRY(err, rnl_start_unix_server(greet, NULL, path, RNL_ALL, NULL, &first));
    if (!err) {
        TRY(other, rnl_start_unix_server(greet, NULL, path, RNL_ALL, NULL, &second));
        if (!other)
            rnl_server_free(second); /* a probe that failed for want of memory may say so */
        TRY(err, rnl_open_unix_connection(path, RNL_ALL, NULL, &r, &w));
    }
    if (!err)
        err = greeted(r);
    rnl_stream_free(r, w);
    rnl_server_free(first);
    unlink(path);
    return err;
}

int of_a_socket(void *arg)
{
    struct rnl_reader *r = NULL;
    struct rnl_writer *w = NULL;
    struct rnl_bytes bytes;
    int fds[2], err;

    (void)arg;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        return RNL_EMFILE;
    TRY(err, rnl_open_connection_socket(fds[0], NULL, &r, &w));
    if (err) {
        close(fds[0]);
        close(fds[1]);
        return err;
    }
    if (write(fds[1], "hello\n", 6) == 6)
        TRY(err, rnl_readline(r, &bytes));
    if (!err)
        check_text(&bytes, "hello\n");
    rnl_stream_free(r, w);
    close(fds[1]);
    return err;
}

int many_at_once(void *arg)
{
    enum { COUNT = 20 };
    struct rnl_reader *r[COUNT] = {NULL};
    struct rnl_writer *w[COUNT] = {NULL};
    struct net net;
    int err = net_serve(&net, echo, NULL);

    (void)arg;
    for (int i = 0; i < COUNT && !err; i++)
        err = net_dial(&net, NULL, &r[i], &w[i]);
    for (int i = 0; i < COUNT && !err; i++)
        err = rnl_write_str(w[i], "0");
    for (int i = 0; i < COUNT && !err; i++) {
        struct rnl_bytes bytes;

        TRY(err, rnl_readexactly(r[i], 1, &bytes));
        if (!err)
            check_bytes(&bytes, 0);
    }
    for (int i = 0; i < COUNT; i++)
        rnl_stream_free(r[i], w[i]);
    net_close(&net);
    return err;
}
