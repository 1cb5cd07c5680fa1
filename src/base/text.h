/* text: a growing string, strict number parsing, and small helpers for messages.
 *
 * Leaves UTF-8 to `base/utf8` and JSON to `formats/json`.
 */
#ifndef DP_BASE_TEXT_H
#define DP_BASE_TEXT_H

#include "base/status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A growing, always 0-terminated string. Start with {0}; release with dp_text_clear. An append that
 * finds no memory sets `failed` and later appends do nothing, so that a caller checks once, with
 * dp_text_check, after building the whole. */
typedef struct dp_text {
    char *data; /* NULL while empty; dp_text_string gives "" then */
    size_t length;
    size_t capacity;
    bool failed;
} dp_text;

void dp_text_append(dp_text *text, const char *string);
void dp_text_append_bytes(dp_text *text, const void *bytes, size_t count);
void dp_text_append_format(dp_text *text, const char *format, ...) DP_PRINTF(2, 3);
void dp_text_append_arguments(dp_text *text, const char *format, va_list arguments) DP_PRINTF(2, 0);
/* Appends what the format "%.*f" says, with 1 to 6 digits behind the point, in a fifth of the time
 * where the number is of a usual size. */
void dp_text_append_fixed(dp_text *text, double value, unsigned digits);
void dp_text_append_unsigned(dp_text *text, uint64_t value);
/* Appends what stands before a mark in `template` and returns what stands behind it; all of it, and
 * NULL, where there is none. */
const char *dp_text_append_before(dp_text *text, const char *template, const char *mark);
/* Leaves the first `length` bytes, if there are more. */
void dp_text_cut(dp_text *text, size_t length);
/* Appends what comes from a user or a file and goes to a terminal: what is obeyed there and not
 * seen (dp_utf8_is_command) becomes its name, "<U+202E>", and what is not UTF-8 U+FFFD. */
void dp_text_append_shown(dp_text *text, const char *string);
/* The same of whole lines: their ends and tabs stay. */
void dp_text_append_shown_lines(dp_text *text, const char *lines);
/* Prints lines that quote users and files, as dp_text_append_shown_lines would append them; without
 * memory a word of that, on standard error. */
void dp_text_print(FILE *output, const char *format, ...) DP_PRINTF(2, 3);
/* Appends words, separated by blanks, to a line that has reached `column`, and ends the line; where
 * it would pass the 79 columns of a terminal, it goes on below, at that column. */
void dp_text_append_wrapped(dp_text *text, size_t column, const char *words);
const char *dp_text_string(const dp_text *text);
/* DP_ERR_MEMORY where an append has failed. */
dp_status dp_text_check(const dp_text *text, dp_error *error) DP_CHECKED;
/* Releases the memory; the text is empty and usable again. */
void dp_text_clear(dp_text *text);

/* Copies a 0-terminated string; false (and an empty destination) where it does not fit. */
bool dp_text_copy(char *destination, size_t size, const char *source) DP_CHECKED;

/* The whole string must be a number: no blanks, no sign for the unsigned, no trailing text, in the
 * type's range, and finite. Decimal only for integers. False leaves *value as it was. */
bool dp_text_parse_unsigned(const char *string, uint64_t *value) DP_CHECKED;
bool dp_text_parse_real(const char *string, double *value) DP_CHECKED;
/* Seconds of "90s", "30m", "1.5h", "2d", "1:30:00" or "0"; other numbers need their unit. */
bool dp_text_parse_duration(const char *string, double *seconds) DP_CHECKED;

/* The fewest digits that read back as the same double, into buffer[32]; whole numbers below 1e15
 * without an exponent. Returns buffer. */
const char *dp_text_format_real(double value, char buffer[32]);

/* "1,234,567", into buffer[32]. Returns buffer. */
const char *dp_text_format_count(uint64_t value, char buffer[32]);

/* "45 s", "12 min 03 s", "3 h 20 min", into buffer[32]. Returns buffer. */
const char *dp_text_format_duration(double seconds, char buffer[32]);

/* These as arguments of a call, in memory of the block around it. */
#define DP_REAL_TEXT(value) dp_text_format_real((value), (char[32]){0})
#define DP_COUNT_TEXT(value) dp_text_format_count((value), (char[32]){0})
#define DP_DURATION_TEXT(seconds) dp_text_format_duration((seconds), (char[32]){0})

#endif
