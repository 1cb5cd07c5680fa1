/* lr_plot: the picture of a search for a learning rate, by gnuplot. */
#ifndef DP_EXAMINE_LR_PLOT_H
#define DP_EXAMINE_LR_PLOT_H

#include "examine/lr_search.h"

/* Draws DIR/lrfind.svg and DIR/lrfind.png from the script DIR/lrfind.gp, which stays. As
 * dp_gnuplot_draw: DP_ERR_IO where gnuplot is missing or fails, or files cannot be written. Not
 * collective; rank 0 calls it. */
dp_status dp_lr_plot_draw(const dp_lr_search *search, const char *dir, dp_error *error) DP_CHECKED;

#endif
