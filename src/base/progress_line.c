#include "base/progress_line.h"

#include "base/timer.h"

#include <stdio.h>
#include <unistd.h>

void dp_progress_line_init(dp_progress_line *line) {
    *line = (dp_progress_line){.terminal = isatty(STDERR_FILENO) == 1};
}

void dp_progress_line_show(dp_progress_line *line, const char *what, uint64_t done,
                           uint64_t total) {
    const double interval = 0.1;
    if (!line->terminal || dp_timer_now() < line->shown_at + interval)
        return;
    fprintf(stderr, "\r%s %3.0f%%\033[K", what, 100.0 * (double)done / (double)total);
    fflush(stderr);
    line->shown_at = dp_timer_now();
    line->shown = true;
}

void dp_progress_line_clear(dp_progress_line *line) {
    if (line->shown)
        fputs("\r\033[K", stderr);
    line->shown = false;
}
