/* report.c: the report hook. Never called from inside itself, and it cannot wait:
 * while it runs there is no current task. */
#include <stdio.h>

#include "task/loop.h"

void rnli_report(struct rnl_loop *loop, enum rnl_report_level level, int code, int64_t os_code,
                 const char *task, const char *what)
{
    struct rnl_report report = {sizeof report, level, code, os_code, what ? what : "", task, loop};
    struct rnl_task *current = loop->face.current;
    int budget = loop->face.budget;

    if (loop->reporting)
        return;
    loop->reporting = true;
    loop->face.current = NULL;
    loop->face.budget = 0;
    loop->report(loop->report_user, &report);
    loop->face.current = current;
    loop->face.budget = budget;
    loop->reporting = false;
}

void rnl_report_to_stderr(void *user, const struct rnl_report *report)
{
    static const char *const levels[] = {"", "error", "warning", "debug"};

    (void)user;
    if (report->level > RNL_REPORT_WARNING)
        return;
    fprintf(stderr, "runnel: %s: %s", levels[report->level], report->what);
    if (report->task && report->task[0])
        fprintf(stderr, " (task '%s')", report->task);
    if (report->code)
        fprintf(stderr, ": %s", rnl_strerror(report->code));
    if (report->os_code)
        fprintf(stderr, " [os %lld]", (long long)report->os_code);
    fputc('\n', stderr);
}
