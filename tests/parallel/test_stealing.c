/* Work stealing on real ranks of one node: run by mpirun, once for each rank count. */
#include "parallel/stealing.h"

#include "base/memory.h"
#include "support/expect.h"

#include <stdatomic.h>
#include <stdio.h>

enum { TURNS = 3000, PIECES_MOST = 9 };

static dp_comm *the_comm;

/* The memory of the node, in the segment of its first rank: of each piece how often it was taken,
 * and what came out of it last. Then what stealing needs. */
typedef struct record {
    _Atomic uint64_t taken;
    uint64_t result;
} record;

typedef struct job {
    dp_node node;
    dp_tree_range *ranges;
    size_t pieces;
    record *records;
    dp_stealing stealing;
} job;

/* 5, 6, 7, ... and of a sixth rank none. */
static size_t pieces_of(int rank) {
    return (size_t)(rank + 5) % (PIECES_MOST + 1);
}

/* Pieces begin at 100. */
static void open_job(job *self) {
    dp_error error = {0};
    *self = (job){.pieces = 0};
    dp_node_init(&self->node, the_comm, true);
    self->ranges = dp_memory_zeroed((size_t)self->node.size, sizeof *self->ranges, &error);
    assert_non_null(self->ranges);
    for (int rank = 0; rank < self->node.size; rank++) {
        self->ranges[rank].first = 100 + self->pieces;
        self->pieces += pieces_of(rank);
        self->ranges[rank].end = 100 + self->pieces;
    }
    dp_workspace room = {0};
    DP_RESERVE(&room, self->records, self->pieces);
    dp_stealing_reserve(&self->stealing, &self->node, self->pieces, &room);
    expect_ok(dp_node_allocate(&self->node, self->node.rank == 0 ? room.bytes : 0, &error), &error);
    dp_workspace_place(&room, dp_node_segment(&self->node, 0));
    dp_stealing_init(&self->stealing, &self->node, self->ranges);
    dp_node_barrier(&self->node);
}

static void close_job(job *self) {
    dp_node_barrier(&self->node);
    dp_node_clear(&self->node);
    dp_memory_free(self->ranges);
}

static record *record_of(job *self, size_t piece) {
    return &self->records[piece - 100];
}

static void compute(job *self, size_t piece, uint64_t turn) {
    atomic_fetch_add_explicit(&record_of(self, piece)->taken, 1, memory_order_relaxed);
    record_of(self, piece)->result = turn * 1000 + piece;
}

static void steal_all(job *self, uint64_t turn) {
    size_t piece = 0;
    int owner = 0;
    while (dp_stealing_steal(&self->stealing, &piece, &owner)) {
        assert_true(piece >= self->ranges[owner].first && piece < self->ranges[owner].end);
        assert_int_not_equal(owner, self->node.rank);
        compute(self, piece, turn);
        dp_stealing_finish(&self->stealing, piece);
    }
}

static void expect_taken(job *self, uint64_t times) {
    for (size_t piece = 100; piece < 100 + self->pieces; piece++)
        expect_unsigned(record_of(self, piece)->taken, times);
}

static void test_stealing_takes_each_piece_once_a_turn(void **state) {
    (void)state;
    job self;
    open_job(&self);
    const dp_tree_range own = self.ranges[self.node.rank];
    for (uint64_t turn = 1; turn <= TURNS; turn++) {
        size_t next = own.first, piece = 0;
        dp_stealing_begin(&self.stealing);
        for (; dp_stealing_take(&self.stealing, &piece); next++) {
            expect_unsigned(piece, next);
            compute(&self, piece, turn);
        }
        for (piece = next; piece < own.end; piece++) /* these others have taken */
            dp_stealing_wait(&self.stealing, piece);
        for (piece = own.first; piece < own.end; piece++)
            expect_unsigned(record_of(&self, piece)->result, turn * 1000 + piece);
        steal_all(&self, turn);
        dp_node_barrier(&self.node);
        expect_taken(&self, turn);
        dp_node_barrier(&self.node);
    }
    close_job(&self);
}

static void test_stealing_does_all_of_a_rank_that_is_late(void **state) {
    (void)state;
    job self;
    size_t piece = 0;
    open_job(&self);
    const dp_tree_range own = self.ranges[self.node.rank];
    dp_stealing_begin(&self.stealing);
    if (self.node.rank > 0 || self.node.size == 1) {
        while (dp_stealing_take(&self.stealing, &piece))
            compute(&self, piece, 1);
        steal_all(&self, 1);
    } else {
        for (piece = own.first; piece < own.end; piece++)
            dp_stealing_wait(&self.stealing, piece);
        assert_false(dp_stealing_take(&self.stealing, &piece));
    }
    dp_node_barrier(&self.node);
    expect_taken(&self, 1);
    close_job(&self);
}

static void test_stealing_takes_the_last_piece_of_who_has_most(void **state) {
    (void)state;
    job self;
    size_t piece = 0;
    int owner = -1, richest = 0;
    open_job(&self);
    for (int rank = 1; rank < self.node.size; rank++) {
        if (pieces_of(rank) > pieces_of(richest))
            richest = rank;
    }
    dp_stealing_begin(&self.stealing);
    dp_node_barrier(&self.node);
    const int thief = richest == 0 ? 1 : 0;
    if (self.node.rank == thief) {
        assert_true(dp_stealing_steal(&self.stealing, &piece, &owner));
        assert_int_equal(owner, richest);
        expect_unsigned(piece, self.ranges[richest].end - 1);
    }
    dp_node_barrier(&self.node);
    if (self.node.size == 1)
        assert_false(dp_stealing_steal(&self.stealing, &piece, &owner));
    close_job(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stealing_takes_each_piece_once_a_turn),
        cmocka_unit_test(test_stealing_does_all_of_a_rank_that_is_late),
        cmocka_unit_test(test_stealing_takes_the_last_piece_of_who_has_most),
    };
    dp_error error;
    if (dp_comm_create(&the_comm, &error) != DP_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    dp_comm_set_deadline(the_comm, 30);
    int failures = cmocka_run_group_tests_name("stealing", tests, NULL, NULL);
    dp_comm_destroy(the_comm);
    return failures;
}
