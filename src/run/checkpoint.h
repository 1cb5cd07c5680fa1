/* checkpoint: a training state in one HDF5 file. What of it is the model, library/model_file reads.
 *
 * File format, version 2:
 *   attributes          format "dptrain-checkpoint", version, contract (of the numerics,
 *                       engine/build_info; 1 where it is not there), step, weights ("xxh3:<16
 * hex>", model/params), state (the same of the optimizer's state), dataset_sha256, unit, stream (0
 * or 1, with unit "word"), packed_with, lowercase and normalize (of the dataset, where it has
 * them), block_size, build, loss_sum, loss_count, best_loss, best_step, evaluations_since_best
 *   /config             the resolved config (INI text)
 *   /vocab/tokens       [V] UTF-8, index = id
 *   /params/C, ...      float32, the shapes of model/params
 *   /optimizer/name     that of the config
 *   /optimizer/SLAB/C   as /params, for each slab of the optimizer's state (model/optimizer)
 * and behind what HDF5 reads a line "dptrain-seal xxh3:<16 hex>": the XXH3 of all bytes before it.
 *
 * Version 1, still read, is that of plain sgd: without state and evaluations_since_best.
 *
 * A file is replaced as a whole (system/file), and checked as a whole before anything of it is
 * used. Not collective; the trainer calls it on rank 0.
 */
#ifndef DP_RUN_CHECKPOINT_H
#define DP_RUN_CHECKPOINT_H

#include "engine/build_info.h"
#include "engine/config.h"
#include "library/model_file.h"

/* So many evaluations have found no better dev loss that the run ends before its last step. */
bool dp_progress_is_stopped_early(const dp_progress *progress, const dp_config *config);

typedef struct dp_checkpoint {
    dp_model_file facts; /* the file itself is closed; its config is the text of the one below */
    dp_config config;
    dp_params_layout layout;
    float *params;                        /* [layout.length] */
    float *state[DP_OPTIMIZER_SLABS_MAX]; /* the same each, as many as the config's optimizer has */
} dp_checkpoint;

/* Replaces the file at path. weights_hash must be that of params. */
dp_status dp_checkpoint_save(const dp_checkpoint *checkpoint, const char *path,
                             dp_error *error) DP_CHECKED;

/* Reads and verifies all of it: seal, shapes, hashes. The facts, params and state are then owned by
 * *checkpoint: release with dp_checkpoint_clear. On failure nothing is held. For those who do not
 * train on it goes without the optimizer's state, which takes the room of the parameters once or
 * twice more: state[] stays NULL, but its bytes are under the seal, so that damage there is an
 * error as well. */
dp_status dp_checkpoint_load(dp_checkpoint *checkpoint, const char *path, bool with_state,
                             dp_error *error) DP_CHECKED;
/* Collective: the same without state on all ranks, of which rank 0 reads it, so that its host alone
 * need have the file; `path` is rank 0's. Agreed on; to be cleared on every rank in any case. */
dp_status dp_checkpoint_load_on_all(dp_comm *comm, dp_checkpoint *checkpoint, const char *path,
                                    dp_error *error) DP_CHECKED;

void dp_checkpoint_clear(dp_checkpoint *checkpoint);

#endif
