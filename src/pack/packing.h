/* packing: from the texts to the dataset file.
 *
 * What there is to do, for characters (pack/char_packing) and for words (pack/word_packing): read
 * the texts, cut them into splits, number what they hold, write the rows.
 *
 * The data are exactly those of Python's random.seed(seed); random.shuffle(words), split at
 * int(0.8 * n) and int(0.9 * n); tests/golden/make_names_digest.py says the same in Python.
 */
#ifndef DP_PACK_PACKING_H
#define DP_PACK_PACKING_H

#include "data/dataset.h"
#include "options/options.h"
#include "system/termination.h"

typedef enum dp_vocab_from { DP_VOCAB_FROM_ALL, DP_VOCAB_FROM_TRAIN } dp_vocab_from;
#define DP_VOCAB_FROM_NAMES "all", "train"

/* What is asked for of words; pack/word_packing and words/word_vocabulary have what it means. */
typedef struct dp_packing_words {
    uint64_t min_count; /* from 1 */
    uint64_t max_vocab; /* V at most; 0: no limit */
    bool no_eol;        /* with stream only */
    dp_vocab_from vocab_from;
} dp_packing_words;

/* What is to be packed: one text, which is shuffled and split, or three that are the splits. Files
 * may be "-", the standard input (pack/text_source). */
typedef struct dp_packing_request {
    char inputs[DP_SPLIT_COUNT][DP_PATH_SIZE]; /* the ready-made splits, or the text and "" */
    const char *const *more; /* [more_count] further files of the one text, borrowed */
    size_t more_count;
    bool ready_made;
    const char *column; /* of tables, a number from 1 or a name; NULL: the text is no table */
    const char *weight_column; /* likewise, how often each line counts, from 0 to DP_WEIGHT_MAX;
                                  NULL: once. With column, not of a stream */
    char separator;            /* of columns; 0: a comma of *.csv, else a tab */
    char output[DP_PATH_SIZE];
    uint64_t block_size;                  /* 1 to DP_BLOCK_SIZE_MAX */
    dp_option_real_list split;            /* three shares that sum to 1 */
    bool stream;                          /* one sequence, over ends of lines */
    dp_option_unsigned_list split_tokens; /* with stream: ids in train and dev, or empty */
    uint64_t seed;                        /* of the shuffle */
    char boundary[DP_PATH_SIZE];          /* not yet known to be one character, or one word */
    dp_unit unit;
    dp_folding folding;     /* of the texts */
    bool unique;            /* repeats are dropped before the split, and their weights go to the
                               first; of one text, not of a stream */
    dp_packing_words words; /* with DP_UNIT_WORD only */
    /* A dataset, checkpoint or run folder whose tokens are to be had, or ""; set by
     * dp_packing_request_take_vocabulary. */
    char vocab_of[DP_PATH_SIZE];
    bool skip_unknown; /* with vocab_of, no stream: lines with other tokens are left out */
    uint64_t threads;  /* up to DP_CPU_THREADS_MAX; 0: as many as are of use */
} dp_packing_request;

#define DP_WEIGHT_MAX UINT64_C(1000000000000)
#define DP_PACKING_SPLIT_DEFAULT "0.8,0.1,0.1"
#define DP_PACKING_SEED_DEFAULT 42
#define DP_PACKING_BOUNDARY_DEFAULT "."
#define DP_PACKING_BOUNDARY_WORD "<s>"            /* what it is among words, where '.' is one, */
#define DP_PACKING_BOUNDARY_STREAM "\xE2\x90\x82" /* and in a stream of characters: U+2402 */

/* One text, split as by default. */
dp_status dp_packing_request_init(dp_packing_request *request, const char *text, const char *output,
                                  uint64_t block_size, dp_error *error) DP_CHECKED;

/* Sets vocab_of, and unit, stream, boundary, folding and block size to what that was packed with.
 * Errors: those of reading the file. */
dp_status dp_packing_request_take_vocabulary(dp_packing_request *request, const char *path,
                                             dp_error *error) DP_CHECKED;

/* The sum of two shares as in decimal arithmetic: 0.7 + 0.2 is 0.9, not 0.8999999999999999. */
double dp_packing_share_sum(double a, double b);

/* What was packed, for the summary. */
typedef struct dp_packing {
    uint64_t text_bytes;
    uint64_t words;
    uint64_t lines; /* that have words */
    uint64_t empty_lines;
    uint64_t unknown; /* how many of the words counted became <unk> */
    uint64_t dropped; /* words, or lines of words, that were repeats, */
    uint64_t skipped; /* and those that had unknown tokens */
    uint64_t vocab;
    uint64_t rows[DP_SPLIT_COUNT];
    uint64_t examples[DP_SPLIT_COUNT];               /* the same without weights */
    char warnings[DP_WARNINGS_MAX][DP_WARNING_SIZE]; /* about the texts, a line each */
    size_t warning_count;
    char overlap[DP_WARNING_SIZE]; /* dp_dataset_tell_overlap */
    /* Which tokens a vocabulary that was given lacks, the first of them; "" where there are none.
     */
    char unknown_tokens[DP_WARNING_SIZE];
} dp_packing;

/* Packs what `request` asks for. A temporary file exists only while `termination` watches; when
 * asked to end, this cleans up and fails, and dp_termination_pending then names the signal. Where
 * it is NULL, signals are the caller's. On failure no file is left; an older one stands. */
dp_status dp_packing_run(dp_packing *packing, const dp_packing_request *request,
                         dp_termination *termination, dp_error *error) DP_CHECKED;

#endif
