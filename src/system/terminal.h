/* terminal: whether somebody watches an output in a window, and how wide that is.
 *
 * mpirun gives its ranks terminals of their own and passes on what they write. Such a terminal has
 * the width that mpirun's output had at the start, and none where that was no window; it is not
 * told when the window changes. So the parent's output is asked, too, and the narrower counts.
 *
 * Some terminals tell no size (serial lines, `docker exec -t`, ssh from no terminal): they are
 * taken to be of COLUMNS by LINES of the environment, or else 80 by 24, as other tools do. One of
 * mpirun's without a size is no window, unless mpirun writes to such a terminal itself.
 */
#ifndef DP_SYSTEM_TERMINAL_H
#define DP_SYSTEM_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

typedef struct dp_terminal {
    int own;     /* the output's descriptor; -1: nobody watches */
    int parents; /* of the parent's output, opened by us; -1: it has none that could be asked */
} dp_terminal;

/* An output is taken for one that nobody watches where TERM is unset or "dumb". Release with
 * dp_terminal_close. */
void dp_terminal_open(dp_terminal *terminal, FILE *output);
void dp_terminal_close(dp_terminal *terminal);

typedef struct dp_terminal_size {
    size_t columns;
    size_t lines;
} dp_terminal_size;

/* The window's size now; 0 and 0 where nobody watches. */
dp_terminal_size dp_terminal_get_size(const dp_terminal *terminal);

/* Prints data, lines of any bytes: to a file or a pipe as they are, to a terminal as
 * dp_text_append_ shown_lines has them. */
void dp_terminal_print_data(FILE *output, const char *lines, size_t length);

/* Whether somebody watches an output, without keeping it open. */
bool dp_terminal_is_watched(FILE *output);

#endif
