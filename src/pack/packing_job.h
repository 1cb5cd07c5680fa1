/* packing_job: a dataset on its way from the texts to the file: what pack/packing, which does what
 * is the same for all of them, shares with the kinds, which do what a unit needs of its own.
 *
 * Texts are cut into splits, and shuffled, by pieces: the words of a text of one word a line, the
 * lines of a text of words, or the single tokens of a stream of either.
 */
#ifndef DP_PACK_PACKING_JOB_H
#define DP_PACK_PACKING_JOB_H

#include "pack/dataset_writer.h"
#include "pack/packing.h"
#include "system/progress_line.h"

struct dp_text_suspects; /* pack/text_findings */
struct dp_repeats;       /* pack/repeats */

/* Where the lines of a text stand: `line`, from 1, and those below it up to the next origin. */
typedef struct dp_text_origin {
    uint64_t line;
    const char *name; /* of the file */
    uint64_t source_line;
} dp_text_origin;

typedef struct dp_packing_text {
    const char **names;   /* [source_count] owned, of the files: paths, or what they are called */
    dp_file_map *sources; /* [source_count] owned, as they were found */
    struct dp_source_digest *digests; /* [source_count] owned */
    size_t source_count;
    dp_file_map joined;      /* sources, or their columns, one behind the other; often none */
    dp_file_map folded;      /* the same in small letters, ...; often none */
    dp_file_map map;         /* one of these, as it is packed; all that follows speaks of it */
    dp_text_origin *origins; /* [origin_count] owned, by line; none: its lines are the file's */
    size_t origin_count, origin_capacity;
    /* [capacity] owned: place and number of tokens of each (words/piece); NULL of a stream. */
    uint64_t *pieces;
    uint64_t *weights; /* [count] owned, of the pieces, from 1; NULL: they have none */
    size_t weight_capacity;
    size_t capacity;
    size_t count;        /* of pieces */
    uint64_t spooled_at; /* of words: where its first one is among those of all texts */
    uint64_t words;
    uint64_t lines; /* that have words */
    uint64_t empty_lines;
} dp_packing_text;

/* A split: pieces [first, first + count) of a text. */
typedef struct dp_packing_part {
    const dp_packing_text *text;
    size_t first;
    size_t count;
} dp_packing_part;

typedef struct dp_packing_job {
    const dp_packing_request *request;
    const struct dp_packing_kind *kind;
    void *state;                 /* of the kind, owned */
    dp_termination *termination; /* NULL: nobody asks to end */
    dp_progress_line progress;
    dp_packing_text texts[DP_SPLIT_COUNT]; /* one, or one a split */
    int text_count;
    dp_packing_part parts[DP_SPLIT_COUNT];
    uint64_t dropped;        /* pieces that were repeats, */
    uint64_t skipped;        /* and those with unknown tokens */
    uint64_t unknown_tokens; /* how many different ones a given vocabulary lacks, */
    dp_text unknown_names;   /* and the first of them, for a message */
    size_t threads;          /* that work at once, where there is something for them */
    uint64_t longest;        /* tokens of the longest piece */
    uint64_t rows[DP_SPLIT_COUNT];
    uint64_t *group_rows[DP_SPLIT_COUNT]; /* of pieces, owned: pack/sections */
    uint64_t examples[DP_SPLIT_COUNT];    /* rows, as often as they weigh */
    uint64_t rows_total;
    uint64_t *line_ends[DP_SPLIT_COUNT]; /* [lines, 2] owned: data/row_weights */
    dp_vocabulary vocabulary;
    uint64_t unknown;           /* how many of the words counted became DP_UNKNOWN_WORD */
    struct dp_repeats *repeats; /* owned; NULL of a stream */
    dp_dataset_info info;
    dp_dataset_writer *writer;
} dp_packing_job;

/* What a unit needs of its own, in the order of the calls. `self` is memory of `size` bytes, zeroed
 * at first, that is released after `end`, which is called in any case. */
typedef struct dp_packing_kind {
    size_t size;
    dp_status (*begin)(void *self, dp_packing_job *job, dp_error *error);
    /* Finds the pieces of a text and counts its words and lines. */
    dp_status (*read)(void *self, dp_packing_text *text, dp_error *error);
    /* Sets keys [count] to what tells pieces apart, when all texts are read (pack/repeats). Not of
     * a stream, as is_known. */
    dp_status (*keys)(void *self, const dp_packing_text *text, const uint64_t *pieces, size_t count,
                      uint64_t *keys, dp_error *error);
    /* What the characters that were read make worth a look. */
    struct dp_text_suspects (*suspects)(const void *self);
    /* When all texts are read, gives what is in them its ids in job->vocabulary, which is then not
     * to be made. *unknown: there are tokens that have none, nor an DP_UNKNOWN_WORD to stand for
     * them. */
    dp_status (*match)(void *self, bool *unknown, dp_error *error);
    /* After that: whether all tokens of a piece have an id. */
    bool (*is_known)(const void *self, const dp_packing_text *text, uint64_t piece);
    /* Makes the vocabulary, when the parts are known, unless it was given. */
    dp_status (*number)(void *self, dp_error *error);
    /* After that: sets ids to those of pieces [count], each with its boundary, and returns how
     * many. Up to DP_PACKING_SPILL more are overwritten. Threads ask at once, as they do for keys.
     */
    size_t (*encode)(const void *self, const dp_packing_text *text, const uint64_t *pieces,
                     size_t count, uint32_t *ids);
    /* The same as small vectors, at most DP_PACKING_EIGHTS of them, of pieces that have at most
     * DP_PACKING_IDS ids, all of one byte; returns how many vectors. NULL: there is none. */
    size_t (*encode_eights)(const void *self, const dp_packing_text *text, const uint64_t *pieces,
                            size_t count, dp_id_eight *eights);
    /* Instead, of a stream, whose places are its own and begin at 0: the place behind so many
     * tokens from one on, */
    uint64_t (*skip)(const void *self, const dp_packing_text *text, uint64_t place,
                     uint64_t tokens);
    /* and the same with ids set to theirs, as by encode. */
    uint64_t (*encode_tokens)(const void *self, const dp_packing_text *text, uint64_t place,
                              size_t tokens, uint32_t *ids);
    void (*end)(void *self);
} dp_packing_kind;

extern const dp_packing_kind dp_char_packing, dp_char_stream_packing, dp_word_packing;

/* Of a piece, by its number in the text. */
static inline uint64_t dp_packing_weight(const dp_packing_text *text, size_t piece) {
    return text->weights == NULL ? 1 : text->weights[piece];
}

/* Leaves piece `from` of a text where `to`, at or before it, was. */
static inline void dp_packing_move(const dp_packing_text *text, size_t to, size_t from) {
    text->pieces[to] = text->pieces[from];
    if (text->weights != NULL)
        text->weights[to] = text->weights[from];
}

/* From now on the user's wish to end is looked for, as there is a file to be removed. */
void dp_packing_watch(dp_packing_job *job);
/* DP_ERR_IO where the user has asked to end. */
dp_status dp_packing_check(const dp_packing_job *job, dp_error *error) DP_CHECKED;

#define DP_PACKING_NOTED ((size_t)512) /* pieces that are worked on at once, at most, */
#define DP_PACKING_IDS ((size_t)4096)  /* and ids, but for those of one piece */
#define DP_PACKING_SPILL 8
#define DP_PACKING_EIGHTS (DP_PACKING_NOTED + DP_PACKING_IDS / 8)

/* Takes note of a token that a given vocabulary lacks, once. */
void dp_packing_note_unknown(dp_packing_job *job, const char *token);

#endif
