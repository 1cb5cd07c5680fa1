/* word_spool: the words of texts as numbers, in a file, as too many may be for the memory.
 *
 * Decides the numbers: the places of words in a table (words/word_table), that is the order in
 * which they first appear. A text is read by several threads, in parts that end with a line, and
 * the numbers are those that one would give.
 */
#ifndef DP_WORDS_WORD_SPOOL_H
#define DP_WORDS_WORD_SPOOL_H

#include "words/piece.h"
#include "words/word_scanner.h"

/* Numbers of four bytes in a file beside the one that is to be written. Once they are finished they
 * are read in any order, and the file has no name, so that the disk gets it back however the
 * program ends; before, it is what a killed program leaves. */
typedef struct dp_word_spool {
    const uint32_t *numbers; /* [count] once finished, mapped */
    uint64_t count;
    int descriptor; /* of the file, until it is finished; else below 0 */
    dp_file_replacement file;
    dp_file_map map;
} dp_word_spool;

/* A text that is to be read; borrowed. */
typedef struct dp_word_text {
    const dp_word_rules *rules;
    const dp_file_map *map;
    bool is_joined;       /* as in dp_word_scanner */
    const char *end_word; /* that the end of each line with words is; NULL: it is none */
    bool has_pieces;      /* its lines are wanted */
    bool counts;          /* in the table, once each; else words only get their place */
    size_t threads;
    /* Called now and then, by the caller's thread, when all before byte `at` is read; a failure
     * ends reading. */
    dp_status (*check)(void *context, size_t at, dp_error *error);
    void *context;
} dp_word_text;

/* What is found. */
typedef struct dp_word_reading {
    uint64_t words, lines, empty_lines; /* lines that have words, and others */
    uint64_t
        failed_line;  /* of the text, from 1, where what stands there is why it failed; else 0 */
    uint64_t *pieces; /* [count] lines: place and number of their words; the caller frees them */
    size_t count, capacity;
} dp_word_reading;

/* Begins a file beside `path`. To be cleared in any case. */
dp_status dp_word_spool_create(dp_word_spool *spool, const char *path, dp_error *error) DP_CHECKED;
/* Appends the numbers of a text, whose words are added to the table, and sets what is found. */
dp_status dp_word_spool_read(dp_word_spool *spool, dp_word_table *table, const dp_word_text *text,
                             dp_word_reading *reading, dp_error *error) DP_CHECKED;
/* The first time; after that it is finished. */
dp_status dp_word_spool_finish(dp_word_spool *spool, dp_error *error) DP_CHECKED;
void dp_word_spool_clear(dp_word_spool *spool);

#endif
