/* sweep_view: what a sweep shows of itself while it runs.
 *
 * On a terminal rank 0 keeps a small table up to date: the trials that are being trained, how many
 * are done, the best so far. It looks at the board whenever its own trial reports, and while it
 * waits for the others. Elsewhere every group says a line when a trial of its ends.
 *
 * The board of a sweep has DP_SWEEP_CELLS cells: the queue, the number of ended trials, and for
 * each trial its state, step, and loss.
 */
#ifndef DP_SWEEP_SWEEP_VIEW_H
#define DP_SWEEP_SWEEP_VIEW_H

#include "parallel/comm.h"
#include "sweep/sweep.h"
#include "system/terminal.h"

#define DP_SWEEP_CELL_QUEUE 0
#define DP_SWEEP_CELL_ENDED 1
#define DP_SWEEP_CELLS(count) (2 + 3 * (count))

typedef struct dp_sweep_view {
    const dp_sweep_plan *plan;
    dp_comm_board *board;
    bool live;          /* this rank draws the table */
    bool plain;         /* lines instead, on all ranks */
    bool only_failures; /* of those; false, unless set after initialising */
    size_t lines;       /* of the table on the terminal */
    double drawn_at;    /* dp_timer_now */
    double started;
    dp_terminal terminal;
} dp_sweep_view;

/* `live` as on rank 0 and the same on all; `draws` on rank 0. Borrows plan and board. Closing
 * removes the table. */
void dp_sweep_view_init(dp_sweep_view *view, const dp_sweep_plan *plan, dp_comm_board *board,
                        bool live, bool draws);
void dp_sweep_view_close(dp_sweep_view *view);

/* A trial has begun, or has come to this step with this loss. */
void dp_sweep_view_progress(dp_sweep_view *view, size_t trial, uint64_t step, double loss);
/* A trial has ended; of one that is done the loss shown is that on dev. */
void dp_sweep_view_end(dp_sweep_view *view, size_t trial, const dp_sweep_outcome *outcome);

/* Draws the table anew where it is time. */
void dp_sweep_view_draw(dp_sweep_view *view);

#endif
