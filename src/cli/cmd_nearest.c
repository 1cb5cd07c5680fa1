#include "base/memory.h"
#include "cli/checkpoint_argument.h"
#include "cli/command.h"
#include "cli/token_table.h"
#include "data/context.h"
#include "model/similarity.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct nearest_options {
    char ckpt[DP_PATH_SIZE];
    uint64_t count;
} nearest_options;

static const dp_option options[] = {
    {.key = "ckpt",
     .type = DP_OPTION_TEXT,
     .offset = offsetof(nearest_options, ckpt),
     .initial = "",
     .unit = "PATH",
     .help = "checkpoint, or run folder (its best); none: the newest run"},
    {.key = "count",
     .alias = 'n',
     .type = DP_OPTION_UNSIGNED,
     .offset = offsetof(nearest_options, count),
     .initial = "10",
     .minimum = 1,
     .maximum = 1e9,
     .unit = "N",
     .help = "tokens to show"},
};

static dp_option_table options_table(void) {
    return (dp_option_table){.options = options, .count = sizeof options / sizeof options[0]};
}

static dp_status append_nearest(const dp_checkpoint *checkpoint, const char *path,
                                const char *token, uint64_t count, dp_text *out, dp_error *error) {
    dp_status status = DP_OK;
    const dp_vocabulary *vocabulary = &checkpoint->vocabulary;
    double *cosines = NULL, sum = 0.0;
    uint32_t id = DP_BOUNDARY_ID;
    uint64_t left = 0;
    char step[32];
    DP_TRY(dp_context_find_token(vocabulary, token, strlen(token), "TOKEN", &id, error));
    DP_NEW_ARRAY(cosines, vocabulary->count);
    dp_similarity_cosines(&checkpoint->layout, checkpoint->params, id, cosines);
    cosines[id] = NAN; /* itself is no news */
    dp_text_append_format(out, "%s: step %s, nearest to '%s'\n", path,
                          dp_text_format_count(checkpoint->progress.step, step), token);
    DP_TRY(dp_token_table_append(vocabulary, cosines, "cosine", count, out, &sum, &left, error));
done:
    dp_memory_free(cosines);
    return status;
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    dp_status status = DP_OK;
    nearest_options chosen;
    dp_checkpoint checkpoint = {0};
    dp_text out = {0};
    char path[DP_PATH_SIZE];
    const char *token = NULL;
    int positional_count = 0;
    (void)signal;
    DP_TRY(dp_command_parse(comm, options_table(), &chosen, count, arguments, &positional_count,
                            error));
    status = dp_checkpoint_argument_take_last(chosen.ckpt, &positional_count, arguments, "TOKEN",
                                              &token, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    DP_TRY(dp_checkpoint_argument_load(comm, chosen.ckpt, positional_count, arguments, &checkpoint,
                                       path, error));
    if (dp_comm_rank(comm) == 0)
        status = append_nearest(&checkpoint, path, token, chosen.count, &out, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    printf("%s", dp_text_string(&out));
done:
    dp_text_clear(&out);
    dp_checkpoint_clear(&checkpoint);
    return status;
}

const dp_command dp_command_nearest = {
    .name = "nearest",
    .arguments = "[PATH] TOKEN",
    .purpose = "the tokens whose embeddings are closest to that of TOKEN",
    .details = "Closest by the cosine of the rows of C: 1 in the same direction, 0 at right\n"
               "angles. PATH is as for --ckpt. The last argument is always TOKEN.\n",
    .options = options_table,
    .run = run,
};
