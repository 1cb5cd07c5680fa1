#include "pack/packing_job.h"

#include "base/memory.h"
#include "base/size.h"
#include "data/sha256.h"
#include "pack/given_vocabulary.h"
#include "pack/python_random.h"
#include "pack/repeats.h"
#include "pack/sections.h"
#include "pack/text_findings.h"
#include "pack/text_source.h"
#include "system/cpu.h"
#include "words/piece.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define THREAD_BYTES ((size_t)8 << 20)

/* --- for callers and kinds -------------------------------------------------------------------- */

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

void dp_packing_watch(dp_packing_job *job) {
    if (job->termination != NULL)
        dp_termination_watch(job->termination);
}

dp_status dp_packing_check(const dp_packing_job *job, dp_error *error) {
    if (job->termination != NULL && dp_termination_pending(job->termination) != 0)
        return dp_fail(error, DP_ERR_IO, "asked to end; nothing was written");
    return DP_OK;
}

void dp_packing_note_unknown(dp_packing_job *job, const char *token) {
    enum { NAMED_MAX = 5 };
    if (job->unknown_tokens++ >= NAMED_MAX)
        return;
    dp_text_append(&job->unknown_names, job->unknown_names.length == 0 ? "'" : ", '");
    dp_text_append_shown(&job->unknown_names, token);
    dp_text_append(&job->unknown_names, "'");
}

/* --- reading ---------------------------------------------------------------------------------- */

/* How a text will be read; only speed depends on it. */
static void advise(const dp_file_map *text, int advice) {
    (void)posix_madvise((void *)(uintptr_t)text->data, text->size, advice);
}

static dp_status open_text(dp_packing_job *job, int index, dp_error *error) {
    const dp_packing_request *request = job->request;
    dp_packing_text *text = &job->texts[index];
    text->source_count = index == 0 ? 1 + request->more_count : 1;
    DP_TRY_NEW(text->names, text->source_count);
    text->names[0] = request->inputs[index];
    for (size_t i = 1; i < text->source_count; i++)
        text->names[i] = request->more[i - 1];
    return dp_text_source_open(job, text, error);
}

/* A thread more for each THREAD_BYTES of the texts, as far as there are processors. */
static void choose_threads(dp_packing_job *job) {
    unsigned char mask[DP_CPU_MASK_SIZE];
    size_t worth = 1;
    if (job->request->threads > 0)
        return;
    for (int i = 0; i < job->text_count; i++)
        worth += job->texts[i].map.size / THREAD_BYTES;
    dp_cpu_mask(mask);
    const int processors = dp_cpu_mask_count(mask), quota = dp_cpu_quota();
    job->threads = dp_size_min(dp_size_min(worth, DP_CPU_THREADS_MAX),
                               (size_t)(processors < quota ? processors : quota));
}

typedef struct dp_source_digest {
    char sha256[DP_SHA256_TEXT_SIZE];
} source_digest;

static void hash(dp_packing_text *text, const atomic_bool *stops) {
    for (size_t i = 0; i < text->source_count; i++)
        dp_sha256_of_unless(stops, text->sources[i].data, text->sources[i].size,
                            text->digests[i].sha256);
}

/* Hashing takes one thread. Of the words of names the shuffle does, too, and takes longer, so that
 * they go together; else it goes with reading. */
static bool hashes_while_reading(const dp_packing_job *job) {
    return job->request->unit == DP_UNIT_WORD || job->request->stream;
}

typedef struct reading {
    dp_packing_job *job;
    dp_packing_text *text;
    atomic_bool has_failed; /* to read: what is to be hashed may be endless */
} reading;

static dp_status read_or_hash(void *context, size_t item, size_t worker, dp_error *error) {
    reading *self = context;
    (void)worker;
    if (item > 0) {
        hash(self->text, &self->has_failed);
        return DP_OK;
    }
    const dp_status status = self->job->kind->read(self->job->state, self->text, error);
    if (status != DP_OK)
        atomic_store(&self->has_failed, true);
    return status;
}

static dp_status read_texts(dp_packing_job *job, dp_error *error) {
    job->text_count = job->request->ready_made ? DP_SPLIT_COUNT : 1;
    for (int i = 0; i < job->text_count; i++) {
        dp_packing_text *text = &job->texts[i];
        DP_TRY(open_text(job, i, error));
        DP_TRY_NEW(text->digests, text->source_count);
        choose_threads(job);
        reading both = {.job = job, .text = text};
        DP_TRY(dp_cpu_run(job->threads, hashes_while_reading(job) ? 2 : 1, read_or_hash, &both,
                          error));
        DP_TRY(dp_text_source_settle_weights(job, text, error));
        if (text->words == 0)
            return dp_fail(error, DP_ERR_INPUT, "%s holds no words, only %" PRIu64 " empty lines%s",
                           text->names[0], text->empty_lines,
                           job->request->weight_column == NULL ? "" : " and lines of weight 0");
    }
    return DP_OK;
}

/* As they would be typed, those that are not the default but for the split. */
static void describe_options(const dp_packing_request *request, dp_text *out) {
    static const char *const forms[] = {DP_NORMAL_FORM_NAMES};
    const dp_packing_words *words = &request->words;
    const uint64_t *tokens = request->split_tokens.values;
    const double *shares = request->split.values;
    if (request->ready_made)
        dp_text_append(out, "--train, --dev and --test");
    else if (request->split_tokens.count > 0)
        dp_text_append_format(out, "--split-tokens %" PRIu64 ",%" PRIu64, tokens[0], tokens[1]);
    else
        dp_text_append_format(out, "--split %g,%g,%g", shares[0], shares[1], shares[2]);
    if (request->column != NULL)
        dp_text_append_format(out, " --column %s", request->column);
    if (request->weight_column != NULL)
        dp_text_append_format(out, " --weight-column %s", request->weight_column);
    dp_text_append(out, request->folding.lowercase ? " --lowercase" : "");
    if (request->folding.normalize != DP_NORMAL_NONE)
        dp_text_append_format(out, " --normalize %s", forms[request->folding.normalize]);
    if (request->vocab_of[0] != '\0')
        dp_text_append_format(out, " --vocab-of %s%s", dp_path_base(request->vocab_of),
                              request->skip_unknown ? " --skip-unknown" : "");
    dp_text_append(out, request->unit == DP_UNIT_WORD ? " --unit word" : "");
    dp_text_append(out, request->unique ? " --unique" : "");
    dp_text_append(out, request->stream ? " --stream" : "");
    dp_text_append(out, words->no_eol ? " --no-eol" : "");
    if (words->min_count > 1)
        dp_text_append_format(out, " --min-count %" PRIu64, words->min_count);
    if (words->max_vocab > 0)
        dp_text_append_format(out, " --max-vocab %" PRIu64, words->max_vocab);
    dp_text_append(out, words->vocab_from == DP_VOCAB_FROM_TRAIN ? " --vocab-from train" : "");
}

static dp_status describe(dp_packing_job *job, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text options = {0};
    const dp_packing_request *request = job->request;
    dp_dataset_info *info = &job->info;
    info->unit = request->unit;
    info->stream = request->stream;
    info->weighted = request->weight_column != NULL;
    info->preparation.folding = request->folding;
    describe_options(request, &options);
    DP_TRY(dp_text_check(&options, error));
    snprintf(info->preparation.packed_with, DP_PACKED_WITH_SIZE, "%s", dp_text_string(&options));
    info->block_size = request->block_size;
    info->seed = request->seed;
    return DP_OK;
}

/* --- splits ----------------------------------------------------------------------------------- */

/* After so many tokens. */
static dp_status cut_by_numbers(const dp_packing_request *request, const char *name, size_t count,
                                size_t cuts[2], dp_error *error) {
    const uint64_t *sizes = request->split_tokens.values;
    if (sizes[0] >= count || sizes[1] >= count - sizes[0])
        return dp_fail(error, DP_ERR_INPUT,
                       "split_tokens %" PRIu64 ",%" PRIu64
                       " leaves nothing of the %zu tokens of %.200s for test",
                       sizes[0], sizes[1], count, name);
    cuts[0] = sizes[0];
    cuts[1] = sizes[0] + sizes[1];
    return DP_OK;
}

/* int(share * count) */
static size_t share_of(double share, size_t count) {
    return dp_size_min((size_t)(share * (double)count), count);
}

/* Where `count` pieces are cut: train is [0, cuts[0]), dev [cuts[0], cuts[1]), test the rest.
 * Computed as Python computes int(a * count) and int((a + b) * count), with a + b rounded to the
 * decimal that a person would write. DP_ERR_INPUT where a split would be empty that has a share. */
static dp_status cut_by_shares(const dp_packing_request *request, const char *name, size_t count,
                               size_t cuts[2], dp_error *error) {
    const double *shares = request->split.values;
    cuts[0] = share_of(shares[0], count);
    cuts[1] = share_of(dp_packing_share_sum(shares[0], shares[1]), count);
    const size_t sizes[DP_SPLIT_COUNT] = {cuts[0], cuts[1] - cuts[0], count - cuts[1]};
    const char *pieces = request->stream                 ? "tokens"
                         : request->unit == DP_UNIT_CHAR ? "words"
                                                         : "lines";
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        if (sizes[split] == 0 && shares[split] > 0.0)
            return dp_fail(error, DP_ERR_INPUT,
                           "--split %g,%g,%g leaves %s none of the %zu %s of %.200s: change "
                           "--split or add %s",
                           shares[0], shares[1], shares[2], dp_split_name((dp_split)split), count,
                           pieces, name, pieces);
    }
    return DP_OK;
}

static dp_status divide(dp_packing_job *job, dp_error *error) {
    const dp_packing_request *request = job->request;
    dp_packing_text *text = &job->texts[0];
    size_t cuts[2] = {0};
    if (request->ready_made) {
        for (int i = 0; i < DP_SPLIT_COUNT; i++)
            job->parts[i] = (dp_packing_part){&job->texts[i], 0, job->texts[i].count};
        return DP_OK;
    }
    DP_TRY((request->split_tokens.count > 0 ? cut_by_numbers : cut_by_shares)(
        request, text->names[0], text->count, cuts, error));
    job->parts[DP_SPLIT_TRAIN] = (dp_packing_part){text, 0, cuts[0]};
    job->parts[DP_SPLIT_DEV] = (dp_packing_part){text, cuts[0], cuts[1] - cuts[0]};
    job->parts[DP_SPLIT_TEST] = (dp_packing_part){text, cuts[1], text->count - cuts[1]};
    return DP_OK;
}

/* --- shuffling, and identity ------------------------------------------------------------------ */

/* Pieces, and their weights with them. */
static void shuffle(dp_packing_text *text, uint64_t seed) {
    dp_python_random random;
    dp_python_random_init(&random, seed);
    dp_python_random_shuffle(&random, text->pieces, text->count);
    if (text->weights != NULL) {
        dp_python_random_init(&random, seed);
        dp_python_random_shuffle(&random, text->weights, text->count);
    }
    advise(&text->map, POSIX_MADV_RANDOM);
}

/* Item 0 shuffles. */
static dp_status shuffle_or_hash(void *context, size_t item, size_t worker, dp_error *error) {
    dp_packing_job *job = context;
    dp_packing_text *text = &job->texts[0];
    const atomic_bool stops = false;
    (void)worker;
    (void)error;
    if (item > 0)
        hash(&job->texts[item - 1], &stops);
    else if (text->pieces != NULL && !job->request->ready_made)
        shuffle(text, job->request->seed);
    return DP_OK;
}

/* The names of all texts, and their digest: that of the one, or of the digests of several, one a
 * line. Names that are too long are cut. */
static dp_status name_sources(dp_packing_job *job, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text digests = {0};
    DP_OWNED(dp_text_clear) dp_text names = {0};
    char *sha256 = job->info.source_sha256;
    size_t count = 0;
    for (int i = 0; i < job->text_count; i++) {
        const dp_packing_text *text = &job->texts[i];
        for (size_t k = 0; k < text->source_count; k++, count++) {
            memcpy(sha256, text->digests[k].sha256, DP_SHA256_TEXT_SIZE);
            dp_text_append_format(&digests, "%s\n", sha256);
            dp_text_append_format(&names, "%s%s", count == 0 ? "" : ", ",
                                  dp_path_base(text->names[k]));
        }
    }
    DP_TRY(dp_text_check(&digests, error));
    DP_TRY(dp_text_check(&names, error));
    snprintf(job->info.source, sizeof job->info.source, "%s", dp_text_string(&names));
    if (count > 1)
        dp_sha256_of(digests.data, digests.length, sha256);
    return DP_OK;
}

static dp_status shuffle_and_identify(dp_packing_job *job, dp_error *error) {
    const size_t texts = hashes_while_reading(job) ? 0 : (size_t)job->text_count;
    DP_TRY(dp_cpu_run(job->threads, 1 + texts, shuffle_or_hash, job, error));
    return name_sources(job, error);
}

/* --- weights ---------------------------------------------------------------------------------- */

/* Each line has a boundary behind its piece. */
static dp_status weigh_split(dp_packing_job *job, dp_split split, dp_row_weights *weights,
                             dp_error *error) {
    const dp_packing_part *part = &job->parts[split];
    uint64_t row = 0, example = 0, *ends = NULL;
    DP_TRY_NEW(ends, 2 * part->count);
    job->line_ends[split] = ends;
    for (size_t i = 0; i < part->count; i++) {
        const uint64_t rows = dp_piece_length(part->text->pieces[part->first + i]) + 1;
        const uint64_t weight = dp_packing_weight(part->text, part->first + i);
        if (weight > (DP_EXAMPLES_MAX - example) / rows)
            return dp_fail(error, DP_ERR_INPUT,
                           "%s: the weights of %s are too large in sum: at most 2^53 tokens, each "
                           "as often as it weighs; divide them",
                           part->text->names[0], dp_split_name(split));
        ends[2 * i] = row += rows;
        ends[2 * i + 1] = example += weight * rows;
    }
    *weights = (dp_row_weights){.rows = row,
                                .examples = example,
                                .lines = part->count,
                                .ends = (const unsigned char *)ends};
    return DP_OK;
}

static dp_status weigh(dp_packing_job *job, dp_error *error) {
    dp_row_weights weights[DP_SPLIT_COUNT] = {0};
    for (int split = 0; split < DP_SPLIT_COUNT && job->info.weighted; split++)
        DP_TRY(weigh_split(job, (dp_split)split, &weights[split], error));
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        job->examples[split] = job->info.weighted ? weights[split].examples : job->rows[split];
    dp_dataset_writer_weigh(job->writer, weights);
    return DP_OK;
}

/* --- the whole -------------------------------------------------------------------------------- */

static dp_status write_dataset(dp_packing_job *job, dp_error *error) {
    dp_packing_watch(job);
    DP_TRY(dp_dataset_writer_create(&job->writer, job->request->output, &job->info,
                                    &job->vocabulary, job->rows, error));
    DP_TRY(weigh(job, error));
    DP_TRY(dp_sections_write(job, error));
    return dp_dataset_writer_commit(job->writer, error);
}

/* A text that cannot be divided, as it has one line, may look as if it had many. */
static dp_status explain(const dp_packing_job *job, dp_error *error) {
    const dp_status status = error->status;
    for (int i = 0; i < job->text_count; i++)
        DP_TRY(dp_text_findings_check_lines(&job->texts[i], error));
    return status;
}

/* Of the file that was asked for; what is not in it is left out, or refused. */
static dp_status take_vocabulary(dp_packing_job *job, dp_error *error) {
    dp_packing_request again = *job->request;
    bool unknown = false;
    DP_TRY(dp_given_vocabulary_read(&again, again.vocab_of, &job->vocabulary, error));
    DP_TRY(job->kind->match(job->state, &unknown, error));
    if (!unknown)
        return DP_OK;
    return job->request->skip_unknown ? dp_given_vocabulary_skip(job, error)
                                      : dp_given_vocabulary_fail(job, error);
}

static dp_status pack(dp_packing_job *job, dp_error *error) {
    DP_TRY(job->kind->begin(job->state, job, error));
    DP_TRY(read_texts(job, error));
    DP_TRY(describe(job, error));
    DP_TRY(dp_text_findings_make(job, error));
    if (job->request->vocab_of[0] != '\0')
        DP_TRY(take_vocabulary(job, error));
    if (job->request->unique)
        DP_TRY(dp_repeats_drop(job, error));
    if (divide(job, error) != DP_OK)
        return explain(job, error);
    DP_TRY(shuffle_and_identify(job, error));
    DP_TRY(dp_sections_count(job, error));
    DP_TRY(job->kind->number(job->state, error));
    return write_dataset(job, error);
}

static dp_status summarize(const dp_packing_job *job, dp_packing *packing, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text overlap = {0};
    *packing = (dp_packing){.vocab = job->vocabulary.count,
                            .unknown = job->unknown,
                            .dropped = job->dropped,
                            .skipped = job->skipped};
    dp_dataset_tell_overlap(&job->info, &overlap);
    DP_TRY(dp_text_check(&overlap, error));
    snprintf(packing->overlap, sizeof packing->overlap, "%s", dp_text_string(&overlap));
    if (job->unknown_tokens > 0)
        snprintf(packing->unknown_tokens, sizeof packing->unknown_tokens,
                 "%s different tokens are not in the vocabulary of %s: %s%s",
                 DP_COUNT_TEXT(job->unknown_tokens), dp_path_base(job->request->vocab_of),
                 dp_text_string(&job->unknown_names), job->unknown_tokens > 5 ? ", ..." : "");
    memcpy(packing->rows, job->rows, sizeof packing->rows);
    memcpy(packing->examples, job->examples, sizeof packing->examples);
    memcpy(packing->warnings, job->info.warnings, sizeof packing->warnings);
    packing->warning_count = job->info.warning_count;
    for (int i = 0; i < job->text_count; i++) {
        for (size_t k = 0; k < job->texts[i].source_count; k++)
            packing->text_bytes += job->texts[i].sources[k].size;
        packing->words += job->texts[i].words;
        packing->lines += job->texts[i].lines;
        packing->empty_lines += job->texts[i].empty_lines;
    }
    return DP_OK;
}

static void release(dp_packing_job *job) {
    if (job->state != NULL)
        job->kind->end(job->state);
    dp_memory_free(job->state);
    dp_dataset_writer_destroy(job->writer);
    dp_repeats_destroy(job->repeats);
    dp_progress_line_close(&job->progress);
    for (int i = 0; i < DP_SPLIT_COUNT; i++) {
        dp_memory_free(job->texts[i].pieces);
        dp_memory_free(job->line_ends[i]);
        dp_memory_free(job->group_rows[i]);
        dp_memory_free(job->texts[i].digests);
        dp_text_source_close(&job->texts[i]);
    }
    dp_vocabulary_clear(&job->vocabulary);
    dp_text_clear(&job->unknown_names);
}

static const dp_packing_kind *kind_of(const dp_packing_request *request) {
    return request->unit == DP_UNIT_WORD ? &dp_word_packing
           : request->stream             ? &dp_char_stream_packing
                                         : &dp_char_packing;
}

dp_status dp_packing_run(dp_packing *packing, const dp_packing_request *request,
                         dp_termination *termination, dp_error *error) {
    DP_OWNED(release)
    dp_packing_job job = {.request = request,
                          .termination = termination,
                          .kind = kind_of(request),
                          .threads = dp_size_min(request->threads, DP_CPU_THREADS_MAX)};
    job.state = dp_memory_zeroed(1, job.kind->size, error);
    if (job.state == NULL)
        return error->status;
    dp_progress_line_open(&job.progress, stderr);
    DP_TRY(pack(&job, error));
    return summarize(&job, packing, error);
}
