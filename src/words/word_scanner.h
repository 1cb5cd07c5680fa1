/* word_scanner: the words of a mapped text, in order.
 *
 * Decides what a word is: bytes between blanks, of valid UTF-8. Blanks are ASCII's: space, tab,
 * vertical tab, form feed, carriage return; a newline ends a line. Other characters that Unicode
 * calls blank (a no-break space) belong to words. Lines without a word are skipped and counted. A
 * byte order mark at the beginning is skipped.
 *
 * What cannot be packed is an error, and scanner.line says where: invalid UTF-8 (with the offset of
 * the byte), a zero byte, the boundary as a word, a word of more than DP_WORD_BYTES_MAX bytes.
 */
#ifndef DP_WORDS_WORD_SCANNER_H
#define DP_WORDS_WORD_SCANNER_H

#include "system/file.h"
#include "words/word_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_WORD_BYTES_MAX ((size_t)1 << 12)

/* How words are made of bytes; the same for all texts of a dataset. */
typedef struct dp_word_rules {
    const char *boundary; /* no word may be this */
    size_t boundary_bytes;
    unsigned char kinds[256]; /* what each byte means, see the source */
} dp_word_rules;

/* `boundary` is the user's text, borrowed; DP_ERR_INPUT unless it could be a word. */
dp_status dp_word_rules_init(dp_word_rules *rules, const char *boundary,
                             dp_error *error) DP_CHECKED;

typedef struct dp_word_scanner {
    const dp_word_rules *rules;
    const unsigned char *text;
    size_t end;           /* of the text */
    size_t at;            /* the next byte */
    uint64_t line;        /* that it stands on, from 1 */
    size_t line_first;    /* where that line begins */
    bool line_has_words;  /* before `at` */
    bool is_joined;       /* the text is no file, so that offsets in it tell nobody anything */
    uint64_t empty_lines; /* skipped so far */
} dp_word_scanner;

/* Words come in batches, so that a table can be asked for its memory ahead. */
#define DP_WORD_BATCH 256
typedef struct dp_word_batch {
    /* Words, in the mapped text; and ends of lines that have words, with length 0 and the text
     * where the line begins. */
    dp_word words[DP_WORD_BATCH];
    size_t count; /* 0: the text is at its end */
} dp_word_batch;

/* Begins at the beginning of the text. Text and rules are borrowed. */
void dp_word_scanner_init(dp_word_scanner *scanner, const dp_word_rules *rules,
                          const dp_file_map *text);

/* Replaces the batch by the next words. */
dp_status dp_word_scanner_read(dp_word_scanner *scanner, dp_word_batch *batch,
                               dp_error *error) DP_CHECKED;

#endif
