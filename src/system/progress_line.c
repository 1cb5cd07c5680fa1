#include "system/progress_line.h"

#include "base/size.h"
#include "base/timer.h"
#include "system/output.h"

#include <string.h>

#define INTERVAL 0.1 /* seconds between two writings */
#define BAR_MIN 6    /* characters; a shorter one says nothing */
#define BAR_MAX 40

void dp_progress_line_open(dp_progress_line *line, FILE *output) {
    *line = (dp_progress_line){.output = output};
    dp_terminal_open(&line->terminal, output);
    if (dp_terminal_get_size(&line->terminal).columns == 0) {
        dp_terminal_close(&line->terminal);
        line->output = NULL;
    }
}

void dp_progress_line_close(dp_progress_line *line) {
    dp_progress_line_erase(line);
    if (line->output != NULL)
        dp_terminal_close(&line->terminal);
    *line = (dp_progress_line){0};
}

/* How much of details has room: whole parts. */
static size_t fitting_length(const char *details, size_t room) {
    size_t length = strlen(details);
    while (length > room) {
        length--;
        while (length > 0 && strncmp(details + length, "  ", 2) != 0)
            length--;
    }
    return length;
}

/* Writes " [####----]" with `length` characters between the brackets. */
static void write_bar(uint64_t done, uint64_t total, int length, char *text) {
    static const char hashes[] = "########################################"; /* BAR_MAX */
    static const char dashes[] = "----------------------------------------";
    int full = total == 0 ? 0 : (int)((double)length * ((double)done / (double)total));
    full = full < length ? full : length;
    sprintf(text, " [%.*s%.*s]", full, hashes, length - full, dashes);
}

void dp_progress_line_format(uint64_t done, uint64_t total, const char *details, size_t *longest,
                             size_t width, char text[DP_PROGRESS_LINE_SIZE]) {
    const size_t frame = strlen(" []");
    size_t room = dp_size_min(width, DP_PROGRESS_LINE_SIZE);
    unsigned percent = total == 0 ? 0 : (unsigned)(100.0 * (double)done / (double)total);
    text[0] = '\0';
    room -= room > 0; /* the last column stays free, as some terminals wrap behind it */
    if (room < strlen("100%"))
        return;
    room -= (size_t)sprintf(text, "%3u%%", percent < 100 ? percent : 100);
    const size_t length = room > 1 ? fitting_length(details, room - 1) : 0;
    *longest = dp_size_max(*longest, length);
    room -= *longest + (*longest > 0);
    if (room >= BAR_MIN + frame)
        write_bar(done, total, (int)dp_size_min(room - frame, BAR_MAX), text + strlen(text));
    if (length > 0)
        sprintf(text + strlen(text), " %.*s", (int)length, details);
}

void dp_progress_line_show(dp_progress_line *line, uint64_t done, uint64_t total,
                           const char *details) {
    char text[DP_PROGRESS_LINE_SIZE];
    if (!dp_progress_line_is_due(line, dp_timer_now()))
        return;
    const size_t width = dp_terminal_get_size(&line->terminal).columns;
    line->longest = width == line->width ? line->longest : 0;
    line->width = width;
    dp_progress_line_format(done, total, details, &line->longest, width, text);
    fprintf(line->output, "\r\033[J%s\r", text);
    dp_output_flush(line->output);
    line->due = dp_timer_now() + INTERVAL;
    line->shown = true;
}

void dp_progress_line_erase(dp_progress_line *line) {
    if (line->shown) {
        fputs("\r\033[J", line->output);
        dp_output_flush(line->output);
    }
    line->shown = false;
}
