/* char_scanner: the words of a text of one word a line, or the characters of a running text, and
 * which characters these are.
 *
 * Decides what a word is: a line without its end (LF or CRLF) and without the blanks (space, tab,
 * CR) before it. Lines without a word are skipped and counted. A byte order mark at the beginning
 * is skipped. What cannot be packed is an error that names file and line: invalid UTF-8, a zero
 * byte, the boundary inside a word, a word on a line of more than DP_LINE_BYTES_MAX bytes.
 *
 * Of a running text all characters are tokens as they stand there, blanks and ends of lines among
 * them; CRLF is the token LF.
 */
#ifndef DP_PACK_CHAR_SCANNER_H
#define DP_PACK_CHAR_SCANNER_H

#include "pack/packing_job.h"

#define DP_LINE_BYTES_MAX ((size_t)1 << 20)

typedef struct dp_alphabet {
    uint32_t boundary; /* its code point, which no word may have */
    /* [DP_UTF8_LIMIT] by code point, owned: not 0 where the character occurs. */
    uint32_t *ids;
    uint32_t end; /* no character from here on occurs, so that nobody looks for them; at least 128,
                     as fast paths for ASCII mark a character and do not look at this */
} dp_alphabet;

/* Sets the text's pieces and counts, and marks its characters, by up to `threads` threads.
 * DP_ERR_INPUT where it holds something that cannot be packed. */
dp_status dp_char_scanner_read(dp_packing_text *text, dp_alphabet *alphabet, size_t threads,
                               dp_progress_line *progress, dp_error *error) DP_CHECKED;

/* The same of a running text, which has no pieces; its count is that of its tokens. */
dp_status dp_char_scanner_read_stream(dp_packing_text *text, dp_alphabet *alphabet, size_t threads,
                                      dp_progress_line *progress, dp_error *error) DP_CHECKED;

#endif
