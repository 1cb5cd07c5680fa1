#include "base/memory.h"
#include "cli/command.h"
#include "cli/token_question.h"
#include "cli/token_table.h"
#include "data/context.h"
#include "formats/json.h"
#include "model/similarity.h"

#include <math.h>
#include <string.h>

static void append_heading(const char *token, bool json, dp_text *out) {
    if (!json) {
        dp_text_append_format(out, "nearest to '%s'\n", token);
        return;
    }
    dp_json_key(out, "token");
    dp_json_string(out, token);
    dp_json_key(out, "nearest");
}

static dp_status append_nearest(const dp_checkpoint *checkpoint, const char *token, uint64_t count,
                                bool json, dp_text *out, dp_error *error) {
    dp_status status = DP_OK;
    const dp_vocabulary *vocabulary = &checkpoint->vocabulary;
    double *cosines = NULL, sum = 0.0;
    uint32_t id = DP_BOUNDARY_ID;
    uint64_t left = 0;
    if (dp_context_find_token(vocabulary, token, strlen(token), &id, error) != DP_OK) {
        status = dp_fail_prefix(error, "TOKEN");
        goto done;
    }
    DP_NEW_OR_DONE(cosines, vocabulary->count);
    dp_similarity_cosines(&checkpoint->layout, checkpoint->params, id, cosines);
    cosines[id] = NAN; /* itself is no news */
    append_heading(token, json, out);
    DP_OR_DONE(
        dp_token_table_append(vocabulary, cosines, "cosine", count, json, out, &sum, &left, error));
done:
    dp_memory_free(cosines);
    return status;
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    (void)signal;
    return dp_token_question_run(comm, count, arguments, "TOKEN", append_nearest, error);
}

const dp_command dp_command_nearest = {
    .name = "nearest",
    .arguments = "[PATH] TOKEN",
    .purpose = "the tokens whose embeddings are closest to that of TOKEN",
    .details = "Closest by the cosine of the rows of C: 1 in the same direction, 0 at right\n"
               "angles. PATH is as for --ckpt. The last argument is always TOKEN.\n",
    .options = dp_token_question_options,
    .run = run,
};
