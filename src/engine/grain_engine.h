/* grain_engine: steps whose rows are shared among the ranks.
 *
 * The batch is cut into grains; each rank computes the gradients of its own (model/model),
 * parallel/exchange sums them in one tree, and each rank updates a slice of the parameters.
 */
#ifndef DP_ENGINE_GRAIN_ENGINE_H
#define DP_ENGINE_GRAIN_ENGINE_H

#include "engine/engine_kind.h"

/* For a layout that is not split. DP_ERR_INPUT: more ranks than grains, or a config that asks for
 * lazy updates of the embedding. */
extern const dp_engine_kind dp_grain_engine_kind;

#endif
