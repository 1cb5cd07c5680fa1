/* progress_line: how far a long run has come, on one line of the terminal that is written over.
 *
 * Silent where nobody watches (system/terminal), so that logs stay clean. No colours. The cursor is
 * left at the line's beginning: where a window is made narrower, and the terminal breaks the line,
 * all of it lies behind the cursor and is erased by what comes next.
 */
#ifndef DP_SYSTEM_PROGRESS_LINE_H
#define DP_SYSTEM_PROGRESS_LINE_H

#include "system/terminal.h"

#include <stdbool.h>
#include <stdint.h>

/* Start with {0} or dp_progress_line_open; a zeroed one is silent. */
typedef struct dp_progress_line {
    FILE *output; /* NULL: silent */
    dp_terminal terminal;
    double due;            /* dp_timer_now() from which it may be written again */
    size_t width, longest; /* of the window, and of the details in it so far */
    bool shown;            /* something stands on the line */
} dp_progress_line;

/* `output` is borrowed. */
void dp_progress_line_open(dp_progress_line *line, FILE *output);
void dp_progress_line_close(dp_progress_line *line); /* erases it */

/* Whether it is time to write again, at most ten times a second; `now` is dp_timer_now(). Costs a
 * comparison. */
static inline bool dp_progress_line_is_due(const dp_progress_line *line, double now) {
    return line->output != NULL && now >= line->due;
}

/* Writes " 45% [#########-----------] details" to the window's width, where it is due. Details are
 * parts with two blanks between; those that do not fit are left out. The bar keeps its length, but
 * where details have become longer than they ever were. */
void dp_progress_line_show(dp_progress_line *line, uint64_t done, uint64_t total,
                           const char *details);

/* Empties the line; what is printed next stands at its beginning. */
void dp_progress_line_erase(dp_progress_line *line);

/* The text that is shown in a window of this many columns, at most width - 1 characters. *longest
 * is what the longest details so far had of them, 0 at first. */
#define DP_PROGRESS_LINE_SIZE 256
void dp_progress_line_format(uint64_t done, uint64_t total, const char *details, size_t *longest,
                             size_t width, char text[DP_PROGRESS_LINE_SIZE]);

#endif
