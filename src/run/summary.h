/* summary: results as JSON, for summary.json and `eval --json`, and back. */
#ifndef DP_RUN_SUMMARY_H
#define DP_RUN_SUMMARY_H

#include "engine/evaluate.h"
#include "formats/json.h"

/* The end of a run. */
typedef struct dp_summary {
    uint64_t step;
    uint64_t weights_hash;
    unsigned splits;                  /* which of the evaluations are there, a bit per split */
    const dp_evaluation *evaluations; /* [DP_SPLIT_COUNT] */
    uint64_t parameters;
    uint64_t ranks;
    uint64_t best_step; /* 0: dev was never evaluated */
    double best_loss;
    bool stopped_early; /* before its last step, as dev got no better */
    double seconds;
    const char *build;
} dp_summary;

/* Appends "step", "weights" and "splits" to an object that has been begun:
 * "splits":{"dev":{"loss":2.1,"perplexity":8.2,"count":22655}} */
void dp_summary_append_results(dp_text *json, uint64_t step, uint64_t weights_hash, unsigned splits,
                               const dp_evaluation evaluations[DP_SPLIT_COUNT]);

/* Of these only "splits". */
void dp_summary_append_splits(dp_text *json, unsigned splits,
                              const dp_evaluation evaluations[DP_SPLIT_COUNT]);

/* Replaces the file at path by the summary. */
dp_status dp_summary_write(const dp_summary *summary, const char *path, dp_error *error) DP_CHECKED;

/* What is read back of a summary. */
typedef struct dp_summary_results {
    uint64_t step;
    uint64_t weights_hash;
    double losses[DP_SPLIT_COUNT]; /* NaN where the split is not there */
    uint64_t parameters;
    uint64_t best_step; /* 0: dev was never evaluated */
    double best_loss;
} dp_summary_results;

/* DP_ERR_INPUT where the file is no summary. */
dp_status dp_summary_read(dp_summary_results *results, const char *path,
                          dp_error *error) DP_CHECKED;

#endif
