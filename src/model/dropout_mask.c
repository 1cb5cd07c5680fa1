#include "model/dropout_mask.h"

#include <string.h>

static void reserve(dp_dropout_mask *mask, double rate, size_t rows, dp_workspace *room) {
    mask->draw.threshold = dp_dropout_threshold(rate);
    mask->scale = dp_dropout_scale(mask->draw.threshold);
    mask->bytes = dp_dropout_bytes(mask->elements);
    if (dp_dropout_mask_is_on(mask))
        DP_RESERVE_ROWS(room, mask->bits, rows + 1, mask->pieces * mask->bytes);
}

void dp_dropout_masks_reserve(dp_dropout_masks *masks, const dp_kernels *kernels,
                              const dp_dropout *dropout, const dp_model_shape *shape, size_t rows,
                              dp_workspace *room) {
    masks->features =
        (dp_dropout_mask){.kernels = kernels,
                          .draw = {.seed = dropout->seed, .stream = DP_STREAM_DROP_EMBEDDING},
                          .pieces = shape->block_size,
                          .elements = shape->embedding_dim};
    masks->hidden =
        (dp_dropout_mask){.kernels = kernels,
                          .draw = {.seed = dropout->seed, .stream = DP_STREAM_DROP_HIDDEN},
                          .pieces = 1,
                          .elements = shape->hidden_dim};
    reserve(&masks->features, dropout->embedding, rows, room);
    reserve(&masks->hidden, dropout->hidden, rows, room);
}

void dp_dropout_mask_draw(dp_dropout_mask *mask, size_t rows, uint64_t step, uint64_t first_row) {
    mask->draw.step = step;
    mask->draw.first_row = first_row;
    if (dp_dropout_mask_is_on(mask))
        mask->kernels->draw_masks(rows, mask->pieces * mask->bytes, &mask->draw, mask->bits);
}

/* Kernels go by whole vectors, which would reach into the next piece. */
static void apply_close(const dp_dropout_mask *mask, size_t pieces, float *x) {
    const uint8_t *bits = mask->bits;
    for (size_t piece = 0; piece < pieces; piece++, bits += mask->bytes, x += mask->elements) {
        for (size_t i = 0; i < mask->elements; i++)
            x[i] = (bits[i / 8] >> i % 8 & 1) != 0 ? mask->scale * x[i] : 0.0f;
    }
}

void dp_dropout_mask_apply(const dp_dropout_mask *mask, size_t rows, size_t ld, float *x) {
    if (!dp_dropout_mask_is_on(mask))
        return;
    if (ld % DP_KERNEL_LANES == 0)
        mask->kernels->drop(rows * mask->pieces, mask->elements, mask->bits, mask->bytes,
                            mask->scale, x, x, ld);
    else
        apply_close(mask, rows * mask->pieces, x);
}

const float *dp_dropout_mask_keep(const dp_dropout_mask *mask, size_t rows, size_t ld,
                                  const float *x, float *kept) {
    if (!dp_dropout_mask_is_on(mask))
        return x;
    memcpy(kept, x, rows * ld * sizeof *kept);
    dp_dropout_mask_apply(mask, rows, ld, kept);
    return kept;
}
