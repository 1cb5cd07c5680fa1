#include "adapters/linalg.h"
#include "cli/checkpoint_argument.h"
#include "cli/command.h"
#include "train/open_dataset.h"
#include "train/report.h"
#include "train/summary.h"

#include <inttypes.h>
#include <string.h>

typedef enum split_choice { CHOICE_TRAIN, CHOICE_DEV, CHOICE_TEST, CHOICE_ALL } split_choice;

typedef struct eval_options {
    char ckpt[DP_PATH_SIZE];
    char data[DP_PATH_SIZE];
    split_choice split;
    bool json;
} eval_options;

static const dp_option options[] = {
    DP_CHECKPOINT_OPTION(eval_options),
    {.key = "data",
     .type = DP_OPTION_TEXT,
     .offset = offsetof(eval_options, data),
     .initial = "",
     .unit = "FILE",
     .help = "dataset; none: the one it was trained on"},
    {.key = "split",
     .type = DP_OPTION_CHOICE,
     .offset = offsetof(eval_options, split),
     .initial = "all",
     .choices = "train|dev|test|all",
     .unit = "SPLIT",
     .help = "what to evaluate"},
    {.key = "json",
     .type = DP_OPTION_SWITCH,
     .offset = offsetof(eval_options, json),
     .initial = "no",
     .help = "print one JSON object"},
};

static dp_option_table options_table(void) {
    return DP_OPTION_TABLE(options);
}

static dp_status check_fit(const dp_checkpoint *checkpoint, const char *path,
                           const dp_dataset *dataset, dp_error *error) {
    if (checkpoint->block_size != dataset->info.block_size)
        return dp_fail(error, DP_ERR_MISMATCH, "%s has block size %" PRIu64 " but %s has %" PRIu64,
                       path, checkpoint->block_size, dataset->path, dataset->info.block_size);
    if (!dp_vocabulary_equal(&checkpoint->vocabulary, &dataset->vocabulary))
        return dp_fail(error, DP_ERR_MISMATCH, "%s and %s have different vocabularies", path,
                       dataset->path);
    return DP_OK;
}

static dp_status open_dataset(dp_comm *comm, const char *data, const dp_checkpoint *checkpoint,
                              const char *path, dp_dataset *dataset, dp_error *error) {
    const char *data_path = data[0] != '\0' ? data : checkpoint->config.data_path;
    dp_status status = dp_open_dataset(comm, data_path, DP_CHECK_ONCE, dataset, error);
    if (status != DP_OK)
        goto done;
    DP_TRY(dp_comm_agree(comm, check_fit(checkpoint, path, dataset, error), error));
    if (dp_comm_rank(comm) == 0 && data[0] == '\0' &&
        strcmp(dataset->info.sha256, checkpoint->dataset_sha256) != 0)
        fprintf(stderr, "dptrain: notice: %s is not the dataset that %s was trained on\n",
                dataset->path, path);
done:
    return status;
}

static dp_status print_json(const dp_checkpoint *checkpoint, unsigned splits,
                            const dp_evaluation *evaluations, dp_error *error) {
    dp_text json = {0};
    dp_json_begin_object(&json);
    dp_summary_append_results(&json, checkpoint->progress.step, checkpoint->weights_hash, splits,
                              evaluations);
    dp_json_end_object(&json);
    dp_status status = dp_text_check(&json, error);
    if (status == DP_OK)
        printf("%s\n", dp_text_string(&json));
    dp_text_clear(&json);
    return status;
}

static void print_table(const dp_checkpoint *checkpoint, const char *path, unsigned splits,
                        const dp_evaluation *evaluations) {
    dp_report report = {.enabled = true};
    char step[32], hash[DP_HASH_TEXT_SIZE];
    dp_report_line(&report, "%s: step %s, weights %s", path,
                   dp_text_format_count(checkpoint->progress.step, step),
                   dp_hash_format(checkpoint->weights_hash, hash));
    dp_report_splits(&report, splits, evaluations);
}

static dp_status evaluate(dp_comm *comm, const eval_options *chosen, int count, char **positionals,
                          dp_error *error) {
    dp_status status = DP_OK;
    dp_checkpoint checkpoint = {0};
    dp_dataset dataset = {0};
    dp_evaluation evaluations[DP_SPLIT_COUNT] = {0};
    char path[DP_PATH_SIZE];
    unsigned splits = chosen->split == CHOICE_ALL ? DP_SPLITS_ALL : 1u << chosen->split;
    DP_TRY(dp_checkpoint_argument_load(comm, chosen->ckpt, count, positionals, &checkpoint, path,
                                       error));
    dp_comm_set_deadline(comm, checkpoint.config.deadline);
    DP_TRY(open_dataset(comm, chosen->data, &checkpoint, path, &dataset, error));
    dp_comm_set_place(comm, "evaluate", checkpoint.progress.step);
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        if ((splits >> split & 1u) != 0)
            DP_TRY(dp_evaluate(comm, &dataset, (dp_split)split, &checkpoint.layout,
                               checkpoint.params, &evaluations[split], error));
    }
    if (dp_comm_rank(comm) == 0 && chosen->json)
        status = print_json(&checkpoint, splits, evaluations, error);
    else if (dp_comm_rank(comm) == 0)
        print_table(&checkpoint, path, splits, evaluations);
    status = dp_comm_agree(comm, status, error);
done:
    dp_dataset_close(&dataset);
    dp_checkpoint_clear(&checkpoint);
    return status;
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    dp_status status = DP_OK;
    eval_options chosen;
    int positional_count = 0;
    (void)signal;
    DP_TRY(dp_command_parse(comm, options_table(), &chosen, count, arguments, &positional_count,
                            error));
    dp_linalg_init();
    DP_TRY(evaluate(comm, &chosen, positional_count, arguments, error));
done:
    return status;
}

const dp_command dp_command_eval = {
    .name = "eval",
    .arguments = "[PATH]",
    .purpose = "the loss and perplexity of a checkpoint",
    .options = options_table,
    .run = run,
};
