#include "engine/stepper.h"

#include "base/memory.h"
#include "engine/open_dataset.h"

#include <math.h>

/* Sums over the grains that travel with the gradient. */
enum { EXTRA_LOSS, EXTRA_MUST_STOP, EXTRA_COUNT };

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

/* Draws the rows [first, first + count) of the step. All are drawn before the first is read, so
 * that the memory they lie in is on its way meanwhile. */
static void draw_rows(dp_stepper *self, size_t first, size_t count) {
    const size_t block_size = self->layout.shape.block_size;
    for (size_t i = 0; i < count; i++) {
        self->examples[i] = dp_sampler_draw(&self->sampler, self->step, first + i);
        dp_dataset_prefetch_row(&self->dataset, DP_SPLIT_TRAIN, self->examples[i]);
    }
    for (size_t i = 0; i < count; i++)
        dp_dataset_read_row(&self->dataset, DP_SPLIT_TRAIN, self->examples[i],
                            self->contexts + i * block_size, &self->targets[i]);
    dp_profile_mark(self->profile, DP_PHASE_DRAW);
}

static bool wants_stop(const dp_stepper *self) {
    return self->out_of_time || (self->signal != NULL && *self->signal != 0);
}

/* Computes the gradient of some grains: a dp_tree_leaves. */
static void compute_grains(void *context, dp_tree_range grains, float *sums) {
    dp_stepper *self = context;
    const size_t count = grains.end - grains.first, first = first_row(self, grains.first);
    const float scale = 1.0f / (float)self->config->batch_size;
    size_t starts[DP_MODEL_GRAINS_MAX + 1];
    double losses[DP_MODEL_GRAINS_MAX];
    float means[DP_MODEL_GRAINS_MAX] = {0};
    for (size_t g = 0; g <= count; g++)
        starts[g] = first_row(self, grains.first + g) - first;
    draw_rows(self, first, starts[count]);
    const dp_batch batch = {.grains = count,
                            .starts = starts,
                            .contexts = self->contexts,
                            .targets = self->targets,
                            .step = self->step,
                            .first_row = first};
    dp_model_gradient(self->model, self->params, &batch, scale, sums, losses, self->profile);
    for (size_t g = 0; g < count; g++)
        means[g] = (float)(losses[g] / (double)self->config->batch_size);
    sums[self->layout.length + EXTRA_LOSS] = sum_pairs(means, count);
    sums[self->layout.length + EXTRA_MUST_STOP] = wants_stop(self) ? 1.0f : 0.0f;
}

static void clip(void *context, double squares) {
    dp_stepper *self = context;
    self->clip = dp_optimizer_clip(&self->optimizer, squares);
    self->norm = sqrt(squares);
}

static void update(void *context, size_t first, size_t count, const float *gradient) {
    dp_stepper *self = context;
    const dp_optimizer_step step = {.number = self->step, .lr = self->lr, .clip = self->clip};
    dp_optimizer_update(&self->optimizer, self->kernels, &self->layout, &step, first, count,
                        gradient, self->params, self->state);
}

static void step_by_exchange(dp_stepper *self) {
    const dp_exchange_work work = {.grains = compute_grains,
                                   .at_once = dp_model_grains_at_once(self->model),
                                   .update = update,
                                   .measured = self->optimizer.clip_norm > 0.0 ? clip : NULL,
                                   .context = self,
                                   .profile = self->profile};
    dp_exchange_step(self->exchange, &work);
    const float *extras = dp_exchange_extras(self->exchange);
    self->loss = (double)extras[EXTRA_LOSS];
    self->must_stop = extras[EXTRA_MUST_STOP] > 0.0f;
}

static void step_by_split(dp_stepper *self) {
    draw_rows(self, 0, self->config->batch_size);
    const dp_split_batch batch = {.step = self->step,
                                  .contexts = self->contexts,
                                  .targets = self->targets,
                                  .lr = self->lr,
                                  .signalled = wants_stop(self),
                                  .profile = self->profile};
    const dp_split_result result = dp_split_step_run(self->split, &batch);
    self->loss = result.loss;
    self->clip = result.clip;
    self->norm = result.norm;
    self->must_stop = result.signalled;
}

void dp_stepper_step(dp_stepper *self, uint64_t step, dp_profile *profile) {
    self->step = step;
    self->profile = profile;
    self->lr = dp_schedule_lr(&self->schedule, step);
    self->clip = 1.0;
    self->norm = NAN;
    dp_comm_set_place(self->comm, "exchange", step);
    dp_profile_begin_step(profile);
    if (self->split != NULL)
        step_by_split(self);
    else
        step_by_exchange(self);
}

static dp_status set_output_bias(dp_stepper *self, dp_error *error) {
    dp_status status = DP_OK;
    uint64_t *counts = NULL;
    DP_NEW_OR_DONE(counts, self->dataset.vocabulary.count);
    dp_dataset_count_targets(&self->dataset, DP_SPLIT_TRAIN, counts);
    dp_params_set_output_bias(&self->layout, counts, self->params);
done:
    dp_memory_free(counts);
    return status;
}

dp_status dp_stepper_initialise(dp_stepper *stepper, dp_error *error) {
    const dp_config *config = stepper->config;
    dp_status status = DP_OK;
    if (dp_comm_rank(stepper->comm) == 0) {
        dp_params_init(&stepper->layout, config->init, config->seed, stepper->params);
        if (config->output_bias == DP_OUTPUT_BIAS_FREQUENCY)
            status = set_output_bias(stepper, error);
    }
    return dp_comm_agree(stepper->comm, status, error);
}

void dp_stepper_publish(dp_stepper *stepper) {
    if (stepper->split != NULL)
        dp_split_step_publish(stepper->split);
    else
        dp_exchange_publish(stepper->exchange);
}

void dp_stepper_collect(dp_stepper *stepper) {
    if (stepper->split != NULL)
        dp_split_step_collect(stepper->split);
}

/* --- opening -------------------------------------------------------------------------------- */

static dp_status build_model(dp_stepper *self, dp_error *error) {
    const dp_config *config = self->config;
    const size_t grain_rows = (config->batch_size + config->grains - 1) / config->grains;
    const dp_model_options options = {
        .level = self->build.level, .grain_rows = grain_rows, .dropout = dp_config_dropout(config)};
    return dp_model_create(&self->model, &self->layout, &options, error);
}

/* Only a step with a split output layer knows which rows of C it touches. */
static dp_status check_embedding_update(const dp_config *config, const dp_model_shape *shape,
                                        dp_error *error) {
    if (shape->split || config->embedding_update == DP_EMBEDDING_DENSE)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "train.embedding_update=lazy needs a split output layer: set "
                   "parallel.output=split or train.embedding_update=dense");
}

/* What a step needs on this rank. */
static dp_status prepare(dp_stepper *self, dp_error *error) {
    const dp_config *config = self->config;
    const dp_model_shape shape =
        dp_config_shape(config, self->dataset.vocabulary.count, self->dataset.info.block_size);
    size_t rows = config->batch_size;
    DP_TRY(check_embedding_update(config, &shape, error));
    DP_TRY(dp_params_layout_init(&self->layout, shape, error));
    if (!shape.split) {
        DP_TRY(build_model(self, error));
        rows = (rows + config->grains - 1) / config->grains * dp_model_grains_at_once(self->model);
    }
    DP_TRY_NEW(self->examples, rows);
    DP_TRY_NEW(self->contexts, rows * shape.block_size);
    DP_TRY_NEW(self->targets, rows);
    self->sampler = (dp_sampler){.seed = config->seed,
                                 .batch_size = config->batch_size,
                                 .example_count = dp_dataset_rows(&self->dataset, DP_SPLIT_TRAIN),
                                 .sampling = config->sampling};
    self->schedule = dp_config_schedule(config);
    self->optimizer = dp_config_optimizer(config);
    return DP_OK;
}

static dp_status create_exchange(dp_stepper *self, dp_error *error) {
    const dp_config *config = self->config;
    const size_t slabs = dp_optimizer_slabs(config->optimizer);
    const dp_exchange_size size = {.kind = config->exchange,
                                   .grains = config->grains,
                                   .length = self->layout.length,
                                   .extras = EXTRA_COUNT,
                                   .slabs = slabs};
    DP_TRY(dp_exchange_create(&self->exchange, self->comm, &size, error));
    self->params = dp_exchange_parameters(self->exchange);
    for (size_t slab = 0; slab < slabs; slab++)
        self->state[slab] = dp_exchange_slab(self->exchange, slab);
    return DP_OK;
}

static dp_status create_split(dp_stepper *self, dp_error *error) {
    DP_TRY(dp_split_step_create(&self->split, self->comm, self->config, &self->layout,
                                self->build.level, error));
    self->params = dp_split_step_parameters(self->split);
    for (size_t slab = 0; slab < dp_optimizer_slabs(self->config->optimizer); slab++)
        self->state[slab] = dp_split_step_slab(self->split, slab);
    return DP_OK;
}

dp_status dp_stepper_open(dp_stepper *stepper, dp_comm *comm, const dp_config *config,
                          const volatile sig_atomic_t *signal, dp_error *error) {
    *stepper = (dp_stepper){.comm = comm, .config = config, .signal = signal};
    dp_comm_set_deadline(comm, config->deadline);
    DP_TRY(dp_build_info_gather(comm, dp_config_level(config), &stepper->build, error));
    DP_TRY(dp_comm_agree(comm, dp_config_check_level(config, stepper->build.level, error), error));
    stepper->kernels = dp_kernels_of(stepper->build.level);
    DP_TRY(dp_open_dataset(comm, config->data_path, DP_CHECK_ONCE, &stepper->dataset, error));
    DP_TRY(dp_comm_agree(comm, prepare(stepper, error), error));
    if (stepper->layout.shape.split)
        DP_TRY(create_split(stepper, error));
    else
        DP_TRY(create_exchange(stepper, error));
    return DP_OK;
}

void dp_stepper_close(dp_stepper *stepper) {
    dp_exchange_destroy(stepper->exchange);
    dp_split_step_destroy(stepper->split);
    dp_model_destroy(stepper->model);
    dp_memory_free(stepper->examples);
    dp_memory_free(stepper->contexts);
    dp_memory_free(stepper->targets);
    dp_dataset_close(&stepper->dataset);
}
