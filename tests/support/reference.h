/* reference: the model of model/model.h in double and in plain loops, to compare the kernels with.
 */
#ifndef DP_TESTS_REFERENCE_H
#define DP_TESTS_REFERENCE_H

#include "kernels/dropout.h"
#include "model/params.h"

/* The summed loss over rows of a model whose parameters are the doubles params[layout->length],
 * laid out as the float slab is. contexts [rows, block_size], targets [rows]. */
double reference_loss(const dp_params_layout *layout, const double *params, size_t rows,
                      const uint32_t *contexts, const uint32_t *targets);

/* The same with dropout, of rows [first_row, first_row + rows) of the batch of a step. */
double reference_loss_with_dropout(const dp_params_layout *layout, const double *params,
                                   size_t rows, const uint32_t *contexts, const uint32_t *targets,
                                   const dp_dropout *dropout, uint64_t step, uint64_t first_row);

/* Whether element `i` is kept, of the row and step of a draw: as kernels/dropout.h describes it. */
bool reference_keeps(const dp_dropout_draw *draw, uint64_t row, size_t i);

#endif
