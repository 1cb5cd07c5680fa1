/* split_block: what a split engine does with blocks of the output, its own and those that it takes
 * from slower ranks of the node.
 *
 * All calls are collective, and come in this order in each step.
 */
#ifndef DP_ENGINE_SPLIT_BLOCK_H
#define DP_ENGINE_SPLIT_BLOCK_H

#include "engine/split_memory.h"

/* From `a`: the exponentials of all rows, block by block, and the maxima and sums of all ranks. */
void dp_split_exponentials(dp_split_engine *split);

/* The softmax over all blocks, from these. Returns the mean loss. */
double dp_split_normalise(dp_split_engine *split);

/* The gradients of all blocks, and the sum of their parts of that at `a`, which is then what `sums`
 * calls its parameters. Blocks are updated, but with clipping: their gradients are kept. With
 * clipping, and where the step is to be measured, the squares of their length are. */
void dp_split_gradients(dp_split_engine *split);

/* With clipping, once the factor is known: updates this rank's blocks from what was kept. */
void dp_split_update_kept(dp_split_engine *split);

#endif
