#include "pack/packing.h"

#include "base/memory.h"
#include "base/size.h"
#include "pack/corpus.h"
#include "pack/dataset_writer.h"
#include "pack/packing_steps.h"
#include "pack/word_packing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words [first, first + count) of a corpus make one split. */
typedef struct part {
    const dp_corpus *corpus;
    size_t first;
    size_t count;
} part;

typedef struct packer {
    const dp_packing_request *request;
    dp_termination *termination;
    dp_progress_line progress;
    dp_alphabet alphabet;
    dp_vocabulary vocabulary;
    dp_corpus corpora[DP_SPLIT_COUNT]; /* one, or one a split */
    int corpus_count;
    part parts[DP_SPLIT_COUNT];
    dp_dataset_info info;
    uint64_t rows[DP_SPLIT_COUNT];
    uint64_t rows_total;
    uint64_t rows_done;
    dp_dataset_writer *writer;
    uint32_t *ids; /* words on their way to the writer, owned */
} packer;

/* --- the request ------------------------------------------------------------------------------ */

dp_status dp_packing_request_init(dp_packing_request *request, const char *text, const char *output,
                                  uint64_t block_size, dp_error *error) {
    *request = (dp_packing_request){.block_size = block_size,
                                    .split = {.count = 3, .values = {0.8, 0.1, 0.1}},
                                    .seed = DP_PACKING_SEED_DEFAULT,
                                    .boundary = DP_PACKING_BOUNDARY_DEFAULT,
                                    .words = {.min_count = 1}};
    DP_TRY(dp_path_format(request->inputs[0], error, "%s", text));
    return dp_path_format(request->output, error, "%s", output);
}

double dp_packing_share_sum(double a, double b) {
    char text[32];
    snprintf(text, sizeof text, "%.15g", a + b);
    return strtod(text, NULL);
}

/* --- reading ---------------------------------------------------------------------------------- */

static dp_status read_texts(packer *self, dp_error *error) {
    const dp_packing_request *request = self->request;
    DP_TRY(dp_alphabet_init(&self->alphabet, request->boundary, error));
    self->corpus_count = request->ready_made ? DP_SPLIT_COUNT : 1;
    for (int i = 0; i < self->corpus_count; i++)
        DP_TRY(dp_corpus_open(&self->corpora[i], request->inputs[i], &self->alphabet,
                              &self->progress, error));
    return dp_alphabet_number(&self->alphabet, &self->vocabulary, error);
}

static dp_status divide(packer *self, dp_error *error) {
    dp_status status = DP_OK;
    dp_corpus *corpus = &self->corpora[0];
    size_t cuts[2];
    if (self->request->ready_made) {
        for (int i = 0; i < DP_SPLIT_COUNT; i++)
            self->parts[i] = (part){&self->corpora[i], 0, self->corpora[i].words.count};
        return status;
    }
    DP_TRY(dp_packing_cut(self->request, corpus->words.count, "words", cuts, error));
    dp_corpus_shuffle(corpus, self->request->seed);
    self->parts[DP_SPLIT_TRAIN] = (part){corpus, 0, cuts[0]};
    self->parts[DP_SPLIT_DEV] = (part){corpus, cuts[0], cuts[1] - cuts[0]};
    self->parts[DP_SPLIT_TEST] = (part){corpus, cuts[1], corpus->words.count - cuts[1]};
    return status;
}

static void count_rows(packer *self) {
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        const part *words = &self->parts[split];
        self->rows[split] = dp_corpus_rows(words->corpus, words->first, words->count);
        self->rows_total += self->rows[split];
    }
}

static dp_status describe(packer *self, dp_error *error) {
    const dp_file_map *texts[DP_SPLIT_COUNT];
    for (int i = 0; i < self->corpus_count; i++)
        texts[i] = &self->corpora[i].text;
    self->info.unit = DP_UNIT_CHAR;
    return dp_packing_describe(self->request, texts, self->corpus_count, &self->info, error);
}

/* --- writing ---------------------------------------------------------------------------------- */

static dp_status pass_on(packer *self, dp_split split, size_t count, dp_error *error) {
    dp_status status = dp_packing_check_termination(self->termination, error);
    if (status != DP_OK)
        return status;
    self->rows_done += count;
    dp_progress_line_show(&self->progress, self->rows_done, self->rows_total, "writing");
    return dp_dataset_writer_add(self->writer, split, self->ids, count, error);
}

/* Shuffled words lie anywhere in the text, so each group is asked for before its turn: the memory's
 * latency passes once a group, not once a word. */
static dp_status write_split(packer *self, dp_split split, dp_error *error) {
    enum { GROUP = DP_CORPUS_PREFETCH_MAX, BATCH = 1 << 12 };
    dp_status status = DP_OK;
    const dp_corpus *corpus = self->parts[split].corpus;
    const uint64_t *words = corpus->words.words + self->parts[split].first;
    const size_t count = self->parts[split].count;
    size_t filled = 0;
    DP_NEW_OR_DONE(self->ids, BATCH + corpus->longest + 1 + DP_CORPUS_SPILL);
    for (size_t i = 0; i < count; i++) {
        if (i % GROUP == 0)
            dp_corpus_prefetch(corpus, words + i, dp_size_min(count - i, GROUP));
        filled += dp_corpus_encode(corpus, &self->alphabet, words[i], self->ids + filled);
        if (filled >= BATCH) {
            DP_OR_DONE(pass_on(self, split, filled, error));
            filled = 0;
        }
    }
    DP_OR_DONE(pass_on(self, split, filled, error));
done:
    dp_memory_free(self->ids);
    self->ids = NULL;
    return status;
}

static dp_status write_dataset(packer *self, dp_error *error) {
    dp_status status = DP_OK;
    if (self->termination != NULL)
        dp_termination_watch(self->termination);
    DP_OR_DONE(dp_dataset_writer_create(&self->writer, self->request->output, &self->info,
                                        &self->vocabulary, self->rows, error));
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        DP_OR_DONE(write_split(self, (dp_split)split, error));
    DP_OR_DONE(dp_dataset_writer_commit(self->writer, error));
done:
    dp_dataset_writer_destroy(self->writer);
    self->writer = NULL;
    return status;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void summarize(const packer *self, dp_packing *packing) {
    *packing = (dp_packing){.vocab = self->vocabulary.count};
    memcpy(packing->rows, self->rows, sizeof packing->rows);
    for (int i = 0; i < self->corpus_count; i++) {
        packing->text_bytes += self->corpora[i].text.size;
        packing->words += self->corpora[i].words.count;
        packing->empty_lines += self->corpora[i].empty_lines;
    }
}

static void release(packer *self) {
    dp_progress_line_close(&self->progress);
    for (int i = 0; i < self->corpus_count; i++)
        dp_corpus_close(&self->corpora[i]);
    dp_vocabulary_clear(&self->vocabulary);
    dp_alphabet_clear(&self->alphabet);
}

dp_status dp_packing_run(dp_packing *packing, const dp_packing_request *request,
                         dp_termination *termination, dp_error *error) {
    if (request->unit == DP_UNIT_WORD)
        return dp_word_packing_run(packing, request, termination, error);
    dp_status status = DP_OK;
    packer *self = NULL;
    DP_NEW_OR_DONE(self, 1); /* too large for the stack: paths */
    self->request = request;
    self->termination = termination;
    dp_progress_line_open(&self->progress, stderr);
    DP_OR_DONE(read_texts(self, error));
    DP_OR_DONE(divide(self, error));
    count_rows(self);
    DP_OR_DONE(describe(self, error));
    DP_OR_DONE(write_dataset(self, error));
    summarize(self, packing);
done:
    if (self != NULL)
        release(self);
    dp_memory_free(self);
    return status;
}
