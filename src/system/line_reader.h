/* line_reader: the lines of a file or a pipe, as they come. Memory is that of the longest line,
 * which has at most DP_LINE_READER_MAX bytes: what goes on for longer is no text. */
#ifndef DP_SYSTEM_LINE_READER_H
#define DP_SYSTEM_LINE_READER_H

#include "system/file.h"

#include <stdint.h>

#define DP_LINE_READER_MAX ((size_t)64 << 20)

/* Release with dp_line_reader_close, also after a failure. */
typedef struct dp_line_reader {
    const char *name; /* of the file, for messages; borrowed */
    int descriptor;
    char *buffer; /* [capacity] owned; what is not yet taken is [begin, end) */
    size_t capacity, begin, end;
    bool ended; /* nothing follows what is in the buffer */
} dp_line_reader;

/* "-" is the standard input. A folder is DP_ERR_INPUT. */
dp_status dp_line_reader_open(dp_line_reader *reader, const char *path, dp_error *error) DP_CHECKED;
void dp_line_reader_close(dp_line_reader *reader);

/* Waits until there is a whole line, or the end, and takes in what has come; DP_ERR_INPUT of too
 * long a line. To be called once dp_line_reader_next has no more; *more is false where all has been
 * read. */
dp_status dp_line_reader_fill(dp_line_reader *reader, bool *more, dp_error *error) DP_CHECKED;

/* Whether dp_line_reader_fill would have to wait for what is yet to be written. */
bool dp_line_reader_must_wait(const dp_line_reader *reader);

/* The next line that is there, without its end (LF or CRLF), followed by a 0; false where none is.
 * It is the reader's, valid until dp_line_reader_fill. It may hold anything, zeros too. */
bool dp_line_reader_next(dp_line_reader *reader, char **line, size_t *length);

#endif
