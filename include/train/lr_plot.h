/* lr_plot: the picture of a search for a learning rate, by gnuplot. */
#ifndef DP_TRAIN_LR_PLOT_H
#define DP_TRAIN_LR_PLOT_H

#include "train/lr_search.h"

/* Writes DIR/lrfind.gp, which draws DIR/lrfind.csv as DIR/lrfind.svg and DIR/lrfind.png, and runs
 * it. *drawn is false where gnuplot is missing or fails; data and script are then there to be drawn
 * later. Not collective; rank 0 calls it. */
dp_status dp_lr_plot_draw(const dp_lr_search *search, const char *dir, bool *drawn,
                          dp_error *error) DP_CHECKED;

#endif
