/* program_of_then MODEL: asks all that there was to be asked when dptrain_of_then.h was the header
 * of the library. Compiled with that header or with today's, on today's library it says the same.
 */
#include <dptrain/dptrain.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void demand(dptrain_status status, const dptrain_error *error) {
    if (status == DPTRAIN_OK)
        return;
    fprintf(stderr, "program_of_then: %s\n", error->message);
    exit((int)status);
}

static void describe(const dptrain_model *model) {
    dptrain_description is;
    dptrain_tensor tensor;
    dptrain_describe(model, &is, sizeof is);
    printf("%s %zu %zu %zu %d %s %" PRIu64 " %s %d %s\n", is.unit, is.vocab, is.block_size,
           is.parameters, is.direct, is.weights, is.step, is.packed_with, is.lowercase,
           is.normalize);
    for (size_t i = 0; dptrain_get_tensor(model, i, &tensor, sizeof tensor); i++)
        printf("%s %d %zu %zu %a\n", tensor.name, tensor.rank, tensor.rows, tensor.columns,
               (double)tensor.values[0]);
}

static void score(dptrain_model *model, const char *text) {
    dptrain_error error;
    struct {
        dptrain_text_score score;
        char behind[16]; /* stays as it is */
    } one = {.behind = "untouched"};
    dptrain_token_score tokens[16];
    size_t count = 0;
    const size_t length = strlen(text);
    demand(dptrain_score(model, text, length, &one.score, sizeof one.score, &error), &error);
    demand(dptrain_score_tokens(model, text, length, tokens, 16, sizeof tokens[0], &count, &error),
           &error);
    printf("%s %.12g %" PRIu64 " %" PRIu64 " %s\n", text, one.score.log_probability,
           one.score.tokens, one.score.unknown, one.behind);
    for (size_t i = 0; i < count && i < 16; i++)
        printf(" %.12g %" PRIu64, tokens[i].log_probability, tokens[i].rank);
    printf("\n");
}

static void sample(dptrain_model *model) {
    dptrain_error error;
    struct {
        dptrain_sampling how;
        char behind[256]; /* is none of its fields, whatever it holds */
    } one;
    const char *text = NULL;
    memset(&one, 0x5A, sizeof one);
    dptrain_sampling_init(&one.how, sizeof one.how);
    one.how.seed = 7;
    one.how.temperature = 0.8;
    for (uint64_t i = 0; i < 20; i++) {
        demand(dptrain_sample(model, &one.how, i, &text, &error), &error);
        printf("%s\n", text);
    }
}

static void predict(dptrain_model *model) {
    dptrain_error error;
    dptrain_description is;
    dptrain_describe(model, &is, sizeof is);
    uint32_t *context = calloc(is.block_size, sizeof *context);
    double *probabilities = calloc(is.vocab, sizeof *probabilities);
    if (context == NULL || probabilities == NULL)
        exit(DPTRAIN_ERR_MEMORY);
    demand(dptrain_context(model, "em", 2, context, &error), &error);
    demand(dptrain_next(model, context, probabilities, &error), &error);
    printf("%.12g", probabilities[0]);
    demand(dptrain_similarity(model, 1, probabilities, &error), &error);
    printf(" %.12g\n", probabilities[2]);
    free(context);
    free(probabilities);
}

int main(int argc, char **argv) {
    dptrain_error error;
    dptrain_model *model = NULL;
    if (argc != 2)
        return DPTRAIN_ERR_INPUT;
    demand(dptrain_open(&model, argv[1], &error), &error);
    describe(model);
    score(model, "emma");
    score(model, "E");
    sample(model);
    predict(model);
    dptrain_close(model);
    return 0;
}
