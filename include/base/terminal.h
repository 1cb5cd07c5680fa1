/* terminal: whether a person watches standard output, and how much fits.
 *
 * mpirun gives its ranks a terminal of their own for standard output even where its own goes into a
 * file. So where this process was started by a launcher, what counts is the launcher's.
 */
#ifndef DP_BASE_TERMINAL_H
#define DP_BASE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct dp_terminal_size {
    size_t columns;
    size_t lines;
} dp_terminal_size;

/* Whether standard output ends at a terminal that understands cursor movements. */
bool dp_terminal_is_watched(void);

/* Of the terminal now, as it may have been resized; 80 x 24 where it does not tell. */
dp_terminal_size dp_terminal_get_size(void);

#endif
