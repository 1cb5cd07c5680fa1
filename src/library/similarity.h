/* similarity: how alike the model takes tokens to be, by the angle of their embeddings. */
#ifndef DP_LIBRARY_SIMILARITY_H
#define DP_LIBRARY_SIMILARITY_H

#include "model/params.h"

/* cosines [vocab] of token `id`'s row of C with each row: c_i . c_id / (|c_i| |c_id|), in double. A
 * row of zeros has no direction: its cosine with any is 0. */
void dp_similarity_cosines(const dp_params_layout *layout, const float *params, uint32_t id,
                           double *cosines);

#endif
