/* summary: results as JSON, for summary.json and `eval --json`, and back. */
#ifndef DP_RUN_SUMMARY_H
#define DP_RUN_SUMMARY_H

#include "engine/evaluate.h"
#include "formats/facts.h"
#include "library/model_file.h"

/* The end of a run. */
typedef struct dp_summary {
    dp_progress progress;
    uint64_t weights_hash;
    const dp_evaluation *evaluations; /* [DP_SPLIT_COUNT] */
    uint64_t parameters;
    uint64_t ranks, at_work; /* and how many of them computed in the end */
    uint64_t checkpoint;     /* step of the newest that could be written; 0: none */
    bool stopped_early;      /* before its last step, as dev got no better */
    double seconds;          /* of all starts of the program, */
    uint64_t starts;         /* and how many they were: run/metrics */
    const char *build;
} dp_summary;

/* Adds the splits in the set `splits`:
 * "splits":{"dev":{"loss":2.1,"perplexity":8.2,"count":22655}} */
void dp_summary_add_splits(dp_facts *facts, unsigned splits,
                           const dp_evaluation evaluations[DP_SPLIT_COUNT]);
/* Of a dataset of words with DP_UNKNOWN_WORD, how many of the targets of each split are that:
 * "unknown":{"dev":21}. DP_ERR_MEMORY. */
dp_status dp_summary_add_unknown(dp_facts *facts, unsigned splits, const dp_dataset *dataset,
                                 dp_error *error) DP_CHECKED;
/* Both as a table, for dp_facts_to_text. */
#define DP_SUMMARY_SPLITS                                                                          \
    "      split      loss  perplexity           rows\n"                                           \
    "<<splits {splits.*:11} {splits.*.loss:9n} {splits.*.perplexity:11n} "                         \
    "{splits.*.count:14,}\n>>" DP_SUMMARY_UNKNOWN
#define DP_SUMMARY_UNKNOWN "<<unknown       <unk> {unknown.*:9,} of {splits.*}\n>>"

/* Adds "step" and "weights". */
void dp_summary_add_weights(dp_facts *facts, uint64_t step, uint64_t weights_hash);

void dp_summary_add(dp_facts *facts, const dp_summary *summary);

/* Replaces the file at path by the facts of a summary. */
dp_status dp_summary_write(const dp_facts *facts, const char *path, dp_error *error) DP_CHECKED;

/* What is read back of a summary. */
typedef struct dp_summary_results {
    uint64_t step;
    uint64_t weights_hash;
    double losses[DP_SPLIT_COUNT]; /* NaN where the split is not there */
    uint64_t parameters;
    uint64_t best_step; /* 0: dev was never evaluated */
    double best_loss;
    bool has_checkpoint; /* it was written when the run ended */
} dp_summary_results;

/* DP_ERR_INPUT where the file is no summary. */
dp_status dp_summary_read(dp_summary_results *results, const char *path,
                          dp_error *error) DP_CHECKED;

#endif
