/* inside_glib: Runnel's tasks in a program whose loop is GLib's (GTK's). A GSource
 * asks for the time before each poll, so nothing has to be told to it. */
#include <glib.h>
#include <runnel.h>
#include <stdio.h>

#include "conversation.h"

struct runnel_source {
    GSource source;
    struct rnl_loop *loop;
    gpointer readable;
    GMainLoop *main_loop;
};

static gboolean prepare(GSource *source, gint *timeout_ms)
{
    int64_t rest = rnl_loop_wait_time(((struct runnel_source *)source)->loop);

    *timeout_ms = rest == RNL_OFF ? -1 : (gint)((rest + RNL_MILLISECOND - 1) / RNL_MILLISECOND);
    return rest == 0;
}

static gboolean check(GSource *source)
{
    struct runnel_source *s = (struct runnel_source *)source;

    return g_source_query_unix_fd(source, s->readable) != 0 || rnl_loop_wait_time(s->loop) == 0;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    struct runnel_source *s = (struct runnel_source *)source;

    (void)callback;
    (void)data;
    rnl_loop_step(s->loop);
    if (rnl_loop_tasks(s->loop) == 0)
        g_main_loop_quit(s->main_loop);
    return G_SOURCE_CONTINUE;
}

int main(void)
{
    static GSourceFuncs functions = {.prepare = prepare, .check = check, .dispatch = dispatch};
    struct runnel_source *s =
        (struct runnel_source *)g_source_new(&functions, sizeof(struct runnel_source));
    int result = RNL_ESYS;

    if (rnl_loop_open(&s->loop, NULL))
        return 1;
    rnl_task_spawn(NULL, conversation, &result, NULL);
    s->main_loop = g_main_loop_new(NULL, FALSE);
    s->readable = g_source_add_unix_fd(&s->source, (gint)rnl_loop_descriptor(s->loop), G_IO_IN);
    g_source_attach(&s->source, NULL);
    g_main_loop_run(s->main_loop);
    rnl_loop_close(s->loop);
    g_source_destroy(&s->source);
    g_main_loop_unref(s->main_loop);
    g_source_unref(&s->source);
    return result != RNL_OK;
}
