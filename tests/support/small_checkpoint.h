/* small_checkpoint: a checkpoint of a tiny model with state, for tests in which calls fail. */
#ifndef DP_SUPPORT_SMALL_CHECKPOINT_H
#define DP_SUPPORT_SMALL_CHECKPOINT_H

#include "base/memory.h"
#include "expect.h"
#include "run/checkpoint.h"

static inline void fill_small_checkpoint(dp_checkpoint *checkpoint) {
    static const char *const tokens[] = {".", "a", "b"};
    dp_error error = {0};
    char *assignments[] = {"model.embedding_dim=2", "model.hidden_dim=3",
                           "train.optimizer=momentum"};
    dp_model_shape shape = {.vocab = 3, .block_size = 2, .embedding_dim = 2, .hidden_dim = 3};
    expect_ok(dp_config_load(&checkpoint->config, NULL, 3, assignments, &error), &error);
    expect_ok(dp_vocabulary_init(&checkpoint->facts.vocabulary, tokens, 3, &error), &error);
    expect_ok(dp_params_layout_init(&checkpoint->layout, shape, &error), &error);
    checkpoint->params = dp_memory_zeroed(checkpoint->layout.length, sizeof(float), &error);
    assert_non_null(checkpoint->params);
    dp_params_init(&checkpoint->layout, DP_INIT_NORMAL, 1, checkpoint->params);
    checkpoint->state[0] = dp_memory_zeroed(checkpoint->layout.length, sizeof(float), &error);
    assert_non_null(checkpoint->state[0]);
    checkpoint->facts.weights_hash = dp_params_hash(&checkpoint->layout, checkpoint->params);
    checkpoint->facts.block_size = 2;
}

#endif
