#include "jobs/score_share.h"

#include "base/memory.h"

dp_status dp_score_share_init(dp_score_share *share, dp_error *error) {
    DP_TRY_NEW_ON_ALL(share->comm, share->lengths, (size_t)dp_comm_size(share->comm));
    return DP_OK;
}

void dp_score_share_clear(dp_score_share *share) {
    dp_memory_free(share->part);
    dp_memory_free(share->lengths);
}

bool dp_score_share_is_first(const dp_score_share *share) {
    return share->comm == NULL || dp_comm_rank(share->comm) == 0;
}

dp_status dp_score_share_agree(const dp_score_share *share, dp_status status, dp_error *error) {
    return share->comm == NULL ? status : dp_comm_agree(share->comm, status, error);
}

void dp_score_share_call(const dp_score_share *share, dp_score_call *next) {
    if (share->comm != NULL)
        dp_comm_broadcast(share->comm, next, sizeof *next);
}

/* --- dealing -------------------------------------------------------------------------------- */

/* Where the part of a rank begins. */
static size_t part_of(const dp_score_share *self, size_t count, int rank) {
    return count * (size_t)rank / (size_t)dp_comm_size(self->comm);
}

size_t dp_score_share_count(const dp_score_share *share, size_t count, int rank) {
    return part_of(share, count, rank + 1) - part_of(share, count, rank);
}

/* With the 0 behind the last. */
static size_t bytes_of(const dp_score_place *places, size_t count) {
    return (size_t)(places[count - 1].begin + places[count - 1].length + 1);
}

/* The part of a rank, whose lines lie behind one another as they were read. */
static void send_lines(dp_score_share *self, const dp_scorer_lines *lines, size_t all, int rank) {
    const size_t first = part_of(self, all, rank), count = dp_score_share_count(self, all, rank);
    for (size_t i = 0; i < count; i++)
        self->places[i] =
            (dp_score_place){(uint64_t)(lines->lines[first + i] - lines->lines[first]),
                             lines->line_lengths[first + i]};
    dp_comm_send(self->comm, rank, self->places, count * sizeof *self->places);
    if (count > 0)
        dp_comm_send(self->comm, rank, lines->lines[first], bytes_of(self->places, count));
}

static void receive_lines(dp_score_share *self, dp_scorer_lines *lines, size_t count) {
    const dp_score_place *places = self->places;
    dp_comm_receive(self->comm, 0, self->places, count * sizeof *places);
    if (count > 0)
        dp_comm_receive(self->comm, 0, self->part, bytes_of(places, count));
    for (size_t i = 0; i < count; i++) {
        lines->lines[i] = self->part + places[i].begin;
        lines->line_lengths[i] = places[i].length;
    }
}

dp_status dp_score_share_deal(dp_score_share *share, const dp_score_call *of,
                              dp_scorer_lines *lines, dp_error *error) {
    dp_comm *comm = share->comm;
    const int rank = dp_comm_rank(comm);
    DP_TRY(dp_comm_agree(
        comm, dp_memory_grow((void **)&share->part, &share->capacity, of->bytes, 1, error), error));
    for (int other = 1; rank == 0 && other < dp_comm_size(comm); other++)
        send_lines(share, lines, of->count, other);
    if (rank > 0)
        receive_lines(share, lines, dp_score_share_count(share, of->count, rank));
    return DP_OK;
}

/* --- collecting ----------------------------------------------------------------------------- */

static dp_status grow_for_parts(dp_score_share *self, dp_error *error) {
    uint64_t longest = 0;
    for (int rank = 0; dp_score_share_is_first(self) && rank < dp_comm_size(self->comm); rank++)
        longest = self->lengths[rank] > longest ? self->lengths[rank] : longest;
    DP_TRY_GROW(self->part, &self->capacity, longest);
    return DP_OK;
}

dp_status dp_score_share_give(dp_score_share *share, const dp_scorer_lines *lines, size_t count,
                              const dp_text *out, dp_error *error) {
    dp_comm *comm = share->comm;
    const uint64_t length = out->length;
    dp_comm_gather_all(comm, &length, sizeof length, share->lengths);
    DP_TRY(dp_comm_agree(comm, grow_for_parts(share, error), error));
    if (!dp_score_share_is_first(share)) {
        dp_comm_send(comm, 0, lines->scores, count * sizeof lines->scores[0]);
        dp_comm_send(comm, 0, dp_text_string(out), length);
    }
    return DP_OK;
}

void dp_score_share_take(dp_score_share *share, int rank, dp_scorer_lines *lines, size_t count) {
    dp_comm_receive(share->comm, rank, lines->scores, count * sizeof lines->scores[0]);
    dp_comm_receive(share->comm, rank, share->part, share->lengths[rank]);
}
