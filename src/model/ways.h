/* ways: by which of several ways a model is computed.
 *
 * Ways differ in time and, as they add in another order, in the last bits of a result. So which one
 * is taken is a part of the result: it depends on the config and the shape of the model alone,
 * never on ranks, processor or a clock. There are
 *
 *   - two for the output: the whole of it on every rank (model/model), or split into blocks of the
 *     vocabulary (model/wide_model), which reads and writes large matrices less often;
 *   - four for layer 1 where the output is whole, each of which shares more between rows than the
 * one before: what is shared costs less, and to find it costs more.
 *
 * Choices are made by what a step of one rank is estimated to take: how often it does what, times
 * what each of that takes. unit.ways holds them against what bench/ways.py has measured.
 */
#ifndef DP_MODEL_WAYS_H
#define DP_MODEL_WAYS_H

#include "model/params.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum dp_layer1 {
    DP_LAYER1_CHOSEN,           /* by dp_ways_choose */
    DP_LAYER1_BY_ROWS,          /* each row by itself */
    DP_LAYER1_FORWARD_BY_PAIRS, /* C[token] W1_i once for each (position, token) pair of a call */
    DP_LAYER1_BY_PAIRS,         /* and gradients once for each pair of a grain */
    DP_LAYER1_BY_CONTEXTS       /* and everything once for the rows of a grain with one context */
} dp_layer1;

typedef struct dp_ways {
    bool split;
    dp_layer1 layer1; /* where the output is not split */
} dp_ways;

/* A step, or the losses alone of some rows. */
typedef struct dp_ways_work {
    dp_model_shape shape; /* but for its `split` */
    size_t rows;
    size_t grains;
    bool updates_apart;  /* the gradient is written down, as the update is no plain descent */
    bool drops_features; /* by dropout */
    bool drops_hidden;
    bool forward_only;
} dp_ways_work;

/* Layer 1 never by a way that there is not for this work. */
dp_ways dp_ways_choose(const dp_ways_work *work);

/* The most that layer 1 can share in this work. */
dp_layer1 dp_ways_most_shared(const dp_ways_work *work);

/* Grains of so many rows that are computed at once: a power of two up to DP_KERNEL_GRAINS_MAX. */
size_t dp_ways_grains_at_once(size_t grain_rows);

#endif
