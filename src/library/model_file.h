/* model_file: the part of a checkpoint file that is the trained model, read from a file that may
 * come from anywhere. The format stands in run/checkpoint, which writes it.
 *
 * A file is believed in this order: its seal, that is the XXH3 of all its bytes at its end; then
 * its structure (formats/h5reader); that its step is the one of its name, where that names one;
 * then every shape, before memory is taken on the word of any; and the hash of the weights, and
 * that all are finite, before they are used. What fails is DP_ERR_INPUT and names the file.
 */
#ifndef DP_LIBRARY_MODEL_FILE_H
#define DP_LIBRARY_MODEL_FILE_H

#include "data/sha256.h"
#include "data/vocabulary.h"
#include "formats/file_kind.h"
#include "formats/h5reader.h"
#include "model/optimizer.h"

#define DP_MODEL_FILE_VERSION 2
#define DP_MODEL_FILE_VERSION_WITHOUT_STATE 1 /* the oldest that is read */
#define DP_MODEL_FILE_CONTRACT_UNSAID 1 /* of files that do not name their numerics contract */
#define DP_MODEL_FILE_BUILD_SIZE 192
#define DP_OBJECT_SIZE 64 /* of a name like "/params/W1" */

/* Where a run stands. */
typedef struct dp_progress {
    uint64_t step;       /* steps done */
    uint64_t contract;   /* numerics contract that they were computed by: engine/build_info */
    double loss_sum;     /* of the batch losses since the last logging point */
    uint64_t loss_count; /* how many */
    double best_loss;    /* on dev */
    uint64_t best_step;  /* where it was seen; 0: nowhere yet */
    uint64_t evaluations_since_best;
} dp_progress;

/* Start with {0}. */
typedef struct dp_model_file {
    dp_h5reader reader;
    uint64_t version;
    dp_progress progress;
    uint64_t weights_hash;
    dp_unit unit;
    bool stream;
    dp_preparation preparation; /* of the text it was trained on */
    uint64_t block_size;
    char dataset_sha256[DP_SHA256_TEXT_SIZE];
    char build[DP_MODEL_FILE_BUILD_SIZE]; /* version, instruction set and BLAS that computed it */
    dp_text config;                       /* as it was written */
    dp_vocabulary vocabulary;
} dp_model_file;

/* Opens a file whose seal is right and reads all but the tensors. `path` is borrowed. Release with
 * dp_model_file_close, also after a failure. */
dp_status dp_model_file_open(dp_model_file *file, const char *path, dp_error *error) DP_CHECKED;
/* The same of bytes that are to become a file at `path`: they have no seal yet, and are borrowed.
 */
dp_status dp_model_file_open_image(dp_model_file *file, const void *image, size_t size,
                                   const char *path, dp_error *error) DP_CHECKED;
void dp_model_file_close(dp_model_file *file);

/* The shape of the model by its tensors, not split. Whether they fit together is for dp_params_
 * layout_init and for reading them to say. */
dp_status dp_model_file_shape(const dp_model_file *file, dp_model_shape *shape,
                              dp_error *error) DP_CHECKED;

/* Reads the tensors below a group, "/params", into a new slab of this layout. *slab is the
 * caller's, whether this succeeds or not: to be given back with dp_memory_free. */
dp_status dp_model_file_read_slab(const dp_model_file *file, const dp_params_layout *layout,
                                  const char *group, float **slab, dp_error *error) DP_CHECKED;
/* Lays out a model of this shape and reads its parameters, whose hash must be weights_hash, and
 * which must be finite. */
dp_status dp_model_file_read_params(const dp_model_file *file, dp_model_shape shape,
                                    dp_params_layout *layout, float **params,
                                    dp_error *error) DP_CHECKED;

/* The attribute that is a hash, "xxh3:...". */
dp_status dp_model_file_read_hash(const dp_h5reader *reader, const char *name, uint64_t *hash,
                                  dp_error *error) DP_CHECKED;

/* The shape that a tensor has in a file, and what it is called there: "/params/W1". */
dp_h5shape dp_model_file_tensor_shape(const dp_tensor *tensor);
void dp_model_file_tensor_object(const char *group, const dp_tensor *tensor,
                                 char object[DP_OBJECT_SIZE]);

/* What a slab of an optimizer's state is called there: "/optimizer/exp_avg". And the hash of a
 * state: the XXH3 of those of its slabs, `count` of them. */
void dp_model_file_slab_group(dp_optimizer_kind kind, size_t slab, char group[DP_OBJECT_SIZE]);
uint64_t dp_model_file_hash_state(const dp_params_layout *layout, const float *const *state,
                                  size_t count);

/* Reads the state of an optimizer of this kind, whose hash must be the one that the file tells.
 * state[i] are the caller's, whether this succeeds or not: to be given back with dp_memory_free. */
dp_status dp_model_file_read_state(const dp_model_file *file, const dp_params_layout *layout,
                                   dp_optimizer_kind kind, float *state[DP_OPTIMIZER_SLABS_MAX],
                                   dp_error *error) DP_CHECKED;

/* Replaces the file at path by an image of HDF5 and its seal: HDF5 does not mind what follows its
 * own part of a file. */
dp_status dp_model_file_write(const char *path, const void *image, size_t size,
                              dp_error *error) DP_CHECKED;

/* Whether its bytes are those that were written; DP_ERR_INPUT, DP_ERR_IO otherwise. What they mean
 * is not looked at. */
dp_status dp_model_file_check_seal(const char *path, dp_error *error) DP_CHECKED;

#endif
