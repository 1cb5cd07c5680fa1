/* utf8: strict UTF-8, one code point at a time (RFC 3629: no overlong forms, no surrogates). */
#ifndef DP_BASE_UTF8_H
#define DP_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_UTF8_LIMIT 0x110000u /* code points are below this */
#define DP_UTF8_MAX_BYTES 4

/* Decodes the code point that begins at bytes[0] of `available` bytes into *code_point. Returns how
 * many bytes it takes (1 to 4), or 0 where they are not valid UTF-8 or are cut off. */
size_t dp_utf8_decode(const unsigned char *bytes, size_t available, uint32_t *code_point);

/* How many of `size` bytes are valid UTF-8, from the first on. */
size_t dp_utf8_valid_bytes(const void *text, size_t size);

/* How many bytes the byte order mark takes that a text begins with: 3, or 0 where it has none. */
size_t dp_utf8_mark_bytes(const void *text, size_t size);

/* Whether a character is not seen but obeyed: a control character, which commands a terminal, one
 * of those that turn the direction of the text around them or end its lines (U+202E, U+2066,
 * U+2028), or a byte order mark. */
bool dp_utf8_is_command(uint32_t code_point);

/* The code point that a 0-terminated text begins with, for showing it: what is not UTF-8, byte by
 * byte, and commands are U+FFFD. Returns how many bytes it takes, 0 at the end. */
#define DP_UTF8_REPLACEMENT 0xFFFDu
size_t dp_utf8_next_shown(const char *text, uint32_t *code_point);

/* Makes a text fit to be shown, in place: each byte of a command and of what is not UTF-8
 * becomes '?'. */
void dp_utf8_clean(char *text);

/* Encodes a valid code point into buffer, 0-terminated. Returns how many bytes it takes. */
size_t dp_utf8_encode(uint32_t code_point, char buffer[DP_UTF8_MAX_BYTES + 1]);

#endif
