/* The exchange and comm on real ranks: run by mpirun, once for each rank count. Every rank checks.
 */
#include "parallel/exchange.h"

#include "base/random.h"
#include "parallel/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { LENGTH = 1003, EXTRAS = 2, TOTAL = LENGTH + EXTRAS, LEVELS_MAX = 8 };

typedef struct job {
    dp_comm *comm;
    dp_exchange *exchange;
    uint64_t step;
    double squares; /* told before the first update of the step; below 0: not yet */
} job;

static job the_job;

static dp_status create(job *self, dp_exchange_kind kind, size_t grains, size_t length,
                        size_t slabs, dp_error *error) {
    const dp_exchange_size size = {.kind = kind,
                                   .grains = grains,
                                   .at_once = 1,
                                   .length = length,
                                   .extras = EXTRAS,
                                   .slabs = slabs};
    return dp_exchange_create(&self->exchange, self->comm, &size, error);
}

/* Grain g of this step: magnitudes far apart, so that the order of summation shows. */
static void grain_value(void *context, size_t grain, float *sums) {
    const job *self = context;
    for (size_t i = 0; i < TOTAL; i++) {
        double normal = dp_random_normal(self->step, DP_STREAM_INIT, grain, i);
        sums[i] = (float)(normal * (double)(1u << grain % 20));
    }
}

static void single_grain(void *context, dp_tree_range node, float *sums) {
    assert_int_equal(node.end - node.first, 1);
    grain_value(context, node.first, sums);
}

static void subtract(void *context, size_t first, size_t count, const float *gradient) {
    job *self = context;
    float *parameters = dp_exchange_parameters(self->exchange) + first;
    for (size_t i = 0; i < count; i++)
        parameters[i] -= gradient[i];
}

static void expect_sum(size_t grains, uint64_t step, float sum[TOTAL]) {
    static float scratch[LEVELS_MAX * TOTAL];
    job alone = {.step = step};
    dp_tree_sum_block(dp_tree_root(grains), 1, single_grain, &alone, TOTAL, sum, scratch, TOTAL);
}

static void check_bits_of_one_rank(job *self, dp_exchange_kind kind) {
    dp_error error;
    const dp_exchange_work work = {.grains = single_grain, .update = subtract, .context = self};
    size_t ranks = (size_t)dp_comm_size(self->comm);
    for (size_t grains = ranks; grains <= 17; grains++) {
        static float sum[TOTAL], parameters[LENGTH];
        memset(parameters, 0, sizeof parameters);
        assert_int_equal(create(self, kind, grains, LENGTH, 0, &error), DP_OK);
        for (self->step = 0; self->step < 3; self->step++) {
            dp_exchange_step(self->exchange, &work);
            expect_sum(grains, self->step, sum);
            for (size_t i = 0; i < LENGTH; i++)
                parameters[i] -= sum[i];
            assert_memory_equal(dp_exchange_extras(self->exchange), sum + LENGTH,
                                EXTRAS * sizeof *sum);
        }
        assert_memory_equal(dp_exchange_parameters(self->exchange), parameters, sizeof parameters);
        dp_exchange_destroy(self->exchange);
    }
}

static void test_exchange_tree_has_the_bits_of_one_rank(void **state) {
    check_bits_of_one_rank(*state, DP_EXCHANGE_TREE);
}

static void test_exchange_shared_has_the_bits_of_one_rank(void **state) {
    check_bits_of_one_rank(*state, DP_EXCHANGE_SHARED);
}

/* --- ranks that are not equally fast ---------------------------------------------------------- */

/* One of them pauses before each grain that it computes. */
typedef struct slow_job {
    job *job;
    int slow_rank;
    size_t computed; /* grains, in all steps */
} slow_job;

static void slow_grain(void *context, dp_tree_range node, float *sums) {
    slow_job *self = context;
    const struct timespec pause = {.tv_nsec = 2000000};
    if (dp_comm_rank(self->job->comm) == self->slow_rank)
        nanosleep(&pause, NULL);
    self->computed++;
    single_grain(self->job, node, sums);
}

static void subtract_slowly(void *context, size_t first, size_t count, const float *gradient) {
    subtract(((slow_job *)context)->job, first, count, gradient);
}

/* The last rank is slow: with `steals` the others of its node take grains of it, and only then. */
static void check_slow_rank(job *self, bool steals) {
    enum { GRAINS = 32, STEPS = 3 };
    static float sum[TOTAL], parameters[LENGTH];
    dp_error error;
    slow_job slow = {.job = self, .slow_rank = dp_comm_size(self->comm) - 1};
    const dp_exchange_work work = {
        .grains = slow_grain, .update = subtract_slowly, .context = &slow};
    const dp_exchange_size size = {
        .grains = GRAINS, .at_once = 1, .steals = steals, .length = LENGTH, .extras = EXTRAS};
    const dp_tree_range own =
        dp_tree_share(GRAINS, (size_t)dp_comm_size(self->comm), (size_t)dp_comm_rank(self->comm));
    memset(parameters, 0, sizeof parameters);
    assert_int_equal(dp_exchange_create(&self->exchange, self->comm, &size, &error), DP_OK);
    for (self->step = 0; self->step < STEPS; self->step++) {
        dp_exchange_step(self->exchange, &work);
        expect_sum(GRAINS, self->step, sum);
        for (size_t i = 0; i < LENGTH; i++)
            parameters[i] -= sum[i];
    }
    assert_memory_equal(dp_exchange_parameters(self->exchange), parameters, sizeof parameters);
    dp_exchange_destroy(self->exchange);
    if (dp_comm_rank(self->comm) != slow.slow_rank)
        return;
    dp_node node;
    const size_t planned = STEPS * (own.end - own.first);
    dp_node_init(&node, self->comm, true);
    if (steals && node.size > 1)
        assert_true(slow.computed < planned);
    else
        assert_int_equal(slow.computed, planned);
}

static void test_exchange_lets_ranks_take_grains_of_a_slow_one(void **state) {
    check_slow_rank(*state, true);
    check_slow_rank(*state, false);
}

/* --- the length of the gradient -------------------------------------------------------------- */

/* More than 1024 lines, so that a span has several; the last one is not full. */
enum { LONG_LENGTH = 16 * 3000 + 5 };

static void long_grain(void *context, dp_tree_range node, float *sums) {
    const job *self = context;
    assert_int_equal(node.end - node.first, 1);
    for (size_t i = 0; i < LONG_LENGTH + EXTRAS; i++)
        sums[i] = (float)((i * (7 + node.first) + self->step) % 1009) * 0.001f;
}

static void keep_squares(void *context, double squares) {
    job *self = context;
    assert_true(self->squares < 0.0); /* once a step */
    self->squares = squares;
}

/* Keeps the gradient in the second of two slabs. */
static void keep_gradient(void *context, size_t first, size_t count, const float *gradient) {
    job *self = context;
    assert_true(self->squares >= 0.0);
    memcpy(dp_exchange_slab(self->exchange, 1) + first, gradient, count * sizeof *gradient);
}

/* The bits of the squared length that all ranks are told; that it is the length is checked. */
static double long_squares(job *self, dp_exchange_kind kind, size_t grains) {
    dp_error error;
    const dp_exchange_work work = {
        .grains = long_grain, .update = keep_gradient, .measured = keep_squares, .context = self};
    assert_int_equal(create(self, kind, grains, LONG_LENGTH, 2, &error), DP_OK);
    for (self->step = 0; self->step < 3; self->step++) {
        double squares = 0.0, everyones[64];
        self->squares = -1.0;
        dp_exchange_step(self->exchange, &work);
        const float *gradient = dp_exchange_slab(self->exchange, 1);
        for (size_t i = 0; i < LONG_LENGTH; i++)
            squares += (double)gradient[i] * (double)gradient[i];
        assert_true(squares > 1.0);
        double difference = self->squares / squares - 1.0;
        assert_true(difference < 1e-11 && difference > -1e-11);
        dp_comm_gather_all(self->comm, &self->squares, sizeof self->squares, everyones);
        for (int rank = 0; rank < dp_comm_size(self->comm); rank++)
            assert_memory_equal(&everyones[rank], &self->squares, sizeof self->squares);
    }
    for (size_t i = 0; i < LONG_LENGTH; i++)
        assert_true(dp_exchange_slab(self->exchange, 0)[i] == 0.0f &&
                    dp_exchange_parameters(self->exchange)[i] == 0.0f);
    dp_exchange_destroy(self->exchange);
    return self->squares;
}

/* Their bits on one rank, which the others must have too; grains = 8. */
#define LONG_SQUARES_OF_8 0x1.912c5f556fe82p+19

static void test_exchange_tells_the_length_of_the_gradient(void **state) {
    job *self = *state;
    const double expected = LONG_SQUARES_OF_8;
    double shared = long_squares(self, DP_EXCHANGE_SHARED, 8);
    double tree = long_squares(self, DP_EXCHANGE_TREE, 8);
    (void)long_squares(self, DP_EXCHANGE_MPI, 8);
    if (memcmp(&shared, &expected, sizeof shared) != 0 ||
        memcmp(&tree, &expected, sizeof tree) != 0)
        fail_msg("shared %a, tree %a, not %a", shared, tree, expected);
}

static void test_exchange_publish_gives_what_rank_0_holds(void **state) {
    job *self = *state;
    const dp_exchange_kind kinds[] = {DP_EXCHANGE_SHARED, DP_EXCHANGE_TREE, DP_EXCHANGE_MPI};
    for (size_t k = 0; k < 3; k++) {
        dp_error error;
        assert_int_equal(create(self, kinds[k], 17, LENGTH, 2, &error), DP_OK);
        float *held[] = {dp_exchange_parameters(self->exchange),
                         dp_exchange_slab(self->exchange, 0), dp_exchange_slab(self->exchange, 1)};
        for (size_t h = 0; h < 3; h++) {
            for (size_t i = 0; i < LENGTH && dp_comm_rank(self->comm) == 0; i++)
                held[h][i] = (float)(h * LENGTH + i);
        }
        dp_exchange_publish(self->exchange);
        for (size_t h = 0; h < 3; h++) {
            for (size_t i = 0; i < LENGTH; i++)
                assert_true(held[h][i] == (float)(h * LENGTH + i));
        }
        dp_exchange_destroy(self->exchange);
    }
}

static void test_exchange_mpi_has_nearly_the_sum(void **state) {
    job *self = *state;
    dp_error error;
    const size_t grains = 17;
    const dp_exchange_work work = {.grains = single_grain, .update = subtract, .context = self};
    static float sum[TOTAL];
    self->step = 5;
    assert_int_equal(create(self, DP_EXCHANGE_MPI, grains, LENGTH, 0, &error), DP_OK);
    dp_exchange_step(self->exchange, &work);
    expect_sum(grains, self->step, sum);
    const float *parameters = dp_exchange_parameters(self->exchange);
    for (size_t i = 0; i < LENGTH; i++) {
        double difference = (double)sum[i] + (double)parameters[i];
        assert_true(difference < 1.0 && difference > -1.0); /* of numbers around 10^5 */
    }
    dp_exchange_destroy(self->exchange);
}

static void test_exchange_refuses_more_ranks_than_grains(void **state) {
    job *self = *state;
    dp_error error;
    int ranks = dp_comm_size(self->comm);
    dp_status status = ranks == 1
                           ? DP_ERR_INPUT
                           : create(self, DP_EXCHANGE_TREE, (size_t)ranks - 1, LENGTH, 0, &error);
    assert_int_equal(status, DP_ERR_INPUT);
    if (ranks > 1 && dp_comm_rank(self->comm) == 0)
        assert_non_null(strstr(error.message, "grains to share among them"));
}

static void test_comm_agree_takes_the_lowest_failing_rank(void **state) {
    job *self = *state;
    dp_error error = {0};
    int rank = dp_comm_rank(self->comm), last = dp_comm_size(self->comm) - 1;
    assert_int_equal(dp_comm_agree(self->comm, DP_OK, &error), DP_OK);
    /* The last two ranks fail, each in its own way. */
    dp_status mine = DP_OK;
    if (rank == last)
        mine = dp_fail(&error, DP_ERR_IO, "rank %d", rank);
    else if (rank == last - 1)
        mine = dp_fail(&error, DP_ERR_INPUT, "rank %d", rank);
    dp_status agreed = dp_comm_agree(self->comm, mine, &error);
    int speaker = last > 0 ? last - 1 : 0;
    assert_int_equal(agreed, last > 0 ? DP_ERR_INPUT : DP_ERR_IO);
    assert_int_equal(error.status, agreed);
    assert_int_equal(error.message[0] != '\0', rank == speaker);
}

static void test_comm_broadcast_reaches_everyone(void **state) {
    job *self = *state;
    char text[100] = "";
    if (dp_comm_rank(self->comm) == 0)
        snprintf(text, sizeof text, "from rank 0 of %d", dp_comm_size(self->comm));
    dp_comm_broadcast(self->comm, text, sizeof text);
    assert_memory_equal(text, "from rank 0", 11);
}

static void test_comm_gathers_in_rank_order(void **state) {
    job *self = *state;
    uint64_t mine = 100 + (uint64_t)dp_comm_rank(self->comm), all[64] = {0};
    dp_comm_gather_all(self->comm, &mine, sizeof mine, all);
    for (int rank = 0; rank < dp_comm_size(self->comm); rank++)
        assert_int_equal(all[rank], 100 + rank);
    assert_int_equal(dp_comm_max(self->comm, (int)mine), 99 + dp_comm_size(self->comm));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_exchange_tree_has_the_bits_of_one_rank, &the_job),
        cmocka_unit_test_prestate(test_exchange_shared_has_the_bits_of_one_rank, &the_job),
        cmocka_unit_test_prestate(test_exchange_lets_ranks_take_grains_of_a_slow_one, &the_job),
        cmocka_unit_test_prestate(test_exchange_tells_the_length_of_the_gradient, &the_job),
        cmocka_unit_test_prestate(test_exchange_publish_gives_what_rank_0_holds, &the_job),
        cmocka_unit_test_prestate(test_exchange_mpi_has_nearly_the_sum, &the_job),
        cmocka_unit_test_prestate(test_exchange_refuses_more_ranks_than_grains, &the_job),
        cmocka_unit_test_prestate(test_comm_agree_takes_the_lowest_failing_rank, &the_job),
        cmocka_unit_test_prestate(test_comm_broadcast_reaches_everyone, &the_job),
        cmocka_unit_test_prestate(test_comm_gathers_in_rank_order, &the_job),
    };
    dp_error error;
    if (dp_comm_create(&the_job.comm, &error) != DP_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    dp_comm_set_deadline(the_job.comm, 30);
    int failures = cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
    /* A rank that failed a test may have left the others waiting: the deadline ends them. */
    dp_comm_destroy(the_job.comm);
    return failures;
}
