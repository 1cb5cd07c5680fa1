#include "engine/config.h"

#include "data/dataset.h"
#include "support/expect.h"
#include "support/scratch.h"

#define CONFIGS_DIR DP_TESTS_DIR "/../configs"

/* A config from defaults and assignments alone. */
static dp_config config_with(int count, const char *const *assignments) {
    dp_error error = {0};
    dp_config config;
    expect_ok(dp_config_load(&config, NULL, count, (char *const *)(uintptr_t)assignments, &error),
              &error);
    return config;
}

static dp_config config_of(const char *assignment) {
    return config_with(assignment == NULL ? 0 : 1, &assignment);
}

static const char *write_file(const char *name, const char *content) {
    dp_error error = {0};
    const char *path = scratch_path(name);
    expect_ok(dp_file_write(path, content, strlen(content), &error), &error);
    return path;
}

static void test_config_has_the_documented_defaults(void **state) {
    (void)state;
    dp_config config = config_of(NULL);
    assert_string_equal(config.data_path, "names.h5");
    expect_unsigned(config.embedding_dim, 10);
    expect_unsigned(config.hidden_dim, 200);
    assert_int_equal(config.init, DP_INIT_NORMAL);
    expect_unsigned(config.steps, 200000);
    expect_unsigned(config.batch_size, 32);
    expect_unsigned(config.grains, 8);
    expect_unsigned(config.seed, 42);
    assert_int_equal(config.sampling, DP_SAMPLING_REPLACEMENT);
    assert_int_equal(config.optimizer.kind, DP_OPTIMIZER_SGD);
    expect_close(config.optimizer.momentum, 0.9, 0.0);
    expect_close(config.optimizer.beta1, 0.9, 0.0);
    expect_close(config.optimizer.beta2, 0.999, 0.0);
    expect_close(config.optimizer.epsilon, 1e-8, 0.0);
    expect_close(config.optimizer.weight_decay, 0.0, 0.0);
    expect_close(config.optimizer.clip_norm, 0.0, 0.0);
    expect_close(config.lr, 0.1, 0.0);
    expect_unsigned(config.lr_warmup, 0);
    assert_int_equal(config.lr_schedule, DP_SCHEDULE_STEP);
    expect_unsigned(config.lr_milestones.count, 1);
    expect_unsigned(config.lr_milestones.values[0], 100000);
    expect_close(config.lr_gamma, 0.1, 0.0);
    expect_close(config.lr_final, 0.0, 0.0);
    expect_close(config.lr_decay, 0.0001, 0.0);
    expect_unsigned(config.log_every, 1000);
    expect_unsigned(config.eval_every, 10000);
    expect_unsigned(config.eval_splits, 1u << DP_SPLIT_DEV);
    expect_unsigned(config.eval_patience, 0);
    expect_unsigned(config.checkpoint_every, 10000);
    expect_unsigned(config.checkpoint_keep, 3);
    assert_string_equal(config.run_dir, "");
    assert_int_not_equal(config.exchange, DP_EXCHANGE_AUTO); /* resolved */
    expect_close(config.deadline, 300.0, 0.0);
    expect_unsigned(config.work, DP_WORK_AUTO);
}

static void test_config_command_line_beats_file_beats_default(void **state) {
    (void)state;
    dp_error error = {0};
    dp_config config;
    char *assignments[] = {"train.lr=0.3", "train.lr=0.4", "run.dir=elsewhere"};
    const char *path = write_file("order.ini", "[train]\nlr = 0.2\nsteps = 77\n");
    expect_ok(dp_config_load(&config, path, 3, assignments, &error), &error);
    expect_close(config.lr, 0.4, 0.0); /* the last one */
    expect_unsigned(config.steps, 77);
    expect_unsigned(config.batch_size, 32);
    assert_string_equal(config.run_dir, "elsewhere");
}

static void test_config_resolves_grains(void **state) {
    (void)state;
    static const struct {
        const char *batch_size, *grains;
        uint64_t resolved;
    } cases[] = {{"train.batch-size=1", "train.grains=0", 1}, /* as typed for an option */
                 {"train.batch_size=7", "train.grains=0", 7},
                 {"train.batch_size=8", "train.grains=0", 8},
                 {"train.batch_size=1000", "train.grains=0", 8},
                 {"train.batch_size=1000", "train.grains=1000", 1000},
                 {"train.batch_size=1000", "train.grains=3", 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *assignments[] = {cases[i].batch_size, cases[i].grains};
        dp_config config = config_with(2, assignments);
        expect_unsigned(config.grains, cases[i].resolved);
    }
    dp_error error;
    dp_config config;
    char *too_many[] = {"train.batch_size=4", "train.grains=5"};
    expect_failure(dp_config_load(&config, NULL, 2, too_many, &error), DP_ERR_INPUT,
                   "train.grains = 5 is more than train.batch_size = 4", &error);
}

static void test_config_refuses_values_that_do_not_go_together(void **state) {
    (void)state;
    static const struct {
        const char *assignments[3];
        int count;
        const char *message;
    } cases[] = {
        {{"train.lr_schedule=cosine", "train.lr_warmup=50", "train.steps=50"},
         3,
         "train.lr_warmup = 50 leaves none of train.steps = 50"},
        {{"eval.patience=2", "eval.every=0"}, 2, "set eval.every=10001"},
        {{"eval.patience=2", "eval.splits=train,test"}, 2, "set eval.splits=train,test,dev"},
        {{"train.beta2=1"}, 1, "train.beta2 = '1'"},
        {{"train.epsilon=0"}, 1, "train.epsilon = '0'"},
        {{"train.weight_decay=-0.1"}, 1, "train.weight_decay = '-0.1'"},
        {{"train.optimizer=adam"}, 1, "one of sgd, momentum, nesterov, adamw"},
        {{"train.lr_schedule=linear"}, 1, "one of step, constant, cosine, inverse"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dp_error error;
        dp_config config;
        expect_failure(dp_config_load(&config, NULL, cases[i].count,
                                      (char *const *)(uintptr_t)cases[i].assignments, &error),
                       DP_ERR_INPUT, cases[i].message, &error);
    }
    /* The same warm-up is as good as any other where the schedule has no end. */
    const char *long_warmup[] = {"train.lr_warmup=50", "train.steps=50"};
    (void)config_with(2, long_warmup);
}

static void test_config_names_the_run_after_its_file(void **state) {
    (void)state;
    dp_error error = {0};
    dp_config config;
    char *empty[] = {"run.dir="};
    const char *path = write_file("my.test.ini", "[train]\nsteps = 1\n");
    expect_ok(dp_config_load(&config, path, 0, NULL, &error), &error);
    assert_string_equal(config.run_dir, "runs/my.test");
    expect_ok(dp_config_load(&config, path, 1, empty, &error), &error);
    assert_string_equal(config.run_dir, "runs/my.test");
    path = write_file("named.ini", "[run]\ndir = here\n");
    expect_ok(dp_config_load(&config, path, 0, NULL, &error), &error);
    assert_string_equal(config.run_dir, "here");
    expect_ok(dp_config_load(&config, path, 1, empty, &error), &error);
    assert_string_equal(config.run_dir, "runs/named");
}

static void test_config_refuses_what_is_no_assignment(void **state) {
    (void)state;
    dp_error error;
    dp_config config;
    static const char *const wrong[] = {
        "train.lr", "=3", "", "=",
        "a_key_that_is_longer_than_any_key_of_the_table_could_ever_be_imagined=1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_failure(
            dp_config_load(&config, NULL, 1, (char *const *)(uintptr_t)&wrong[i], &error),
            DP_ERR_INPUT, "is not section.key=value", &error);
    char *unknown[] = {"train.learning_rate=3"};
    expect_failure(dp_config_load(&config, NULL, 1, unknown, &error), DP_ERR_INPUT, "unknown key",
                   &error);
    expect_failure(dp_config_load(&config, scratch_path("none.ini"), 0, NULL, &error), DP_ERR_IO,
                   "none.ini", &error);
}

/* --- what may change between two starts of a run -------------------------------------------- */

static void test_config_names_every_result_option_that_differs(void **state) {
    (void)state;
    static const struct {
        const char *assignment, *message;
    } changes[] = {
        {"model.embedding_dim=11", "model.embedding_dim: 10 there, 11 here"},
        {"model.hidden_dim=201", "model.hidden_dim: 200 there, 201 here"},
        {"model.init=scaled", "model.init: normal there, scaled here"},
        {"train.batch_size=33", "train.batch_size: 32 there, 33 here"},
        {"train.grains=9", "train.grains: 8 there, 9 here"},
        {"train.seed=43", "train.seed: 42 there, 43 here"},
        {"train.sampling=epoch", "train.sampling: replacement there, epoch here"},
        {"train.optimizer=adamw", "train.optimizer: sgd there, adamw here"},
        {"train.momentum=0.5", "train.momentum: 0.9 there, 0.5 here"},
        {"train.beta1=0.5", "train.beta1: 0.9 there, 0.5 here"},
        {"train.beta2=0.5", "train.beta2: 0.999 there, 0.5 here"},
        {"train.epsilon=0.001", "train.epsilon: 1e-08 there, 0.001 here"},
        {"train.weight_decay=0.01", "train.weight_decay: 0 there, 0.01 here"},
        {"train.clip_norm=1", "train.clip_norm: 0 there, 1 here"},
        {"train.lr=0.2", "train.lr: 0.1 there, 0.2 here"},
        {"train.lr_warmup=10", "train.lr_warmup: 0 there, 10 here"},
        {"train.lr_schedule=constant", "train.lr_schedule: step there, constant here"},
        {"train.lr_milestones=100000,150000",
         "train.lr_milestones: 100000 there, 100000,150000 here"},
        {"train.lr_gamma=0.5", "train.lr_gamma: 0.1 there, 0.5 here"},
        {"train.lr_final=0.5", "train.lr_final: 0 there, 0.5 here"},
        {"train.lr_decay=0.5", "train.lr_decay: 0.0001 there, 0.5 here"},
        {"parallel.exchange=mpi", "parallel.exchange: "},
    };
    enum { COUNT = sizeof changes / sizeof changes[0] };
    dp_error error;
    dp_config saved = config_of(NULL), wanted;
    const char *all[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        wanted = config_of(changes[i].assignment);
        expect_failure(dp_config_check_resumable(&saved, &wanted, &error), DP_ERR_MISMATCH,
                       changes[i].message, &error);
        if (strchr(error.message, ';') != NULL)
            fail_msg("%s: more than one difference: %s", changes[i].assignment, error.message);
        all[i] = changes[i].assignment;
    }
    wanted = config_with(COUNT, all);
    for (size_t i = 0; i < COUNT; i++)
        expect_failure(dp_config_check_resumable(&saved, &wanted, &error), DP_ERR_MISMATCH,
                       changes[i].message, &error);
}

static void test_config_what_does_not_change_the_result_may_change(void **state) {
    (void)state;
    static const char *const changes[] = {
        "train.steps=5",          "train.log_every=7",  "eval.every=3",
        "eval.splits=train,dev",  "checkpoint.every=3", "checkpoint.keep=9",
        "run.dir=other",          "data.path=moved.h5", "parallel.deadline=0.5",
        "parallel.exchange=tree", "eval.patience=4"};
    enum { COUNT = sizeof changes / sizeof changes[0] };
    dp_error error = {0};
    dp_config saved = config_of(NULL);
    for (size_t i = 0; i < COUNT; i++) {
        dp_config wanted = config_of(changes[i]);
        expect_ok(dp_config_check_resumable(&saved, &wanted, &error), &error);
        expect_ok(dp_config_check_resumable(&wanted, &saved, &error), &error);
    }
    dp_config wanted = config_with(COUNT, changes);
    expect_ok(dp_config_check_resumable(&saved, &wanted, &error), &error);
}

/* A level may become another, as all give the same bits; but it must be there. */
static void test_config_kernels_may_change(void **state) {
    (void)state;
    dp_error error = {0};
    dp_config any = config_of(NULL), lower = config_of("parallel.kernels=generic");
    dp_config higher = config_of("parallel.kernels=x86-64-v4");
    expect_ok(dp_config_check_resumable(&any, &lower, &error), &error);
    expect_ok(dp_config_check_resumable(&lower, &any, &error), &error);
    expect_ok(dp_config_check_resumable(&lower, &higher, &error), &error);
    expect_ok(dp_config_check_level(&any, DP_CPU_GENERIC, &error), &error);
    expect_ok(dp_config_check_level(&lower, DP_CPU_GENERIC, &error), &error);
    expect_ok(dp_config_check_level(&higher, DP_CPU_X86_64_V4, &error), &error);
    expect_failure(dp_config_check_level(&higher, DP_CPU_X86_64_V3, &error), DP_ERR_INPUT,
                   "no more than x86-64-v3", &error);
    expect_unsigned(dp_config_level(&any), DP_CPU_X86_64_V4);
    expect_unsigned(dp_config_level(&lower), DP_CPU_GENERIC);
}

static void test_config_cosine_needs_the_same_steps(void **state) {
    (void)state;
    dp_error error = {0};
    const char *assignments[] = {"train.lr_schedule=cosine", "train.steps=5"};
    dp_config saved = config_with(1, assignments), wanted = config_with(2, assignments);
    expect_ok(dp_config_check_resumable(&saved, &saved, &error), &error);
    expect_failure(dp_config_check_resumable(&saved, &wanted, &error), DP_ERR_MISMATCH,
                   "train.steps: 200000 there, 5 here", &error);
}

static void
test_config_exchange_without_the_contract_does_not_go_with_one_that_has_it(void **state) {
    (void)state;
    dp_error error = {0};
    dp_config mpi = config_of("parallel.exchange=mpi"), tree = config_of("parallel.exchange=tree");
    dp_config chosen = config_of("parallel.exchange=auto");
    expect_failure(dp_config_check_resumable(&mpi, &tree, &error), DP_ERR_MISMATCH,
                   "parallel.exchange: mpi there, tree here", &error);
    expect_failure(dp_config_check_resumable(&tree, &mpi, &error), DP_ERR_MISMATCH,
                   "parallel.exchange: tree there, mpi here", &error);
    expect_ok(dp_config_check_resumable(&mpi, &mpi, &error), &error);
    expect_ok(dp_config_check_resumable(&tree, &chosen, &error), &error);
}

/* --- the resolved config -------------------------------------------------------------------- */

static void expect_same(const dp_config *config, const dp_config *expected) {
    for (const dp_option *option = dp_config_options; option->key != NULL; option++) {
        dp_text value = {0}, wanted = {0};
        dp_options_format(option, config, &value);
        dp_options_format(option, expected, &wanted);
        if (strcmp(dp_text_string(&value), dp_text_string(&wanted)) != 0)
            fail_msg("%s is %s, not %s", option->key, dp_text_string(&value),
                     dp_text_string(&wanted));
        dp_text_clear(&value);
        dp_text_clear(&wanted);
    }
    assert_memory_equal(&config->lr, &expected->lr, sizeof config->lr);
    assert_memory_equal(&config->lr_gamma, &expected->lr_gamma, sizeof config->lr_gamma);
    assert_memory_equal(&config->deadline, &expected->deadline, sizeof config->deadline);
}

/* Written and read again it is the same, to the last bit of every number. */
static void expect_round_trip(const dp_config *config) {
    dp_error error = {0};
    dp_config again;
    dp_text text = {0};
    dp_config_write(config, &text);
    expect_ok(dp_config_parse(&again, dp_text_string(&text), text.length, "again", &error), &error);
    expect_same(&again, config);
    dp_text_clear(&text);
}

static void test_config_reads_back_what_it_wrote(void **state) {
    (void)state;
    static const char *const assignments[] = {
        "model.embedding_dim=65536",
        "model.hidden_dim=1048576",
        "model.init=scaled",
        "train.steps=1000000000000000",
        "train.batch_size=16777216",
        "train.grains=65536",
        "train.seed=9000000000000000",
        "train.sampling=epoch",
        "train.optimizer=adamw",
        "train.momentum=0.3",
        "train.beta1=0.1000000000000000055511151231257827",
        "train.beta2=0",
        "train.epsilon=1e-30",
        "train.weight_decay=1000",
        "train.clip_norm=1e38",
        "train.lr=0.1000000000000000055511151231257827",
        "train.lr_warmup=1000000000000000",
        "train.lr_schedule=constant",
        "train.lr_milestones=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,1000000000000000",
        "train.lr_gamma=4.9406564584124654e-324",
        "train.lr_final=1",
        "train.lr_decay=1e-8",
        "train.log_every=999999999999999",
        "eval.every=0",
        "eval.splits=train,dev,test",
        "eval.patience=0",
        "checkpoint.every=0",
        "checkpoint.keep=1000000000",
        "parallel.exchange=mpi",
        "parallel.deadline=0.30000000000000004",
    };
    dp_config config = config_of(NULL);
    expect_round_trip(&config);
    config = config_with(sizeof assignments / sizeof assignments[0], assignments);
    expect_round_trip(&config);
    config = config_of("train.lr_milestones=");
    expect_unsigned(config.lr_milestones.count, 0);
    expect_round_trip(&config);
    config = config_of("train.lr=9.9999999999999985e37");
    expect_round_trip(&config);
}

static void test_config_reads_back_any_path(void **state) {
    (void)state;
    static const char *const paths[] = {
        "a b/c d.h5",  "#1;2.h5",    "with = and : signs.h5",
        "\"quoted\"",  "[bracket]",  "\xC3\xA9t\xC3\xA9/\xE4\xBD\xA0\xE5\xA5\xBD.h5",
        "back\\slash", "tab\tinside"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char assignment[256];
        snprintf(assignment, sizeof assignment, "data.path=%s", paths[i]);
        dp_config config = config_of(assignment);
        assert_string_equal(config.data_path, paths[i]);
        expect_round_trip(&config);
    }
    char longest[DP_PATH_SIZE + 16] = "run.dir=";
    size_t start = strlen(longest);
    for (size_t i = 0; i < DP_PATH_SIZE - 1; i++)
        longest[start + i] = (char)(i % 17 == 16 ? '/' : i % 23 == 22 ? ' ' : 'a' + i % 26);
    longest[start + DP_PATH_SIZE - 1] = '\0';
    dp_config config = config_of(longest);
    expect_unsigned(strlen(config.run_dir), DP_PATH_SIZE - 1);
    expect_round_trip(&config);
}

static void test_config_schedule_is_that_of_the_options(void **state) {
    (void)state;
    static const char *const assignments[] = {"train.lr=0.5", "train.lr_gamma=0.25",
                                              "train.lr_milestones=10,20"};
    dp_config config = config_with(3, assignments);
    dp_schedule schedule = dp_config_schedule(&config);
    expect_close(dp_schedule_lr(&schedule, 9), 0.5, 0.0);
    expect_close(dp_schedule_lr(&schedule, 10), 0.125, 0.0);
    expect_close(dp_schedule_lr(&schedule, 20), 0.03125, 0.0);
}

static void test_config_cosine_falls_over_the_steps_behind_the_warmup(void **state) {
    (void)state;
    static const char *const assignments[] = {"train.lr=0.5", "train.lr_schedule=cosine",
                                              "train.lr_warmup=10", "train.steps=30",
                                              "train.lr_final=0.2"};
    dp_config config = config_with(5, assignments);
    dp_schedule schedule = dp_config_schedule(&config);
    expect_close(dp_schedule_lr(&schedule, 4), 0.25, 1e-15);
    expect_close(dp_schedule_lr(&schedule, 10), 0.5, 1e-15);
    expect_close(dp_schedule_lr(&schedule, 20), 0.3, 1e-15);
    expect_close(dp_schedule_lr(&schedule, 30), 0.1, 1e-15);
}

/* Of 4,000 words by default settings, but for some. */
static dp_ways ways_with(int count, const char *const *assignments, size_t vocab) {
    const dp_config config = config_with(count, assignments);
    const dp_model_shape shape = dp_config_shape(&config, vocab, 4);
    const dp_ways ways = dp_config_ways(&config, &shape);
    assert_int_equal(ways.split, shape.split);
    return ways;
}

static void test_config_ways_are_as_it_says_or_chosen(void **state) {
    (void)state;
    const char *replicated[] = {"parallel.output=replicated"}, *split[] = {"parallel.output=split"};
    const char *lazy[] = {"train.embedding_update=lazy"};
    const char *wide[] = {"model.hidden_dim=500", "train.batch_size=64"};
    const char *stated[] = {"model.hidden_dim=500", "train.batch_size=64", "train.optimizer=adamw"};
    const char *clipped[] = {"model.hidden_dim=500", "train.batch_size=64", "train.clip_norm=1"};
    const char *dropping[] = {"train.dropout_embedding=0.1"};
    assert_true(ways_with(0, NULL, 4000).split);
    assert_false(ways_with(0, NULL, 27).split);
    assert_false(ways_with(1, replicated, 4000).split);
    assert_true(ways_with(1, split, 27).split);
    assert_true(ways_with(1, lazy, 27).split);
    assert_false(ways_with(2, wide, 4000).split);
    assert_true(ways_with(3, stated, 4000).split);
    assert_true(ways_with(3, clipped, 4000).split);
    assert_int_equal(ways_with(0, NULL, 27).layer1, DP_LAYER1_FORWARD_BY_PAIRS);
    assert_int_equal(ways_with(1, dropping, 27).layer1, DP_LAYER1_BY_ROWS);
}

/* As one in a checkpoint might be. */
static void test_config_ways_ask_for_no_resolved_config(void **state) {
    (void)state;
    dp_error error = {0};
    dp_config config;
    expect_ok(dp_config_parse(&config, "", 0, "", &error), &error);
    expect_unsigned(config.grains, 0);
    assert_true(dp_config_shape(&config, 4000, 4).split);
}

static void test_config_files_of_the_project_load(void **state) {
    (void)state;
    size_t count = 0;
    DIR *folder = opendir(CONFIGS_DIR);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const char *dot = strrchr(entry->d_name, '.');
        char path[DP_PATH_SIZE];
        dp_error error = {0};
        dp_config config;
        if (dot == NULL || strcmp(dot, ".ini") != 0)
            continue;
        snprintf(path, sizeof path, CONFIGS_DIR "/%s", entry->d_name);
        expect_ok(dp_config_load(&config, path, 0, NULL, &error), &error);
        expect_round_trip(&config);
        count++;
    }
    closedir(folder);
    assert_true(count >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_has_the_documented_defaults),
        cmocka_unit_test(test_config_command_line_beats_file_beats_default),
        cmocka_unit_test(test_config_resolves_grains),
        cmocka_unit_test(test_config_refuses_values_that_do_not_go_together),
        cmocka_unit_test(test_config_names_the_run_after_its_file),
        cmocka_unit_test(test_config_refuses_what_is_no_assignment),
        cmocka_unit_test(test_config_names_every_result_option_that_differs),
        cmocka_unit_test(test_config_what_does_not_change_the_result_may_change),
        cmocka_unit_test(test_config_kernels_may_change),
        cmocka_unit_test(test_config_cosine_needs_the_same_steps),
        cmocka_unit_test(
            test_config_exchange_without_the_contract_does_not_go_with_one_that_has_it),
        cmocka_unit_test(test_config_reads_back_what_it_wrote),
        cmocka_unit_test(test_config_reads_back_any_path),
        cmocka_unit_test(test_config_schedule_is_that_of_the_options),
        cmocka_unit_test(test_config_cosine_falls_over_the_steps_behind_the_warmup),
        cmocka_unit_test(test_config_ways_are_as_it_says_or_chosen),
        cmocka_unit_test(test_config_ways_ask_for_no_resolved_config),
        cmocka_unit_test(test_config_files_of_the_project_load),
    };
    return cmocka_run_group_tests_name("config", tests, scratch_create, scratch_remove);
}
