/* vocabulary: the tokens of a dataset, in id order.
 *
 * Id 0 is the boundary token. Tokens are UTF-8 without zero bytes, all different.
 */
#ifndef DP_DATA_VOCABULARY_H
#define DP_DATA_VOCABULARY_H

#include "data/unicode.h"
#include "formats/h5reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_TOKENS_OBJECT "/vocab/tokens"
#define DP_COUNTS_OBJECT "/vocab/counts"

#define DP_BOUNDARY_ID 0u
#define DP_UNKNOWN_WORD "<unk>" /* the token of words that have none of their own */

#define DP_PACKED_WITH_SIZE 256

/* What a token is. */
typedef enum dp_unit { DP_UNIT_CHAR, DP_UNIT_WORD } dp_unit;
#define DP_UNIT_NAMES "char", "word"

const char *dp_unit_name(dp_unit unit);

/* The attributes `unit`, what is neither being taken as char, and `stream` of a dataset or
 * checkpoint, which reads as false where there is none. */
dp_status dp_unit_read(const dp_h5reader *file, dp_unit *unit, bool *stream,
                       dp_error *error) DP_CHECKED;

/* What was done to a text before it became rows; the same must be done to a text that a model of it
 * is asked about. */
typedef struct dp_preparation {
    dp_folding folding;
    char packed_with[DP_PACKED_WITH_SIZE]; /* pack_dataset's options; "": not known */
} dp_preparation;

/* The attributes `lowercase`, `normalize` and `packed_with` of a dataset or checkpoint; files of
 * before have none of them, and nothing is known. Written by data/vocabulary_writer. */
dp_status dp_preparation_read(const dp_h5reader *file, dp_preparation *preparation,
                              dp_error *error) DP_CHECKED;

/* A table of more bytes than this is not read. */
#define DP_VOCABULARY_BYTES_MAX ((size_t)1 << 30)

typedef struct dp_vocabulary {
    char *table;  /* [count][width] owned, each token padded with at least one zero byte */
    size_t count; /* V */
    size_t width; /* bytes of the longest token, and one */
    /* [count] owned: how often each token stood in the text that the vocabulary was counted on;
     * NULL where that is not known. */
    uint64_t *counts;
    const char **sorted; /* [count] owned, into table: NULL until dp_vocabulary_sort */
} dp_vocabulary;

/* Takes copies of `count` tokens. Start with {0}; release with dp_vocabulary_clear. */
dp_status dp_vocabulary_init(dp_vocabulary *vocabulary, const char *const *tokens, size_t count,
                             dp_error *error) DP_CHECKED;
void dp_vocabulary_clear(dp_vocabulary *vocabulary);

/* "/vocab/tokens" of a dataset or checkpoint; counts are left in the file. That tokens are valid is
 * checked. Written by data/vocabulary_writer. */
dp_status dp_vocabulary_read(dp_vocabulary *vocabulary, const dp_h5reader *file,
                             dp_error *error) DP_CHECKED;

/* The token of an id below count, 0-terminated, owned by the vocabulary. */
const char *dp_vocabulary_token(const dp_vocabulary *vocabulary, uint32_t id);

/* The id of the token spelled by text[0..length); false where there is none. */
bool dp_vocabulary_find(const dp_vocabulary *vocabulary, const char *text, size_t length,
                        uint32_t *id) DP_CHECKED;

/* For who looks up many: dp_vocabulary_find then takes log(count) comparisons and not count. */
dp_status dp_vocabulary_sort(dp_vocabulary *vocabulary, dp_error *error) DP_CHECKED;

/* The same of a vocabulary that is not to be changed: a view of it, which is sorted and has nothing
 * else of its own. Release with dp_vocabulary_end_view, also after a failure. */
dp_status dp_vocabulary_view(const dp_vocabulary *vocabulary, dp_vocabulary *view,
                             dp_error *error) DP_CHECKED;
void dp_vocabulary_end_view(dp_vocabulary *view);

bool dp_vocabulary_equal(const dp_vocabulary *a, const dp_vocabulary *b);

/* Appends in what two vocabularies that are not equal differ: the first tokens that the other
 * lacks, and how many, or where the order begins to. */
dp_status dp_vocabulary_difference(const dp_vocabulary *a, const char *name_a,
                                   const dp_vocabulary *b, const char *name_b, dp_text *out,
                                   dp_error *error) DP_CHECKED;

#endif
