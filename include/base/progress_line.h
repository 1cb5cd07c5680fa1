/* progress_line: how far a long run has come, on one line of the terminal that is written over.
 *
 * Silent where standard error is not a terminal, so that logs stay clean.
 */
#ifndef DP_BASE_PROGRESS_LINE_H
#define DP_BASE_PROGRESS_LINE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct dp_progress_line {
    bool terminal;
    bool shown;      /* something stands on the line */
    double shown_at; /* dp_timer_now */
} dp_progress_line;

void dp_progress_line_init(dp_progress_line *line);
/* "reading  45%". Cheap enough to call often: at most ten times a second something is written. */
void dp_progress_line_show(dp_progress_line *line, const char *what, uint64_t done, uint64_t total);
/* Empties the line; what is printed next stands at its beginning. */
void dp_progress_line_clear(dp_progress_line *line);

#endif
