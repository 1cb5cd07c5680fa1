/* corpus: a text of one word a line, mapped, with the places of its words.
 *
 * Decides what a word is: a line without its end (LF or CRLF) and without the blanks (space, tab,
 * CR) before it. Lines without a word are skipped and counted. A byte order mark at the beginning
 * is skipped. What cannot be packed is an error that names file and line: invalid UTF-8, a zero
 * byte, the boundary inside a word, a word on a line of more than DP_LINE_BYTES_MAX bytes.
 *
 * Memory is 8 bytes a word (word_list).
 */
#ifndef DP_PACK_CORPUS_H
#define DP_PACK_CORPUS_H

#include "pack/alphabet.h"
#include "pack/word_list.h"
#include "system/file.h"
#include "system/progress_line.h"

#include <stddef.h>
#include <stdint.h>

#define DP_LINE_BYTES_MAX ((size_t)1 << 20)

typedef struct dp_corpus {
    char path[DP_PATH_SIZE];
    dp_file_map text;
    dp_word_list words;   /* in the text's order, until they are shuffled */
    size_t longest;       /* characters of the longest word */
    uint64_t empty_lines; /* skipped */
} dp_corpus;

/* Reads the text and marks its characters in the alphabet. DP_ERR_IO where the file cannot be read,
 * DP_ERR_INPUT where it holds no word or something that cannot be packed; nothing is held then. */
dp_status dp_corpus_open(dp_corpus *corpus, const char *path, dp_alphabet *alphabet,
                         dp_progress_line *progress, dp_error *error) DP_CHECKED;
/* A zeroed struct is allowed. */
void dp_corpus_close(dp_corpus *corpus);

/* Python's random.seed(seed); random.shuffle(words). */
void dp_corpus_shuffle(dp_corpus *corpus, uint64_t seed);

/* Rows that words [first, first + count) give: one for each character, and one for the boundary. */
uint64_t dp_corpus_rows(const dp_corpus *corpus, size_t first, size_t count);

/* Appends the ids of one word and its boundary to `ids`: length + 1 of them, and
 * DP_CORPUS_SPILL more that hold nothing. Returns length + 1. */
#define DP_CORPUS_SPILL 8
size_t dp_corpus_encode(const dp_corpus *corpus, const dp_alphabet *alphabet, uint64_t word,
                        uint32_t *ids);

/* Asks the memory for words[0..count), at most DP_CORPUS_PREFETCH_MAX, that will be encoded next.
 */
#define DP_CORPUS_PREFETCH_MAX 512
void dp_corpus_prefetch(const dp_corpus *corpus, const uint64_t *words, size_t count);

#endif
