/* handle: what a dptrain_model is. */
#ifndef DP_LIBRARY_HANDLE_H
#define DP_LIBRARY_HANDLE_H

#include "dptrain/dptrain.h"
#include "library/model_file.h"
#include "model/forward.h"

/* A model of an ensemble, borrowed, and its share. */
typedef struct dp_member {
    dptrain_model *model;
    double share;
} dp_member;

struct dptrain_model {
    char path[DP_PATH_SIZE];
    char weights[24];
    dp_model_file facts; /* the file itself is closed */
    dp_params_layout layout;
    float *params;
    uint32_t unknown;    /* the id of words that have none of their own, or DPTRAIN_UNKNOWN */
    uint32_t ascii[128]; /* the ids of tokens of one ASCII character, or `unknown` */

    /* Of an ensemble, which borrows them and has neither params nor forward; its facts and layout
     * are those of the first, and borrowed. */
    size_t member_count;   /* 0: it is none */
    dp_member *members;    /* [member_count], whose shares sum up to 1 */
    double *mean;          /* [vocab] */
    double *probabilities; /* [vocab]: of one member */

    /* Room to answer in: a text is scored so many rows at a time. */
    dp_forward forward;
    size_t rows;
    float *logits;      /* owned, with what follows: [rows, vocab] */
    float *maxima;      /* [rows]: the largest logit of each */
    double *sums;       /* [rows]: of the exponentials of what logits are less than that */
    uint32_t *contexts; /* [rows + 1, block_size] */
    uint32_t *targets;  /* [rows] */
    size_t *places;     /* [rows]: whose they are */
    float *cut;         /* [vocab]: logits of what may be drawn */
    uint32_t *order;    /* [vocab]: ids, for who sorts them */
    dp_text text;       /* of the last sample */
};

/* DP_ERR_INPUT names the file where its weights are so large that sums of them may overflow, which
 * would make answers that are no numbers. */
dp_status dp_handle_check_size(const dp_params_layout *layout, const float *params,
                               const char *path, dp_error *error) DP_CHECKED;

/* Its room for answers: `rows` of them at a time, set before. */
dp_status dp_handle_make_room(dptrain_model *model, dp_error *error) DP_CHECKED;

/* Has it answer by kernels of this level, so that it answers alike on machines that differ; it was
 * opened with the highest. */
dp_status dp_handle_use_level(dptrain_model *model, dp_cpu_level level, dp_error *error) DP_CHECKED;

/* model->logits [rows, vocab] of contexts [rows, block_size], up to model->rows. */
void dp_handle_logits(dptrain_model *model, size_t rows, const uint32_t *contexts);

/* model->maxima and model->sums [rows] of model->logits. */
void dp_handle_weigh(dptrain_model *model, size_t rows);

/* ln P of token `id` in this row of logits, which has been weighed. */
double dp_handle_log_probability(const dptrain_model *model, size_t row, uint32_t id);

/* Adds to a score what a token is worth. */
void dp_handle_add(const dptrain_model *model, dptrain_text_score *score, uint32_t id,
                   double log_probability);

/* DP_ERR_INPUT where an id of `count` is not below the vocabulary's size. */
dp_status dp_handle_check_ids(const dptrain_model *model, const uint32_t *ids, size_t count,
                              dp_error *error) DP_CHECKED;

/* The id of token[0, length), or `unknown`. */
uint32_t dp_handle_id(const dptrain_model *model, const char *token, size_t length);

/* A text as the model reads it: folded as those were that it was trained on, into *folded, which is
 * then the caller's, and what *text and *length become. Where that is the text itself, or memory is
 * short, they stay. */
void dp_handle_fold(const dptrain_model *model, const char **text, size_t *length, dp_text *folded);

/* Sets context [block_size] to the last tokens of a text that is folded; dp_context_parse. */
dp_status dp_handle_context(const dptrain_model *model, const char *text, size_t length,
                            uint32_t *context, dp_error *error) DP_CHECKED;

/* Hands the message of a failure on; returns the status. */
dptrain_status dp_handle_report(dptrain_error *error, dp_status status, const dp_error *reason);

#endif
