/* The wide model against the double reference, against the model that is not split, and against
 * itself where rows and blocks are divided otherwise. */
#include "model/wide_model.h"

#include "base/memory.h"
#include "base/random.h"
#include "model/occurrences.h"
#include "support/expect.h"
#include "support/reference.h"

#include <string.h>

#define TOLERANCE 1e-5 /* relative, float32 against double */

enum { ROWS = 70, BLOCK_SIZE = 3, STEP = 1234, FIRST_ROW = 300, BLOCKS_MAX = 4 };

typedef struct network {
    const char *name;
    dp_model_shape shape;
    dp_dropout dropout;
} network;

/* One block that is whole or not, two of which the last has one token, and more. */
#define DROPOUT                                                                                    \
    { .embedding = 0.25, .hidden = 0.4, .seed = 5 }
#define SHAPE(tokens, features, units, connected)                                                  \
    {                                                                                              \
        .vocab = (tokens), .block_size = BLOCK_SIZE, .embedding_dim = (features),                  \
        .hidden_dim = (units), .direct = (connected), .split = true                                \
    }
static const network networks[] = {
    {"7 tokens", SHAPE(7, 5, 7, true), {.seed = 0}},
    {"240 tokens", SHAPE(240, 5, 7, true), {.seed = 0}},
    {"241 tokens", SHAPE(241, 5, 7, true), {.seed = 0}},
    {"500 tokens", SHAPE(500, 4, 16, false), {.seed = 0}},
    {"500 tokens, dropout", SHAPE(500, 16, 21, false), DROPOUT},
    {"730 tokens, dropout", SHAPE(730, 30, 50, true), DROPOUT},
    {"730 tokens, no hidden layer", SHAPE(730, 5, 0, true), {.seed = 0}},
    {"730 tokens, no hidden layer, dropout", SHAPE(730, 9, 0, true), DROPOUT},
};
#define NETWORK_COUNT (sizeof networks / sizeof networks[0])

/* How the work is divided: so many rows at a time below the output, so many rows of W1, and whether
 * blocks are taken from the last to the first. */
typedef struct division {
    size_t rows, inputs;
    bool backwards;
} division;

typedef struct example {
    const network *network;
    dp_cpu_level level;
    dp_params_layout layout;
    dp_wide_dims dims;
    size_t lde;
    uint32_t contexts[ROWS * BLOCK_SIZE], targets[ROWS];
    float *params, *gradient;
    const float *lr; /* NULL, or the blocks of the output descend instead of having a gradient */
    double losses[ROWS];

    /* Between the parts of a step. */
    dp_wide_model *models[ROWS]; /* of each piece of the rows, as one keeps the masks of its own */
    float *x, *h, *a, *dh, *dx;
    float *e[BLOCKS_MAX], *stats[BLOCKS_MAX], *da[BLOCKS_MAX];
    float target_logits[ROWS], maximum[ROWS], total[ROWS];
} example;

static float *new_floats(size_t count) {
    dp_error error;
    float *floats = dp_memory_zeroed(count + 1, sizeof *floats, &error);
    assert_non_null(floats);
    return floats;
}

static dp_wide_model *new_model(const example *self, size_t rows, bool forward_only) {
    dp_error error = {0};
    dp_wide_model *model = NULL;
    const dp_model_options options = {.level = self->level,
                                      .grain_rows = rows,
                                      .forward_only = forward_only,
                                      .dropout = self->network->dropout};
    expect_ok(dp_wide_model_create(&model, &self->layout, &options, &error), &error);
    return model;
}

static void open_example(example *self, const network *which, dp_cpu_level level) {
    dp_error error = {0};
    *self = (example){.network = which, .level = level};
    expect_ok(dp_params_layout_init(&self->layout, which->shape, &error), &error);
    assert_in_range(self->layout.output_blocks, 1, BLOCKS_MAX);
    for (size_t i = 0; i < ROWS * BLOCK_SIZE; i++)
        self->contexts[i] = (uint32_t)dp_random_below(9, DP_STREAM_BATCH, i, 0, which->shape.vocab);
    for (size_t r = 0; r < ROWS; r++)
        self->targets[r] = (uint32_t)dp_random_below(9, DP_STREAM_BATCH, r, 1, which->shape.vocab);
    self->targets[0] = (uint32_t)which->shape.vocab - 1;
    self->params = new_floats(self->layout.length);
    self->gradient = new_floats(self->layout.length);
    dp_params_init(&self->layout, DP_INIT_SCALED, 3, self->params);
    self->dims = dp_wide_dims_of(&self->layout);
    self->lde = dp_tensor_ld(&self->layout.tensors[DP_TENSOR_C]);
    self->x = new_floats(ROWS * self->dims.ldx);
    self->h = new_floats(ROWS * self->dims.ldh);
    self->a = new_floats(ROWS * self->dims.lda);
    self->dh = new_floats(ROWS * self->dims.ldh);
    self->dx = new_floats(ROWS * BLOCK_SIZE * self->lde);
    for (size_t b = 0; b < self->layout.output_blocks; b++) {
        self->e[b] = new_floats(ROWS * DP_OUTPUT_BLOCK);
        self->stats[b] = new_floats(2 * ROWS);
        self->da[b] = new_floats(ROWS * self->dims.lda);
    }
}

static void close_example(example *self) {
    float *const floats[] = {self->params, self->gradient, self->x, self->h,
                             self->a,      self->dh,       self->dx};
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++)
        dp_memory_free(floats[i]);
    for (size_t b = 0; b < self->layout.output_blocks; b++) {
        dp_memory_free(self->e[b]);
        dp_memory_free(self->stats[b]);
        dp_memory_free(self->da[b]);
    }
}

/* --- a step, divided ------------------------------------------------------------------------ */

static dp_wide_rows rows_from(const example *self, size_t first, size_t most) {
    return (dp_wide_rows){.count = ROWS - first < most ? ROWS - first : most,
                          .contexts = self->contexts + first * BLOCK_SIZE,
                          .step = STEP,
                          .first_row = FIRST_ROW + first,
                          .x = self->x + first * self->dims.ldx,
                          .h = self->h + first * self->dims.ldh,
                          .a = self->a + first * self->dims.lda};
}

static void compute_hidden(example *self, const division *by) {
    for (size_t first = 0; first < ROWS; first += by->rows) {
        const dp_wide_rows rows = rows_from(self, first, by->rows);
        self->models[first] = new_model(self, by->rows, false);
        dp_wide_model_hidden(self->models[first], self->params, &rows, NULL);
    }
}

/* The block that is taken as number i. */
static size_t block_at(const example *self, const division *by, size_t i) {
    return by->backwards ? self->layout.output_blocks - 1 - i : i;
}

static void compute_output(example *self, const division *by) {
    const dp_wide_model *model = self->models[0];
    for (size_t i = 0; i < self->layout.output_blocks; i++) {
        const size_t b = block_at(self, by, i);
        const dp_wide_block block = {
            .number = b, .rows = ROWS, .a = self->a, .targets = self->targets};
        const dp_wide_exponentials out = {
            .e = self->e[b], .stats = self->stats[b], .target_logits = self->target_logits};
        dp_wide_model_exponentials(model, self->params, &block, &out, NULL);
    }
    dp_wide_model_normalise(model, ROWS, (const float *const *)self->stats, self->target_logits,
                            self->maximum, self->total, self->losses);
    for (size_t i = 0; i < self->layout.output_blocks; i++) {
        const size_t b = block_at(self, by, i);
        const dp_wide_block block = {.number = b,
                                     .rows = ROWS,
                                     .a = self->a,
                                     .targets = self->targets,
                                     .e = self->e[b],
                                     .maxima = self->stats[b],
                                     .maximum = self->maximum,
                                     .total = self->total,
                                     .scale = 1.0f / ROWS};
        float *gradient = self->gradient + dp_output_block_offset(&self->layout, b);
        if (self->lr == NULL)
            dp_wide_model_output_gradient(model, self->params, &block, self->da[b], gradient, NULL);
        else
            dp_wide_model_output_descend(model, self->params, &block, *self->lr, self->da[b],
                                         gradient, NULL);
    }
    for (size_t b = 1; b < self->layout.output_blocks; b++) {
        for (size_t i = 0; i < ROWS * self->dims.lda; i++)
            self->da[0][i] += self->da[b][i];
    }
}

static void compute_below(example *self, const division *by) {
    for (size_t first = 0; first < ROWS; first += by->rows) {
        const dp_wide_rows rows = rows_from(self, first, by->rows);
        dp_wide_model_below(self->models[first], self->params, &rows,
                            self->da[0] + first * self->dims.lda, self->dh + first * self->dims.ldh,
                            self->dx + first * BLOCK_SIZE * self->lde);
        if (first > 0)
            dp_wide_model_destroy(self->models[first]);
    }
}

static void compute_layer1(example *self, const division *by) {
    const size_t inputs = self->dims.hidden > 0 ? self->dims.inputs : 0;
    float *dw = self->gradient + self->layout.tensors[DP_TENSOR_W1].offset;
    for (size_t first = 0; first < inputs; first += by->inputs) {
        const size_t count = inputs - first < by->inputs ? inputs - first : by->inputs;
        dp_wide_model_layer1_gradient(self->models[0], ROWS, self->x, self->dh, first, count,
                                      dw + first * self->dims.ldh,
                                      self->gradient + self->layout.tensors[DP_TENSOR_B1].offset);
    }
    dp_wide_model_destroy(self->models[0]);
}

static void compute_embedding(example *self) {
    dp_error error = {0};
    dp_occurrences occurrences;
    float *dc = self->gradient + self->layout.tensors[DP_TENSOR_C].offset;
    dp_workspace room = {0};
    expect_ok(dp_occurrences_reserve(&occurrences, self->layout.shape.vocab, ROWS * BLOCK_SIZE,
                                     self->lde, &room, &error),
              &error);
    void *memory = dp_workspace_allocate(&room, &error);
    assert_non_null(memory);
    dp_occurrences_collect(&occurrences, ROWS * BLOCK_SIZE, self->contexts);
    for (size_t token = 0; token < self->layout.shape.vocab; token++)
        dp_occurrences_sum(&occurrences, (uint32_t)token, self->dx, dc + token * self->lde);
    dp_memory_free(memory);
}

/* Fills gradient and losses. */
static void compute(example *self, const division *by) {
    memset(self->gradient, 0, self->layout.length * sizeof *self->gradient);
    compute_hidden(self, by);
    compute_output(self, by);
    compute_below(self, by);
    compute_layer1(self, by);
    compute_embedding(self);
}

static const division whole = {.rows = ROWS, .inputs = SIZE_MAX / 2};

/* Calls `check` for each network with the kernels of each level up to this machine's. */
static void for_each_example(void (*check)(example *)) {
    static example self;
    const dp_cpu_level levels[] = {DP_CPU_GENERIC, DP_CPU_X86_64_V3, DP_CPU_X86_64_V4};
    for (size_t l = 0; l < 3 && levels[l] <= dp_cpu_level_detect(); l++) {
        for (size_t n = 0; n < NETWORK_COUNT; n++) {
            open_example(&self, &networks[n], levels[l]);
            check(&self);
            close_example(&self);
        }
    }
}

/* --- against the reference ------------------------------------------------------------------ */

static double *doubles_of(const example *self) {
    dp_error error;
    double *values = dp_memory_zeroed(self->layout.length, sizeof *values, &error);
    assert_non_null(values);
    for (size_t i = 0; i < self->layout.length; i++)
        values[i] = (double)self->params[i];
    return values;
}

static void check_losses(example *self) {
    double *params = doubles_of(self);
    compute(self, &whole);
    for (size_t r = 0; r < ROWS; r++) {
        double expected = reference_loss_with_dropout(
            &self->layout, params, 1, self->contexts + r * BLOCK_SIZE, &self->targets[r],
            &self->network->dropout, STEP, FIRST_ROW + r);
        if (!(fabs(self->losses[r] - expected) <= TOLERANCE * expected))
            fail_msg("%s, row %zu: %.9g, not %.9g", self->network->name, r, self->losses[r],
                     expected);
    }
    dp_memory_free(params);
}

static void test_wide_model_losses_are_the_reference(void **state) {
    (void)state;
    for_each_example(check_losses);
}

/* The slope of the mean loss along `direction`. */
static double slope_along(const example *self, const float *direction) {
    const double step = 1e-5;
    double losses[2];
    for (int side = 0; side < 2; side++) {
        double *moved = doubles_of(self);
        for (size_t i = 0; i < self->layout.length; i++)
            moved[i] += (side == 0 ? -step : step) * (double)direction[i];
        losses[side] =
            reference_loss_with_dropout(&self->layout, moved, ROWS, self->contexts, self->targets,
                                        &self->network->dropout, STEP, FIRST_ROW);
        dp_memory_free(moved);
    }
    return (losses[1] - losses[0]) / (2.0 * step) / ROWS;
}

static void check_slope(const example *self, const dp_tensor *tensor, uint64_t seed) {
    float *direction = new_floats(self->layout.length);
    double slope = 0.0, scale = 0.0;
    for (size_t i = 0; i < dp_tensor_size(tensor); i++) {
        const size_t at = dp_tensor_index(tensor, i);
        direction[at] = (float)dp_random_normal(seed, DP_STREAM_INIT, i, tensor->offset);
        slope += (double)self->gradient[at] * (double)direction[at];
        scale += (double)self->gradient[at] * (double)self->gradient[at];
    }
    double expected = slope_along(self, direction);
    if (!(fabs(slope - expected) <= TOLERANCE * sqrt(scale)) || scale == 0.0)
        fail_msg("%s, %s: slope %.9g, not %.9g", self->network->name, tensor->name, slope,
                 expected);
    dp_memory_free(direction);
}

static void check_slopes(example *self) {
    compute(self, &whole);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        for (uint64_t seed = 0; seed < 1 && dp_tensor_size(&self->layout.tensors[t]) > 0; seed++)
            check_slope(self, &self->layout.tensors[t], seed);
    }
}

static void test_wide_model_gradient_of_every_tensor_is_the_slope(void **state) {
    (void)state;
    for_each_example(check_slopes);
}

/* --- against the whole model ---------------------------------------------------------------- */

static void expect_tensor_close(const example *self, const dp_params_layout *layout,
                                const float *expected, int t) {
    double error_squared = 0.0, norm_squared = 0.0;
    for (size_t i = 0; i < dp_tensor_size(&self->layout.tensors[t]); i++) {
        double wanted = (double)expected[dp_tensor_index(&layout->tensors[t], i)];
        double got = (double)self->gradient[dp_tensor_index(&self->layout.tensors[t], i)];
        error_squared += (got - wanted) * (got - wanted);
        norm_squared += wanted * wanted;
    }
    if (!(sqrt(error_squared) <= TOLERANCE * sqrt(norm_squared)))
        fail_msg("%s, gradient of %s: error %g of %g", self->network->name,
                 self->layout.tensors[t].name, sqrt(error_squared), sqrt(norm_squared));
}

static void check_against_whole(example *self) {
    dp_error error = {0};
    dp_params_layout layout;
    dp_model *model = NULL;
    dp_model_shape shape = self->network->shape;
    const dp_model_options options = {
        .level = self->level, .grain_rows = ROWS, .dropout = self->network->dropout};
    const size_t starts[2] = {0, ROWS};
    const dp_batch batch = {.grains = 1,
                            .starts = starts,
                            .contexts = self->contexts,
                            .targets = self->targets,
                            .step = STEP,
                            .first_row = FIRST_ROW};
    double loss = 0.0, total = 0.0;
    shape.split = false;
    expect_ok(dp_params_layout_init(&layout, shape, &error), &error);
    expect_ok(dp_model_create(&model, &layout, &options, &error), &error);
    float *params = new_floats(layout.length), *gradient = new_floats(layout.length);
    dp_params_init(&layout, DP_INIT_SCALED, 3, params);
    dp_model_gradient(model, params, &batch, 1.0f / ROWS, gradient, &loss, NULL);
    compute(self, &whole);
    for (size_t r = 0; r < ROWS; r++)
        total += self->losses[r];
    expect_close(total, loss, TOLERANCE * loss);
    for (int t = 0; t < DP_TENSOR_COUNT; t++)
        expect_tensor_close(self, &layout, gradient, t);
    dp_model_destroy(model);
    dp_memory_free(params);
    dp_memory_free(gradient);
}

static void test_wide_model_is_the_model_that_is_not_split(void **state) {
    (void)state;
    for_each_example(check_against_whole);
}

/* --- against itself ------------------------------------------------------------------------- */

static void check_divisions(example *self) {
    static const division divisions[] = {
        {.rows = 1, .inputs = 1, .backwards = true},
        {.rows = 7, .inputs = 4, .backwards = false},
        {.rows = 19, .inputs = SIZE_MAX / 2, .backwards = true},
    };
    float *gradient = new_floats(self->layout.length);
    double losses[ROWS];
    compute(self, &whole);
    memcpy(gradient, self->gradient, self->layout.length * sizeof *gradient);
    memcpy(losses, self->losses, sizeof losses);
    for (size_t d = 0; d < sizeof divisions / sizeof divisions[0]; d++) {
        compute(self, &divisions[d]);
        assert_memory_equal(self->losses, losses, sizeof losses);
        for (int t = 0; t < DP_TENSOR_COUNT; t++) {
            const dp_tensor *tensor = &self->layout.tensors[t];
            for (size_t i = 0; i < dp_tensor_size(tensor); i++) {
                const size_t at = dp_tensor_index(tensor, i);
                if (memcmp(&self->gradient[at], &gradient[at], sizeof *gradient) != 0)
                    fail_msg("%s by %zu rows: gradient of %s[%zu] is %a, not %a",
                             self->network->name, divisions[d].rows, tensor->name, i,
                             (double)self->gradient[at], (double)gradient[at]);
            }
        }
    }
    dp_memory_free(gradient);
}

static void test_wide_model_has_the_same_bits_however_it_is_divided(void **state) {
    (void)state;
    for_each_example(check_divisions);
}

/* Descending on the way has the bits of doing so with the gradient afterwards, and gives what is
 * below the same ones. */
static void check_descent_once(example *self) {
    const float lr = 0.25f;
    const dp_params_layout *layout = &self->layout;
    const size_t first = layout->output_offset;
    float *params = new_floats(layout->length), *gradient = new_floats(layout->length);
    float *da = new_floats(ROWS * self->dims.lda); /* the sum over blocks */
    memcpy(params, self->params, layout->length * sizeof *params);
    compute(self, &whole);
    memcpy(da, self->da[0], ROWS * self->dims.lda * sizeof *da);
    memcpy(gradient, self->gradient, layout->length * sizeof *gradient);
    self->lr = &lr;
    compute(self, &whole);
    self->lr = NULL;
    assert_memory_equal(self->params, params, first * sizeof *params);
    assert_memory_equal(self->da[0], da, ROWS * self->dims.lda * sizeof *da);
    dp_kernels_of(self->level)
        ->descend(layout->length - first, lr, gradient + first, params + first);
    for (size_t i = first; i < layout->length; i++) {
        if (memcmp(&self->params[i], &params[i], sizeof *params) != 0)
            fail_msg("%s: parameter %zu becomes %a, not %a", self->network->name, i,
                     (double)self->params[i], (double)params[i]);
    }
    dp_memory_free(da);
    dp_memory_free(params);
    dp_memory_free(gradient);
}

/* With targets in all blocks, and in the first one alone. */
static void check_descent(example *self) {
    check_descent_once(self);
    for (size_t r = 0; r < ROWS; r++)
        self->targets[r] %= 7;
    check_descent_once(self);
}

static void test_wide_model_descends_on_the_way(void **state) {
    (void)state;
    for_each_example(check_descent);
}

/* The same places hold padding in parameters, gradients and state: it must stay 0. */
static void check_padding(example *self) {
    dp_error error;
    bool *used = dp_memory_zeroed(self->layout.length, sizeof *used, &error);
    size_t padding = 0;
    assert_non_null(used);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        for (size_t i = 0; i < dp_tensor_size(&self->layout.tensors[t]); i++)
            used[dp_tensor_index(&self->layout.tensors[t], i)] = true;
    }
    compute(self, &whole);
    for (size_t i = 0; i < self->layout.length; i++) {
        if (!used[i] && self->gradient[i] != 0.0f)
            fail_msg("%s: %g at %zu, in the padding", self->network->name,
                     (double)self->gradient[i], i);
        padding += !used[i];
    }
    assert_true(padding > 0); /* else this test has looked at nothing */
    dp_memory_free(used);
}

static void test_wide_model_padding_has_no_gradient(void **state) {
    (void)state;
    for_each_example(check_padding);
}

/* Losses alone are those of a step without dropout, bit for bit, a few rows at a time too; logits
 * give the same loss. */
static void check_evaluation(example *self) {
    enum { AT_ONCE = 10 };
    network plain = *self->network;
    const network *kept = self->network;
    double losses[ROWS];
    plain.dropout = (dp_dropout){.seed = 0};
    self->network = &plain;
    compute(self, &whole);
    dp_wide_model *model = new_model(self, AT_ONCE, true);
    for (size_t first = 0; first < ROWS; first += AT_ONCE)
        dp_wide_model_losses(model, self->params, ROWS - first < AT_ONCE ? ROWS - first : AT_ONCE,
                             self->contexts + first * BLOCK_SIZE, self->targets + first,
                             losses + first);
    assert_memory_equal(losses, self->losses, sizeof losses);
    dp_wide_model_destroy(model);
    self->network = kept;
}

static void test_wide_model_evaluates_as_it_trains(void **state) {
    (void)state;
    for_each_example(check_evaluation);
}

/* Logits of hundreds, also where a block's are all far below another's. */
static void check_large_logits_in(example *self, size_t block) {
    float *b2 = new_floats(self->layout.shape.vocab);
    for (size_t i = 0; i < self->layout.shape.vocab; i++)
        b2[i] = i / DP_OUTPUT_BLOCK == block ? 300.0f : -300.0f + (float)(i % 7);
    dp_tensor_load(&self->layout.tensors[DP_TENSOR_B2], self->params, b2);
    double *params = doubles_of(self);
    compute(self, &whole);
    for (size_t r = 0; r < ROWS; r++) {
        double expected = reference_loss_with_dropout(
            &self->layout, params, 1, self->contexts + r * BLOCK_SIZE, &self->targets[r],
            &self->network->dropout, STEP, FIRST_ROW + r);
        expect_close(self->losses[r], expected, TOLERANCE * (300.0 + expected));
    }
    for (size_t i = 0; i < self->layout.length; i++)
        assert_true(isfinite(self->gradient[i]));
    dp_memory_free(params);
    dp_memory_free(b2);
}

static void check_large_logits(example *self) {
    for (size_t b = 0; b < self->layout.output_blocks; b++)
        check_large_logits_in(self, b);
}

static void test_wide_model_takes_large_logits(void **state) {
    (void)state;
    for_each_example(check_large_logits);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wide_model_losses_are_the_reference),
        cmocka_unit_test(test_wide_model_gradient_of_every_tensor_is_the_slope),
        cmocka_unit_test(test_wide_model_is_the_model_that_is_not_split),
        cmocka_unit_test(test_wide_model_has_the_same_bits_however_it_is_divided),
        cmocka_unit_test(test_wide_model_descends_on_the_way),
        cmocka_unit_test(test_wide_model_padding_has_no_gradient),
        cmocka_unit_test(test_wide_model_evaluates_as_it_trains),
        cmocka_unit_test(test_wide_model_takes_large_logits),
    };
    return cmocka_run_group_tests_name("wide_model", tests, NULL, NULL);
}
