#include "cli/checkpoint_argument.h"

#include "data/find_dataset.h"
#include "library/handle.h"
#include "run/run_folder.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Number `which` of the paths that are given; the first one where none is. */
static dp_status choose(const dp_checkpoint_choice *choice, size_t which, int count,
                        char *const *positionals, char path[DP_PATH_SIZE], dp_error *error) {
    const char *given = count == 1 ? positionals[0] : NULL;
    if (count > 1 || (count == 1 && choice->paths.count > 0))
        return dp_fail(
            error, DP_ERR_INPUT,
            "one checkpoint or run folder at a time, not also '%s'; of several, --ckpt A "
            "--ckpt B is the mean",
            positionals[count - 1]);
    if (choice->paths.count > 0)
        given = choice->paths.values[which];
    DP_TRY(dp_run_folder_find(given, path, error));
    return dp_file_kind_expect(path, DP_FILE_CHECKPOINT, error);
}

dp_status dp_checkpoint_argument_status(dptrain_status status, const dptrain_error *said,
                                        dp_error *error) {
    return status == DPTRAIN_OK ? DP_OK : dp_fail(error, (dp_status)status, "%s", said->message);
}

/* --- one or several ------------------------------------------------------------------------- */

static dp_status read_shares(const char *text, size_t *count, double *shares) {
    char word[32];
    for (size_t length; *count < DP_OPTION_LIST_MAX; text += length + 1) {
        length = strcspn(text, ",");
        if (length >= sizeof word)
            return DP_ERR_INPUT;
        memcpy(word, text, length);
        word[length] = '\0';
        if (!dp_text_parse_real(word, &shares[(*count)++]) || shares[*count - 1] < 0.0)
            return DP_ERR_INPUT;
        if (text[length] == '\0')
            return DP_OK;
    }
    return DP_ERR_INPUT;
}

dp_status dp_checkpoint_argument_shares(const dp_checkpoint_choice *choice, size_t count,
                                        double *shares, dp_error *error) {
    double given[DP_OPTION_LIST_MAX], sum = 0.0;
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        shares[i] = 1.0 / (double)count;
    if (choice->weights[0] == '\0')
        return DP_OK;
    if (read_shares(choice->weights, &found, given) != DP_OK || found != count)
        return dp_fail(error, DP_ERR_INPUT,
                       "--weights = '%s': must be a number of 0 or above for each --ckpt, of which "
                       "there %s %zu",
                       choice->weights, count == 1 ? "is" : "are", count);
    for (size_t i = 0; i < count; i++)
        sum += given[i];
    if (!(sum > 0.0 && sum < HUGE_VAL))
        return dp_fail(error, DP_ERR_INPUT, "--weights = '%s' sum up to %g", choice->weights, sum);
    for (size_t i = 0; i < count; i++)
        shares[i] = given[i] / sum;
    return DP_OK;
}

dp_status dp_checkpoint_argument_open(const dp_checkpoint_choice *choice, int count,
                                      char *const *positionals, dp_asked *asked, dp_error *error) {
    const size_t wanted = choice->paths.count == 0 ? 1 : choice->paths.count;
    double shares[DP_OPTION_LIST_MAX];
    dptrain_error said;
    DP_TRY(dp_checkpoint_argument_shares(choice, wanted, shares, error));
    for (; asked->count < wanted; asked->count++) {
        char path[DP_PATH_SIZE];
        dptrain_model **member = &asked->members[asked->count];
        DP_TRY(choose(choice, asked->count, count, positionals, path, error));
        DP_TRY(dp_checkpoint_argument_status(dptrain_open(member, path, &said), &said, error));
        if (asked->leader == NULL || (*member)->facts.block_size > asked->leader->facts.block_size)
            asked->leader = *member;
    }
    if (wanted > 1)
        return dp_checkpoint_argument_status(
            dptrain_ensemble(&asked->model, asked->members, shares, wanted, &said), &said, error);
    asked->model = asked->members[0];
    return DP_OK;
}

void dp_checkpoint_argument_close(dp_asked *asked) {
    if (asked->model != asked->members[0])
        dptrain_close(asked->model);
    for (size_t i = 0; i < asked->count; i++)
        dptrain_close(asked->members[i]);
}

void dp_checkpoint_argument_release(dptrain_model **model) {
    dptrain_close(*model);
}

dp_status dp_checkpoint_argument_load(dp_comm *comm, const dp_checkpoint_choice *choice,
                                      size_t which, int count, char *const *positionals,
                                      dp_checkpoint *checkpoint, char path[DP_PATH_SIZE],
                                      dp_error *error) {
    /* Rank 0 looks for it, as the newest run may change while others look. */
    DP_TRY(DP_ON_ROOT(comm, choose(choice, which, count, positionals, path, error)));
    dp_comm_broadcast(comm, path, DP_PATH_SIZE);
    return dp_checkpoint_load_on_all(comm, checkpoint, path, error);
}

/* --- its dataset ---------------------------------------------------------------------------- */

dp_status dp_checkpoint_argument_find_dataset(const dp_asked *asked, const char *data,
                                              char path[DP_PATH_SIZE], dp_error *error) {
    dptrain_description is;
    dp_config config;
    if (data[0] != '\0')
        return dp_path_format(path, error, "%s", data);
    dptrain_describe(asked->leader, &is, sizeof is);
    DP_TRY(dp_config_parse(&config, is.config, strlen(is.config), is.path, error));
    return dp_dataset_find(config.data_path, is.path, is.dataset_sha256, path, error);
}

dp_status dp_checkpoint_argument_dataset(const dp_asked *asked, const char *data,
                                         dp_dataset *dataset, dp_error *error) {
    char path[DP_PATH_SIZE];
    dptrain_description is;
    dptrain_describe(asked->leader, &is, sizeof is);
    DP_TRY(dp_checkpoint_argument_find_dataset(asked, data, path, error));
    DP_TRY(dp_dataset_open(dataset, path, error));
    if (data[0] == '\0' && strcmp(dataset->info.sha256, is.dataset_sha256) != 0)
        return dp_fail(error, DP_ERR_MISMATCH, "%s is not the dataset that %s was trained on", path,
                       is.path);
    return dp_dataset_check(dataset, 0, 1, error);
}

dp_status dp_checkpoint_argument_check_fit(const char *path, dp_model_file *facts,
                                           dp_dataset *dataset, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text difference = {0};
    if (facts->block_size > dataset->info.block_size)
        return dp_fail(error, DP_ERR_MISMATCH,
                       "%s has block size %" PRIu64 " but %s has %" PRIu64
                       ": pack it with --block-size %" PRIu64,
                       path, facts->block_size, dataset->path, dataset->info.block_size,
                       facts->block_size);
    if (dp_vocabulary_equal(&facts->vocabulary, &dataset->vocabulary))
        return DP_OK;
    DP_TRY(dp_vocabulary_difference(&facts->vocabulary, "the checkpoint", &dataset->vocabulary,
                                    "the dataset", &difference, error));
    return dp_fail(error, DP_ERR_MISMATCH, "%s and %s have different vocabularies: %s", path,
                   dataset->path, dp_text_string(&difference));
}
