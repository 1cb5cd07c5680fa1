/* embedding_figure: where tokens lie in the embedding table, as data and variables for gnuplot. */
#ifndef DP_PLOTS_EMBEDDING_FIGURE_H
#define DP_PLOTS_EMBEDDING_FIGURE_H

#include "plots/gnuplot.h"
#include "run/checkpoint.h"

/* "embedding": dimensions 0 and 1 of each token's row of C; or "embedding_pca": its first two
 * principal components. A vocabulary of few characters has each in its dot; of others those get a
 * label that find room for it, frequent ones first, as `counts` [vocab] says (NULL: in id order).
 * Of words only the most frequent are shown at all. The boundary token has a marker of its own.
 * `name` is the run's. The caller clears the figure, also after a failure. */
dp_status dp_figure_embedding(const char *name, const dp_checkpoint *checkpoint,
                              const uint64_t *counts, bool principal, dp_gnuplot_figure *figure,
                              dp_error *error) DP_CHECKED;

#endif
