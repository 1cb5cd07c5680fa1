#include "run/checkpoint.h"

#include "base/digest.h"
#include "base/memory.h"
#include "data/vocabulary_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

_Static_assert(DP_MODEL_FILE_BUILD_SIZE == DP_BUILD_SIZE, "room for what a build says of itself");

bool dp_progress_is_stopped_early(const dp_progress *progress, const dp_config *config) {
    return config->eval_patience != 0 && progress->evaluations_since_best >= config->eval_patience;
}

static size_t slab_count(const dp_checkpoint *checkpoint) {
    return dp_optimizer_slabs(checkpoint->config.optimizer.kind);
}

static uint64_t hash_state(const dp_checkpoint *checkpoint) {
    return dp_model_file_hash_state(&checkpoint->layout, (const float *const *)checkpoint->state,
                                    slab_count(checkpoint));
}

/* --- saving --------------------------------------------------------------------------------- */

static dp_status write_attributes(const dp_checkpoint *checkpoint, dp_h5writer *file,
                                  dp_error *error) {
    const dp_progress *progress = &checkpoint->facts.progress;
    DP_TRY(dp_h5writer_text_attribute(file, "format", DP_MODEL_FILE_FORMAT, error));
    DP_TRY(dp_h5writer_unsigned_attribute(file, "version", DP_MODEL_FILE_VERSION, error));
    DP_TRY(dp_h5writer_unsigned_attribute(file, "contract", progress->contract, error));
    DP_TRY(dp_h5writer_unsigned_attribute(file, "step", progress->step, error));
    DP_TRY(dp_h5writer_text_attribute(file, "weights", DP_HASH_TEXT(checkpoint->facts.weights_hash),
                                      error));
    DP_TRY(dp_h5writer_text_attribute(file, "state", DP_HASH_TEXT(hash_state(checkpoint)), error));
    DP_TRY(dp_h5writer_text_attribute(file, "dataset_sha256", checkpoint->facts.dataset_sha256,
                                      error));
    DP_TRY(dp_unit_write(file, checkpoint->facts.unit, checkpoint->facts.stream, error));
    DP_TRY(dp_preparation_write(file, &checkpoint->facts.preparation, error));
    DP_TRY(dp_h5writer_unsigned_attribute(file, "block_size", checkpoint->facts.block_size, error));
    DP_TRY(dp_h5writer_text_attribute(file, "build", checkpoint->facts.build, error));
    DP_TRY(dp_h5writer_real_attribute(file, "loss_sum", progress->loss_sum, error));
    DP_TRY(dp_h5writer_unsigned_attribute(file, "loss_count", progress->loss_count, error));
    DP_TRY(dp_h5writer_real_attribute(file, "best_loss", progress->best_loss, error));
    DP_TRY(dp_h5writer_unsigned_attribute(file, "best_step", progress->best_step, error));
    return dp_h5writer_unsigned_attribute(file, "evaluations_since_best",
                                          progress->evaluations_since_best, error);
}

/* The tensors of a slab that is laid out as the parameters are. */
static dp_status write_slab(const dp_checkpoint *checkpoint, dp_h5writer *file, const char *group,
                            const float *slab, dp_error *error) {
    DP_OWNED(dp_memory_release) float *natural = NULL;
    char object[DP_OBJECT_SIZE];
    DP_TRY_NEW(natural, dp_params_largest_tensor(&checkpoint->layout));
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &checkpoint->layout.tensors[t];
        if (dp_tensor_size(tensor) == 0)
            continue;
        dp_model_file_tensor_object(group, tensor, object);
        dp_tensor_store(tensor, slab, natural);
        DP_TRY(
            dp_h5writer_floats(file, object, dp_model_file_tensor_shape(tensor), natural, error));
    }
    return DP_OK;
}

static dp_status write_optimizer(const dp_checkpoint *checkpoint, dp_h5writer *file,
                                 dp_error *error) {
    char group[DP_OBJECT_SIZE];
    DP_TRY(dp_h5writer_text(file, "/optimizer/name",
                            dp_optimizer_name(checkpoint->config.optimizer.kind), error));
    for (size_t slab = 0; slab < slab_count(checkpoint); slab++) {
        dp_model_file_slab_group(checkpoint->config.optimizer.kind, slab, group);
        DP_TRY(write_slab(checkpoint, file, group, checkpoint->state[slab], error));
    }
    return DP_OK;
}

static dp_status write_content(const dp_checkpoint *checkpoint, dp_h5writer *file,
                               dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text config = {0};
    dp_config_write(&checkpoint->config, &config);
    DP_TRY(dp_text_check(&config, error));
    DP_TRY(write_attributes(checkpoint, file, error));
    DP_TRY(dp_h5writer_text(file, "/config", dp_text_string(&config), error));
    DP_TRY(dp_vocabulary_write(&checkpoint->facts.vocabulary, file, error));
    DP_TRY(write_slab(checkpoint, file, "/params", checkpoint->params, error));
    return write_optimizer(checkpoint, file, error);
}

static dp_status make_image(const dp_checkpoint *checkpoint, const char *path, char **image,
                            size_t *size, dp_error *error) {
    dp_h5writer *file = NULL;
    dp_error later; /* of the close, when something failed before it */
    DP_TRY(dp_h5writer_create_in_memory(&file, path, error));
    dp_status status = write_content(checkpoint, file, error);
    if (status == DP_OK)
        status = dp_h5writer_image(file, image, size, error);
    const dp_status closed = dp_h5writer_close(file, status == DP_OK ? error : &later);
    return status == DP_OK ? closed : status;
}

dp_status dp_checkpoint_save(const dp_checkpoint *checkpoint, const char *path, dp_error *error) {
    DP_OWNED(dp_memory_release) char *image = NULL;
    size_t size = 0;
    DP_TRY(make_image(checkpoint, path, &image, &size, error));
    return dp_model_file_write(path, image, size, error);
}

/* --- loading -------------------------------------------------------------------------------- */

static dp_status read_optimizer(dp_checkpoint *checkpoint, dp_error *error) {
    const dp_model_file *file = &checkpoint->facts;
    DP_OWNED(dp_text_clear) dp_text name = {0};
    const char *path = file->reader.image.name;
    const char *configured = dp_optimizer_name(checkpoint->config.optimizer.kind);
    DP_TRY(dp_h5reader_text(&file->reader, "/optimizer/name", 64, &name, error));
    if (strcmp(dp_text_string(&name), configured) != 0)
        return dp_fail(error, DP_ERR_INPUT, "%s: optimizer '%s', but '%s' in its config", path,
                       dp_text_string(&name), configured);
    if (file->version > DP_MODEL_FILE_VERSION_WITHOUT_STATE)
        return dp_model_file_read_state(
            file, &checkpoint->layout, checkpoint->config.optimizer.kind, checkpoint->state, error);
    if (slab_count(checkpoint) > 0)
        return dp_fail(error, DP_ERR_INPUT, "%s: version %" PRIu64 " has no state for %s", path,
                       file->version, configured);
    return DP_OK;
}

static dp_status read_file(dp_checkpoint *checkpoint, const char *path, bool with_state,
                           dp_error *error) {
    dp_model_file *facts = &checkpoint->facts;
    DP_TRY(dp_model_file_open(facts, path, error));
    DP_TRY(dp_config_parse(&checkpoint->config, dp_text_string(&facts->config),
                           facts->config.length, path, error));
    const dp_model_shape shape =
        dp_config_shape(&checkpoint->config, facts->vocabulary.count, facts->block_size);
    DP_TRY(
        dp_model_file_read_params(facts, shape, &checkpoint->layout, &checkpoint->params, error));
    return with_state ? read_optimizer(checkpoint, error) : DP_OK;
}

dp_status dp_checkpoint_load(dp_checkpoint *checkpoint, const char *path, bool with_state,
                             dp_error *error) {
    memset(checkpoint, 0, sizeof *checkpoint);
    const dp_status status = read_file(checkpoint, path, with_state, error);
    dp_h5reader_close(&checkpoint->facts.reader);
    if (status != DP_OK)
        dp_checkpoint_clear(checkpoint);
    return status;
}

/* Memory for the vocabulary and the parameters of a model of which all else is known. */
static dp_status make_room(dp_checkpoint *checkpoint, dp_error *error) {
    dp_vocabulary *vocabulary = &checkpoint->facts.vocabulary;
    DP_TRY(dp_params_layout_init(&checkpoint->layout, checkpoint->layout.shape, error));
    DP_TRY_NEW(checkpoint->params, checkpoint->layout.length);
    vocabulary->table = dp_memory_zeroed(vocabulary->count, vocabulary->width, error);
    return vocabulary->table != NULL ? DP_OK : error->status;
}

/* Gives all ranks what rank 0 has loaded. */
static dp_status share(dp_comm *comm, dp_checkpoint *checkpoint, dp_error *error) {
    const bool is_root = dp_comm_rank(comm) == 0;
    dp_checkpoint copy = *checkpoint;
    dp_comm_broadcast(comm, &copy, sizeof copy);
    if (!is_root) { /* all but rank 0's memory */
        *checkpoint = copy;
        checkpoint->facts.reader = (dp_h5reader){0};
        checkpoint->facts.config = (dp_text){0};
        checkpoint->facts.vocabulary = (dp_vocabulary){.count = copy.facts.vocabulary.count,
                                                       .width = copy.facts.vocabulary.width};
        checkpoint->params = NULL;
    }
    DP_TRY(dp_comm_agree(comm, is_root ? DP_OK : make_room(checkpoint, error), error));
    const dp_vocabulary *vocabulary = &checkpoint->facts.vocabulary;
    dp_comm_broadcast(comm, vocabulary->table, vocabulary->count * vocabulary->width);
    dp_comm_broadcast(comm, checkpoint->params,
                      checkpoint->layout.length * sizeof *checkpoint->params);
    return DP_OK;
}

dp_status dp_checkpoint_load_on_all(dp_comm *comm, dp_checkpoint *checkpoint, const char *path,
                                    dp_error *error) {
    DP_TRY(DP_ON_ROOT(comm, dp_checkpoint_load(checkpoint, path, false, error)));
    return share(comm, checkpoint, error);
}

void dp_checkpoint_clear(dp_checkpoint *checkpoint) {
    dp_model_file_close(&checkpoint->facts);
    dp_memory_free(checkpoint->params);
    checkpoint->params = NULL;
    for (size_t slab = 0; slab < DP_OPTIMIZER_SLABS_MAX; slab++) {
        dp_memory_free(checkpoint->state[slab]);
        checkpoint->state[slab] = NULL;
    }
}
