/* Groups, boards and rests of comm on real ranks: run by mpirun, once for each rank count. Every
 * rank checks. */
#include "parallel/comm.h"

#include "base/timer.h"
#include "parallel/node.h"
#include "system/file.h"

#include <mpi.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static dp_comm *the_comm;

static dp_comm *split(dp_comm *comm, int colour) {
    dp_comm *group = NULL;
    dp_error error;
    assert_int_equal(dp_comm_split(&group, comm, colour, &error), DP_OK);
    return group;
}

/* Ranks 0, 2, 4, ... and 1, 3, 5, ... */
static void test_comm_split_numbers_a_group_in_order(void **state) {
    dp_comm *comm = *(dp_comm **)*state;
    const int rank = dp_comm_rank(comm), size = dp_comm_size(comm);
    dp_comm *group = split(comm, rank % 2);
    int own = rank;
    int *members = test_calloc((size_t)size, sizeof *members);
    assert_int_equal(dp_comm_size(group), (size + 1 - rank % 2) / 2);
    assert_int_equal(dp_comm_rank(group), rank / 2);
    assert_string_equal(dp_comm_host(group), dp_comm_host(comm));
    assert_int_equal(dp_comm_oversubscribed(group), dp_comm_oversubscribed(comm));
    dp_comm_gather_all(group, &own, sizeof own, members);
    for (int i = 0; i < dp_comm_size(group); i++)
        assert_int_equal(members[i], 2 * i + rank % 2);
    test_free(members);
    dp_comm_destroy(group);
}

static void test_comm_split_keeps_the_nodes(void **state) {
    dp_comm *comm = *(dp_comm **)*state;
    dp_comm *group = split(comm, dp_comm_rank(comm) % 2);
    const int node = dp_comm_node(group);
    int *nodes = test_calloc((size_t)dp_comm_size(group), sizeof *nodes);
    int own = dp_comm_node(comm);
    dp_comm_gather_all(group, &own, sizeof own, nodes);
    assert_int_equal(dp_comm_node_first(group, dp_comm_node_count(group)), dp_comm_size(group));
    for (int r = dp_comm_node_first(group, node); r < dp_comm_node_first(group, node + 1); r++)
        assert_int_equal(nodes[r], own);
    test_free(nodes);
    dp_comm_destroy(group);
}

/* A failure is agreed on within its group, while the others have agreed on more than it has. */
static void test_comm_groups_fail_apart(void **state) {
    dp_comm *comm = *(dp_comm **)*state;
    const int colour = dp_comm_rank(comm) % 3;
    dp_comm *group = split(comm, colour);
    dp_error error = {0};
    for (int i = 0; i < 10 * colour; i++)
        assert_int_equal(dp_comm_agree(group, DP_OK, &error), DP_OK);
    dp_status mine = DP_OK;
    if (colour == 1 && dp_comm_rank(group) == dp_comm_size(group) - 1)
        mine = dp_fail(&error, DP_ERR_DIVERGED, "mine");
    dp_status status = dp_comm_agree(group, mine, &error);
    assert_int_equal(status, colour == 1 ? DP_ERR_DIVERGED : DP_OK);
    assert_string_equal(error.message, mine == DP_OK ? "" : "mine");
    dp_comm_destroy(group);
    assert_int_equal(dp_comm_agree(comm, DP_OK, &error), DP_OK);
}

/* Windows of several groups at once, one after another: no two are the same memory. */
static void test_comm_windows_of_groups_are_apart(void **state) {
    dp_comm *comm = *(dp_comm **)*state;
    const int rank = dp_comm_rank(comm);
    dp_comm *group = split(comm, rank / 2);
    const int first = dp_comm_node_first(group, dp_comm_node(group));
    const int end = dp_comm_node_first(group, dp_comm_node(group) + 1);
    for (int round = 0; round < 3; round++) {
        dp_comm_window *window = NULL;
        dp_error error;
        assert_int_equal(dp_comm_window_create(&window, group, 4096, &error), DP_OK);
        int *mine = dp_comm_window_segment(window, dp_comm_rank(group) - first);
        assert_int_equal(mine[5], 0);
        mine[5] = 100 * round + rank + 1;
        assert_int_equal(dp_comm_agree(group, DP_OK, &error), DP_OK);
        for (int r = first; r < end; r++) {
            const int *theirs = dp_comm_window_segment(window, r - first);
            assert_int_equal(theirs[5], 100 * round + 2 * (rank / 2) + r + 1);
        }
        assert_int_equal(dp_comm_agree(group, DP_OK, &error), DP_OK);
        dp_comm_window_destroy(window);
    }
    dp_comm_destroy(group);
}

static dp_comm_board *make_board(dp_comm *comm, size_t cells) {
    dp_comm_board *board = NULL;
    dp_error error;
    assert_int_equal(dp_comm_board_create(&board, comm, cells, &error), DP_OK);
    return board;
}

enum { TICKETS = 200 };

/* Steps of rank 0 in a group of its own, in which it never looks at the board, until the others
 * have removed the file. */
static void step_while_exists(dp_comm *comm, dp_comm *group, const char *path) {
    const double end = dp_timer_now() + 20.0;
    for (uint64_t step = 0; dp_comm_rank(comm) == 0 && dp_file_exists(path); step++) {
        dp_comm_set_place(group, "stepping", step);
        assert_true(dp_timer_now() < end);
    }
}

/* Every number is drawn once, though rank 0 draws none where there are others. */
static void test_comm_board_deals_each_number_once(void **state) {
    dp_comm *comm = *(dp_comm **)*state;
    const int rank = dp_comm_rank(comm), size = dp_comm_size(comm);
    dp_error error;
    char path[64];
    snprintf(path, sizeof path, "/tmp/test_comm.%d", (int)getpid());
    dp_comm_broadcast(comm, path, sizeof path);
    if (rank == 0)
        assert_int_equal(dp_file_write(path, "", 0, &error), DP_OK);
    dp_comm *group = split(comm, rank);
    dp_comm_board *board = make_board(comm, 2);
    unsigned char mine[TICKETS] = {0};
    unsigned char *all = test_calloc((size_t)size, TICKETS);
    int64_t ticket = 0;
    while ((rank > 0 || size == 1) && (ticket = dp_comm_board_add(board, 0, 1)) < TICKETS)
        mine[ticket]++;
    if (rank == size - 1)
        assert_int_equal(dp_file_remove(path, &error), DP_OK);
    step_while_exists(comm, group, path);
    dp_comm_gather_all(comm, mine, TICKETS, all);
    for (int i = 0; i < TICKETS; i++) {
        int count = 0;
        for (int r = 0; r < size; r++)
            count += all[r * TICKETS + i];
        assert_int_equal(count, 1);
    }
    test_free(all);
    dp_comm_board_destroy(board);
    dp_comm_destroy(group);
}

static void test_comm_board_holds_what_was_written(void **state) {
    dp_comm *comm = *(dp_comm **)*state;
    const int rank = dp_comm_rank(comm), size = dp_comm_size(comm);
    dp_comm_board *board = make_board(comm, (size_t)size);
    assert_int_equal(dp_comm_board_write(board, (size_t)rank, -1000000000000 - rank), 0);
    dp_comm_rest(comm, NULL, NULL);
    for (int r = 0; r < size; r++)
        assert_int_equal(dp_comm_board_read(board, (size_t)r), -1000000000000 - r);
    dp_comm_board_destroy(board);
}

static void count_call(void *context) {
    ++*(int *)context;
}

/* The one that comes last has nothing to wait for. */
static void test_comm_rest_waits_for_the_last(void **state) {
    dp_comm *comm = *(dp_comm **)*state;
    const bool last = dp_comm_rank(comm) == dp_comm_size(comm) - 1;
    dp_comm_board *board = make_board(comm, 1);
    int calls = 0;
    if (last)
        (void)dp_comm_board_write(board, 0, 1);
    dp_comm_rest(comm, last ? NULL : count_call, &calls);
    assert_int_equal(dp_comm_board_read(board, 0), 1);
    dp_comm_board_destroy(board);
}

/* Ranks 0, 2, 4, ... work together while the others sleep, tell of a signal, and are woken. */
static void test_comm_ranks_sleep_while_others_work(void **state) {
    dp_comm *comm = *(dp_comm **)*state;
    const volatile sig_atomic_t signal = 9;
    const int rank = dp_comm_rank(comm), count = (dp_comm_size(comm) + 1) / 2;
    int *ranks = test_calloc((size_t)count, sizeof *ranks);
    for (int i = 0; i < count; i++)
        ranks[i] = 2 * i;
    if (rank % 2 == 1) {
        assert_int_equal(dp_comm_sleep(comm, &signal), 42);
    } else {
        dp_comm *group = NULL;
        dp_error error;
        assert_int_equal(dp_comm_form(&group, comm, ranks, count, &error), DP_OK);
        dp_comm_expect_sleep(comm, ranks, count);
        assert_int_equal(dp_comm_size(group), count);
        assert_int_equal(dp_comm_rank(group), rank / 2);
        assert_int_equal(dp_comm_max(group, rank), 2 * count - 2);
        for (uint64_t step = 0; rank == 0 && count < dp_comm_size(comm); step++) {
            dp_comm_set_place(group, "working", step);
            if (dp_comm_told_signal(comm) == 9)
                break;
        }
        if (rank == 0)
            dp_comm_wake_all(comm, 42);
        dp_comm_destroy(group);
    }
    assert_int_equal(dp_comm_max(comm, rank), dp_comm_size(comm) - 1);
    test_free(ranks);
}

static void test_comm_groups_share_processors(void **state) {
    dp_comm *comm = *(dp_comm **)*state;
    const int all = dp_comm_processors(comm, dp_comm_node(comm));
    dp_comm *group = split(comm, dp_comm_rank(comm));
    const int own = dp_comm_processors(group, 0);
    const int ranks = dp_comm_node_first(comm, dp_comm_node(comm) + 1) -
                      dp_comm_node_first(comm, dp_comm_node(comm));
    assert_int_equal(own, all / ranks > 1 ? all / ranks : 1);
    dp_comm_destroy(group);
}

static int probes;

int __real_MPI_Iprobe(int source, int tag, MPI_Comm comm, int *flag, MPI_Status *status);
int __wrap_MPI_Iprobe(int source, int tag, MPI_Comm comm, int *flag, MPI_Status *status);

int __wrap_MPI_Iprobe(int source, int tag, MPI_Comm comm, int *flag, MPI_Status *status) {
    probes++;
    return __real_MPI_Iprobe(source, tag, comm, flag, status);
}

static void spin(double seconds) {
    const double end = dp_timer_now() + seconds;
    while (dp_timer_now() < end)
        ;
}

/* MPI is slow to ask, and allocates. It is asked 20 times a second in a wait, not once a wait. */
static void test_comm_short_waits_do_not_ask_mpi(void **state) {
    dp_comm *comm = *(dp_comm **)*state;
    const double start = dp_timer_now();
    dp_node node;
    dp_error error;
    dp_node_init(&node, comm, true);
    assert_int_equal(dp_node_allocate(&node, 64, &error), DP_OK);
    dp_node_barrier(&node);
    probes = 0;
    for (int i = 0; i < 500; i++) {
        if (node.rank == 0)
            spin(1e-4);
        dp_node_barrier(&node);
    }
    assert_true((double)probes <= 20.0 * (dp_timer_now() - start));
    dp_node_clear(&node);
}

/* test_comm [FILTER]: names of tests, with * and ?. */
int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_comm_split_numbers_a_group_in_order, &the_comm),
        cmocka_unit_test_prestate(test_comm_split_keeps_the_nodes, &the_comm),
        cmocka_unit_test_prestate(test_comm_groups_fail_apart, &the_comm),
        cmocka_unit_test_prestate(test_comm_windows_of_groups_are_apart, &the_comm),
        cmocka_unit_test_prestate(test_comm_board_deals_each_number_once, &the_comm),
        cmocka_unit_test_prestate(test_comm_board_holds_what_was_written, &the_comm),
        cmocka_unit_test_prestate(test_comm_rest_waits_for_the_last, &the_comm),
        cmocka_unit_test_prestate(test_comm_ranks_sleep_while_others_work, &the_comm),
        cmocka_unit_test_prestate(test_comm_groups_share_processors, &the_comm),
        cmocka_unit_test_prestate(test_comm_short_waits_do_not_ask_mpi, &the_comm),
    };
    dp_error error;
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    if (dp_comm_create(&the_comm, &error) != DP_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    dp_comm_set_deadline(the_comm, 30);
    int failures = cmocka_run_group_tests_name("comm", tests, NULL, NULL);
    /* A rank that failed a test may have left the others waiting: the deadline ends them. */
    dp_comm_destroy(the_comm);
    return failures;
}
