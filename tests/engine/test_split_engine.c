/* Steps with a split output layer on real ranks: run by mpirun, once for each rank count. Against
 * the formulas in double with the gradient of the model that is not split, over the batch in one
 * piece; bit for bit against one rank alone; and against what PyTorch computed
 * (tests/golden/make_golden.py). */
#include "engine/engine_kind.h"

#include "base/memory.h"
#include "base/random.h"
#include "formats/h5reader.h"
#include "model/model.h"
#include "support/drawn_dataset.h"
#include "support/expect.h"
#include "support/update_formula.h"

#include <stdio.h>
#include <string.h>

/* Five blocks, the last with 140 tokens. */
enum { VOCAB = 1100, BLOCK_SIZE = 3, BATCH = 24, STEPS = 8, SLABS = 1 + DP_OPTIMIZER_SLABS_MAX };

static dp_comm *all_ranks, *this_rank;

static const dp_engine_kind *const kind = &dp_split_engine_kind;

/* --- the batches ---------------------------------------------------------------------------- */

typedef struct batch {
    uint32_t contexts[BATCH * BLOCK_SIZE], targets[BATCH];
} batch;

/* Some tokens occur often, most never. */
static void draw_batch(batch *self, uint64_t step) {
    for (size_t i = 0; i < BATCH * BLOCK_SIZE; i++)
        self->contexts[i] =
            (uint32_t)dp_random_below(7, DP_STREAM_BATCH, step, i, i % 2 == 0 ? 20 : VOCAB);
    for (size_t r = 0; r < BATCH; r++)
        self->targets[r] = (uint32_t)dp_random_below(8, DP_STREAM_BATCH, step, r, VOCAB);
}

/* Where the batches of all steps come from. */
typedef struct source {
    void (*draw)(batch *drawn, uint64_t step);
} source;

static const source drawn_batches = {.draw = draw_batch};

/* An engine and what it borrows. */
typedef struct job {
    dp_build_info build;
    dp_config config;
    dp_subject subject;
    drawn_dataset dataset;
    uint32_t contexts[STEPS * BATCH * BLOCK_SIZE], targets[STEPS * BATCH];
    void *engine;
} job;

static void make_dataset(job *self, const source *from) {
    drawn_dataset_begin(&self->dataset, &self->config, STEPS, VOCAB, BLOCK_SIZE, self->contexts,
                        self->targets);
    for (uint64_t step = 0; step < STEPS; step++) {
        batch drawn;
        from->draw(&drawn, step);
        for (size_t r = 0; r < BATCH; r++)
            drawn_dataset_put(&self->dataset, step, r, drawn.contexts + r * BLOCK_SIZE,
                              drawn.targets[r]);
    }
}

/* All else is borrowed, too. */
static dp_status create(job *self, dp_comm *comm, const dp_config *config,
                        const dp_params_layout *layout, const source *from, dp_error *error) {
    self->build = (dp_build_info){.level = dp_cpu_level_detect()};
    self->config = *config;
    self->subject = (dp_subject){.comm = comm,
                                 .config = &self->config,
                                 .build = &self->build,
                                 .dataset = &self->dataset.dataset,
                                 .layout = layout};
    assert_int_equal(config->batch_size, BATCH);
    make_dataset(self, from);
    return kind->create(&self->engine, &self->subject, error);
}

static double rate_of(uint64_t step) {
    return 0.1 / (1.0 + 0.1 * (double)step);
}

static bool occurs(const batch *self, size_t token) {
    for (size_t i = 0; i < BATCH * BLOCK_SIZE; i++) {
        if (self->contexts[i] == token)
            return true;
    }
    return false;
}

/* --- the reference -------------------------------------------------------------------------- */

typedef struct reference {
    const dp_config *config;
    dp_params_layout layout; /* not split */
    dp_model *model;
    double *slabs[SLABS]; /* parameters, state */
    double *gradient;
    float *params_float, *gradient_float;
    double loss[STEPS], norm[STEPS]; /* before clipping */
} reference;

static void *new_array(size_t count, size_t size) {
    dp_error error;
    void *array = dp_memory_zeroed(count + 1, size, &error);
    assert_non_null(array);
    return array;
}

static void open_reference(reference *self, const dp_config *config) {
    dp_error error = {0};
    dp_model_shape shape = dp_config_shape(config, VOCAB, BLOCK_SIZE);
    const dp_model_options options = {
        .level = dp_cpu_level_detect(), .grain_rows = BATCH, .dropout = dp_config_dropout(config)};
    *self = (reference){.config = config};
    shape.split = false;
    expect_ok(dp_params_layout_init(&self->layout, shape, &error), &error);
    expect_ok(dp_model_create(&self->model, &self->layout, &options, &error), &error);
    for (size_t slab = 0; slab < SLABS; slab++)
        self->slabs[slab] = new_array(self->layout.length, sizeof(double));
    self->gradient = new_array(self->layout.length, sizeof(double));
    self->params_float = new_array(self->layout.length, sizeof(float));
    self->gradient_float = new_array(self->layout.length, sizeof(float));
    dp_params_init(&self->layout, DP_INIT_SCALED, 1, self->params_float);
    for (size_t i = 0; i < self->layout.length; i++)
        self->slabs[0][i] = (double)self->params_float[i];
}

static void close_reference(reference *self) {
    dp_model_destroy(self->model);
    for (size_t slab = 0; slab < SLABS; slab++)
        dp_memory_free(self->slabs[slab]);
    dp_memory_free(self->gradient);
    dp_memory_free(self->params_float);
    dp_memory_free(self->gradient_float);
}

static void compute_gradient(reference *self, uint64_t step, const batch *rows) {
    const size_t starts[2] = {0, BATCH}, length = self->layout.length;
    const dp_batch examples = {.grains = 1,
                               .starts = starts,
                               .contexts = rows->contexts,
                               .targets = rows->targets,
                               .step = step};
    double loss = 0.0, squares = 0.0;
    for (size_t i = 0; i < length; i++)
        self->params_float[i] = (float)self->slabs[0][i];
    dp_model_gradient(self->model, self->params_float, &examples, 1.0f / BATCH,
                      self->gradient_float, &loss, NULL);
    for (size_t i = 0; i < length; i++) {
        self->gradient[i] = (double)self->gradient_float[i];
        squares += self->gradient[i] * self->gradient[i];
    }
    self->loss[step] = loss / BATCH;
    self->norm[step] = sqrt(squares);
    const double longest = self->config->optimizer.clip_norm;
    for (size_t i = 0; i < length && longest > 0.0 && self->norm[step] > longest; i++)
        self->gradient[i] *= longest / self->norm[step];
}

/* Of element i, whose tensor decays by this, at step t = 1, 2, ... with this rate. */
static void update_element(reference *self, size_t i, double decay, double t, double lr) {
    update_by_formula(self->config, &self->slabs[0][i], &self->slabs[1][i], &self->slabs[2][i],
                      self->gradient[i], decay, t, lr);
}

static void run_reference(reference *self) {
    for (uint64_t step = 0; step < STEPS; step++) {
        batch rows;
        draw_batch(&rows, step);
        compute_gradient(self, step, &rows);
        for (int t = 0; t < DP_TENSOR_COUNT; t++) {
            const dp_tensor *tensor = &self->layout.tensors[t];
            const double decay =
                tensor->name[0] == 'b' ? 0.0 : self->config->optimizer.weight_decay;
            const bool lazy =
                t == DP_TENSOR_C && self->config->embedding_update == DP_EMBEDDING_LAZY;
            for (size_t i = 0; i < dp_tensor_size(tensor); i++) {
                if (!lazy || occurs(&rows, i / tensor->cols))
                    update_element(self, dp_tensor_index(tensor, i), decay, (double)step + 1.0,
                                   rate_of(step));
            }
        }
    }
}

/* --- the steps ------------------------------------------------------------------------------ */

/* What a run has come to; each array is to be freed. */
typedef struct result {
    dp_params_layout layout;
    size_t slab_count; /* the parameters among them */
    float *slabs[SLABS];
    dp_step_result steps[STEPS];
} result;

/* Those that this rank has. */
static void copy_slabs(result *self, const dp_subject *subject) {
    for (size_t slab = 0; slab < self->slab_count; slab++) {
        const float *from = slab == 0 ? subject->params : subject->state[slab - 1];
        if (from == NULL)
            continue;
        self->slabs[slab] = new_array(self->layout.length, sizeof(float));
        memcpy(self->slabs[slab], from, self->layout.length * sizeof(float));
    }
}

/* Parameters and state are what rank 0 has. */
static void begin(const result *self, dp_comm *comm, job *opened) {
    float *params = opened->subject.params;
    if (dp_comm_rank(comm) == 0)
        dp_params_init(&self->layout, DP_INIT_SCALED, 1, params);
    kind->publish(opened->engine);
    float *expected = new_array(self->layout.length, sizeof(float));
    dp_params_init(&self->layout, DP_INIT_SCALED, 1, expected);
    assert_memory_equal(params, expected, self->layout.length * sizeof(float));
    dp_memory_free(expected);
    (void)dp_comm_max(comm, 0); /* all have read the parameters */
}

static bool is_measured(uint64_t step) {
    return step % 3 == 1;
}

/* The last rank is out of time at step 3. */
static void run_steps(result *self, dp_comm *comm, const dp_config *config) {
    dp_error error = {0};
    job opened = {0};
    const bool is_last = dp_comm_rank(comm) == dp_comm_size(comm) - 1;
    *self = (result){.slab_count = 1 + dp_optimizer_slabs(config->optimizer.kind)};
    expect_ok(
        dp_params_layout_init(&self->layout, dp_config_shape(config, VOCAB, BLOCK_SIZE), &error),
        &error);
    expect_ok(create(&opened, comm, config, &self->layout, &drawn_batches, &error), &error);
    begin(self, comm, &opened);
    for (uint64_t number = 0; number < STEPS; number++) {
        const dp_step step = {.number = number,
                              .lr = rate_of(number),
                              .wants_stop = is_last && number == 3,
                              .measures = is_measured(number)};
        self->steps[number] = kind->step(opened.engine, &step);
    }
    kind->collect(opened.engine);
    copy_slabs(self, &opened.subject);
    (void)dp_comm_max(comm, 0); /* all have read them */
    kind->destroy(opened.engine);
}

static void clear_result(result *self) {
    for (size_t slab = 0; slab < self->slab_count; slab++)
        dp_memory_free(self->slabs[slab]);
}

/* --- against each other --------------------------------------------------------------------- */

static void expect_tensors(const char *name, const result *got, const reference *expected,
                           size_t slab) {
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *split = &got->layout.tensors[t], *whole = &expected->layout.tensors[t];
        double error_squared = 0.0, norm_squared = 0.0;
        for (size_t i = 0; i < dp_tensor_size(split); i++) {
            const double wanted = expected->slabs[slab][dp_tensor_index(whole, i)];
            const double difference = (double)got->slabs[slab][dp_tensor_index(split, i)] - wanted;
            error_squared += difference * difference;
            norm_squared += wanted * wanted;
        }
        if (!(sqrt(error_squared) <= 1e-5 * sqrt(norm_squared)))
            fail_msg("%s, slab %zu, %s: error %g of %g", name, slab, split->name,
                     sqrt(error_squared), sqrt(norm_squared));
    }
}

/* Returns how many gradients were too long. */
static int expect_steps(const dp_config *config, const result *got, const reference *expected) {
    int clipped = 0;
    for (size_t step = 0; step < STEPS; step++) {
        const dp_step_result *now = &got->steps[step];
        const double norm = expected->norm[step], longest = config->optimizer.clip_norm;
        const bool too_long = longest > 0.0 && norm > longest;
        expect_close(now->loss, expected->loss[step], 1e-5 * expected->loss[step]);
        if (longest > 0.0 || is_measured(step))
            expect_close(now->norm, norm, 1e-5 * norm);
        else
            assert_true(isnan(now->norm));
        expect_close(now->clip, too_long ? longest / norm : 1.0, 1e-5);
        assert_int_equal(now->must_stop, step == 3);
        clipped += too_long;
    }
    return clipped;
}

static void expect_same_bits(const char *name, const result *got, const result *alone) {
    const size_t slabs = dp_comm_rank(all_ranks) == 0 ? got->slab_count : 1;
    for (size_t slab = 0; slab < slabs; slab++) {
        if (dp_params_hash(&got->layout, got->slabs[slab]) !=
            dp_params_hash(&alone->layout, alone->slabs[slab]))
            fail_msg("%s: slab %zu has other bits than on one rank", name, slab);
    }
    for (size_t step = 0; step < STEPS; step++) {
        expect_close(got->steps[step].loss, alone->steps[step].loss, 0.0);
        if (!isnan(alone->steps[step].norm))
            expect_close(got->steps[step].norm, alone->steps[step].norm, 0.0);
    }
}

/* Where no parameter is, there is 0. */
static void expect_zero_padding(const char *name, const result *got) {
    bool *used = new_array(got->layout.length, sizeof *used);
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        for (size_t i = 0; i < dp_tensor_size(&got->layout.tensors[t]); i++)
            used[dp_tensor_index(&got->layout.tensors[t], i)] = true;
    }
    for (size_t i = 0; i < got->layout.length; i++) {
        if (!used[i] && got->slabs[0][i] != 0.0f)
            fail_msg("%s: %g at %zu of %zu, in the padding", name, (double)got->slabs[0][i], i,
                     got->layout.length);
    }
    dp_memory_free(used);
}

/* The config of a case: these keys, in words, and what all have in common. */
static void load_config(dp_config *config, const char *keys) {
    enum { KEYS_MAX = 32 };
    static const char common[] = "parallel.output=split train.batch_size=24 train.lr=0.1 "
                                 "train.epsilon=1e-2 model.embedding_dim=5 ";
    dp_error error = {0};
    char text[512], *words[KEYS_MAX];
    int count = 0;
    assert_in_range(snprintf(text, sizeof text, "%s%s", common, keys), 1, sizeof text - 1);
    for (char *word = strtok(text, " "); word != NULL && count < KEYS_MAX; word = strtok(NULL, " "))
        words[count++] = word;
    expect_ok(dp_config_load(config, NULL, count, words, &error), &error);
}

static void check_case(const char *keys) {
    dp_config config;
    reference expected;
    result got, alone;
    load_config(&config, keys);
    open_reference(&expected, &config);
    run_reference(&expected);
    run_steps(&got, all_ranks, &config);
    run_steps(&alone, this_rank, &config);
    expect_tensors(keys, &got, &expected, 0);
    for (size_t slab = 1; slab < got.slab_count && dp_comm_rank(all_ranks) == 0; slab++)
        expect_tensors(keys, &got, &expected, slab);
    int clipped = expect_steps(&config, &got, &expected);
    if (config.optimizer.clip_norm > 0.0)
        assert_in_range(clipped, 1, STEPS - 1); /* both ways were gone */
    expect_same_bits(keys, &got, &alone);
    expect_zero_padding(keys, &got);
    clear_result(&got);
    clear_result(&alone);
    close_reference(&expected);
}

static void test_split_engine_takes_the_steps_of_the_formulas(void **state) {
    (void)state;
    static const char *const cases[] = {
        "train.optimizer=sgd model.hidden_dim=7",
        "train.optimizer=sgd train.weight_decay=0.1 model.hidden_dim=16 model.direct=yes",
        "train.optimizer=sgd train.weight_decay=0.1 train.embedding_update=lazy "
        "model.hidden_dim=7 model.direct=yes",
        "train.optimizer=momentum train.weight_decay=0.1 model.hidden_dim=7 model.direct=yes",
        "train.optimizer=momentum train.embedding_update=lazy model.hidden_dim=0 model.direct=yes",
        "train.optimizer=nesterov train.weight_decay=0.1 train.clip_norm=0.6 model.hidden_dim=7",
        "train.optimizer=adamw train.weight_decay=0.1 model.hidden_dim=7 model.direct=yes",
        "train.optimizer=adamw train.weight_decay=0.1 train.embedding_update=lazy "
        "model.hidden_dim=7 model.direct=yes train.dropout_embedding=0.2 train.dropout_hidden=0.4",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(cases[i]);
}

/* Every rank is a node of its own and knows only its blocks until they are collected. */
static void test_split_engine_of_ranks_without_common_memory(void **state) {
    (void)state;
    static const char *const cases[] = {
        "parallel.exchange=tree train.optimizer=sgd model.hidden_dim=7",
        "parallel.exchange=tree train.optimizer=adamw train.weight_decay=0.1 train.clip_norm=1.2 "
        "model.hidden_dim=7 model.direct=yes train.dropout_embedding=0.2 train.dropout_hidden=0.4",
        "parallel.exchange=tree train.optimizer=momentum train.embedding_update=lazy "
        "model.hidden_dim=0 model.direct=yes",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(cases[i]);
}

/* Two blocks: on three ranks or more, one has nothing to do. */
/* --- golden values -------------------------------------------------------------------------- */

enum { EMBEDDING = 2, HIDDEN = 5 };

static void draw_golden_batch(batch *self, uint64_t number) {
    const uint32_t step = (uint32_t)number;
    for (uint32_t r = 0; r < BATCH; r++) {
        for (uint32_t k = 0; k < BLOCK_SIZE; k++)
            self->contexts[r * BLOCK_SIZE + k] =
                golden_token(step, r, k) % (k % 2 == 0 ? 20 : VOCAB);
        self->targets[r] = golden_target(step, r) % VOCAB;
    }
}

static const source golden = {.draw = draw_golden_batch};

static void expect_golden_loss(const dp_h5reader *file, const char *name, uint64_t step,
                               double loss) {
    dp_error error = {0};
    char attribute[64];
    double expected = 0.0;
    snprintf(attribute, sizeof attribute, "wide_%s_loss_%u", name, (unsigned)step);
    expect_ok(dp_h5reader_real_attribute(file, attribute, &expected, &error), &error);
    if (!(fabs(loss - expected) <= 1e-5 * expected))
        fail_msg("%s = %.9g, not %.9g", attribute, loss, expected);
}

static void expect_golden_tensor(const dp_h5reader *file, const char *name, const dp_tensor *tensor,
                                 const float *slab) {
    dp_error error = {0};
    char object[64];
    double error_squared = 0.0, norm_squared = 0.0;
    dp_h5shape shape = {.rank = 2, .size = {tensor->rows, tensor->cols}};
    if (tensor->rank == 1)
        shape = (dp_h5shape){.rank = 1, .size = {tensor->cols}};
    float *expected = new_array(dp_tensor_size(tensor), sizeof *expected);
    snprintf(object, sizeof object, "/wide/%s/%s", name, tensor->name);
    expect_ok(dp_h5reader_floats(file, object, shape, expected, &error), &error);
    for (size_t i = 0; i < dp_tensor_size(tensor); i++) {
        double difference = (double)slab[dp_tensor_index(tensor, i)] - (double)expected[i];
        error_squared += difference * difference;
        norm_squared += (double)expected[i] * (double)expected[i];
    }
    if (!(sqrt(error_squared) <= 1e-5 * sqrt(norm_squared)) || norm_squared == 0.0)
        fail_msg("%s: error %g of %g", object, sqrt(error_squared), sqrt(norm_squared));
    dp_memory_free(expected);
}

static void check_golden(const dp_h5reader *file, const char *name, const char *keys) {
    dp_error error = {0};
    dp_config config;
    dp_params_layout layout;
    job opened = {0};
    load_config(&config, keys);
    expect_ok(dp_params_layout_init(&layout, dp_config_shape(&config, VOCAB, BLOCK_SIZE), &error),
              &error);
    expect_ok(create(&opened, all_ranks, &config, &layout, &golden, &error), &error);
    if (dp_comm_rank(all_ranks) == 0)
        golden_params(&layout, opened.subject.params);
    kind->publish(opened.engine);
    for (uint64_t number = 0; number < STEPS; number++) {
        const dp_step step = {.number = number, .lr = rate_of(number)};
        expect_golden_loss(file, name, number, kind->step(opened.engine, &step).loss);
    }
    kind->collect(opened.engine);
    for (int t = 0; t < DP_TENSOR_COUNT; t++)
        expect_golden_tensor(file, name, &layout.tensors[t], opened.subject.params);
    (void)dp_comm_max(all_ranks, 0); /* all have read them */
    kind->destroy(opened.engine);
}

/* torch.nn.Embedding(sparse=True) with plain SGD and SparseAdam, and AdamW that is not sparse. */
static void test_split_engine_is_pytorch(void **state) {
    (void)state;
    static const struct {
        const char *name, *keys;
    } cases[] = {
        {"sparse_sgd", "train.optimizer=sgd"},
        {"dense_adamw", "train.optimizer=adamw train.weight_decay=0.1"},
        {"lazy_adamw", "train.optimizer=adamw train.weight_decay=0.1 train.embedding_update=lazy"},
    };
    dp_error error = {0};
    dp_h5reader file = {0};
    expect_ok(dp_h5reader_open(&file, DP_TESTS_DIR "/golden/golden.h5", &error), &error);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char keys[256];
        snprintf(keys, sizeof keys,
                 "%s model.embedding_dim=%d model.hidden_dim=%d model.direct=yes", cases[i].keys,
                 EMBEDDING, HIDDEN);
        check_golden(&file, cases[i].name, keys);
    }
    dp_h5reader_close(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_engine_takes_the_steps_of_the_formulas),
        cmocka_unit_test(test_split_engine_of_ranks_without_common_memory),
        cmocka_unit_test(test_split_engine_is_pytorch),
    };
    dp_error error;
    if (dp_comm_create(&all_ranks, &error) != DP_OK ||
        dp_comm_split(&this_rank, all_ranks, dp_comm_rank(all_ranks), &error) != DP_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    dp_comm_set_deadline(all_ranks, 30);
    int failures = cmocka_run_group_tests_name("split_engine", tests, NULL, NULL);
    dp_comm_destroy(this_rank);
    dp_comm_destroy(all_ranks);
    return failures;
}
