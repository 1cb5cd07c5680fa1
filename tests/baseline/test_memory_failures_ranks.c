/* As test_memory_failures, for what ranks do together: run by mpirun. Each allocation of a call
 * fails on one rank, in turn; all ranks must then leave the call with the same status and with all
 * memory given back, and one of them must speak. */
#include "base/memory.h"
#include "baseline/mixture.h"
#include "engine/engine_kind.h"
#include "engine/evaluate.h"
#include "engine/open_dataset.h"
#include "support/expect.h"
#include "support/failing_memory.h"
#include "support/sample_dataset.h"
#include "support/scratch.h"

enum { ALLOCATIONS_MAX = 1000 };

static dp_comm *all_ranks;

/* One call, on all ranks. */
typedef dp_status (*collective)(dp_error *error);

/* What a rank did, as all must know it. */
typedef struct report {
    dp_status status;
    bool got_through; /* with all its allocations */
    bool speaks;
} report;

/* Returns whether the call got through. */
static bool try_with(collective call, int rank, int allowed) {
    report mine = {0}, all[16];
    dp_error error = {0};
    int speakers = 0;
    bool got_through = true;
    allocations_left = dp_comm_rank(all_ranks) == rank ? allowed : -1;
    mine.status = call(&error);
    mine.got_through = allocations_left != 0 && mine.status == DP_OK;
    allocations_left = -1;
    mine.speaks = error.message[0] != '\0';
    if (blocks_held != 0)
        fail_msg("allocation %d failed on rank %d: %ld blocks are still held", allowed, rank,
                 blocks_held);
    dp_comm_gather_all(all_ranks, &mine, sizeof mine, all);
    for (int r = 0; r < dp_comm_size(all_ranks); r++) {
        speakers += all[r].speaks;
        got_through = got_through && all[r].got_through;
        if (all[r].status != all[0].status)
            fail_msg("allocation %d failed on rank %d: rank 0 has status %d, rank %d %d", allowed,
                     rank, (int)all[0].status, r, (int)all[r].status);
    }
    if (all[0].status != DP_OK && (all[0].status != DP_ERR_MEMORY || speakers != 1))
        fail_msg("allocation %d failed on rank %d: status %d, %d ranks speak: %s", allowed, rank,
                 (int)all[0].status, speakers, error.message);
    return got_through;
}

/* Expects at least so many allocations on each rank. */
static void fail_on_each_rank(collective call, int least) {
    for (int rank = 0; rank < dp_comm_size(all_ranks); rank++) {
        int allowed = 0;
        while (!try_with(call, rank, allowed) && allowed < ALLOCATIONS_MAX)
            allowed++;
        assert_in_range(allowed - 1, least, ALLOCATIONS_MAX - 2);
    }
}

/* --- the calls -------------------------------------------------------------------------------- */

static dp_config config;
static const char *dataset_path;

static void configure(int count, char **assignments) {
    dp_error error = {0};
    expect_ok(dp_config_load(&config, NULL, count, assignments, &error), &error);
}

static dp_status split_ranks(dp_error *error) {
    dp_comm *group = NULL;
    dp_status status = dp_comm_split(&group, all_ranks, dp_comm_rank(all_ranks) % 2, error);
    dp_comm_destroy(group);
    return status;
}

static void test_memory_failures_while_splitting_ranks(void **state) {
    (void)state;
    fail_on_each_rank(split_ranks, 1);
}

static dp_status create_window_and_board(dp_error *error) {
    dp_status status = DP_OK;
    dp_comm_window *window = NULL;
    dp_comm_board *board = NULL;
    DP_OR_DONE(dp_comm_window_create(&window, all_ranks, 64, error));
    DP_OR_DONE(dp_comm_board_create(&board, all_ranks, 2, error));
done:
    dp_comm_board_destroy(board);
    dp_comm_window_destroy(window);
    return status;
}

static void test_memory_failures_while_creating_shared_memory(void **state) {
    (void)state;
    fail_on_each_rank(create_window_and_board, 2);
}

static void take_first_step(dp_engine *engine) {
    const dp_subject *subject = dp_engine_subject(engine);
    const dp_step step = {.lr = 0.1};
    if (dp_comm_rank(all_ranks) == 0)
        dp_params_init(subject->layout, DP_INIT_SCALED, 1, subject->params);
    dp_engine_publish(engine);
    (void)dp_engine_step(engine, &step);
}

/* Creates a run's engine and takes a step; the ranks that are not at work wait for its end. */
static dp_status create_engine(dp_error *error) {
    dp_engine *engine = NULL;
    DP_TRY(dp_engine_create(&engine, all_ranks, &config, error));
    if (dp_engine_rests(engine))
        (void)dp_engine_turn(engine, &(dp_turn){0});
    else
        take_first_step(engine);
    const dp_status status = dp_engine_end(engine, DP_OK, error);
    dp_engine_destroy(engine);
    return status;
}

static void test_memory_failures_while_creating_an_engine(void **state) {
    (void)state;
    static char *const exchanges[] = {"parallel.exchange=shared", "parallel.exchange=tree",
                                      "parallel.work=2"};
    for (int kind = 0; kind < 3; kind++) {
        char *assignments[] = {"train.optimizer=adamw", "train.batch_size=24", "train.clip_norm=1",
                               "parallel.output=replicated", exchanges[kind]};
        configure(5, assignments);
        dp_error error;
        expect_ok(dp_path_format(config.data_path, &error, "%s", dataset_path), &error);
        fail_on_each_rank(create_engine, 8);
    }
}

/* As many tokens as ranks need blocks for. */
static dp_status create_split_engine(dp_error *error) {
    void *engine = NULL;
    dp_params_layout layout;
    dp_model_shape shape = dp_config_shape(&config, 1100, 3);
    const dp_build_info build = {.level = DP_CPU_GENERIC};
    dp_subject subject = {.comm = all_ranks, .config = &config, .build = &build, .layout = &layout};
    shape.split = true;
    DP_TRY(dp_params_layout_init(&layout, shape, error));
    dp_status status = dp_split_engine_kind.create(&engine, &subject, error);
    dp_split_engine_kind.destroy(engine);
    return status;
}

static void test_memory_failures_while_creating_a_split_engine(void **state) {
    (void)state;
    char *assignments[] = {"train.optimizer=adamw", "train.batch_size=24", "train.clip_norm=1",
                           "train.dropout_hidden=0.5"};
    configure(4, assignments);
    fail_on_each_rank(create_split_engine, 5);
}

static dp_status evaluate(dp_error *error) {
    static dp_dataset dataset; /* large: paths */
    dp_status status = DP_OK;
    dp_params_layout layout;
    dp_trigram *trigram = NULL;
    dp_mixture alone = {0};
    dp_mixture_results results;
    bool is_open = false;
    static _Alignas(DP_ALIGNMENT) float params[100000];
    DP_OR_DONE(dp_open_dataset(all_ranks, dataset_path, DP_CHECK_ALWAYS, &dataset, error));
    is_open = true;
    DP_OR_DONE(dp_params_layout_init(
        &layout,
        dp_config_shape(&config, dataset.vocabulary.count, (size_t)dataset.info.block_size),
        error));
    assert_in_range(layout.length, 1, sizeof params / sizeof params[0]);
    DP_OR_DONE(dp_evaluate(all_ranks, &dataset, 1u << DP_SPLIT_DEV, &layout, DP_CPU_GENERIC, params,
                           results.network, error));
    DP_OR_DONE(dp_trigram_of_dataset(all_ranks, &dataset, &trigram, error));
    const dp_network network = {.layout = &layout, .params = params};
    const dp_network networks[] = {network, network};
    alone = (dp_mixture){.networks = networks,
                         .network_count = 2,
                         .fits_shares = true,
                         .trigram = trigram,
                         .fits_weight = true};
    DP_OR_DONE(
        dp_evaluate_mixture(all_ranks, &dataset, 1u << DP_SPLIT_DEV, &alone, &results, error));
done:
    dp_trigram_destroy(trigram);
    if (is_open)
        dp_dataset_close(&dataset);
    return status;
}

static void test_memory_failures_while_evaluating(void **state) {
    (void)state;
    configure(0, NULL);
    fail_on_each_rank(evaluate, 15);
}

/* --- the ranks -------------------------------------------------------------------------------- */

static int set_up(void **state) {
    static char path[DP_PATH_SIZE];
    dp_error error = {0};
    if (dp_comm_create(&all_ranks, &error) != DP_OK || scratch_create(state) != 0)
        return -1;
    snprintf(path, sizeof path, "%s", scratch_path("data.h5"));
    dataset_path = path;
    sample_dataset_write(dataset_path, 1);
    blocks_held = 0; /* what a call takes is counted from here */
    return 0;
}

static int tear_down(void **state) {
    dp_comm_destroy(all_ranks);
    return scratch_remove(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_failures_while_splitting_ranks),
        cmocka_unit_test(test_memory_failures_while_creating_shared_memory),
        cmocka_unit_test(test_memory_failures_while_creating_an_engine),
        cmocka_unit_test(test_memory_failures_while_creating_a_split_engine),
        cmocka_unit_test(test_memory_failures_while_evaluating),
    };
    return cmocka_run_group_tests_name("memory_failures_ranks", tests, set_up, tear_down);
}
