/* embedding_text: embeddings of tokens as word2vec writes text, which most tools read and write.
 *
 *   TOKENS FEATURES             how many lines follow, and how many numbers are in each
 *   the 0.25 -1.5 3e-3 ...      a token and its features
 *
 * with spaces or tabs between. A token has none of these itself: who writes it puts others in their
 * place (dp_embedding_text_blanks). The file may come from anywhere: what is held of it is one
 * line, and every line is checked. What is wrong is DP_ERR_INPUT and names file and line.
 */
#ifndef DP_FORMATS_EMBEDDING_TEXT_H
#define DP_FORMATS_EMBEDDING_TEXT_H

#include "system/line_reader.h"

#define DP_EMBEDDING_TEXT_FEATURES_MAX 65536

/* Start with {.reader.descriptor = -1}. */
typedef struct dp_embedding_text {
    dp_line_reader reader;
    uint64_t tokens, features; /* as the first line says */
    uint64_t taken;            /* tokens read so far */
} dp_embedding_text;

/* Opens it and reads the first line; "-" is the standard input. `path` is borrowed. Release with
 * dp_embedding_text_close, also after a failure. */
dp_status dp_embedding_text_open(dp_embedding_text *file, const char *path,
                                 dp_error *error) DP_CHECKED;
void dp_embedding_text_close(dp_embedding_text *file);

/* The next token, valid until the next call, and its features [features], all finite. *token is
 * NULL behind the last one, where the file has ended as its first line says. */
dp_status dp_embedding_text_next(dp_embedding_text *file, const char **token, size_t *length,
                                 float *features, dp_error *error) DP_CHECKED;

/* Puts blanks back in a copy of a token, where U+2581 stands for a space and U+2409 to U+240D for
 * what ASCII has as other blanks. out [length + 1]; returns the new length. */
size_t dp_embedding_text_blanks(const char *token, size_t length, char *out);

#endif
