#include "engine/engine.h"

#include "base/memory.h"
#include "base/size.h"
#include "engine/engine_kind.h"
#include "engine/open_dataset.h"

#include <string.h>

/* What the ranks at work have made to work with. */
typedef struct workplace {
    dp_subject subject;
    void *made; /* by the kind */
} workplace;

struct dp_engine {
    dp_comm *job;
    const dp_config *config;
    dp_build_info build;
    dp_dataset dataset;
    dp_params_layout layout;
    const dp_engine_kind *kind;
    dp_work work;
    workplace places[2]; /* the one at work, and the next one while it is made */
    workplace *place;
};

/* --- rows ----------------------------------------------------------------------------------- */

/* All of so many rows are drawn before the first is read, so that the memory they lie in is on its
 * way meanwhile. */
#define DRAWN_AT_ONCE 256

static void draw_some(const dp_subject *self, uint64_t step, dp_tree_range rows, uint32_t *contexts,
                      uint32_t *targets) {
    const dp_row_weights *weights = &self->dataset->weights[DP_SPLIT_TRAIN];
    const dp_sampler sampler = {.seed = self->config->seed,
                                .batch_size = self->config->batch_size,
                                .example_count = weights->examples,
                                .sampling = self->config->sampling};
    uint64_t drawn[DRAWN_AT_ONCE];
    const size_t count = rows.end - rows.first;
    for (size_t i = 0; i < count; i++) {
        drawn[i] = dp_sampler_draw(&sampler, step, rows.first + i);
        if (weights->lines == 0)
            dp_dataset_prefetch_row(self->dataset, DP_SPLIT_TRAIN, drawn[i]);
    }
    dp_row_weights_find(weights, drawn, count);
    for (size_t i = 0; i < count; i++)
        dp_dataset_read_row(self->dataset, DP_SPLIT_TRAIN, drawn[i],
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
    dp_comm *comm = self->job;
    const dp_config *config = self->config;
    dp_comm_set_deadline(comm, config->deadline);
    if (dp_open_dataset(comm, config->data_path, DP_CHECK_ONCE, &self->dataset, error) != DP_OK)
        return dp_fail_prefix(error, "data.path");
    if (dp_dataset_rows(&self->dataset, DP_SPLIT_TRAIN) == 0)
        return dp_comm_agree(comm,
                             dp_fail(error, DP_ERR_INPUT,
                                     "data.path: %s has no rows to train on: it was packed with %s",
                                     config->data_path, self->dataset.info.preparation.packed_with),
                             error);
    const dp_model_shape shape =
        dp_config_shape(config, self->dataset.vocabulary.count, self->dataset.info.block_size);
    DP_TRY(dp_comm_agree(comm, dp_params_layout_init(&self->layout, shape, error), error));
    DP_TRY(dp_build_info_gather(comm, dp_config_level(config), &self->build, error));
    return dp_comm_agree(comm, dp_config_check_level(config, self->build.level, error), error);
}

/* One where nobody works. */
static workplace empty_place(const dp_engine *self) {
    return (workplace){.subject = {.work = &self->work,
                                   .config = self->config,
                                   .build = &self->build,
                                   .dataset = &self->dataset,
                                   .layout = &self->layout}};
}

/* Collective over the group. */
static dp_status make_place(dp_engine *self, workplace *place, dp_comm *group, dp_error *error) {
    *place = empty_place(self);
    place->subject.comm = group;
    return self->kind->create(&place->made, &place->subject, error);
}

static void leave_place(dp_engine *self, workplace *place) {
    if (self->kind != NULL)
        self->kind->destroy(place->made);
    *place = empty_place(self);
}

/* Who is at work, and what they work with. */
static dp_status begin_work(dp_engine *self, dp_error *error) {
    dp_status status = DP_OK;
    DP_TRY(dp_work_init(&self->work, self->job, dp_config_work(self->config),
                        dp_config_things(self->config, &self->layout), error));
    self->kind = self->layout.shape.split ? &dp_split_engine_kind : &dp_grain_engine_kind;
    if (!dp_work_rests(&self->work))
        status = make_place(self, self->place, self->work.group, error);
    return dp_work_agree(&self->work, status, error);
}

dp_status dp_engine_create(dp_engine **engine, dp_comm *comm, const dp_config *config,
                           dp_error *error) {
    dp_status status = DP_OK;
    dp_engine *self = NULL;
    *engine = NULL;
    DP_TRY_NEW_ON_ALL(comm, self, 1);
    self->job = comm;
    self->config = config;
    self->place = &self->places[0];
    self->places[0] = empty_place(self);
    DP_OR_DONE(open_subject(self, error));
    DP_OR_DONE(dp_comm_agree(comm, dp_config_check_update(config, &self->layout, error), error));
    DP_OR_DONE(begin_work(self, error));
    *engine = self;
    self = NULL;
done:
    dp_engine_destroy(self);
    return status;
}

void dp_engine_destroy(dp_engine *engine) {
    if (engine == NULL)
        return;
    leave_place(engine, engine->place);
    dp_work_clear(&engine->work);
    dp_dataset_close(&engine->dataset);
    dp_memory_free(engine);
}

const dp_subject *dp_engine_subject(const dp_engine *engine) {
    return &engine->place->subject;
}

/* --- turns ---------------------------------------------------------------------------------- */

bool dp_engine_rests(const dp_engine *engine) {
    return dp_work_rests(&engine->work);
}

bool dp_engine_is_trying(const dp_engine *engine) {
    return engine->work.is_trial;
}

/* Collective over those who work in the new place; rank 0 comes from the old one. */
static void move(const dp_engine *self, const workplace *new, const dp_turn *turn) {
    const size_t bytes = self->layout.length * sizeof(float);
    const dp_subject *to = &new->subject, *from = dp_engine_subject(self);
    if (dp_comm_rank(to->comm) == 0) {
        memcpy(to->params, from->params, bytes);
        for (size_t i = 0; i < dp_optimizer_slabs(self->config->optimizer.kind); i++)
            memcpy(to->state[i], from->state[i], bytes);
    }
    self->kind->publish(new->made);
    dp_comm_broadcast(to->comm, turn->state, turn->size);
}

/* The new place is there before the old one goes, so that all stays as it is where there is no
 * memory for it. */
static void change(dp_engine *self, int count, const dp_turn *turn) {
    workplace *old = self->place, *new = &self->places[old == &self->places[0]];
    const bool was_here = !dp_engine_rests(self);
    dp_comm *group = NULL;
    dp_error ignored;
    dp_status status = DP_OK;
    if (was_here)
        dp_engine_collect(self);
    if (dp_work_has(&self->work, count)) {
        status = dp_work_form(&self->work, count, &group, &ignored);
        if (status == DP_OK)
            status = make_place(self, new, group, &ignored);
        if (status == DP_OK)
            move(self, new, turn);
    }
    if (was_here) /* those who leave learn of it */
        dp_comm_broadcast(self->work.group, &status, sizeof status);
    if (status != DP_OK) {
        leave_place(self, new);
        dp_work_stay(&self->work, group);
        return;
    }
    leave_place(self, old);
    self->place = new;
    dp_work_take(&self->work, group, count);
}

bool dp_engine_turn(dp_engine *engine, const dp_turn *turn) {
    dp_work *work = &engine->work;
    if (!dp_work_rests(work)) {
        if (!turn->must_look)
            return true;
        const int count = dp_work_look(work, turn->steps, turn->seconds);
        if (count != work->count)
            change(engine, count, turn);
    }
    while (dp_work_rests(work)) {
        const int count = dp_work_rest(work, turn->signal);
        if (count == 0)
            return false;
        change(engine, count, turn);
    }
    return true;
}

int dp_engine_signal(const dp_engine *engine, const volatile sig_atomic_t *own) {
    return own != NULL && *own != 0 ? (int)*own : dp_comm_told_signal(engine->job);
}

dp_status dp_engine_end(dp_engine *engine, dp_status status, dp_error *error) {
    return dp_work_end(&engine->work, status, error);
}

/* --- the first parameters --------------------------------------------------------------------- */

static dp_status set_output_bias(const dp_engine *self, dp_error *error) {
    DP_OWNED(dp_memory_release) uint64_t *counts = NULL;
    DP_TRY_NEW(counts, self->dataset.vocabulary.count);
    dp_dataset_count_targets(&self->dataset, DP_SPLIT_TRAIN, UINT64_MAX, counts);
    dp_params_set_output_bias(&self->layout, counts, self->place->subject.params);
    return DP_OK;
}

dp_status dp_engine_initialise(dp_engine *engine, dp_error *error) {
    const dp_subject *subject = dp_engine_subject(engine);
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
    return dp_recheck_dataset(engine->place->subject.comm, &engine->dataset, error);
}

/* --- the engine's own calls ------------------------------------------------------------------- */

void dp_engine_publish(dp_engine *engine) {
    engine->kind->publish(engine->place->made);
}

void dp_engine_collect(dp_engine *engine) {
    engine->kind->collect(engine->place->made);
}

dp_step_result dp_engine_step(dp_engine *engine, const dp_step *step) {
    dp_comm_set_place(engine->place->subject.comm, "exchange", step->number);
    dp_profile_begin_step(step->profile);
    return engine->kind->step(engine->place->made, step);
}
