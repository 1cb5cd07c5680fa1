#include "base/digest.h"
#include "base/memory.h"
#include "base/real.h"
#include "base/size.h"
#include "library/generate.h"
#include "library/handle.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* --- their mean ----------------------------------------------------------------------------- */

/* The end of each context, as much of it as the member reads. */
static void ask_member(const dptrain_model *self, dptrain_model *member, size_t rows,
                       const uint32_t *contexts) {
    const size_t block = self->layout.shape.block_size, own = member->layout.shape.block_size;
    for (size_t r = 0; r < rows; r++)
        memcpy(member->contexts + r * own, contexts + r * block + block - own,
               own * sizeof *contexts);
    dp_handle_logits(member, rows, member->contexts);
}

/* Logarithms of the mean, less that of the greatest: so likely tokens keep most digits. */
static void mix(dptrain_model *self, size_t row) {
    const size_t vocab = self->layout.shape.vocab;
    double greatest = 0.0;
    memset(self->mean, 0, vocab * sizeof *self->mean);
    for (size_t m = 0; m < self->member_count; m++) {
        dp_generate_probabilities(self->members[m].model->logits + row * vocab, vocab,
                                  self->probabilities);
        for (size_t i = 0; i < vocab; i++)
            self->mean[i] += self->members[m].share * self->probabilities[i];
    }
    for (size_t i = 0; i < vocab; i++)
        greatest = self->mean[i] > greatest ? self->mean[i] : greatest;
    for (size_t i = 0; i < vocab; i++)
        self->logits[row * vocab + i] = (float)dp_real_log(fmax(self->mean[i], DBL_MIN) / greatest);
}

void dp_handle_logits(dptrain_model *model, size_t rows, const uint32_t *contexts) {
    const size_t vocab = model->layout.shape.vocab;
    if (model->member_count == 0) {
        dp_forward_logits(&model->forward, model->params, rows, contexts, model->logits);
        return;
    }
    for (size_t m = 0; m < model->member_count; m++)
        ask_member(model, model->members[m].model, rows, contexts);
    if (model->member_count == 1) { /* is that model, to the bit */
        memcpy(model->logits, model->members[0].model->logits,
               rows * vocab * sizeof *model->logits);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        mix(model, r);
}

/* --- making one ----------------------------------------------------------------------------- */

static dp_status check_pair(dptrain_model *a, dptrain_model *b, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text difference = {0};
    const dp_folding x = a->facts.preparation.folding, y = b->facts.preparation.folding;
    if (a->facts.unit != b->facts.unit || a->facts.stream != b->facts.stream)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s and %s are models of different texts: of %ss%s and of %ss%s", a->path,
                       b->path, dp_unit_name(a->facts.unit), a->facts.stream ? ", a stream" : "",
                       dp_unit_name(b->facts.unit), b->facts.stream ? ", a stream" : "");
    if (x.lowercase != y.lowercase || x.normalize != y.normalize)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s and %s read texts in different ways: see 'packed with' of dptrain info",
                       a->path, b->path);
    if (dp_vocabulary_equal(&a->facts.vocabulary, &b->facts.vocabulary))
        return DP_OK;
    DP_TRY(dp_vocabulary_difference(&a->facts.vocabulary, "the first", &b->facts.vocabulary,
                                    "the second", &difference, error));
    return dp_fail(error, DP_ERR_INPUT, "%s and %s have different vocabularies: %s", a->path,
                   b->path, dp_text_string(&difference));
}

static dp_status set_shares(dptrain_model *self, const double *shares, dp_error *error) {
    double sum = 0.0;
    for (size_t m = 0; m < self->member_count; m++) {
        self->members[m].share = shares == NULL ? 1.0 : shares[m];
        if (!(self->members[m].share >= 0.0))
            return dp_fail(error, DP_ERR_INPUT, "share %g of %s is not 0 or above",
                           self->members[m].share, self->members[m].model->path);
        sum += self->members[m].share;
    }
    if (!(sum > 0.0 && isfinite(sum)))
        return dp_fail(error, DP_ERR_INPUT, "the shares of an ensemble sum up to %g", sum);
    for (size_t m = 0; m < self->member_count; m++)
        self->members[m].share /= sum;
    return DP_OK;
}

/* What tells it from others: its members, in their order, and their shares. */
static void identify(dptrain_model *self) {
    dp_xxh3 hash;
    size_t length = 0;
    dp_xxh3_init(&hash);
    for (size_t m = 0; m < self->member_count; m++) {
        const dptrain_model *member = self->members[m].model;
        const size_t room = sizeof self->path - length;
        dp_xxh3_update(&hash, member->weights, sizeof member->weights);
        dp_xxh3_update(&hash, &self->members[m].share, sizeof self->members[m].share);
        const int written =
            snprintf(self->path + length, room, "%s%s", m == 0 ? "" : " + ", member->path);
        length += dp_size_min((size_t)written, room - 1);
    }
    dp_hash_format(dp_xxh3_digest(&hash), self->weights);
}

static dp_status make(dptrain_model *self, dptrain_model *const *members, const double *shares,
                      dp_error *error) {
    size_t block = 0, parameters = 0;
    self->facts = members[0]->facts;
    self->layout = members[0]->layout;
    self->rows = members[0]->rows;
    self->unknown = members[0]->unknown;
    memcpy(self->ascii, members[0]->ascii, sizeof self->ascii);
    for (size_t m = 0; m < self->member_count; m++) {
        DP_TRY(check_pair(members[0], members[m], error));
        block = dp_size_max(block, members[m]->layout.shape.block_size);
        parameters += members[m]->layout.parameter_count;
        self->rows = dp_size_min(self->rows, members[m]->rows);
    }
    self->layout.shape.block_size = block;
    self->layout.parameter_count = parameters;
    DP_TRY(dp_handle_make_room(self, error));
    for (size_t m = 0; m < self->member_count; m++)
        self->members[m].model = members[m];
    DP_TRY(set_shares(self, shares, error));
    identify(self);
    return DP_OK;
}

dptrain_status dptrain_ensemble(dptrain_model **ensemble, dptrain_model *const *members,
                                const double *shares, size_t count, dptrain_error *error) {
    dp_error reason = {0};
    *ensemble = NULL;
    if (count == 0)
        return dp_handle_report(error, dp_fail(&reason, DP_ERR_INPUT, "an ensemble of no model"),
                                &reason);
    dptrain_model *self = dp_memory_zeroed(1, sizeof *self, &reason);
    if (self != NULL) {
        self->member_count = count;
        if (make(self, members, shares, &reason) == DP_OK) {
            *ensemble = self;
            return DPTRAIN_OK;
        }
    }
    dptrain_close(self);
    return dp_handle_report(error, reason.status, &reason);
}
