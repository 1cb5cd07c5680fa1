/* Checkpoints: everything comes back, and a damaged file is refused with its name, never believed.
 */
#include "base/digest.h"
#include "data/vocabulary_writer.h"
#include "run/checkpoint.h"

#include "base/memory.h"
#include "support/expect.h"
#include "support/scratch.h"

#include <float.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const char *const tokens[] = {".", "a", "\xC3\xA9t\xC3\xA9", "b", "long token"};
enum { TOKEN_COUNT = sizeof tokens / sizeof tokens[0], BLOCK_SIZE = 2 };

/* A small checkpoint with a value in every field, released with dp_checkpoint_clear. With
 * model.direct=yes as `direct` it has every tensor that there is. */
static void make_checkpoint(dp_checkpoint *checkpoint, char *direct) {
    dp_error error = {0};
    char *assignments[] = {"model.embedding_dim=3", "model.hidden_dim=4", direct,
                           "train.lr=0.3",          "run.dir=some/run",   "train.optimizer=adamw"};
    memset(checkpoint, 0, sizeof *checkpoint);
    expect_ok(dp_config_load(&checkpoint->config, NULL, 6, assignments, &error), &error);
    expect_ok(dp_vocabulary_init(&checkpoint->facts.vocabulary, tokens, TOKEN_COUNT, &error),
              &error);
    checkpoint->facts.progress = (dp_progress){.step = 12345678901234,
                                               .contract = 7,
                                               .loss_sum = 1.0 / 3.0,
                                               .loss_count = 7,
                                               .best_loss = 2.5,
                                               .best_step = 12345678901233,
                                               .evaluations_since_best = 3};
    checkpoint->facts.unit = DP_UNIT_WORD;
    checkpoint->facts.block_size = BLOCK_SIZE;
    memset(checkpoint->facts.dataset_sha256, 'f', DP_SHA256_TEXT_SIZE - 1);
    snprintf(checkpoint->facts.build, sizeof checkpoint->facts.build, "a build on a machine");
    dp_model_shape shape = dp_config_shape(&checkpoint->config, TOKEN_COUNT, BLOCK_SIZE);
    expect_ok(dp_params_layout_init(&checkpoint->layout, shape, &error), &error);
    checkpoint->params = dp_memory_zeroed(checkpoint->layout.length, sizeof(float), &error);
    assert_non_null(checkpoint->params);
    dp_params_init(&checkpoint->layout, DP_INIT_NORMAL, 42, checkpoint->params);
    checkpoint->facts.weights_hash = dp_params_hash(&checkpoint->layout, checkpoint->params);
    for (size_t slab = 0; slab < DP_OPTIMIZER_SLABS_MAX; slab++) {
        checkpoint->state[slab] =
            dp_memory_zeroed(checkpoint->layout.length, sizeof(float), &error);
        assert_non_null(checkpoint->state[slab]);
        dp_params_init(&checkpoint->layout, DP_INIT_NORMAL, 43 + slab, checkpoint->state[slab]);
    }
}

static int set_up(void **state) {
    static dp_checkpoint checkpoint;
    char direct[] = "model.direct=yes";
    make_checkpoint(&checkpoint, direct);
    *state = &checkpoint;
    return 0;
}

static int tear_down(void **state) {
    dp_checkpoint_clear(*state);
    return 0;
}

static void expect_same_config(const dp_config *config, const dp_config *expected) {
    dp_text text = {0}, wanted = {0};
    dp_config_write(config, &text);
    dp_config_write(expected, &wanted);
    assert_string_equal(dp_text_string(&text), dp_text_string(&wanted));
    dp_text_clear(&text);
    dp_text_clear(&wanted);
}

static void expect_same(const dp_checkpoint *checkpoint, const dp_checkpoint *expected) {
    expect_unsigned(checkpoint->facts.progress.step, expected->facts.progress.step);
    expect_unsigned(checkpoint->facts.progress.contract, expected->facts.progress.contract);
    expect_unsigned(checkpoint->facts.progress.loss_count, expected->facts.progress.loss_count);
    expect_unsigned(checkpoint->facts.progress.best_step, expected->facts.progress.best_step);
    expect_unsigned(checkpoint->facts.progress.evaluations_since_best,
                    expected->facts.progress.evaluations_since_best);
    expect_close(checkpoint->facts.progress.loss_sum, expected->facts.progress.loss_sum, 0.0);
    expect_close(checkpoint->facts.progress.best_loss, expected->facts.progress.best_loss, 0.0);
    expect_hex(checkpoint->facts.weights_hash, expected->facts.weights_hash);
    assert_int_equal(checkpoint->facts.unit, expected->facts.unit);
    expect_unsigned(checkpoint->facts.block_size, expected->facts.block_size);
    assert_string_equal(checkpoint->facts.dataset_sha256, expected->facts.dataset_sha256);
    assert_string_equal(checkpoint->facts.build, expected->facts.build);
    expect_same_config(&checkpoint->config, &expected->config);
    expect_unsigned(checkpoint->facts.vocabulary.count, expected->facts.vocabulary.count);
    assert_true(dp_vocabulary_equal(&checkpoint->facts.vocabulary, &expected->facts.vocabulary));
    expect_unsigned(checkpoint->layout.length, expected->layout.length);
    assert_memory_equal(checkpoint->params, expected->params,
                        expected->layout.length * sizeof(float));
    const size_t slabs = dp_optimizer_slabs(expected->config.optimizer.kind);
    for (size_t slab = 0; slab < DP_OPTIMIZER_SLABS_MAX; slab++) {
        if (slab < slabs)
            assert_memory_equal(checkpoint->state[slab], expected->state[slab],
                                expected->layout.length * sizeof(float));
        else
            assert_null(checkpoint->state[slab]);
    }
}

static const char *saved(const dp_checkpoint *checkpoint, const char *name) {
    dp_error error = {0};
    const char *path = scratch_path(name);
    expect_ok(dp_checkpoint_save(checkpoint, path, &error), &error);
    return path;
}

static void expect_loads(const char *path, const dp_checkpoint *expected) {
    dp_error error = {0};
    dp_checkpoint loaded;
    expect_ok(dp_checkpoint_load(&loaded, path, true, &error), &error);
    expect_same(&loaded, expected);
    dp_checkpoint_clear(&loaded);
}

/* The file is refused, with its name and `part` in the message, and nothing is held. */
static void expect_refused(const char *path, const char *part) {
    dp_error error;
    dp_checkpoint loaded;
    expect_failure(dp_checkpoint_load(&loaded, path, true, &error), DP_ERR_INPUT, part, &error);
    if (strstr(error.message, path) == NULL)
        fail_msg("\"%s\" does not name %s", error.message, path);
    assert_null(loaded.params);
    assert_null(loaded.state[0]);
    assert_null(loaded.state[1]);
    assert_null(loaded.facts.vocabulary.table);
}

/* --- round trip ----------------------------------------------------------------------------- */

static void test_checkpoint_gives_back_everything(void **state) {
    expect_loads(saved(*state, "whole.h5"), *state);
    expect_unsigned((uint64_t)scratch_count(), 1); /* no temporary file is left */
}

static void test_checkpoint_keeps_extreme_values(void **state) {
    dp_checkpoint *checkpoint = *state;
    checkpoint->facts.progress = (dp_progress){.step = UINT64_MAX,
                                               .loss_sum = DBL_MAX,
                                               .loss_count = UINT64_MAX,
                                               .best_loss = -DBL_TRUE_MIN,
                                               .best_step = 0,
                                               .evaluations_since_best = UINT64_MAX};
    checkpoint->facts.unit = DP_UNIT_CHAR;
    memset(checkpoint->facts.build, 'x', DP_BUILD_SIZE - 1);
    checkpoint->params[0] = -0.0f;
    checkpoint->params[1] = FLT_MAX;
    checkpoint->params[2] = FLT_TRUE_MIN;
    checkpoint->facts.weights_hash = dp_params_hash(&checkpoint->layout, checkpoint->params);
    memset(checkpoint->config.run_dir, 'd', DP_PATH_SIZE - 1);
    memset(checkpoint->config.data_path, 'p', DP_PATH_SIZE - 1);
    expect_loads(saved(checkpoint, "extreme.h5"), checkpoint);
}

static void test_checkpoint_holds_the_state_of_each_optimizer(void **state) {
    dp_checkpoint *checkpoint = *state;
    static const dp_optimizer_kind kinds[] = {DP_OPTIMIZER_SGD, DP_OPTIMIZER_MOMENTUM,
                                              DP_OPTIMIZER_NESTEROV, DP_OPTIMIZER_ADAMW};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        checkpoint->config.optimizer.kind = kinds[i];
        expect_loads(saved(checkpoint, "optimizer.h5"), checkpoint);
    }
}

static void test_checkpoint_gives_the_model_without_the_state(void **state) {
    dp_error error = {0};
    dp_checkpoint loaded, expected = *(const dp_checkpoint *)*state;
    expect_ok(dp_checkpoint_load(&loaded, saved(*state, "model.h5"), false, &error), &error);
    assert_int_equal(loaded.config.optimizer.kind, DP_OPTIMIZER_ADAMW);
    loaded.config.optimizer.kind = expected.config.optimizer.kind =
        DP_OPTIMIZER_SGD; /* that has no state */
    expect_same(&loaded, &expected);
    dp_checkpoint_clear(&loaded);
}

static void test_checkpoint_replaces_the_one_before(void **state) {
    dp_checkpoint *checkpoint = *state;
    const char *path = saved(checkpoint, "replaced.h5");
    checkpoint->facts.progress.step++;
    assert_string_equal(saved(checkpoint, "replaced.h5"), path);
    expect_loads(path, checkpoint);
}

static void test_checkpoint_that_cannot_be_written_leaves_nothing(void **state) {
    dp_error error = {0};
    expect_failure(dp_checkpoint_save(*state, scratch_path("nowhere/a.h5"), &error), DP_ERR_IO,
                   "nowhere/a.h5", &error);
    expect_ok(dp_file_make_directories(scratch_path("folder.h5"), &error), &error);
    int before = scratch_count();
    expect_failure(dp_checkpoint_save(*state, scratch_path("folder.h5"), &error), DP_ERR_IO,
                   "folder.h5", &error);
    assert_int_equal(scratch_count(), before);
}

/* The status of saving where the system refuses to let a file grow past `limit` bytes, as where a
 * disk is full; 255 for an error that does not name the file. In a process of its own, as HDF5
 * never gives back what belongs to a file that it could not write. */
static int save_within(size_t limit, const dp_checkpoint *checkpoint, const char *path) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dp_error error = {0};
        struct rlimit limited = {.rlim_cur = limit, .rlim_max = limit};
        signal(SIGXFSZ, SIG_IGN); /* so that the write fails instead */
        setrlimit(RLIMIT_FSIZE, &limited);
        dp_status status = dp_checkpoint_save(checkpoint, path, &error);
        _exit(status == DP_OK || strstr(error.message, path) != NULL ? (int)status : 255);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_checkpoint_that_runs_out_of_space_anywhere_leaves_the_old_one(void **state) {
    const dp_checkpoint *checkpoint = *state;
    dp_checkpoint newer = *checkpoint;
    const char *path = saved(checkpoint, "kept.h5");
    size_t limit = 0, step = 256;
    int before = scratch_count();
    newer.facts.progress.step++;
    for (int status = save_within(0, &newer, path); status != DP_OK;
         limit += step, status = save_within(limit, &newer, path)) {
        if (status != DP_ERR_IO)
            fail_msg("limit %zu: status %d, not %d", limit, status, DP_ERR_IO);
        assert_int_equal(scratch_count(), before);
        expect_loads(path, checkpoint);
    }
    assert_true(limit > 10 * step); /* else this test has looked at little */
    expect_loads(path, &newer);
}

/* --- files that are not what they should be -------------------------------------------------- */

static void test_checkpoint_that_is_none(void **state) {
    dp_error error = {0};
    dp_checkpoint loaded;
    (void)state;
    const char *path = scratch_path("text.h5");
    expect_ok(dp_file_write(path, "hello", 5, &error), &error);
    expect_refused(path, "is a text, not a checkpoint: give a checkpoint or the folder of a run");
    expect_ok(dp_file_write(path, "\x01", 1, &error), &error);
    expect_refused(path, "is not a dptrain checkpoint");
    expect_ok(dp_file_write(path, "", 0, &error), &error);
    expect_refused(path, "is not a dptrain checkpoint");
    expect_refused(scratch_folder, "not a regular file");
    expect_failure(dp_checkpoint_load(&loaded, scratch_path("none.h5"), true, &error), DP_ERR_IO,
                   "none.h5", &error);
    expect_failure(dp_checkpoint_load(&loaded, "", true, &error), DP_ERR_IO, "cannot read", &error);
}

/* Files made here by hand: as a checkpoint is, but for what a test changes. */
typedef struct forgery {
    const char *format;
    uint64_t version;
    bool without_contract;
    const char *weights; /* NULL: the right hash */
    const char *state;   /* the same */
    const char *config;  /* NULL: the right text */
    const char *optimizer;
    const char *changed_group; /* another shape or type for a tensor in it; NULL: none */
    int changed_tensor;
    dp_h5shape changed_shape;
    bool as_integers;
} forgery;

static const forgery honest = {.format = "dptrain-checkpoint", .version = 2, .optimizer = "adamw"};

/* Where the tensors of a checkpoint of adamw are. */
static const char *const groups[] = {"/params", "/optimizer/exp_avg", "/optimizer/exp_avg_sq"};
enum { GROUP_COUNT = sizeof groups / sizeof groups[0] };

static void forge_attributes(dp_h5writer *file, const dp_checkpoint *checkpoint,
                             const forgery *forged) {
    dp_error error = {0};
    char hash[DP_HASH_TEXT_SIZE], state[DP_HASH_TEXT_SIZE];
    uint64_t hashes[DP_OPTIMIZER_SLABS_MAX];
    const dp_progress *progress = &checkpoint->facts.progress;
    dp_hash_format(checkpoint->facts.weights_hash, hash);
    for (size_t slab = 0; slab < DP_OPTIMIZER_SLABS_MAX; slab++)
        hashes[slab] = dp_params_hash(&checkpoint->layout, checkpoint->state[slab]);
    dp_hash_format(dp_xxh3_of(hashes, sizeof hashes), state);
    if (forged->version > 1) {
        expect_ok(dp_h5writer_text_attribute(file, "state",
                                             forged->state == NULL ? state : forged->state, &error),
                  &error);
        expect_ok(dp_h5writer_unsigned_attribute(file, "evaluations_since_best",
                                                 progress->evaluations_since_best, &error),
                  &error);
    }
    if (!forged->without_contract)
        expect_ok(dp_h5writer_unsigned_attribute(file, "contract", progress->contract, &error),
                  &error);
    const struct {
        const char *name, *value;
    } texts[] = {{"format", forged->format},
                 {"weights", forged->weights == NULL ? hash : forged->weights},
                 {"dataset_sha256", checkpoint->facts.dataset_sha256},
                 {"unit", dp_unit_name(checkpoint->facts.unit)},
                 {"build", checkpoint->facts.build}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect_ok(dp_h5writer_text_attribute(file, texts[i].name, texts[i].value, &error), &error);
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"version", forged->version},
                   {"step", progress->step},
                   {"block_size", checkpoint->facts.block_size},
                   {"loss_count", progress->loss_count},
                   {"best_step", progress->best_step}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        expect_ok(dp_h5writer_unsigned_attribute(file, numbers[i].name, numbers[i].value, &error),
                  &error);
    expect_ok(dp_h5writer_real_attribute(file, "loss_sum", progress->loss_sum, &error), &error);
    expect_ok(dp_h5writer_real_attribute(file, "best_loss", progress->best_loss, &error), &error);
}

static void forge_tensor(dp_h5writer *file, const forgery *forged, const char *group,
                         const dp_tensor *tensor, const float *slab, bool changed) {
    dp_error error = {0};
    char object[64];
    static const float zeros[1024] = {0.0f};
    float natural[1024];
    const float *values = natural;
    if (dp_tensor_size(tensor) == 0) /* is left out of files */
        return;
    assert_in_range(dp_tensor_size(tensor), 1, sizeof natural / sizeof natural[0]);
    dp_tensor_store(tensor, slab, natural);
    dp_h5shape shape = {.rank = tensor->rank, .size = {tensor->rows, tensor->cols}};
    if (tensor->rank == 1)
        shape.size[0] = tensor->cols;
    if (changed && forged->changed_shape.rank != 0) {
        shape = forged->changed_shape;
        values = zeros;
    }
    snprintf(object, sizeof object, "%s/%s", group, tensor->name);
    if (changed && forged->as_integers)
        expect_ok(dp_h5writer_create_integers(file, object, shape, 4, &error), &error);
    else
        expect_ok(dp_h5writer_floats(file, object, shape, values, &error), &error);
}

static void forge_tensors(dp_h5writer *file, const dp_checkpoint *checkpoint,
                          const forgery *forged) {
    const float *const slabs[] = {checkpoint->params, checkpoint->state[0], checkpoint->state[1]};
    const size_t count = forged->version > 1 ? GROUP_COUNT : 1;
    for (size_t g = 0; g < count; g++) {
        for (int t = 0; t < DP_TENSOR_COUNT; t++)
            forge_tensor(file, forged, groups[g], &checkpoint->layout.tensors[t], slabs[g],
                         forged->changed_group == groups[g] && forged->changed_tensor == t);
    }
}

/* The line that a checkpoint ends with. */
static void add_seal(const char *path) {
    dp_error error = {0};
    dp_file_map map;
    char hash[DP_HASH_TEXT_SIZE];
    expect_ok(dp_file_map_open(&map, path, &error), &error);
    dp_hash_format(dp_xxh3_of(map.data, map.size), hash);
    dp_file_map_close(&map);
    FILE *stream = fopen(path, "ab");
    assert_non_null(stream);
    assert_true(fprintf(stream, "dptrain-seal %s\n", hash) > 0);
    assert_int_equal(fclose(stream), 0);
}

static const char *forge(const dp_checkpoint *checkpoint, const forgery *forged) {
    dp_error error = {0};
    dp_h5writer *file = NULL;
    dp_text config = {0};
    const char *path = scratch_path("forged.h5");
    expect_ok(dp_h5writer_create(&file, path, &error), &error);
    forge_attributes(file, checkpoint, forged);
    dp_config_write(&checkpoint->config, &config);
    expect_ok(dp_h5writer_text(file, "/config",
                               forged->config == NULL ? dp_text_string(&config) : forged->config,
                               &error),
              &error);
    expect_ok(dp_vocabulary_write(&checkpoint->facts.vocabulary, file, &error), &error);
    forge_tensors(file, checkpoint, forged);
    expect_ok(dp_h5writer_text(file, "/optimizer/name", forged->optimizer, &error), &error);
    expect_ok(dp_h5writer_close(file, &error), &error);
    dp_text_clear(&config);
    add_seal(path);
    return path;
}

/* Else the tests below would refuse for another reason than theirs. */
static void test_checkpoint_forged_without_a_flaw_loads(void **state) {
    expect_loads(forge(*state, &honest), *state);
}

static void test_checkpoint_of_another_format_or_version(void **state) {
    forgery forged = honest;
    forged.format = "dptrain-dataset";
    expect_refused(forge(*state, &forged), "is not a dptrain checkpoint");
    forged = honest;
    forged.version = 3;
    expect_refused(forge(*state, &forged), "format version 3; this program reads 1 and 2");
    forged.version = 0;
    expect_refused(forge(*state, &forged), "format version 0;");
    forged.version = UINT64_MAX;
    expect_refused(forge(*state, &forged), "format version 18446744073709551615");
    forged = honest;
    forged.weights = "xxh3:0123";
    expect_refused(forge(*state, &forged), "weights is not a hash");
    forged.weights = "xxh3:0123456789abcdef";
    expect_refused(forge(*state, &forged), "weights have another hash");
    forged = honest;
    forged.state = "xxh3:0123456789abcdef";
    expect_refused(forge(*state, &forged), "state has another hash");
    forged = honest;
    forged.optimizer = "adam";
    expect_refused(forge(*state, &forged), "optimizer 'adam', but 'adamw' in its config");
}

/* As written before there were optimizers and direct connections: plain sgd, with the keys of then.
 */
static void test_checkpoint_of_version_1_loads(void **state) {
    (void)state;
    dp_checkpoint old, *checkpoint = &old;
    char direct[] = "model.direct=no";
    forgery forged = honest;
    make_checkpoint(checkpoint, direct);
    forged.version = 1;
    forged.without_contract = true;
    checkpoint->facts.progress.contract = 1;
    forged.optimizer = "sgd";
    forged.config = "[model]\nembedding_dim = 3\nhidden_dim = 4\n[train]\nlr = 0.3\n"
                    "grains = 8\n[run]\ndir = some/run\n[parallel]\nexchange = shared\n";
    checkpoint->config.optimizer.kind = DP_OPTIMIZER_SGD;
    checkpoint->facts.progress.evaluations_since_best = 0;
    expect_loads(forge(checkpoint, &forged), checkpoint);
    forged.optimizer = "adamw";
    forged.config = NULL;
    checkpoint->config.optimizer.kind = DP_OPTIMIZER_ADAMW;
    expect_refused(forge(checkpoint, &forged), "version 1 has no state for adamw");
    dp_checkpoint_clear(checkpoint);
}

static void test_checkpoint_with_a_tensor_of_another_shape_or_type(void **state) {
    static const dp_h5shape wrong[] = {{.rank = 1, .size = {1}},
                                       {.rank = 1, .size = {60}},
                                       {.rank = 2, .size = {1, 5}},
                                       {.rank = 2, .size = {4, 3}}};
    for (int t = 0; t < GROUP_COUNT * DP_TENSOR_COUNT; t++) {
        forgery forged = honest;
        char object[64];
        forged.changed_group = groups[t / DP_TENSOR_COUNT];
        forged.changed_tensor = t % DP_TENSOR_COUNT;
        const dp_tensor *changed =
            &((dp_checkpoint *)*state)->layout.tensors[forged.changed_tensor];
        if (dp_tensor_size(changed) == 0)
            continue;
        snprintf(object, sizeof object, "%s/%s", forged.changed_group, changed->name);
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            forged.changed_shape = wrong[i];
            expect_refused(forge(*state, &forged), object);
        }
        forged.changed_shape = (dp_h5shape){0};
        forged.as_integers = true;
        expect_refused(forge(*state, &forged), object);
    }
}

static void test_checkpoint_whose_config_has_other_dimensions(void **state) {
    forgery forged = honest;
    forged.config = "[model]\nembedding_dim = 3\nhidden_dim = 5\n";
    expect_refused(forge(*state, &forged), "/params/W1");
    forged.config = "[model]\nembedding_dim = 65536\nhidden_dim = 1048576\n";
    expect_refused(forge(*state, &forged), "/params/C"); /* before memory is asked for */
    forged.config = "[model]\nlayers = 5\n";
    expect_refused(forge(*state, &forged), "unknown key 'model.layers'");
    forged.config = "";
    expect_refused(forge(*state, &forged), "");
}

static void test_checkpoint_with_weights_of_another_hash(void **state) {
    dp_checkpoint *checkpoint = *state;
    checkpoint->facts.weights_hash++;
    expect_refused(saved(checkpoint, "hash.h5"), "damaged");
}

static void test_checkpoint_with_what_is_no_number(void **state) {
    static const double wrong[] = {NAN, INFINITY, -INFINITY};
    dp_checkpoint *checkpoint = *state;
    const dp_progress progress = checkpoint->facts.progress;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        checkpoint->facts.progress.best_loss = wrong[i];
        expect_refused(saved(checkpoint, "best_loss.h5"), "best_loss is not a finite number");
        checkpoint->facts.progress = progress;
        checkpoint->facts.progress.loss_sum = wrong[i];
        expect_refused(saved(checkpoint, "loss_sum.h5"), "loss_sum is not a finite number");
        checkpoint->facts.progress = progress;
        checkpoint->params[0] = (float)wrong[i];
        checkpoint->facts.weights_hash = dp_params_hash(&checkpoint->layout, checkpoint->params);
        expect_refused(saved(checkpoint, "weights.h5"), "weights are not all finite numbers");
        checkpoint->params[0] = 0.5f;
    }
}

static void test_checkpoint_under_the_name_of_another_step(void **state) {
    dp_checkpoint *checkpoint = *state;
    expect_refused(saved(checkpoint, "step-99999999.h5"), "holds step 12345678901234, another");
    expect_loads(saved(checkpoint, "step-12345678901234.h5"), checkpoint);
}

/* --- damage --------------------------------------------------------------------------------- */

enum { FLIP_STRIDE = 64, CUT_STRIDE = 512 };

/* These bytes as a file are refused, with its name. */
static void expect_bytes_refused(const unsigned char *bytes, size_t size, const char *what,
                                 size_t at) {
    dp_error error = {0};
    dp_checkpoint loaded;
    const char *path = scratch_path("damaged.h5");
    FILE *stream = fopen(path, "wb"); /* no sync, as dp_file_write would: there are many */
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
    dp_status status = dp_checkpoint_load(&loaded, path, true, &error);
    if (status != DP_ERR_INPUT || strstr(error.message, "damaged.h5") == NULL)
        fail_msg("%s %zu: status %d, \"%s\"", what, at, (int)status, error.message);
    assert_null(loaded.params);
}

/* The bytes of a good file, to be freed by the caller. */
static unsigned char *good_bytes(const dp_checkpoint *checkpoint, size_t *size) {
    dp_error error = {0};
    dp_file_map map;
    const char *path = saved(checkpoint, "good.h5");
    expect_loads(path, checkpoint);
    expect_ok(dp_file_map_open(&map, path, &error), &error);
    unsigned char *bytes = dp_memory_zeroed(map.size, 1, &error);
    assert_non_null(bytes);
    memcpy(bytes, map.data, map.size);
    *size = map.size;
    dp_file_map_close(&map);
    return bytes;
}

static void test_checkpoint_with_a_byte_flipped_is_refused(void **state) {
    size_t size = 0;
    unsigned char *bytes = good_bytes(*state, &size);
    for (size_t at = 0; at < size; at += at + FLIP_STRIDE < size - FLIP_STRIDE ? FLIP_STRIDE : 1) {
        /* One bit at some places, all at others; and every byte of the seal. */
        unsigned char flipped = (unsigned char)(at % 128 == 0 ? 0xFFu : 1u << at / 64 % 8);
        bytes[at] = (unsigned char)(bytes[at] ^ flipped);
        expect_bytes_refused(bytes, size, "flipped byte", at);
        bytes[at] = (unsigned char)(bytes[at] ^ flipped);
    }
    dp_memory_free(bytes);
}

static void test_checkpoint_cut_short_is_refused(void **state) {
    size_t size = 0;
    unsigned char *bytes = good_bytes(*state, &size);
    for (size_t cut = 0; cut < size; cut += CUT_STRIDE)
        expect_bytes_refused(bytes, cut, "cut to", cut);
    for (size_t missing = 1; missing <= 40; missing++)
        expect_bytes_refused(bytes, size - missing, "missing bytes", missing);
    dp_memory_free(bytes);
}

static void test_checkpoint_with_something_behind_it_is_refused(void **state) {
    size_t size = 0;
    unsigned char *bytes = good_bytes(*state, &size);
    dp_error error = {0};
    unsigned char *longer = dp_memory_zeroed(2 * size, 1, &error);
    assert_non_null(longer);
    memcpy(longer, bytes, size);
    expect_bytes_refused(longer, size + 1, "zeros behind it", 1);
    memcpy(longer + size, bytes, size);
    expect_bytes_refused(longer, 2 * size, "twice", 2);
    dp_memory_free(longer);
    dp_memory_free(bytes);
}

static void test_checkpoint_is_known_by_its_end(void **state) {
    dp_error error = {0};
    const char *path = saved(*state, "known.h5");
    assert_int_equal(dp_file_kind_of(path), DP_FILE_CHECKPOINT);
    assert_int_equal(dp_file_kind_of(scratch_path("none.h5")), DP_FILE_MISSING);
    assert_int_equal(dp_file_kind_of(scratch_folder), DP_FILE_FOLDER);
    path = scratch_path("short");
    expect_ok(dp_file_write(path, "dptrain-seal xxh3:", 18, &error), &error);
    assert_int_not_equal(dp_file_kind_of(path), DP_FILE_CHECKPOINT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_checkpoint_gives_back_everything),
        TEST(test_checkpoint_keeps_extreme_values),
        TEST(test_checkpoint_holds_the_state_of_each_optimizer),
        TEST(test_checkpoint_gives_the_model_without_the_state),
        TEST(test_checkpoint_replaces_the_one_before),
        TEST(test_checkpoint_that_cannot_be_written_leaves_nothing),
        TEST(test_checkpoint_that_runs_out_of_space_anywhere_leaves_the_old_one),
        TEST(test_checkpoint_that_is_none),
        TEST(test_checkpoint_forged_without_a_flaw_loads),
        TEST(test_checkpoint_of_another_format_or_version),
        TEST(test_checkpoint_of_version_1_loads),
        TEST(test_checkpoint_with_a_tensor_of_another_shape_or_type),
        TEST(test_checkpoint_whose_config_has_other_dimensions),
        TEST(test_checkpoint_with_weights_of_another_hash),
        TEST(test_checkpoint_with_what_is_no_number),
        TEST(test_checkpoint_under_the_name_of_another_step),
        TEST(test_checkpoint_with_a_byte_flipped_is_refused),
        TEST(test_checkpoint_cut_short_is_refused),
        TEST(test_checkpoint_with_something_behind_it_is_refused),
        TEST(test_checkpoint_is_known_by_its_end),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, scratch_create, scratch_remove);
}
