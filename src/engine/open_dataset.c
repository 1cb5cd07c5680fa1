#include "engine/open_dataset.h"

#include "base/memory.h"
#include "data/check_stamp.h"

#include <inttypes.h>
#include <string.h>

/* The file as one rank sees it. */
typedef struct view {
    dp_file_state state;
    char sha256[DP_SHA256_TEXT_SIZE];
} view;

/* The part of a check that is a rank's, of the ranks that see the same file as it does. */
typedef struct share {
    uint64_t part;
    uint64_t parts;
} share;

/* A rank that does not know its file has it to itself. */
static share find_share(const view *views, size_t ranks, size_t self) {
    share mine = {.part = 0, .parts = 1};
    for (size_t rank = 0; rank < ranks; rank++) {
        if (rank == self || !dp_file_state_equal(&views[rank].state, &views[self].state))
            continue;
        mine.parts++;
        mine.part += rank < self;
    }
    return mine;
}

static dp_status compare_identities(dp_comm *comm, const dp_dataset *dataset, const view *views,
                                    dp_error *error) {
    const int rank = dp_comm_rank(comm);
    if (strcmp(views[rank].sha256, views[0].sha256) == 0)
        return DP_OK;
    return dp_fail(error, DP_ERR_MISMATCH,
                   "rank %d on %s finds another dataset at %s than rank 0 (sha256 %.16s..., not "
                   "%.16s...)",
                   rank, dp_comm_host(comm), dataset->path, views[rank].sha256, views[0].sha256);
}

/* Compares what the ranks see. */
static dp_status divide(dp_comm *comm, const dp_dataset *dataset, share *mine, dp_error *error) {
    const size_t ranks = (size_t)dp_comm_size(comm);
    view own = {.state = dataset->state};
    DP_OWNED(dp_memory_release) view *views = NULL;
    DP_TRY_NEW_ON_ALL(comm, views, ranks);
    memcpy(own.sha256, dataset->info.sha256, sizeof own.sha256);
    dp_comm_gather_all(comm, &own, sizeof own, views);
    DP_TRY(dp_comm_agree(comm, compare_identities(comm, dataset, views, error), error));
    *mine = find_share(views, ranks, (size_t)dp_comm_rank(comm));
    return DP_OK;
}

/* The first rank of each file looks; every file must have a stamp. */
static bool all_are_stamped(dp_comm *comm, const dp_dataset *dataset, const share *mine) {
    bool missing = mine->part == 0 && !dp_check_stamp_valid(dataset);
    return dp_comm_max(comm, missing) == 0;
}

/* Files of one path may differ between hosts. */
static dp_status agree_on(dp_comm *comm, dp_status status, dp_error *error) {
    if (status != DP_OK && dp_comm_node_count(comm) > 1)
        dp_fail_prefix(error, "rank %d on %s", dp_comm_rank(comm), dp_comm_host(comm));
    return dp_comm_agree(comm, status, error);
}

static dp_status check_and_stamp(dp_comm *comm, const dp_dataset *dataset, const share *mine,
                                 dp_error *error) {
    dp_error ignored; /* a stamp only saves time */
    dp_status status = dp_dataset_check(dataset, mine->part, mine->parts, error);
    status = agree_on(comm, status, error);
    if (mine->part == 0 && status == DP_OK)
        (void)dp_check_stamp_write(dataset, &ignored);
    else if (mine->part == 0)
        (void)dp_check_stamp_remove(dataset, &ignored);
    return status;
}

dp_status dp_open_dataset(dp_comm *comm, const char *path, dp_check_policy policy,
                          dp_dataset *dataset, dp_error *error) {
    share mine = {.part = 0, .parts = 1};
    dp_comm_set_place(comm, "opening the dataset", 0);
    dp_status status = dp_dataset_open(dataset, path, error);
    DP_OR_DONE(agree_on(comm, status, error));
    DP_OR_DONE(divide(comm, dataset, &mine, error));
    if (policy == DP_CHECK_ALWAYS || !all_are_stamped(comm, dataset, &mine))
        DP_OR_DONE(check_and_stamp(comm, dataset, &mine, error));
done:
    if (status != DP_OK)
        dp_dataset_close(dataset);
    return status;
}

/* Whether something speaks against the file, which is the one that we have mapped as long as its
 * number is the same. */
static bool is_suspect(const dp_dataset *dataset, const dp_file_state *now) {
    return *dataset->bad_ids > 0 ||
           (dataset->state.size != 0 && now->size != 0 && now->inode == dataset->state.inode &&
            !dp_file_state_equal(now, &dataset->state));
}

/* This rank's part of its node's check. */
static dp_status check_again(dp_comm *comm, const dp_dataset *dataset, const dp_file_state *now,
                             dp_error *error) {
    const int node = dp_comm_node(comm), first = dp_comm_node_first(comm, node);
    const uint64_t ranks = (uint64_t)(dp_comm_node_first(comm, node + 1) - first);
    if (now->inode == dataset->state.inode && now->size < dataset->state.size)
        return dp_fail(error, DP_ERR_INPUT, "%s was cut short; pack it again", dataset->path);
    return dp_dataset_check(dataset, (uint64_t)(dp_comm_rank(comm) - first), ranks, error);
}

static dp_status check_ids(dp_comm *comm, const dp_dataset *dataset, dp_error *error) {
    if (*dataset->bad_ids == 0)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s: %" PRIu64 " ids were read that are not below the vocabulary's %zu, and now "
                   "all are: look at the memory and the disk of %s",
                   dataset->path, *dataset->bad_ids, dataset->vocabulary.count, dp_comm_host(comm));
}

dp_status dp_recheck_dataset(dp_comm *comm, dp_dataset *dataset, dp_error *error) {
    dp_error ignored;
    const dp_file_state now = dp_file_state_of(dataset->path);
    if (dp_comm_max(comm, is_suspect(dataset, &now)) == 0)
        return DP_OK;
    dp_status status = dp_comm_agree(comm, check_again(comm, dataset, &now, error), error);
    if (status == DP_OK)
        status = dp_comm_agree(comm, check_ids(comm, dataset, error), error);
    if (status == DP_OK) {
        dataset->state = now;
        return DP_OK;
    }
    (void)dp_check_stamp_remove(dataset, &ignored);
    return dp_fail_prefix(error, "the dataset was changed while in use");
}
