#include "engine/engine.h"

#include "base/memory.h"
#include "base/size.h"
#include "engine/engine_kind.h"
#include "engine/open_dataset.h"

struct dp_engine {
    dp_subject subject;
    dp_build_info build;
    dp_dataset dataset;
    dp_params_layout layout;
    const dp_engine_kind *kind; /* whose is */
    void *made;
};

/* --- rows ----------------------------------------------------------------------------------- */

/* All of so many rows are drawn before the first is read, so that the memory they lie in is on its
 * way meanwhile. */
#define DRAWN_AT_ONCE 256

static void draw_some(const dp_subject *self, uint64_t step, dp_tree_range rows, uint32_t *contexts,
                      uint32_t *targets) {
    const dp_sampler sampler = {.seed = self->config->seed,
                                .batch_size = self->config->batch_size,
                                .example_count = dp_dataset_rows(self->dataset, DP_SPLIT_TRAIN),
                                .sampling = self->config->sampling};
    uint64_t examples[DRAWN_AT_ONCE];
    const size_t count = rows.end - rows.first;
    for (size_t i = 0; i < count; i++) {
        examples[i] = dp_sampler_draw(&sampler, step, rows.first + i);
        dp_dataset_prefetch_row(self->dataset, DP_SPLIT_TRAIN, examples[i]);
    }
    for (size_t i = 0; i < count; i++)
        dp_dataset_read_row(self->dataset, DP_SPLIT_TRAIN, examples[i],
                            contexts + i * self->layout->shape.block_size, &targets[i]);
}

void dp_subject_draw(const dp_subject *subject, uint64_t step, dp_tree_range rows,
                     uint32_t *contexts, uint32_t *targets) {
    for (size_t at = rows.first; at < rows.end; at += DRAWN_AT_ONCE) {
        const size_t done = at - rows.first, end = dp_size_min(at + DRAWN_AT_ONCE, rows.end);
        draw_some(subject, step, (dp_tree_range){.first = at, .end = end},
                  contexts + done * subject->layout->shape.block_size, targets + done);
    }
}

/* --- opening -------------------------------------------------------------------------------- */

/* Processors, dataset and layout: what both kinds are built on. */
static dp_status open_subject(dp_engine *self, dp_error *error) {
    dp_comm *comm = self->subject.comm;
    const dp_config *config = self->subject.config;
    dp_linalg linalg = {0};
    dp_status status = DP_OK;
    dp_comm_set_deadline(comm, config->deadline);
    if (dp_open_dataset(comm, config->data_path, DP_CHECK_ONCE, &self->dataset, error) != DP_OK)
        return dp_fail_prefix(error, "data.path");
    const dp_model_shape shape =
        dp_config_shape(config, self->dataset.vocabulary.count, self->dataset.info.block_size);
    DP_TRY(dp_comm_agree(comm, dp_params_layout_init(&self->layout, shape, error), error));
    if (!self->layout.shape
             .split) /* to be known from the start, though evaluations need it first */
        status = dp_linalg_open(&linalg, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    DP_TRY(dp_build_info_gather(comm, dp_config_level(config), &linalg, &self->build, error));
    return dp_comm_agree(comm, dp_config_check_level(config, self->build.level, error), error);
}

dp_status dp_engine_create(dp_engine **engine, dp_comm *comm, const dp_config *config,
                           dp_error *error) {
    dp_status status = DP_OK;
    dp_engine *self = NULL;
    *engine = NULL;
    DP_TRY_NEW_ON_ALL(comm, self, 1);
    self->subject = (dp_subject){.comm = comm,
                                 .config = config,
                                 .build = &self->build,
                                 .dataset = &self->dataset,
                                 .layout = &self->layout};
    DP_OR_DONE(open_subject(self, error));
    DP_OR_DONE(dp_comm_agree(
        comm, dp_config_check_ranks(config, &self->layout, (size_t)dp_comm_size(comm), error),
        error));
    self->kind = self->layout.shape.split ? &dp_split_engine_kind : &dp_grain_engine_kind;
    DP_OR_DONE(self->kind->create(&self->made, &self->subject, error));
    *engine = self;
    self = NULL;
done:
    dp_engine_destroy(self);
    return status;
}

void dp_engine_destroy(dp_engine *engine) {
    if (engine == NULL)
        return;
    if (engine->kind != NULL)
        engine->kind->destroy(engine->made);
    dp_dataset_close(&engine->dataset);
    dp_memory_free(engine);
}

const dp_subject *dp_engine_subject(const dp_engine *engine) {
    return &engine->subject;
}

/* --- the first parameters --------------------------------------------------------------------- */

static dp_status set_output_bias(const dp_engine *self, dp_error *error) {
    DP_OWNED(dp_memory_release) uint64_t *counts = NULL;
    DP_TRY_NEW(counts, self->dataset.vocabulary.count);
    dp_dataset_count_targets(&self->dataset, DP_SPLIT_TRAIN, UINT64_MAX, counts);
    dp_params_set_output_bias(&self->layout, counts, self->subject.params);
    return DP_OK;
}

dp_status dp_engine_initialise(dp_engine *engine, dp_error *error) {
    const dp_subject *subject = &engine->subject;
    dp_status status = DP_OK;
    if (dp_comm_rank(subject->comm) == 0) {
        dp_params_init(subject->layout, subject->config->init, subject->config->seed,
                       subject->params);
        if (subject->config->output_bias == DP_OUTPUT_BIAS_FREQUENCY)
            status = set_output_bias(engine, error);
    }
    return dp_comm_agree(subject->comm, status, error);
}

dp_status dp_engine_check_dataset(dp_engine *engine, dp_error *error) {
    return dp_recheck_dataset(engine->subject.comm, &engine->dataset, error);
}

/* --- the engine's own calls ------------------------------------------------------------------- */

void dp_engine_publish(dp_engine *engine) {
    engine->kind->publish(engine->made);
}

void dp_engine_collect(dp_engine *engine) {
    engine->kind->collect(engine->made);
}

dp_step_result dp_engine_step(dp_engine *engine, const dp_step *step) {
    dp_comm_set_place(engine->subject.comm, "exchange", step->number);
    dp_profile_begin_step(step->profile);
    return engine->kind->step(engine->made, step);
}
