#include "model/dropout_mask.h"

static void reserve(dp_dropout_mask *mask, double rate, size_t rows, dp_workspace *room) {
    mask->threshold = dp_dropout_threshold(rate);
    mask->scale = dp_dropout_scale(mask->threshold);
    mask->bytes = dp_dropout_bytes(mask->elements);
    if (dp_dropout_mask_is_on(mask))
        DP_RESERVE_ROWS(room, mask->bits, rows + 1, mask->pieces * mask->bytes);
}

void dp_dropout_masks_reserve(dp_dropout_masks *masks, const dp_dropout *dropout,
                              const dp_model_shape *shape, size_t rows, dp_workspace *room) {
    masks->features = (dp_dropout_mask){.seed = dropout->seed,
                                        .stream = DP_STREAM_DROP_EMBEDDING,
                                        .pieces = shape->block_size,
                                        .elements = shape->embedding_dim};
    masks->hidden = (dp_dropout_mask){.seed = dropout->seed,
                                      .stream = DP_STREAM_DROP_HIDDEN,
                                      .pieces = 1,
                                      .elements = shape->hidden_dim};
    reserve(&masks->features, dropout->embedding, rows, room);
    reserve(&masks->hidden, dropout->hidden, rows, room);
}

void dp_dropout_mask_draw(dp_dropout_mask *mask, const dp_kernels *kernels, size_t rows,
                          uint64_t step, uint64_t first_row) {
    if (!dp_dropout_mask_is_on(mask))
        return;
    const dp_dropout_draw draw = {.seed = mask->seed,
                                  .stream = mask->stream,
                                  .step = step,
                                  .first_row = first_row,
                                  .threshold = mask->threshold};
    kernels->draw_masks(rows, mask->pieces * mask->bytes, &draw, mask->bits);
}

void dp_dropout_mask_apply(const dp_dropout_mask *mask, const dp_kernels *kernels, size_t rows,
                           size_t ld, float *x) {
    if (dp_dropout_mask_is_on(mask))
        kernels->drop(rows * mask->pieces, mask->elements, mask->bits, mask->bytes, mask->scale, x,
                      x, ld);
}

void dp_dropout_mask_apply_close(const dp_dropout_mask *mask, size_t rows, float *x) {
    if (dp_dropout_mask_is_on(mask))
        dp_dropout_apply(rows * mask->pieces, mask->elements, mask->bits, mask->scale, x, x);
}
