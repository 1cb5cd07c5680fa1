/* Whole steps on real ranks: run by mpirun, once for each rank count. Draws, gradient, clipping,
 * rate and update together against the formulas in double, over the batch in one piece. */
#include "engine/engine.h"

#include "base/memory.h"
#include "model/model.h"
#include "support/expect.h"
#include "support/sample_dataset.h"
#include "support/scratch.h"
#include "support/update_formula.h"

enum { STEPS = 12, BATCH = 24, BLOCK_SIZE = 3, LENGTH_MAX = 1024 };

typedef struct job {
    dp_comm *comm;
    char dataset[DP_PATH_SIZE]; /* of this rank, so that none waits for another's */
} job;

static job the_job;

/* --- the reference -------------------------------------------------------------------------- */

typedef struct reference {
    const dp_subject *subject;
    const dp_config *config;
    dp_sampler sampler;
    dp_params_layout layout; /* of an output that is not split, whatever the subject's is */
    dp_model *model;
    double params[LENGTH_MAX], m[LENGTH_MAX], v[LENGTH_MAX];
    double gradient[LENGTH_MAX];
    double norm; /* of the last step's, before clipping */
} reference;

static void begin_reference(reference *self, const dp_subject *subject) {
    dp_error error = {0};
    dp_model_shape shape = subject->layout->shape;
    const dp_model_options options = {.level = subject->build->level, .grain_rows = BATCH};
    *self = (reference){.subject = subject, .config = subject->config};
    self->sampler = (dp_sampler){.seed = subject->config->seed,
                                 .batch_size = BATCH,
                                 .example_count = dp_dataset_rows(subject->dataset, DP_SPLIT_TRAIN),
                                 .sampling = subject->config->sampling};
    shape.split = false;
    expect_ok(dp_params_layout_init(&self->layout, shape, &error), &error);
    assert_in_range(self->layout.length, 1, LENGTH_MAX);
    expect_ok(dp_model_create(&self->model, &self->layout, &options, &error), &error);
}

/* Those that the engine begins with. */
static void copy_parameters(reference *self) {
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *to = &self->layout.tensors[t], *from = &self->subject->layout->tensors[t];
        for (size_t i = 0; i < dp_tensor_size(to); i++)
            self->params[dp_tensor_index(to, i)] =
                (double)self->subject->params[dp_tensor_index(from, i)];
    }
}

/* The gradient of a step's whole batch. */
static void compute_gradient(reference *self, uint64_t step) {
    const size_t starts[2] = {0, BATCH}, length = self->layout.length;
    uint32_t contexts[BATCH * BLOCK_SIZE], targets[BATCH];
    _Alignas(DP_ALIGNMENT) float params[LENGTH_MAX] = {0}, gradient[LENGTH_MAX] = {0};
    double loss = 0.0;
    for (size_t i = 0; i < BATCH; i++)
        dp_dataset_read_row(self->subject->dataset, DP_SPLIT_TRAIN,
                            dp_sampler_draw(&self->sampler, step, i), contexts + i * BLOCK_SIZE,
                            &targets[i]);
    for (size_t i = 0; i < length; i++)
        params[i] = (float)self->params[i];
    const dp_batch batch = {
        .grains = 1, .starts = starts, .contexts = contexts, .targets = targets, .step = step};
    dp_model_gradient(self->model, params, &batch, 1.0f / BATCH, gradient, &loss, NULL);
    for (size_t i = 0; i < length; i++)
        self->gradient[i] = (double)gradient[i];
}

/* Returns whether it was too long. */
static bool clip_gradient(reference *self) {
    const size_t length = self->layout.length;
    double squares = 0.0, longest = self->config->optimizer.clip_norm;
    for (size_t i = 0; i < length; i++)
        squares += self->gradient[i] * self->gradient[i];
    self->norm = sqrt(squares);
    if (longest == 0.0 || sqrt(squares) <= longest)
        return false;
    for (size_t i = 0; i < length; i++)
        self->gradient[i] *= longest / sqrt(squares);
    return true;
}

/* Of element i, whose tensor decays by this, at step t = 1, 2, ... with this rate. */
static void update_element(reference *self, size_t i, double decay, double t, double lr) {
    update_by_formula(self->config, &self->params[i], &self->m[i], &self->v[i], self->gradient[i],
                      decay, t, lr);
}

/* All steps; returns how many gradients were too long. */
static int run_reference(reference *self) {
    const dp_params_layout *layout = &self->layout;
    const dp_schedule schedule = dp_config_schedule(self->config);
    int clipped = 0;
    for (uint64_t step = 0; step < STEPS; step++) {
        compute_gradient(self, step);
        clipped += clip_gradient(self);
        for (int t = 0; t < DP_TENSOR_COUNT; t++) {
            const dp_tensor *tensor = &layout->tensors[t];
            double decay = tensor->name[0] == 'b' ? 0.0 : self->config->optimizer.weight_decay;
            for (size_t i = 0; i < dp_tensor_size(tensor); i++)
                update_element(self, dp_tensor_index(tensor, i), decay, (double)step + 1.0,
                               dp_schedule_lr(&schedule, step));
        }
    }
    return clipped;
}

/* --- against it ----------------------------------------------------------------------------- */

static void expect_tensors(const dp_subject *subject, const reference *expected) {
    for (int t = 0; t < DP_TENSOR_COUNT; t++) {
        const dp_tensor *tensor = &subject->layout->tensors[t];
        const dp_tensor *wanted = &expected->layout.tensors[t];
        double error_squared = 0.0, norm_squared = 0.0;
        if (dp_tensor_size(tensor) == 0)
            continue;
        for (size_t i = 0; i < dp_tensor_size(tensor); i++) {
            const double right = expected->params[dp_tensor_index(wanted, i)];
            double difference = (double)subject->params[dp_tensor_index(tensor, i)] - right;
            error_squared += difference * difference;
            norm_squared += right * right;
        }
        double relative = sqrt(error_squared / norm_squared);
        if (dp_tensor_size(tensor) > 0 && !(relative <= 1e-5))
            fail_msg("%s with %s: relative error %g", tensor->name,
                     dp_optimizer_name(subject->config->optimizer.kind), relative);
    }
}

static dp_engine *open_engine(dp_config *config, int count, const char *const *assignments) {
    dp_error error = {0};
    dp_engine *engine = NULL;
    expect_ok(dp_config_load(config, NULL, count, (char *const *)(uintptr_t)assignments, &error),
              &error);
    snprintf(config->data_path, sizeof config->data_path, "%s", the_job.dataset);
    expect_ok(dp_engine_create(&engine, the_job.comm, config, &error), &error);
    return engine;
}

static void check_steps(const char *optimizer, const char *clip_norm, const char *parallel) {
    dp_config config;
    const char *const assignments[] = {optimizer,
                                       clip_norm,
                                       parallel,
                                       "model.embedding_dim=3",
                                       "model.hidden_dim=8",
                                       "train.batch_size=24",
                                       "train.steps=12",
                                       "train.lr=0.1",
                                       "train.lr_schedule=cosine",
                                       "train.lr_warmup=3",
                                       "train.weight_decay=0.1",
                                       "train.epsilon=1e-3"};
    dp_engine *engine =
        open_engine(&config, sizeof assignments / sizeof assignments[0], assignments);
    const dp_subject *subject = dp_engine_subject(engine);
    static reference expected;
    begin_reference(&expected, subject);
    if (dp_comm_rank(the_job.comm) == 0)
        dp_params_init(subject->layout, DP_INIT_NORMAL, 1, subject->params);
    dp_engine_publish(engine);
    copy_parameters(&expected);
    int clipped = run_reference(&expected);
    if (config.optimizer.clip_norm > 0.0)
        assert_in_range(clipped, 1, STEPS - 1); /* both ways were gone */
    (void)dp_comm_max(the_job.comm, 0);         /* all have read the parameters */
    const dp_schedule schedule = dp_config_schedule(&config);
    dp_step_result result = {0};
    for (uint64_t number = 0; number < STEPS; number++) {
        const dp_step step = {
            .number = number, .lr = dp_schedule_lr(&schedule, number), .measures = number % 2 == 1};
        result = dp_engine_step(engine, &step);
        assert_int_equal(isnan(result.norm), config.optimizer.clip_norm == 0.0 && !step.measures);
    }
    dp_engine_collect(engine);
    expect_tensors(subject, &expected);
    expect_close(result.norm, expected.norm, 1e-4 * expected.norm);
    assert_false(result.must_stop);
    dp_model_destroy(expected.model);
    dp_engine_destroy(engine);
}

static void test_engine_takes_the_steps_of_the_formulas(void **state) {
    (void)state;
    static const char *const optimizers[] = {"train.optimizer=sgd", "train.optimizer=momentum",
                                             "train.optimizer=nesterov", "train.optimizer=adamw"};
    static const char *const exchanges[] = {"parallel.exchange=shared", "parallel.exchange=tree",
                                            "parallel.exchange=mpi"};
    for (size_t o = 0; o < sizeof optimizers / sizeof optimizers[0]; o++) {
        check_steps(optimizers[o], "train.clip_norm=0", exchanges[0]);
        for (size_t e = 0; e < sizeof exchanges / sizeof exchanges[0]; e++)
            check_steps(optimizers[o], "train.clip_norm=1.5", exchanges[e]);
        if (dp_comm_size(the_job.comm) > 1) /* the vocabulary is one block */
            continue;
        check_steps(optimizers[o], "train.clip_norm=0", "parallel.output=split");
        check_steps(optimizers[o], "train.clip_norm=1.5", "parallel.output=split");
    }
}

static void check_frequencies(const char *output) {
    dp_error error = {0};
    dp_config config;
    const char *const assignments[] = {output, "model.init=small", "model.output_bias=frequency"};
    dp_engine *engine =
        open_engine(&config, sizeof assignments / sizeof assignments[0], assignments);
    const dp_subject *subject = dp_engine_subject(engine);
    expect_ok(dp_engine_initialise(engine, &error), &error);
    dp_engine_publish(engine);
    dp_engine_collect(engine);
    const dp_dataset *dataset = subject->dataset;
    const uint64_t rows = dp_dataset_rows(dataset, DP_SPLIT_TRAIN);
    double counts[256] = {0};
    assert_in_range(dataset->vocabulary.count, 2, 256);
    for (uint64_t row = 0; row < rows; row++) {
        uint32_t context[BLOCK_SIZE], target;
        dp_dataset_read_row(dataset, DP_SPLIT_TRAIN, row, context, &target);
        counts[target] += 1.0;
    }
    for (size_t i = 0; dp_comm_rank(the_job.comm) == 0 && i < dataset->vocabulary.count; i++) {
        const double total = (double)rows + (double)dataset->vocabulary.count;
        const size_t at = dp_tensor_index(&subject->layout->tensors[DP_TENSOR_B2], i);
        expect_close((double)subject->params[at], log((counts[i] + 1.0) / total), 1e-6);
    }
    dp_engine_destroy(engine);
}

static void test_engine_begins_with_the_frequencies(void **state) {
    (void)state;
    check_frequencies("parallel.output=replicated");
    if (dp_comm_size(the_job.comm) == 1) /* the vocabulary is one block */
        check_frequencies("parallel.output=split");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_takes_the_steps_of_the_formulas),
        cmocka_unit_test(test_engine_begins_with_the_frequencies),
    };
    dp_error error;
    if (dp_comm_create(&the_job.comm, &error) != DP_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    dp_comm_set_deadline(the_job.comm, 30);
    scratch_create(NULL);
    snprintf(the_job.dataset, sizeof the_job.dataset, "%s", scratch_path("sample.h5"));
    sample_dataset_write(the_job.dataset, 1);
    int failures = cmocka_run_group_tests_name("engine", tests, NULL, NULL);
    scratch_remove(NULL);
    dp_comm_destroy(the_job.comm);
    return failures;
}
