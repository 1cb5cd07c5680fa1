/* grain_engine: steps whose rows are shared among the ranks.
 *
 * The batch is cut into grains; each rank computes the gradients of its own (model/model),
 * parallel/exchange sums them in one tree, and each rank updates a slice of the parameters.
 */
#include "engine/engine_kind.h"

#include "base/size.h"
#include "base/workspace.h"
#include "model/model.h"

#include <math.h>

/* Sums over the grains that travel with the gradient. */
enum { EXTRA_LOSS, EXTRA_ASKED, EXTRA_COUNT };

/* One block: this and the arrays. */
typedef struct grain_engine {
    dp_subject *subject;
    const dp_kernels *kernels;
    const dp_optimizer *optimizer; /* the config's */
    dp_model *model;
    dp_exchange *exchange;
    uint32_t *contexts; /* [rows of as many grains as there may be at once, block_size] */
    uint32_t *targets;

    /* Of the current step. */
    const dp_step *now;
    double clip, norm;
} grain_engine;

/* --- one step ------------------------------------------------------------------------------- */

/* Sums as a balanced tree, in place: a power of two of floats. */
static float sum_pairs(float *values, size_t count) {
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width)
            values[i] += values[i + width];
    }
    return values[0];
}

static size_t first_row(const grain_engine *self, size_t grain) {
    const dp_config *config = self->subject->config;
    const size_t batch = config->batch_size, parts = config->grains;
    return grain == parts ? batch : dp_tree_share(batch, parts, grain).first;
}

/* Draws the rows of some grains, at most as many as there may be at once; starts [grains + 1]. */
static dp_batch draw_grains(grain_engine *self, dp_tree_range grains, size_t *starts) {
    const size_t count = grains.end - grains.first, first = first_row(self, grains.first);
    dp_comm_look(self->subject->comm);
    for (size_t g = 0; g <= count; g++)
        starts[g] = first_row(self, grains.first + g) - first;
    dp_subject_draw(self->subject, self->now->number,
                    (dp_tree_range){.first = first, .end = first + starts[count]}, self->contexts,
                    self->targets);
    dp_profile_mark(self->now->profile, DP_PHASE_DRAW);
    return (dp_batch){.grains = count,
                      .starts = starts,
                      .contexts = self->contexts,
                      .targets = self->targets,
                      .step = self->now->number,
                      .first_row = first};
}

/* The part of some grains in the mean loss. */
static float mean_of(const grain_engine *self, size_t grains, const double *losses) {
    float means[DP_MODEL_GRAINS_MAX] = {0};
    for (size_t g = 0; g < grains; g++)
        means[g] = (float)(losses[g] / (double)self->subject->config->batch_size);
    return sum_pairs(means, grains);
}

/* What the gradient of a loss summed over rows is multiplied by. */
static float scale_of(const grain_engine *self) {
    return 1.0f / (float)self->subject->config->batch_size;
}

/* Computes the gradient of some grains: a dp_tree_leaves. */
static void compute_grains(void *context, dp_tree_range grains, float *sums) {
    grain_engine *self = context;
    size_t starts[DP_MODEL_GRAINS_MAX + 1];
    double losses[DP_MODEL_GRAINS_MAX];
    const dp_batch batch = draw_grains(self, grains, starts);
    dp_model_gradient(self->model, self->subject->params, &batch, scale_of(self), sums, losses,
                      self->now->profile);
    float *extras = sums + self->subject->layout->length;
    extras[EXTRA_LOSS] = mean_of(self, batch.grains, losses);
    extras[EXTRA_ASKED] = dp_step_asks(self->now);
    dp_comm_look(self->subject->comm);
}

static bool clips(const grain_engine *self) {
    return self->optimizer->clip_norm > 0.0;
}

static void take_norm(void *context, double squares) {
    grain_engine *self = context;
    if (clips(self))
        self->clip = dp_optimizer_clip(self->optimizer, squares);
    self->norm = sqrt(squares);
}

static void update(void *context, size_t first, size_t count, const float *gradient) {
    grain_engine *self = context;
    const dp_optimizer_step step = {
        .number = self->now->number, .lr = self->now->lr, .clip = self->clip};
    dp_optimizer_slice slice = {
        .count = count, .gradient = gradient, .params = self->subject->params + first};
    for (size_t i = 0; i < dp_optimizer_slabs(self->optimizer->kind); i++)
        slice.state[i] = self->subject->state[i] + first;
    dp_optimizer_update(self->optimizer, self->kernels, self->subject->layout, &step, first,
                        &slice);
}

/* Whether a step is all this rank's, at once, and its update nothing but a descent: then the
 * gradient need not be written down, with the same bits. */
static bool descends_alone(const grain_engine *self, const dp_step *step) {
    const dp_config *config = self->subject->config;
    const size_t grains = config->grains;
    return dp_comm_size(self->subject->comm) == 1 && config->exchange != DP_EXCHANGE_MPI &&
           grains <= dp_model_grains_at_once(self->model) && (grains & (grains - 1)) == 0 &&
           dp_optimizer_is_plain(self->optimizer) && !step->measures;
}

static dp_step_result descend(grain_engine *self) {
    const dp_tree_range all = {.end = self->subject->config->grains};
    size_t starts[DP_MODEL_GRAINS_MAX + 1];
    double losses[DP_MODEL_GRAINS_MAX];
    const dp_batch batch = draw_grains(self, all, starts);
    dp_model_descend(self->model, self->subject->params, &batch, scale_of(self),
                     (float)self->now->lr, losses, self->now->profile);
    return dp_step_asked(dp_step_asks(self->now),
                         (dp_step_result){.loss = (double)mean_of(self, batch.grains, losses),
                                          .clip = 1.0,
                                          .norm = NAN});
}

static dp_step_result take_step(void *engine, const dp_step *step) {
    grain_engine *self = engine;
    const dp_exchange_work work = {.grains = compute_grains,
                                   .update = update,
                                   .measured = clips(self) || step->measures ? take_norm : NULL,
                                   .context = self,
                                   .profile = step->profile};
    self->now = step;
    self->clip = 1.0;
    self->norm = NAN;
    if (descends_alone(self, step))
        return descend(self);
    dp_exchange_step(self->exchange, &work);
    const float *extras = dp_exchange_extras(self->exchange);
    return dp_step_asked(extras[EXTRA_ASKED], (dp_step_result){.loss = (double)extras[EXTRA_LOSS],
                                                               .clip = self->clip,
                                                               .norm = self->norm});
}

/* --- creation ------------------------------------------------------------------------------- */

/* What this rank has by itself. */
static dp_status build(grain_engine **engine, dp_subject *subject, dp_error *error) {
    const dp_config *config = subject->config;
    const size_t grain_rows = (config->batch_size + config->grains - 1) / config->grains;
    const dp_model_options options = {.level = subject->build->level,
                                      .grain_rows = grain_rows,
                                      .dropout = dp_config_dropout(config),
                                      .layer1 =
                                          dp_config_ways(config, &subject->layout->shape).layer1};
    const size_t rows = grain_rows * dp_size_min(config->grains, DP_MODEL_GRAINS_MAX);
    grain_engine self = {.subject = subject,
                         .kernels = dp_kernels_of(options.level),
                         .optimizer = &config->optimizer};
    dp_workspace room = {0};
    DP_RESERVE_ROWS(&room, self.contexts, rows, subject->layout->shape.block_size);
    DP_RESERVE(&room, self.targets, rows);
    DP_TRY_BUILD(*engine, &room, self);
    return dp_model_create(&(*engine)->model, subject->layout, &options, error);
}

static dp_status create_exchange(grain_engine *self, dp_error *error) {
    const dp_config *config = self->subject->config;
    const dp_exchange_size size = {.kind = config->exchange,
                                   .grains = config->grains,
                                   .at_once = dp_model_grains_at_once(self->model),
                                   .steals = true,
                                   .length = self->subject->layout->length,
                                   .extras = EXTRA_COUNT,
                                   .slabs = dp_optimizer_slabs(config->optimizer.kind)};
    DP_TRY(dp_exchange_create(&self->exchange, self->subject->comm, &size, error));
    self->subject->params = dp_exchange_parameters(self->exchange);
    for (size_t slab = 0; slab < size.slabs; slab++)
        self->subject->state[slab] = dp_exchange_slab(self->exchange, slab);
    return DP_OK;
}

static void destroy(void *engine) {
    grain_engine *self = engine;
    if (self == NULL)
        return;
    dp_exchange_destroy(self->exchange);
    dp_model_destroy(self->model);
    dp_memory_free(self);
}

static dp_status create(void **engine, dp_subject *subject, dp_error *error) {
    grain_engine *self = NULL;
    dp_status status = build(&self, subject, error);
    *engine = self;
    DP_TRY(dp_comm_agree(subject->comm, status, error));
    return create_exchange(self, error);
}

/* --- the engine ----------------------------------------------------------------------------- */

static void publish(void *engine) {
    dp_exchange_publish(((grain_engine *)engine)->exchange);
}

/* All ranks have them anyway. */
static void collect(void *engine) {
    (void)engine;
}

const dp_engine_kind dp_grain_engine_kind = {.create = create,
                                             .destroy = destroy,
                                             .publish = publish,
                                             .collect = collect,
                                             .step = take_step};
