#include "train/stepper.h"

#include "base/memory.h"
#include "train/open_dataset.h"

/* Sums over the grains that travel with the gradient. */
enum { EXTRA_LOSS, EXTRA_SIGNALLED, EXTRA_COUNT };

/* --- one step ------------------------------------------------------------------------------- */

/* Sums as a balanced tree, in place: a power of two of floats. */
static float sum_pairs(float *values, size_t count) {
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width)
            values[i] += values[i + width];
    }
    return values[0];
}

static size_t first_row(const dp_stepper *self, size_t grain) {
    const size_t batch = self->config->batch_size, parts = self->config->grains;
    return grain == parts ? batch : dp_tree_share(batch, parts, grain).first;
}

/* Draws the rows of some grains. All are drawn before the first is read, so that the memory they
 * lie in is on its way meanwhile. */
static void draw_rows(dp_stepper *self, dp_tree_range grains, size_t *starts) {
    const size_t block_size = self->layout.shape.block_size;
    const size_t first = first_row(self, grains.first);
    for (size_t g = grains.first; g <= grains.end; g++)
        starts[g - grains.first] = first_row(self, g) - first;
    const size_t count = starts[grains.end - grains.first];
    for (size_t i = 0; i < count; i++) {
        self->examples[i] = dp_sampler_draw(&self->sampler, self->step, first + i);
        dp_dataset_prefetch_row(&self->dataset, DP_SPLIT_TRAIN, self->examples[i]);
    }
    for (size_t i = 0; i < count; i++)
        dp_dataset_read_row(&self->dataset, DP_SPLIT_TRAIN, self->examples[i],
                            self->contexts + i * block_size, &self->targets[i]);
}

/* Computes the gradient of some grains: a dp_tree_leaves. */
static void compute_grains(void *context, dp_tree_range grains, float *sums) {
    dp_stepper *self = context;
    const size_t count = grains.end - grains.first;
    const float scale = 1.0f / (float)self->config->batch_size;
    size_t starts[DP_MODEL_GRAINS_MAX + 1];
    double losses[DP_MODEL_GRAINS_MAX];
    float means[DP_MODEL_GRAINS_MAX] = {0};
    draw_rows(self, grains, starts);
    dp_profile_mark(self->profile, DP_PHASE_DRAW);
    const dp_batch batch = {.grains = count,
                            .starts = starts,
                            .contexts = self->contexts,
                            .targets = self->targets,
                            .step = self->step,
                            .first_row = first_row(self, grains.first)};
    dp_model_gradient(self->model, self->params, &batch, scale, sums, losses, self->profile);
    for (size_t g = 0; g < count; g++)
        means[g] = (float)(losses[g] / (double)self->config->batch_size);
    bool signalled = self->signal != NULL && *self->signal != 0;
    sums[self->layout.length + EXTRA_LOSS] = sum_pairs(means, count);
    sums[self->layout.length + EXTRA_SIGNALLED] = signalled ? 1.0f : 0.0f;
}

static void clip(void *context, double squares) {
    dp_stepper *self = context;
    self->clip = dp_optimizer_clip(&self->optimizer, squares);
}

static void update(void *context, size_t first, size_t count, const float *gradient) {
    dp_stepper *self = context;
    const dp_optimizer_step step = {.number = self->step, .lr = self->lr, .clip = self->clip};
    dp_optimizer_update(&self->optimizer, self->kernels, &self->layout, &step, first, count,
                        gradient, self->params, self->state);
}

void dp_stepper_step(dp_stepper *self, uint64_t step, dp_profile *profile) {
    const dp_exchange_work work = {.grains = compute_grains,
                                   .at_once = dp_model_grains_at_once(self->model),
                                   .update = update,
                                   .measured = self->optimizer.clip_norm > 0.0 ? clip : NULL,
                                   .context = self,
                                   .profile = profile};
    self->step = step;
    self->profile = profile;
    self->lr = dp_schedule_lr(&self->schedule, step);
    self->clip = 1.0;
    dp_comm_set_place(self->comm, "exchange", step);
    dp_profile_begin_step(profile);
    dp_exchange_step(self->exchange, &work);
    const float *extras = dp_exchange_extras(self->exchange);
    self->loss = (double)extras[EXTRA_LOSS];
    self->signalled = extras[EXTRA_SIGNALLED] > 0.0f;
}

/* --- opening -------------------------------------------------------------------------------- */

static dp_status build_model(dp_stepper *self, dp_error *error) {
    dp_status status = DP_OK;
    const dp_config *config = self->config;
    const dp_model_shape shape = {.vocab = self->dataset.vocabulary.count,
                                  .block_size = self->dataset.info.block_size,
                                  .embedding_dim = config->embedding_dim,
                                  .hidden_dim = config->hidden_dim};
    const size_t grain_rows = (config->batch_size + config->grains - 1) / config->grains;
    DP_TRY(dp_params_layout_init(&self->layout, shape, error));
    const dp_model_options options = {.level = self->build.level,
                                      .grain_rows = grain_rows,
                                      .dropout = {.embedding = config->dropout_embedding,
                                                  .hidden = config->dropout_hidden,
                                                  .seed = config->seed}};
    DP_TRY(dp_model_create(&self->model, &self->layout, &options, error));
    const size_t rows = grain_rows * dp_model_grains_at_once(self->model);
    DP_NEW_ARRAY(self->examples, rows);
    DP_NEW_ARRAY(self->contexts, rows * shape.block_size);
    DP_NEW_ARRAY(self->targets, rows);
    self->sampler = (dp_sampler){.seed = config->seed,
                                 .batch_size = config->batch_size,
                                 .example_count = dp_dataset_rows(&self->dataset, DP_SPLIT_TRAIN),
                                 .sampling = config->sampling};
    self->schedule = dp_config_schedule(config);
    self->optimizer = dp_config_optimizer(config);
done:
    return status;
}

dp_status dp_stepper_open(dp_stepper *stepper, dp_comm *comm, const dp_config *config,
                          const volatile sig_atomic_t *signal, dp_error *error) {
    dp_status status = DP_OK;
    *stepper = (dp_stepper){.comm = comm, .config = config, .signal = signal};
    dp_comm_set_deadline(comm, config->deadline);
    DP_TRY(dp_build_info_gather(comm, &stepper->build, error));
    stepper->kernels = dp_kernels_of(stepper->build.level);
    DP_TRY(dp_open_dataset(comm, config->data_path, DP_CHECK_ONCE, &stepper->dataset, error));
    DP_TRY(dp_comm_agree(comm, build_model(stepper, error), error));
    const size_t slabs = dp_optimizer_slabs(config->optimizer);
    DP_TRY(dp_exchange_create(&stepper->exchange, comm, config->exchange, config->grains,
                              stepper->layout.length, EXTRA_COUNT, slabs, error));
    stepper->params = dp_exchange_parameters(stepper->exchange);
    for (size_t slab = 0; slab < slabs; slab++)
        stepper->state[slab] = dp_exchange_slab(stepper->exchange, slab);
done:
    return status;
}

void dp_stepper_close(dp_stepper *stepper) {
    dp_exchange_destroy(stepper->exchange);
    dp_model_destroy(stepper->model);
    dp_memory_free(stepper->examples);
    dp_memory_free(stepper->contexts);
    dp_memory_free(stepper->targets);
    dp_dataset_close(&stepper->dataset);
}
