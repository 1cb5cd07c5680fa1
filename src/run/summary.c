#include "run/summary.h"

#include "base/digest.h"
#include "base/memory.h"
#include "formats/json.h"
#include "system/file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void dp_summary_add_splits(dp_facts *facts, unsigned splits,
                           const dp_evaluation evaluations[DP_SPLIT_COUNT]) {
    dp_facts_begin(facts, "splits");
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        if ((splits >> split & 1u) == 0 || evaluations[split].count == 0)
            continue;
        dp_facts_begin(facts, dp_split_name((dp_split)split));
        dp_facts_real(facts, "loss", evaluations[split].loss);
        dp_facts_real(facts, "perplexity", evaluations[split].perplexity);
        dp_facts_unsigned(facts, "count", evaluations[split].count);
        dp_facts_end(facts);
    }
    dp_facts_end(facts);
}

dp_status dp_summary_add_unknown(dp_facts *facts, unsigned splits, const dp_dataset *dataset,
                                 dp_error *error) {
    DP_OWNED(dp_memory_release) uint64_t *counts = NULL;
    uint32_t unknown = 0;
    if (dataset->info.unit != DP_UNIT_WORD ||
        !dp_vocabulary_find(&dataset->vocabulary, DP_UNKNOWN_WORD, strlen(DP_UNKNOWN_WORD),
                            &unknown))
        return DP_OK;
    DP_TRY_NEW(counts, dataset->vocabulary.count);
    dp_facts_begin(facts, "unknown");
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        if ((splits >> split & 1u) == 0 || dp_dataset_rows(dataset, (dp_split)split) == 0)
            continue;
        dp_dataset_count_targets(dataset, (dp_split)split, UINT64_MAX, counts);
        dp_facts_unsigned(facts, dp_split_name((dp_split)split), counts[unknown]);
    }
    dp_facts_end(facts);
    return DP_OK;
}

void dp_summary_add_weights(dp_facts *facts, uint64_t step, uint64_t weights_hash) {
    dp_facts_unsigned(facts, "step", step);
    dp_facts_text(facts, "weights", DP_HASH_TEXT(weights_hash));
}

void dp_summary_add(dp_facts *facts, const dp_summary *summary) {
    dp_summary_add_weights(facts, summary->progress.step, summary->weights_hash);
    dp_summary_add_splits(facts, DP_SPLITS_ALL, summary->evaluations);
    if (summary->progress.best_step != 0) {
        dp_facts_begin(facts, "best");
        dp_facts_unsigned(facts, "step", summary->progress.best_step);
        dp_facts_real(facts, "dev_loss", summary->progress.best_loss);
        dp_facts_end(facts);
    }
    dp_facts_bool(facts, "stopped_early", summary->stopped_early);
    dp_facts_unsigned(facts, "parameters", summary->parameters);
    dp_facts_unsigned(facts, "ranks", summary->ranks);
    dp_facts_unsigned(facts, "at_work", summary->at_work);
    dp_facts_unsigned(facts, "checkpoint", summary->checkpoint);
    dp_facts_real(facts, "seconds", summary->seconds);
    dp_facts_unsigned(facts, "starts", summary->starts);
    dp_facts_text(facts, "build", summary->build);
    dp_facts_unsigned(facts, "contract", summary->progress.contract);
}

dp_status dp_summary_write(const dp_facts *facts, const char *path, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text json = {0};
    dp_facts_to_json(facts, &json);
    return dp_file_write_text(path, &json, error);
}

static bool take_results(const char *json, dp_summary_results *results) {
    char hash[DP_HASH_TEXT_SIZE], place[32];
    *results = (dp_summary_results){0};
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        results->losses[split] = NAN;
        snprintf(place, sizeof place, "splits.%s.loss", dp_split_name((dp_split)split));
        (void)dp_json_read_real(json, place, &results->losses[split]);
    }
    if (dp_json_read_unsigned(json, "best.step", &results->best_step) &&
        !dp_json_read_real(json, "best.dev_loss", &results->best_loss))
        return false;
    uint64_t checkpoint = 0; /* which summaries of before do not tell */
    results->has_checkpoint =
        !dp_json_read_unsigned(json, "checkpoint", &checkpoint) || checkpoint > 0;
    return dp_json_read_unsigned(json, "step", &results->step) &&
           dp_json_read_unsigned(json, "parameters", &results->parameters) &&
           dp_json_read_string(json, "weights", hash, sizeof hash) &&
           dp_hash_parse(hash, &results->weights_hash);
}

dp_status dp_summary_read(dp_summary_results *results, const char *path, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text json = {0};
    DP_TRY(dp_file_read(path, &json, error));
    if (take_results(dp_text_string(&json), results))
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT, "%s is not the summary of a run", path);
}
