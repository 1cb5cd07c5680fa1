#include "parallel/stealing.h"

#include "base/memory.h"

#include <stdatomic.h>

/* first + (end << 32) of the pieces that nobody has taken yet. A line each, as all ranks look. */
struct dp_stealing_rank {
    _Atomic uint64_t left;
    char padding[DP_ALIGNMENT - sizeof(uint64_t)];
};

/* The last turn in which it was stolen and done, and by which rank of the node, for messages: for
 * an instant after the theft that is still the one before. */
struct dp_stealing_piece {
    _Atomic uint64_t turn;
    _Atomic int thief;
};

static uint64_t pack(size_t first, size_t end) {
    return (uint64_t)first | (uint64_t)end << 32;
}

static size_t first_of(uint64_t left) {
    return (size_t)(left & UINT32_MAX);
}

static size_t end_of(uint64_t left) {
    return (size_t)(left >> 32);
}

static size_t count_of(uint64_t left) {
    return end_of(left) - first_of(left);
}

void dp_stealing_reserve(dp_stealing *stealing, const dp_node *node, size_t pieces,
                         dp_workspace *room) {
    DP_RESERVE_ROWS(room, stealing->ranks, 2, (size_t)node->size);
    DP_RESERVE(room, stealing->pieces, pieces);
}

/* What a rank has left in a turn. */
static _Atomic uint64_t *left_of(const dp_stealing *self, uint64_t turn, int rank) {
    return &self->ranks[(turn % 2) * (uint64_t)self->node->size + (uint64_t)rank].left;
}

static dp_stealing_piece *find_piece(const dp_stealing *self, size_t piece) {
    return &self->pieces[piece - self->ranges[0].first];
}

/* This rank has all its pieces, in a turn that has not begun. */
static void refill(dp_stealing *self, uint64_t turn) {
    const dp_tree_range own = self->ranges[self->node->rank];
    atomic_store_explicit(left_of(self, turn, self->node->rank), pack(own.first, own.end),
                          memory_order_relaxed);
}

void dp_stealing_init(dp_stealing *stealing, dp_node *node, const dp_tree_range *ranges) {
    stealing->node = node;
    stealing->ranges = ranges;
    refill(stealing, 1);
}

/* Nobody looks at the other half meanwhile: it was that of the turn before. */
void dp_stealing_begin(dp_stealing *stealing) {
    stealing->turn++;
    refill(stealing, stealing->turn + 1);
}

bool dp_stealing_take(dp_stealing *stealing, size_t *piece) {
    _Atomic uint64_t *own = left_of(stealing, stealing->turn, stealing->node->rank);
    uint64_t left = atomic_load_explicit(own, memory_order_relaxed);
    do {
        if (count_of(left) == 0)
            return false;
        *piece = first_of(left);
    } while (!atomic_compare_exchange_weak_explicit(own, &left, pack(*piece + 1, end_of(left)),
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* The rank with the most pieces left. */
static int richest(const dp_stealing *self) {
    int found = self->node->rank;
    size_t most = 0;
    for (int rank = 0; rank < self->node->size; rank++) {
        const size_t count =
            count_of(atomic_load_explicit(left_of(self, self->turn, rank), memory_order_relaxed));
        if (count > most) {
            most = count;
            found = rank;
        }
    }
    return found;
}

bool dp_stealing_steal(dp_stealing *stealing, size_t *piece, int *owner) {
    for (;;) {
        *owner = richest(stealing);
        _Atomic uint64_t *victim = left_of(stealing, stealing->turn, *owner);
        uint64_t left = atomic_load_explicit(victim, memory_order_relaxed);
        if (*owner == stealing->node->rank)
            return false;
        if (count_of(left) == 0)
            continue; /* others were faster */
        *piece = end_of(left) - 1;
        if (atomic_compare_exchange_strong_explicit(victim, &left, pack(first_of(left), *piece),
                                                    memory_order_relaxed, memory_order_relaxed))
            break;
    }
    atomic_store_explicit(&find_piece(stealing, *piece)->thief, stealing->node->rank,
                          memory_order_relaxed);
    return true;
}

void dp_stealing_finish(dp_stealing *stealing, size_t piece) {
    atomic_store_explicit(&find_piece(stealing, piece)->turn, stealing->turn, memory_order_release);
}

void dp_stealing_wait(dp_stealing *stealing, size_t piece) {
    dp_stealing_piece *stolen = find_piece(stealing, piece);
    const int thief = atomic_load_explicit(&stolen->thief, memory_order_relaxed);
    dp_comm_wait_for_flag(stealing->node->comm, &stolen->turn, stealing->turn,
                          stealing->node->first + thief);
}
