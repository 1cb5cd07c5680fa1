/* The model against finite differences of a double reference, and against what PyTorch computed
 * (tests/golden/make_golden.py). */
#include "base/memory.h"
#include "base/random.h"
#include "base/tree.h"
#include "formats/h5reader.h"
#include "model/forward.h"
#include "model/model.h"
#include "model/optimizer.h"
#include "support/reference.h"
#include "system/file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TOLERANCE 1e-5 /* relative, float32 against double */

/* --- finite differences --------------------------------------------------------------------- */

enum { VOCAB = 7, BLOCK = 2, EMBEDDING = 3, HIDDEN = 5, ROWS = 6 };

typedef struct example {
    dp_params_layout layout;
    uint32_t contexts[ROWS * BLOCK];
    uint32_t targets[ROWS];
    float *params;
    double *params_double;
    float *gradient;
    dp_model *model;
} example;

static int set_up(void **state) {
    static example self;
    dp_error error;
    const dp_model_options options = {.level = dp_cpu_level_detect(), .grain_rows = ROWS};
    dp_model_shape shape = {.vocab = VOCAB,
                            .block_size = BLOCK,
                            .embedding_dim = EMBEDDING,
                            .hidden_dim = HIDDEN,
                            .direct = true};
    assert_int_equal(dp_params_layout_init(&self.layout, shape, &error), DP_OK);
    self.params = dp_memory_zeroed(self.layout.length, sizeof(float), &error);
    self.gradient = dp_memory_zeroed(self.layout.length, sizeof(float), &error);
    self.params_double = dp_memory_zeroed(self.layout.length, sizeof(double), &error);
    assert_non_null(self.params);
    assert_non_null(self.gradient);
    assert_non_null(self.params_double);
    dp_params_init(&self.layout, DP_INIT_NORMAL, 3, self.params);
    for (size_t i = 0; i < self.layout.length; i++)
        self.params_double[i] = (double)self.params[i];
    for (size_t r = 0; r < ROWS; r++) {
        self.targets[r] = (uint32_t)dp_random_below(9, DP_STREAM_BATCH, r, 0, VOCAB);
        for (size_t i = 0; i < BLOCK; i++)
            self.contexts[r * BLOCK + i] =
                (uint32_t)dp_random_below(9, DP_STREAM_BATCH, r, 1 + i, VOCAB);
    }
    assert_int_equal(dp_model_create(&self.model, &self.layout, &options, &error), DP_OK);
    *state = &self;
    return 0;
}

static int tear_down(void **state) {
    example *self = *state;
    dp_model_destroy(self->model);
    dp_memory_free(self->params);
    dp_memory_free(self->params_double);
    dp_memory_free(self->gradient);
    return 0;
}

static double loss_of(example *self) {
    double losses[ROWS], loss = 0.0;
    dp_model_row_losses(self->model, self->params, ROWS, self->contexts, self->targets, losses);
    for (size_t r = 0; r < ROWS; r++)
        loss += losses[r];
    return loss;
}

static void test_model_loss_is_the_reference(void **state) {
    example *self = *state;
    double loss = loss_of(self);
    double expected =
        reference_loss(&self->layout, self->params_double, ROWS, self->contexts, self->targets);
    assert_true(fabs(loss - expected) <= TOLERANCE * expected);
}

static void test_model_row_losses_sum_to_the_loss(void **state) {
    example *self = *state;
    double losses[ROWS], sum = 0.0;
    dp_model_row_losses(self->model, self->params, ROWS, self->contexts, self->targets, losses);
    for (size_t r = 0; r < ROWS; r++) {
        double expected =
            reference_loss(&self->layout, self->params_double, 1,
                           self->contexts + r * self->layout.shape.block_size, self->targets + r);
        assert_true(fabs(losses[r] - expected) <= TOLERANCE * expected);
        sum += losses[r];
    }
    double loss = loss_of(self);
    assert_true(sum == loss);
}

static double difference(example *self, size_t i) {
    const double step = 1e-5;
    double kept = self->params_double[i];
    self->params_double[i] = kept + step;
    double above =
        reference_loss(&self->layout, self->params_double, ROWS, self->contexts, self->targets);
    self->params_double[i] = kept - step;
    double below =
        reference_loss(&self->layout, self->params_double, ROWS, self->contexts, self->targets);
    self->params_double[i] = kept;
    return (above - below) / (2.0 * step);
}

static void compute_gradient(example *self, float scale) {
    const size_t starts[2] = {0, ROWS};
    double loss = 0.0;
    const dp_batch batch = {
        .grains = 1, .starts = starts, .contexts = self->contexts, .targets = self->targets};
    dp_model_gradient(self->model, self->params, &batch, scale, self->gradient, &loss, NULL);
}

static void test_model_gradient_of_every_tensor_is_the_finite_difference(void **state) {
    example *self = *state;
    const float scale = 0.25f;
    compute_gradient(self, scale);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &self->layout.tensors[t];
        double error_squared = 0.0, norm_squared = 0.0;
        for (size_t i = 0; i < dp_tensor_size(tensor); i++) {
            const size_t at = dp_tensor_index(tensor, i);
            double expected = (double)scale * difference(self, at);
            double error = (double)self->gradient[at] - expected;
            error_squared += error * error;
            norm_squared += expected * expected;
        }
        double relative = sqrt(error_squared / norm_squared);
        if (!(relative <= TOLERANCE) || norm_squared == 0.0)
            fail_msg("gradient of %s: relative error %g, norm %g", tensor->name, relative,
                     sqrt(norm_squared));
    }
}

/* Whether the float at each place of the slab belongs to a tensor; to be freed. */
static bool *used_places(const dp_params_layout *layout) {
    dp_error error;
    bool *used = dp_memory_zeroed(layout->length, sizeof *used, &error);
    assert_non_null(used);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        for (size_t i = 0; i < dp_tensor_size(&layout->tensors[t]); i++)
            used[dp_tensor_index(&layout->tensors[t], i)] = true;
    }
    return used;
}

static void test_model_padding_has_no_gradient(void **state) {
    example *self = *state;
    bool *used = used_places(&self->layout);
    size_t padding = 0;
    compute_gradient(self, 1.0f);
    for (size_t i = 0; i < self->layout.length; i++) {
        assert_true(used[i] || self->gradient[i] == 0.0f);
        padding += !used[i];
    }
    assert_true(padding > 0); /* else this test has looked at nothing */
    dp_memory_free(used);
}

static void test_model_hash_sees_every_element_and_not_the_padding(void **state) {
    example *self = *state;
    bool *used = used_places(&self->layout);
    const uint64_t before = dp_params_hash(&self->layout, self->params);
    for (size_t i = 0; i < self->layout.length; i++) {
        float kept = self->params[i];
        self->params[i] = nextafterf(kept, INFINITY);
        if ((dp_params_hash(&self->layout, self->params) != before) != used[i])
            fail_msg("float %zu of the slab", i);
        self->params[i] = kept;
    }
    dp_memory_free(used);
}

/* --- every way that gradients are computed in ------------------------------------------------ */

typedef struct way {
    const char *name;
    dp_model_shape shape;
    size_t rows;
    dp_dropout dropout;
} way;

/* All by each way of layer 1. */
#define SMALL_SHAPE                                                                                \
    { .vocab = 7, .block_size = 2, .embedding_dim = 3, .hidden_dim = 21 }
#define WHOLE_SHAPE                                                                                \
    { .vocab = 16, .block_size = 3, .embedding_dim = 32, .hidden_dim = 48 }
#define LARGE_SHAPE                                                                                \
    { .vocab = 30, .block_size = 3, .embedding_dim = 10, .hidden_dim = 32000 }
#define DIRECT_SHAPE                                                                               \
    { .vocab = 19, .block_size = 3, .embedding_dim = 5, .hidden_dim = 7, .direct = true }
#define LINEAR_SHAPE                                                                               \
    { .vocab = 19, .block_size = 3, .embedding_dim = 5, .hidden_dim = 0, .direct = true }
static const way ways[] = {
    {"rows", SMALL_SHAPE, 6, {.seed = 0}},
    {"rows of whole lines", WHOLE_SHAPE, 6, {.seed = 0}},
    {"many rows of whole lines", WHOLE_SHAPE, 40, {.hidden = 0.4, .seed = 9}},
    {"rows with dropout", SMALL_SHAPE, 6, {.embedding = 0.25, .hidden = 0.4, .seed = 5}},
    {"many rows", SMALL_SHAPE, 40, {.seed = 0}},
    {"many rows, some hidden", SMALL_SHAPE, 40, {.hidden = 0.4, .seed = 6}},
    {"many rows with dropout", SMALL_SHAPE, 40, {.embedding = 0.25, .hidden = 0.4, .seed = 7}},
    {"large", LARGE_SHAPE, 5, {.seed = 0}},
    {"large with dropout", LARGE_SHAPE, 5, {.embedding = 0.25, .hidden = 0.4, .seed = 8}},
    {"direct", DIRECT_SHAPE, 40, {.seed = 0}},
    {"direct with dropout", DIRECT_SHAPE, 40, {.embedding = 0.25, .hidden = 0.4, .seed = 10}},
    {"direct alone", LINEAR_SHAPE, 40, {.seed = 0}},
    {"direct alone with dropout", LINEAR_SHAPE, 40, {.embedding = 0.25, .hidden = 0.4, .seed = 11}},
};

static dp_layer1 most_shared(const dp_model_shape *shape, const dp_dropout *dropout) {
    return dp_ways_most_shared(&(dp_ways_work){.shape = *shape,
                                               .drops_features = dropout->embedding > 0.0,
                                               .drops_hidden = dropout->hidden > 0.0});
}

enum { WAY_ROWS_MAX = 40, WAY_STEP = 1234, WAY_FIRST_ROW = 300 };

/* The slope of the loss at params along `direction`, in double. */
static double slope_along(const way *self, const dp_params_layout *layout, const float *params,
                          const float *direction, const uint32_t *contexts,
                          const uint32_t *targets) {
    const double step = 1e-5;
    double losses[2];
    dp_error error;
    double *moved = dp_memory_zeroed(layout->length, sizeof *moved, &error);
    assert_non_null(moved);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < layout->length; i++)
            moved[i] = (double)params[i] + (side == 0 ? -step : step) * (double)direction[i];
        losses[side] = reference_loss_with_dropout(layout, moved, self->rows, contexts, targets,
                                                   &self->dropout, WAY_STEP, WAY_FIRST_ROW);
    }
    dp_memory_free(moved);
    return (losses[1] - losses[0]) / (2.0 * step);
}

/* Compares the slope along a random direction within a tensor with the gradient's. */
static void check_slope(const way *self, const dp_params_layout *layout, const dp_tensor *tensor,
                        const float *params, const float *gradient, const uint32_t *contexts,
                        const uint32_t *targets) {
    dp_error error;
    float *direction = dp_memory_zeroed(layout->length, sizeof *direction, &error);
    double slope = 0.0, scale = 0.0;
    assert_non_null(direction);
    for (size_t i = 0; i < dp_tensor_size(tensor); i++) {
        const size_t at = dp_tensor_index(tensor, i);
        direction[at] = (float)dp_random_normal(11, DP_STREAM_INIT, i, tensor->offset);
        slope += (double)gradient[at] * (double)direction[at];
        scale += (double)gradient[at] * (double)gradient[at];
    }
    double expected = slope_along(self, layout, params, direction, contexts, targets);
    if (!(fabs(slope - expected) <= TOLERANCE * sqrt(scale)) || scale == 0.0)
        fail_msg("%s, %s: slope %.9g, not %.9g", self->name, tensor->name, slope, expected);
    dp_memory_free(direction);
}

static void check_way(const way *self, dp_layer1 layer1) {
    dp_error error;
    dp_params_layout layout;
    dp_model *model = NULL;
    uint32_t contexts[WAY_ROWS_MAX * 3], targets[WAY_ROWS_MAX];
    const dp_model_options options = {.level = dp_cpu_level_detect(),
                                      .grain_rows = self->rows,
                                      .dropout = self->dropout,
                                      .layer1 = layer1};
    const size_t starts[2] = {0, self->rows};
    const dp_batch batch = {.grains = 1,
                            .starts = starts,
                            .contexts = contexts,
                            .targets = targets,
                            .step = WAY_STEP,
                            .first_row = WAY_FIRST_ROW};
    double loss = 0.0;
    assert_int_equal(dp_params_layout_init(&layout, self->shape, &error), DP_OK);
    assert_int_equal(dp_model_create(&model, &layout, &options, &error), DP_OK);
    float *params = dp_memory_zeroed(layout.length, sizeof *params, &error);
    float *gradient = dp_memory_zeroed(layout.length, sizeof *gradient, &error);
    assert_non_null(params);
    assert_non_null(gradient);
    dp_params_init(&layout, DP_INIT_SCALED, 3, params);
    for (size_t i = 0; i < self->rows * self->shape.block_size; i++)
        contexts[i] = (uint32_t)dp_random_below(9, DP_STREAM_BATCH, i, 0, self->shape.vocab);
    for (size_t r = 0; r < self->rows; r++)
        targets[r] = (uint32_t)dp_random_below(9, DP_STREAM_BATCH, r, 1, self->shape.vocab);
    dp_model_gradient(model, params, &batch, 1.0f, gradient, &loss, NULL);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        if (dp_tensor_size(&layout.tensors[t]) > 0)
            check_slope(self, &layout, &layout.tensors[t], params, gradient, contexts, targets);
    }
    dp_memory_free(params);
    dp_memory_free(gradient);
    dp_model_destroy(model);
}

static void test_model_gradient_is_the_slope_in_every_way(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const dp_layer1 most = most_shared(&ways[i].shape, &ways[i].dropout);
        for (dp_layer1 layer1 = DP_LAYER1_BY_ROWS; layer1 <= most; layer1++)
            check_way(&ways[i], layer1);
    }
}

/* --- golden values -------------------------------------------------------------------------- */

enum { GOLDEN_STEPS = 10 };

typedef struct golden {
    const char *name;
    dp_model_shape shape;
    size_t batch, grains;
    dp_dropout dropout;
    size_t grain_rows; /* that the model is made for */
    dp_layer1 layer1;
    dp_h5reader file;
    dp_file_map map;
    const uint32_t *contexts, *targets;
    dp_params_layout layout;
    dp_model *model;
    size_t step; /* for the leaf */
    double loss;
    float *params, *expected, *gradient, *scratch, *natural;
} golden;

static const uint32_t *map_ids(golden *self, const char *object, int rank) {
    dp_error error;
    dp_h5location location;
    assert_int_equal(dp_h5reader_locate_integers(&self->file, object, rank, &location, &error),
                     DP_OK);
    assert_int_equal(location.bytes, 4);
    assert_int_equal(location.offset % 4, 0);
    return (const uint32_t *)(const void *)(self->map.data + location.offset);
}

/* Into a slab. */
static void read_tensors(golden *self, const char *group, float *slab) {
    dp_error error;
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &self->layout.tensors[t];
        dp_h5shape shape = {.rank = 2, .size = {tensor->rows, tensor->cols}};
        char object[64];
        if (dp_tensor_size(tensor) == 0)
            continue;
        if (tensor->rank == 1)
            shape = (dp_h5shape){.rank = 1, .size = {tensor->cols}};
        snprintf(object, sizeof object, "/%s/%s/%s", self->name, group, tensor->name);
        assert_int_equal(dp_h5reader_floats(&self->file, object, shape, self->natural, &error),
                         DP_OK);
        dp_tensor_load(tensor, slab, self->natural);
    }
}

static void golden_open(golden *self) {
    dp_error error;
    char object[64];
    const char *path = DP_TESTS_DIR "/golden/golden.h5";
    assert_int_equal(dp_h5reader_open(&self->file, path, &error), DP_OK);
    assert_int_equal(dp_file_map_open(&self->map, path, &error), DP_OK);
    assert_int_equal(dp_params_layout_init(&self->layout, self->shape, &error), DP_OK);
    const dp_model_options options = {.level = dp_cpu_level_detect(),
                                      .grain_rows = self->grain_rows,
                                      .dropout = self->dropout,
                                      .layer1 = self->layer1};
    assert_int_equal(dp_model_create(&self->model, &self->layout, &options, &error), DP_OK);
    snprintf(object, sizeof object, "/%s/contexts", self->name);
    self->contexts = map_ids(self, object, 2);
    snprintf(object, sizeof object, "/%s/targets", self->name);
    self->targets = map_ids(self, object, 1);
    self->params = dp_memory_zeroed(self->layout.length, sizeof(float), &error);
    self->expected = dp_memory_zeroed(self->layout.length, sizeof(float), &error);
    self->gradient = dp_memory_zeroed(self->layout.length, sizeof(float), &error);
    self->scratch = dp_memory_zeroed(8 * self->layout.length, sizeof(float), &error);
    self->natural = dp_memory_zeroed(self->layout.length, sizeof(float), &error);
    read_tensors(self, "params", self->params);
}

static void golden_close(golden *self) {
    dp_memory_free(self->params);
    dp_memory_free(self->expected);
    dp_memory_free(self->gradient);
    dp_memory_free(self->scratch);
    dp_memory_free(self->natural);
    dp_model_destroy(self->model);
    dp_file_map_close(&self->map);
    dp_h5reader_close(&self->file);
}

static void assert_close(const char *what, size_t n, const float *values, const float *expected) {
    double error_squared = 0.0, norm_squared = 0.0;
    for (size_t i = 0; i < n; i++) {
        double error = (double)values[i] - (double)expected[i];
        error_squared += error * error;
        norm_squared += (double)expected[i] * (double)expected[i];
    }
    double relative = sqrt(error_squared / norm_squared);
    if (!(relative <= TOLERANCE))
        fail_msg("%s: relative error %g", what, relative);
}

static void assert_tensors_close(const golden *self, const char *what, const float *slab) {
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &self->layout.tensors[t];
        char name[64];
        if (dp_tensor_size(tensor) == 0)
            continue;
        snprintf(name, sizeof name, "%s %s %s", self->name, what, tensor->name);
        assert_close(name, dp_tensor_size(tensor), slab + tensor->offset,
                     self->expected + tensor->offset);
    }
}

static void assert_loss(golden *self, double loss) {
    dp_error error;
    double expected = 0.0;
    char name[64];
    snprintf(name, sizeof name, "%s_loss_%zu", self->name, self->step);
    assert_int_equal(dp_h5reader_real_attribute(&self->file, name, &expected, &error), DP_OK);
    if (!(fabs(loss - expected) <= TOLERANCE * expected))
        fail_msg("%s = %.9g, not %.9g", name, loss, expected);
}

/* The gradient of some grains of the current step, as the trainer computes it. */
static void golden_grains(void *context, dp_tree_range grains, float *sum) {
    golden *self = context;
    size_t starts[DP_MODEL_GRAINS_MAX + 1];
    double losses[DP_MODEL_GRAINS_MAX];
    size_t base = dp_tree_share(self->batch, self->grains, grains.first).first;
    for (size_t g = grains.first; g < grains.end; g++) {
        starts[g - grains.first] = dp_tree_share(self->batch, self->grains, g).first - base;
        starts[g - grains.first + 1] = dp_tree_share(self->batch, self->grains, g).end - base;
    }
    size_t first = self->step * self->batch + base;
    const dp_batch batch = {.grains = grains.end - grains.first,
                            .starts = starts,
                            .contexts = self->contexts + first * self->shape.block_size,
                            .targets = self->targets + first,
                            .step = self->step,
                            .first_row = base};
    dp_model_gradient(self->model, self->params, &batch, 1.0f / (float)self->batch, sum, losses,
                      NULL);
    for (size_t g = 0; g < grains.end - grains.first; g++)
        self->loss += losses[g];
}

static double golden_gradient(golden *self, size_t at_once, float *gradient) {
    self->loss = 0.0;
    dp_tree_sum_block(dp_tree_root(self->grains), at_once, golden_grains, self, self->layout.length,
                      gradient, self->scratch, self->layout.length);
    return self->loss / (double)self->batch;
}

static void check_golden_by(golden *self) {
    dp_error error;
    char object[64];
    golden_open(self);
    dp_forward forward;
    float *logits = dp_memory_zeroed(self->batch * self->shape.vocab, sizeof(float), &error);
    float *computed = dp_memory_zeroed(self->batch * self->shape.vocab, sizeof(float), &error);
    snprintf(object, sizeof object, "/%s/logits", self->name);
    assert_int_equal(
        dp_h5reader_floats(&self->file, object,
                           (dp_h5shape){.rank = 2, .size = {self->batch, self->shape.vocab}},
                           logits, &error),
        DP_OK);
    assert_int_equal(dp_forward_init(&forward, &self->layout, dp_cpu_level_detect(), &error),
                     DP_OK);
    dp_forward_logits(&forward, self->params, self->batch, self->contexts, computed);
    dp_forward_clear(&forward);
    for (size_t r = 0; r < self->batch * self->shape.vocab; r += self->shape.vocab)
        assert_close("logits of a row", self->shape.vocab, computed + r, logits + r);
    dp_memory_free(computed);
    dp_memory_free(logits);
    for (self->step = 0; self->step < GOLDEN_STEPS; self->step++) {
        size_t at_once = dp_model_grains_at_once(self->model);
        assert_loss(self, golden_gradient(self, at_once, self->gradient));
        if (self->step == 0) { /* one by one, the grains give the same bits */
            (void)golden_gradient(self, 1, self->expected);
            assert_memory_equal(self->gradient, self->expected,
                                self->layout.length * sizeof(float));
        }
        if (self->step == 0) {
            read_tensors(self, "gradient", self->expected);
            assert_tensors_close(self, "gradient", self->gradient);
        }
        dp_kernels_of(dp_cpu_level_detect())
            ->descend(self->layout.length, 0.1f, self->gradient, self->params);
    }
    read_tensors(self, "trained", self->expected);
    assert_tensors_close(self, "after ten steps", self->params);
    golden_close(self);
}

/* By each way of layer 1. */
static void check_golden(golden *self) {
    const dp_layer1 most = most_shared(&self->shape, &self->dropout);
    for (self->layer1 = DP_LAYER1_BY_ROWS; self->layer1 <= most; self->layer1++)
        check_golden_by(self);
}

static void test_model_small_is_pytorch(void **state) {
    (void)state;
    golden self = {.name = "small",
                   .shape = {.vocab = 11, .block_size = 3, .embedding_dim = 4, .hidden_dim = 8},
                   .batch = 33,
                   .grains = 8,
                   .grain_rows = 5};
    check_golden(&self);
    self.grain_rows = 33;
    check_golden(&self);
}

static void test_model_base_is_pytorch(void **state) {
    (void)state;
    golden self = {.name = "base",
                   .shape = {.vocab = 27, .block_size = 3, .embedding_dim = 6, .hidden_dim = 200},
                   .batch = 32,
                   .grains = 5,
                   .grain_rows = 7};
    check_golden(&self);
    self.grain_rows = 32;
    check_golden(&self);
}

static void test_model_with_dropout_is_pytorch(void **state) {
    (void)state;
    golden self = {.name = "dropout",
                   .shape = {.vocab = 11, .block_size = 3, .embedding_dim = 4, .hidden_dim = 12},
                   .batch = 33,
                   .grains = 8,
                   .dropout = {.embedding = 0.25, .hidden = 0.4, .seed = 4},
                   .grain_rows = 33};
    check_golden(&self);
}

static void test_model_with_direct_connections_is_pytorch(void **state) {
    (void)state;
    golden self = {.name = "direct",
                   .shape = {.vocab = 23,
                             .block_size = 3,
                             .embedding_dim = 4,
                             .hidden_dim = 9,
                             .direct = true},
                   .batch = 33,
                   .grains = 8,
                   .dropout = {.embedding = 0.25, .hidden = 0.4, .seed = 5},
                   .grain_rows = 33};
    check_golden(&self);
}

static void test_model_without_hidden_layer_is_pytorch(void **state) {
    (void)state;
    golden self = {.name = "linear",
                   .shape = {.vocab = 23,
                             .block_size = 2,
                             .embedding_dim = 5,
                             .hidden_dim = 0,
                             .direct = true},
                   .batch = 33,
                   .grains = 8,
                   .grain_rows = 33};
    check_golden(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_model_loss_is_the_reference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_model_row_losses_sum_to_the_loss, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_model_gradient_of_every_tensor_is_the_finite_difference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_model_padding_has_no_gradient, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_model_hash_sees_every_element_and_not_the_padding,
                                        set_up, tear_down),
        cmocka_unit_test(test_model_gradient_is_the_slope_in_every_way),
        cmocka_unit_test(test_model_small_is_pytorch),
        cmocka_unit_test(test_model_base_is_pytorch),
        cmocka_unit_test(test_model_with_dropout_is_pytorch),
        cmocka_unit_test(test_model_with_direct_connections_is_pytorch),
        cmocka_unit_test(test_model_without_hidden_layer_is_pytorch),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
