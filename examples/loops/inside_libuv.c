/* inside_libuv: Runnel's tasks in a program whose loop is libuv's. */
#include <runnel.h>
#include <stdio.h>
#include <uv.h>

#include "conversation.h"

static struct rnl_loop *loop;
static uv_poll_t poll_handle;
static uv_timer_t timer;

/* After each step, and after anything else that wakes a task. */
static void on_time(uv_timer_t *handle);

static void wait_again(void)
{
    int64_t rest = rnl_loop_wait_time(loop);

    uv_timer_stop(&timer);
    if (rest != RNL_OFF)
        uv_timer_start(&timer, on_time, (uint64_t)((rest + RNL_MILLISECOND - 1) / RNL_MILLISECOND), 0);
}

static void step(void)
{
    rnl_loop_step(loop);
    if (rnl_loop_tasks(loop) > 0) {
        wait_again();
        return;
    }
    uv_close((uv_handle_t *)&poll_handle, NULL);
    uv_close((uv_handle_t *)&timer, NULL);
}

static void on_time(uv_timer_t *handle)
{
    (void)handle;
    step();
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)handle;
    (void)status;
    (void)events;
    step();
}

int main(void)
{
    int result = RNL_ESYS;

    if (rnl_loop_open(&loop, NULL))
        return 1;
    rnl_task_spawn(NULL, conversation, &result, NULL);
    uv_timer_init(uv_default_loop(), &timer);
    uv_poll_init(uv_default_loop(), &poll_handle, (int)rnl_loop_descriptor(loop));
    uv_poll_start(&poll_handle, UV_READABLE, on_readable);
    wait_again();
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    uv_loop_close(uv_default_loop());
    rnl_loop_close(loop);
    return result != RNL_OK;
}
