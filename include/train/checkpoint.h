/* checkpoint: a training state in one HDF5 file.
 *
 * File format, version 1:
 *   attributes  format "dptrain-checkpoint", version, step, weights ("xxh3:<16 hex>",
 *               model/params), dataset_sha256, unit, block_size, build, loss_sum, loss_count,
 *               best_loss, best_step
 *   /config                     the resolved config (INI text)
 *   /vocab/tokens               [V] UTF-8, index = id
 *   /params/C, W1, b1, W2, b2   float32, the shapes of model/params
 *   /optimizer/name             "sgd"; it has no state
 * and behind what HDF5 reads a line "dptrain-seal xxh3:<16 hex>": the XXH3 of all bytes before it.
 *
 * A file is replaced as a whole (base/file), and checked as a whole before anything of it is used.
 * Not collective; the trainer calls it on rank 0.
 */
#ifndef DP_TRAIN_CHECKPOINT_H
#define DP_TRAIN_CHECKPOINT_H

#include "base/digest.h"
#include "data/dataset.h"
#include "model/params.h"
#include "train/build_info.h"
#include "train/config.h"

/* Where a run stands. */
typedef struct dp_progress {
    uint64_t step;       /* steps done */
    double loss_sum;     /* of the batch losses since the last logging point */
    uint64_t loss_count; /* how many */
    double best_loss;    /* on dev */
    uint64_t best_step;  /* where it was seen; 0: nowhere yet */
} dp_progress;

typedef struct dp_checkpoint {
    dp_progress progress;
    uint64_t weights_hash;
    dp_unit unit;
    uint64_t block_size;
    char dataset_sha256[DP_SHA256_TEXT_SIZE];
    char build[DP_BUILD_SIZE]; /* version, instruction set and BLAS that computed it */
    dp_config config;
    dp_vocabulary vocabulary;
    dp_params_layout layout;
    float *params; /* [layout.length] */
} dp_checkpoint;

/* Replaces the file at path. weights_hash must be that of params. */
dp_status dp_checkpoint_save(const dp_checkpoint *checkpoint, const char *path,
                             dp_error *error) DP_CHECKED;

/* Reads and verifies all of it: seal, shapes, weights hash. The vocabulary and params are then
 * owned by *checkpoint: release with dp_checkpoint_clear. On failure nothing is held. */
dp_status dp_checkpoint_load(dp_checkpoint *checkpoint, const char *path,
                             dp_error *error) DP_CHECKED;
void dp_checkpoint_clear(dp_checkpoint *checkpoint);

/* Whether the file ends as a checkpoint does, be it damaged or not. */
bool dp_checkpoint_has_seal(const char *path);

#endif
