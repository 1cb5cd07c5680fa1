/* dropout_mask: the masks of dropout for a place in the network, for some rows at a time
 * (kernels/dropout says what a mask is).
 *
 * Where the rate is 0 a mask is off: it holds nothing, and drawing and applying it do nothing.
 */
#ifndef DP_MODEL_DROPOUT_MASK_H
#define DP_MODEL_DROPOUT_MASK_H

#include "base/workspace.h"
#include "kernels/dropout.h"
#include "kernels/kernels.h"
#include "model/params.h"

typedef struct dp_dropout_mask {
    const dp_kernels *kernels;
    dp_dropout_draw draw; /* the last one; its threshold is 0: off */
    float scale;          /* of what is kept */
    size_t pieces;        /* of a row: the positions of a context, or 1 */
    size_t elements;      /* of a piece */
    size_t bytes;         /* of a piece */
    uint8_t *bits; /* [rows, pieces, bytes] and more, as kernels may read two bytes at a time;
                      NULL where off */
} dp_dropout_mask;

/* The two places of a network. */
typedef struct dp_dropout_masks {
    dp_dropout_mask features, hidden;
} dp_dropout_masks;

/* For up to `rows` rows; the bits come to lie in `room`. */
void dp_dropout_masks_reserve(dp_dropout_masks *masks, const dp_kernels *kernels,
                              const dp_dropout *dropout, const dp_model_shape *shape, size_t rows,
                              dp_workspace *room);

static inline bool dp_dropout_mask_is_on(const dp_dropout_mask *mask) {
    return mask->draw.threshold != 0;
}

/* The masks of the rows [first_row, first_row + rows) of the batch of this step. */
void dp_dropout_mask_draw(dp_dropout_mask *mask, size_t rows, uint64_t step, uint64_t first_row);

/* x [rows, pieces, elements], pieces ld floats apart, in place: what is kept is scaled, the rest 0.
 * Pieces are padded to whole lines, with 0, or lie close together. */
void dp_dropout_mask_apply(const dp_dropout_mask *mask, size_t rows, size_t ld, float *x);
/* What that makes of x, which stays as it is, in `kept`; x itself where the mask is off. A row is
 * one piece. */
const float *dp_dropout_mask_keep(const dp_dropout_mask *mask, size_t rows, size_t ld,
                                  const float *x, float *kept);

#endif
