/* drawn_dataset: a dataset in memory whose steps draw the batches that a test wants; and parameters
 * and batches that tests/golden/make_golden.py draws in the same way. */
#ifndef DP_TESTS_DRAWN_DATASET_H
#define DP_TESTS_DRAWN_DATASET_H

#include "data/dataset.h"
#include "engine/config.h"
#include "model/params.h"

#include <string.h>

typedef struct drawn_dataset {
    dp_dataset dataset; /* only what rows are read from */
    dp_sampler sampler;
    uint64_t bad_ids;   /* that were read */
    uint32_t *contexts; /* [rows, block_size], of the caller */
    uint32_t *targets;  /* [rows] */
} drawn_dataset;

/* As many examples as an epoch of so many steps draws; *config is made to draw so. *self stays
 * where it is. */
static inline void drawn_dataset_begin(drawn_dataset *self, dp_config *config, uint64_t steps,
                                       size_t vocab, size_t block_size, uint32_t *contexts,
                                       uint32_t *targets) {
    config->sampling = DP_SAMPLING_EPOCH;
    *self = (drawn_dataset){.sampler = {.seed = config->seed,
                                        .batch_size = config->batch_size,
                                        .example_count = steps * config->batch_size,
                                        .sampling = config->sampling},
                            .contexts = contexts,
                            .targets = targets};
    const uint64_t rows = self->sampler.example_count;
    self->dataset = (dp_dataset){.info.block_size = block_size,
                                 .vocabulary.count = vocab,
                                 .weights[DP_SPLIT_TRAIN] = {.rows = rows, .examples = rows},
                                 .id_bytes = sizeof(uint32_t),
                                 .bad_ids = &self->bad_ids};
    self->dataset.tensors[DP_CONTEXTS(DP_SPLIT_TRAIN)] = (dp_id_tensor){
        .rows = rows, .columns = block_size, .data = (const unsigned char *)contexts};
    self->dataset.tensors[DP_TARGETS(DP_SPLIT_TRAIN)] =
        (dp_id_tensor){.rows = rows, .columns = 1, .data = (const unsigned char *)targets};
}

/* Row `row` of what `step` draws. */
static inline void drawn_dataset_put(drawn_dataset *self, uint64_t step, uint64_t row,
                                     const uint32_t *context, uint32_t target) {
    const uint64_t example = dp_sampler_draw(&self->sampler, step, row);
    const size_t block_size = self->dataset.info.block_size;
    memcpy(self->contexts + example * block_size, context, block_size * sizeof *context);
    self->targets[example] = target;
}

/* Integers that are the same in any language. */
static inline uint32_t golden_scramble(uint32_t n) {
    return n * 2654435761u;
}

static inline void golden_params(const dp_params_layout *layout, float *params) {
    for (uint32_t t = 0; t < DP_TENSOR_COUNT; t++) {
        for (uint32_t i = 0; i < dp_tensor_size(&layout->tensors[t]); i++)
            params[dp_tensor_index(&layout->tensors[t], i)] =
                (float)(golden_scramble(i + 40503 * t) >> 16) / 65536.0f - 0.5f;
    }
}

static inline uint32_t golden_token(uint32_t step, uint32_t row, uint32_t place) {
    return golden_scramble(7919 * step + 104729 * row + 1299709 * place + 17) >> 8;
}

static inline uint32_t golden_target(uint32_t step, uint32_t row) {
    return golden_scramble(15485863 * step + 32452843 * row + 5) >> 8;
}

#endif
