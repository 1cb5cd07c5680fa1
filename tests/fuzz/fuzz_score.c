/* The lines of an input of score, any bytes: whatever they hold, a line's score is the sum of those
 * of its tokens, its tokens lie in it, and its bits are the same alone and among others. The first
 * byte chooses a model: of characters, as they are or folded, or of words; and options of the
 * command, which answers whatever the lines are.
 */
#include "base/memory.h"
#include "dptrain/dptrain.h"
#include "fuzz.h"
#include "jobs/jobs.h"
#include "run/checkpoint.h"
#include "system/line_reader.h"

#include <math.h>

enum { MODELS = 3, TOKENS = 5, BLOCK = 2, LINES = 64 };

static void make_checkpoint(dp_checkpoint *checkpoint, int kind, const char *path) {
    static const char *const letters[TOKENS] = {".", "a", "b", "\xC3\xA9", " "};
    static const char *const words[TOKENS] = {".", "<unk>", "a", "ab", "\xC3\xA9"};
    dp_error error = {0};
    const dp_model_shape shape = {
        .vocab = TOKENS, .block_size = BLOCK, .embedding_dim = 2, .hidden_dim = 3};
    char *assignments[] = {"model.embedding_dim=2", "model.hidden_dim=3"};
    dp_model_file *facts = &checkpoint->facts;
    fuzz_demand(dp_config_load(&checkpoint->config, NULL, 2, assignments, &error) == DP_OK);
    fuzz_demand(dp_vocabulary_init(&facts->vocabulary, kind == 2 ? words : letters, TOKENS,
                                   &error) == DP_OK);
    fuzz_demand(dp_params_layout_init(&checkpoint->layout, shape, &error) == DP_OK);
    checkpoint->params = dp_memory_zeroed(checkpoint->layout.length, sizeof(float), &error);
    fuzz_demand(checkpoint->params != NULL);
    dp_params_init(&checkpoint->layout, DP_INIT_NORMAL, 1, checkpoint->params);
    facts->weights_hash = dp_params_hash(&checkpoint->layout, checkpoint->params);
    facts->block_size = BLOCK;
    facts->unit = kind == 2 ? DP_UNIT_WORD : DP_UNIT_CHAR;
    if (kind == 1)
        facts->preparation.folding = (dp_folding){.lowercase = true, .normalize = DP_NORMAL_NFKC};
    snprintf(facts->preparation.packed_with, sizeof facts->preparation.packed_with, "-");
    fuzz_demand(dp_checkpoint_save(checkpoint, path, &error) == DP_OK);
    dp_checkpoint_clear(checkpoint);
}

static const char *model_path(int kind) {
    static const char *const names[MODELS] = {"letters", "folded", "words"};
    return fuzz_path(names[kind]);
}

static void remove_models(void) {
    for (int kind = 0; kind < MODELS; kind++)
        unlink(model_path(kind));
}

/* Its file stays for the command. */
static dptrain_model *model_of(int kind) {
    static dptrain_model *models[MODELS];
    static dp_checkpoint checkpoint; /* large: paths */
    dptrain_error error;
    if (models[kind] == NULL) {
        fuzz_demand(atexit(remove_models) == 0);
        make_checkpoint(&checkpoint, kind, model_path(kind));
        fuzz_demand(dptrain_open(&models[kind], model_path(kind), &error) == DPTRAIN_OK);
    }
    return models[kind];
}

static bool is_near(double a, double b) {
    return a == b || fabs(a - b) <= 1e-9 * (1.0 + fabs(b));
}

static void ask(dptrain_model *model, const char *line, size_t length,
                const dptrain_text_score *batch) {
    dptrain_text_score score;
    dptrain_error error;
    size_t count = 0, unknown = 0;
    double sum = 0.0;
    dptrain_token_score *tokens = malloc((length + 1) * sizeof *tokens);
    fuzz_demand(tokens != NULL);
    fuzz_demand(dptrain_score(model, line, length, &score, sizeof score, &error) == DPTRAIN_OK);
    fuzz_demand(score.log_probability == batch->log_probability &&
                score.known_log_probability == batch->known_log_probability &&
                score.tokens == batch->tokens && score.unknown == batch->unknown);
    fuzz_demand(dptrain_score_tokens(model, line, length, tokens, length + 1, sizeof *tokens,
                                     &count, &error) == DPTRAIN_OK);
    fuzz_demand(count == score.tokens && count >= 1);
    for (size_t i = 0; i < count && i <= length; i++) {
        fuzz_demand(tokens[i].begin <= length && tokens[i].length <= length - tokens[i].begin);
        fuzz_demand((tokens[i].rank == 0) == (tokens[i].id == DPTRAIN_UNKNOWN));
        unknown += tokens[i].id == DPTRAIN_UNKNOWN;
        sum += tokens[i].log_probability;
    }
    fuzz_demand(is_near(sum, score.log_probability));
    fuzz_demand((isinf(score.log_probability) != 0) == (unknown > 0));
    fuzz_demand(isfinite(score.known_log_probability));
    free(tokens);
}

static void ask_lines(dptrain_model *model, dp_line_reader *reader, bool *more) {
    static char *lines[LINES];
    static size_t lengths[LINES];
    static dptrain_text_score scores[LINES];
    dptrain_error error;
    dp_error failure = {0};
    size_t count = 0;
    while (count < LINES && dp_line_reader_next(reader, &lines[count], &lengths[count]))
        count++;
    fuzz_demand(dptrain_score_texts(model, (const char *const *)lines, lengths, count, scores,
                                    sizeof scores[0], &error) == DPTRAIN_OK);
    for (size_t i = 0; i < count; i++)
        ask(model, lines[i], lengths[i], &scores[i]);
    if (count < LINES)
        fuzz_demand(dp_line_reader_fill(reader, more, &failure) == DP_OK);
}

/* By the command, whose output goes nowhere. */
static void run_command(int kind, unsigned options, char *lines) {
    static char ckpt[] = "--ckpt", *const choices[] = {"--tokens",  "--format=jsonl", "--nbest",
                                                       "--summary", "--per-token",    "--base=2"};
    char path[DP_PATH_SIZE];
    char *arguments[4 + sizeof choices / sizeof choices[0]] = {lines, ckpt, path};
    int count = 3;
    dp_error error = {0};
    static FILE *output;
    if (output == NULL)
        output = freopen("/dev/null", "w", stdout);
    fuzz_demand(output != NULL);
    snprintf(path, sizeof path, "%s", model_path(kind));
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        if ((options >> i & 1u) != 0)
            arguments[count++] = choices[i];
    }
    const dp_status status = dp_command_score.answer(count, arguments, &error);
    if (status != DP_OK)
        fuzz_check_error(status, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[DP_PATH_SIZE];
    dp_line_reader reader;
    dp_error error = {0};
    bool more = true;
    if (size == 0)
        return 0;
    snprintf(path, sizeof path, "%s", fuzz_path("lines"));
    fuzz_write(path, data + 1, size - 1);
    fuzz_demand(dp_line_reader_open(&reader, path, &error) == DP_OK);
    fuzz_demand(dp_line_reader_fill(&reader, &more, &error) == DP_OK);
    while (more)
        ask_lines(model_of(data[0] % MODELS), &reader, &more);
    dp_line_reader_close(&reader);
    (void)model_of(data[0] % MODELS);
    if (data[0] >= MODELS)
        run_command(data[0] % MODELS, data[0] / MODELS, path);
    unlink(path);
    return 0;
}
