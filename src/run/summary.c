#include "run/summary.h"

#include "base/digest.h"
#include "formats/json_reader.h"
#include "system/file.h"

#include <math.h>
#include <stdio.h>

static void append_split(dp_text *json, dp_split split, const dp_evaluation *evaluation) {
    dp_json_key(json, dp_split_name(split));
    dp_json_begin_object(json);
    dp_json_key(json, "loss");
    dp_json_real(json, evaluation->loss);
    dp_json_key(json, "perplexity");
    dp_json_real(json, evaluation->perplexity);
    dp_json_key(json, "count");
    dp_json_unsigned(json, evaluation->count);
    dp_json_end_object(json);
}

void dp_summary_append_splits(dp_text *json, unsigned splits,
                              const dp_evaluation evaluations[DP_SPLIT_COUNT]) {
    dp_json_key(json, "splits");
    dp_json_begin_object(json);
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        if ((splits >> split & 1u) != 0)
            append_split(json, (dp_split)split, &evaluations[split]);
    }
    dp_json_end_object(json);
}

void dp_summary_append_results(dp_text *json, uint64_t step, uint64_t weights_hash, unsigned splits,
                               const dp_evaluation evaluations[DP_SPLIT_COUNT]) {
    char hash[DP_HASH_TEXT_SIZE];
    dp_json_key(json, "step");
    dp_json_unsigned(json, step);
    dp_json_key(json, "weights");
    dp_json_string(json, dp_hash_format(weights_hash, hash));
    dp_summary_append_splits(json, splits, evaluations);
}

static void append_best(dp_text *json, const dp_summary *summary) {
    dp_json_key(json, "best");
    dp_json_begin_object(json);
    dp_json_key(json, "step");
    dp_json_unsigned(json, summary->best_step);
    dp_json_key(json, "dev_loss");
    dp_json_real(json, summary->best_loss);
    dp_json_end_object(json);
}

dp_status dp_summary_write(const dp_summary *summary, const char *path, dp_error *error) {
    dp_status status = DP_OK;
    dp_text json = {0};
    dp_json_begin_object(&json);
    dp_summary_append_results(&json, summary->step, summary->weights_hash, summary->splits,
                              summary->evaluations);
    if (summary->best_step != 0)
        append_best(&json, summary);
    dp_json_key(&json, "stopped_early");
    dp_json_bool(&json, summary->stopped_early);
    dp_json_key(&json, "parameters");
    dp_json_unsigned(&json, summary->parameters);
    dp_json_key(&json, "ranks");
    dp_json_unsigned(&json, summary->ranks);
    dp_json_key(&json, "seconds");
    dp_json_real(&json, summary->seconds);
    dp_json_key(&json, "build");
    dp_json_string(&json, summary->build);
    dp_json_end_object(&json);
    dp_text_append(&json, "\n");
    DP_OR_DONE(dp_text_check(&json, error));
    DP_OR_DONE(dp_file_write(path, json.data, json.length, error));
done:
    dp_text_clear(&json);
    return status;
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
    return dp_json_read_unsigned(json, "step", &results->step) &&
           dp_json_read_unsigned(json, "parameters", &results->parameters) &&
           dp_json_read_string(json, "weights", hash, sizeof hash) &&
           dp_hash_parse(hash, &results->weights_hash);
}

dp_status dp_summary_read(dp_summary_results *results, const char *path, dp_error *error) {
    dp_status status = DP_OK;
    dp_file_map map = {0};
    dp_text json = {0};
    DP_OR_DONE(dp_file_map_open(&map, path, error));
    dp_text_append_bytes(&json, map.data, map.size); /* the map has no 0 at its end */
    DP_OR_DONE(dp_text_check(&json, error));
    if (!take_results(dp_text_string(&json), results))
        status = dp_fail(error, DP_ERR_INPUT, "%s is not the summary of a run", path);
done:
    dp_text_clear(&json);
    dp_file_map_close(&map);
    return status;
}
