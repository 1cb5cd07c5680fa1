#include "base/text.h"

#include "base/memory.h"
#include "base/size.h"
#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool text_reserve(dp_text *text, size_t more) {
    dp_error error;
    void *data = text->data;
    if (!text->failed &&
        dp_memory_grow(&data, &text->capacity, text->length + more + 1, 1, &error) != DP_OK)
        text->failed = true;
    text->data = data;
    return !text->failed;
}

void dp_text_append_bytes(dp_text *text, const void *bytes, size_t count) {
    if (!text_reserve(text, count))
        return;
    if (count > 0) /* bytes may be NULL then: those of an empty file */
        memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void dp_text_append(dp_text *text, const char *string) {
    dp_text_append_bytes(text, string, strlen(string));
}

void dp_text_append_format(dp_text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    dp_text_append_arguments(text, format, arguments);
    va_end(arguments);
}

/* Into the room that there is; again where that was too little. */
void dp_text_append_arguments(dp_text *text, const char *format, va_list arguments) {
    va_list again;
    if (!text_reserve(text, 0))
        return;
    va_copy(again, arguments);
    const size_t room = text->capacity - text->length;
    const int length = vsnprintf(text->data + text->length, room, format, arguments);
    if (length < 0 || !text_reserve(text, (size_t)length)) {
        text->failed = true;
        text->data[text->length] = '\0';
    } else {
        if ((size_t)length >= room)
            vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

/* The digits of a number, before `end`; returns where they begin. */
static char *write_digits(uint64_t value, char *end) {
    do
        *--end = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    return end;
}

void dp_text_append_unsigned(dp_text *text, uint64_t value) {
    char digits[20], *end = digits + sizeof digits, *begin = write_digits(value, end);
    dp_text_append_bytes(text, begin, (size_t)(end - begin));
}

/* What is behind the point is a whole number of 2^-63, so that the product with a power of ten is
 * exact in two words, of which the lower one rounds: half of a unit to the even digit. */
void dp_text_append_fixed(dp_text *text, double value, unsigned digits) {
    static const uint64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    const double size = fabs(value);
    if (!(size >= 0x1p-10 && size < 1e15)) {
        dp_text_append_format(text, "%.*f", (int)digits, value);
        return;
    }
    char buffer[32], *end = buffer + sizeof buffer;
    const uint64_t power = powers[digits], half = (uint64_t)1 << 62, word = 0xFFFFFFFFu;
    uint64_t whole = (uint64_t)size;
    const uint64_t fraction = (uint64_t)((size - (double)whole) * 0x1p63);
    const uint64_t low = (fraction & word) * power;
    const uint64_t high = (fraction >> 32) * power + (low >> 32);
    const uint64_t rest = (high & 0x7FFFFFFFu) << 32 | (low & word);
    uint64_t scaled = high >> 31;
    scaled += rest > half || (rest == half && scaled % 2 == 1);
    whole += scaled == power;
    char *begin = write_digits(scaled == power ? 0 : scaled, end);
    while (begin > end - digits)
        *--begin = '0';
    *--begin = '.';
    begin = write_digits(whole, begin);
    if (value < 0.0)
        *--begin = '-';
    dp_text_append_bytes(text, begin, (size_t)(end - begin));
}

const char *dp_text_append_before(dp_text *text, const char *template, const char *mark) {
    const char *found = strstr(template, mark);
    dp_text_append_bytes(text, template,
                         found == NULL ? strlen(template) : (size_t)(found - template));
    return found == NULL ? NULL : found + strlen(mark);
}

void dp_text_cut(dp_text *text, size_t length) {
    if (length < text->length) {
        text->length = length;
        text->data[length] = '\0';
    }
}

/* Characters of `kept` stay as they are. */
static void append_shown(dp_text *text, const char *string, const char *kept) {
    static const char replacement[] = "\xEF\xBF\xBD";
    uint32_t shown = 0, code_point = 0;
    for (size_t length = 0; (length = dp_utf8_next_shown(string, &shown)) > 0; string += length) {
        const size_t valid = dp_utf8_decode((const unsigned char *)string, length, &code_point);
        if (valid == 0)
            dp_text_append(text, replacement);
        else if (code_point == shown || strchr(kept, *string) != NULL)
            dp_text_append_bytes(text, string, length);
        else
            dp_text_append_format(text, "<U+%04" PRIX32 ">", code_point);
    }
}

void dp_text_append_shown(dp_text *text, const char *string) {
    append_shown(text, string, "");
}

void dp_text_append_shown_lines(dp_text *text, const char *lines) {
    append_shown(text, lines, "\n\t");
}

void dp_text_print(FILE *output, const char *format, ...) {
    DP_OWNED(dp_text_clear) dp_text text = {0};
    DP_OWNED(dp_text_clear) dp_text shown = {0};
    va_list arguments;
    va_start(arguments, format);
    dp_text_append_arguments(&text, format, arguments);
    va_end(arguments);
    dp_text_append_shown_lines(&shown, dp_text_string(&text));
    if (text.failed || shown.failed)
        fputs("out of memory: what belongs here is not shown\n", stderr);
    else
        fputs(dp_text_string(&shown), output);
}

void dp_text_append_wrapped(dp_text *text, size_t column, const char *words) {
    const size_t width = 79;
    size_t at = column;
    for (const char *word = words; *word != '\0';) {
        size_t length = strcspn(word, " ");
        if (at > column && at + 1 + length > width) {
            dp_text_append_format(text, "\n%*s", (int)column, "");
            at = column;
        }
        dp_text_append(text, at > column ? " " : "");
        dp_text_append_bytes(text, word, length);
        at += length + (at > column);
        word += length + strspn(word + length, " ");
    }
    dp_text_append(text, "\n");
}

const char *dp_text_string(const dp_text *text) {
    return text->data == NULL ? "" : text->data;
}

dp_status dp_text_check(const dp_text *text, dp_error *error) {
    if (text->failed)
        return dp_fail(error, DP_ERR_MEMORY, "out of memory for a text of %zu bytes", text->length);
    return DP_OK;
}

void dp_text_clear(dp_text *text) {
    dp_memory_free(text->data);
    *text = (dp_text){0};
}

bool dp_text_copy(char *destination, size_t size, const char *source) {
    size_t length = strlen(source);
    bool fits = length < size;
    memcpy(destination, source, fits ? length : 0);
    destination[fits ? length : 0] = '\0';
    return fits;
}

bool dp_text_parse_unsigned(const char *string, uint64_t *value) {
    if (!isdigit((unsigned char)string[0]))
        return false;
    char *end = NULL;
    errno = 0;
    uintmax_t parsed = strtoumax(string, &end, 10);
    if (errno != 0 || *end != '\0' || parsed > UINT64_MAX)
        return false;
    *value = parsed;
    return true;
}

bool dp_text_parse_real(const char *string, double *value) {
    if (string[0] == '\0' || isspace((unsigned char)string[0]))
        return false;
    char *end = NULL;
    double parsed = strtod(string, &end);
    if (*end != '\0' || !isfinite(parsed))
        return false;
    *value = parsed;
    return true;
}

/* "h:mm:ss", with any number of hours. */
static bool parse_clock(const char *string, double *seconds) {
    static const char most[] = ":59:59"; /* the largest digits, and what must stand there */
    const size_t hours = strspn(string, "0123456789");
    const char *rest = string + hours;
    if (hours == 0 || hours > 9 || strlen(rest) != strlen(most))
        return false;
    for (size_t i = 0; i < strlen(most); i++) {
        if (rest[i] < (most[i] == ':' ? ':' : '0') || rest[i] > most[i])
            return false;
    }
    *seconds =
        strtod(string, NULL) * 3600.0 + strtod(rest + 1, NULL) * 60.0 + strtod(rest + 4, NULL);
    return true;
}

bool dp_text_parse_duration(const char *string, double *seconds) {
    static const char letters[] = "smhd";
    static const double units[] = {1.0, 60.0, 3600.0, 86400.0};
    const size_t length = strlen(string);
    char number[32];
    double value = 0.0;
    if (parse_clock(string, seconds))
        return true;
    if (strcmp(string, "0") == 0) {
        *seconds = 0.0;
        return true;
    }
    const char *letter = length == 0 ? NULL : strchr(letters, string[length - 1]);
    if (letter == NULL || length > sizeof number)
        return false;
    snprintf(number, sizeof number, "%.*s", (int)length - 1, string);
    if (!dp_text_parse_real(number, &value) || value < 0.0)
        return false;
    *seconds = value * units[letter - letters];
    return true;
}

const char *dp_text_format_real(double value, char buffer[32]) {
    if (fabs(value) < 1e15 && value == floor(value)) {
        snprintf(buffer, 32, "%.0f", value);
        return buffer;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(buffer, 32, "%.*g", digits, value);
        if (strtod(buffer, NULL) == value)
            break;
    }
    return buffer;
}

const char *dp_text_format_count(uint64_t value, char buffer[32]) {
    size_t length = (size_t)snprintf(buffer, 32, "%" PRIu64, value);
    for (size_t at = length; at > 3; length++) { /* from the end on */
        at -= 3;
        memmove(buffer + at + 1, buffer + at, length - at + 1);
        buffer[at] = ',';
    }
    return buffer;
}

const char *dp_text_format_duration(double seconds, char buffer[32]) {
    double whole = floor(seconds + 0.5);
    if (!(seconds >= 0.0) || whole > 1e9)
        snprintf(buffer, 32, "?");
    else if (whole < 10.0)
        snprintf(buffer, 32, "%.1f s", seconds);
    else if (whole < 60.0)
        snprintf(buffer, 32, "%.0f s", whole);
    else if (whole < 3600.0)
        snprintf(buffer, 32, "%.0f min %02.0f s", floor(whole / 60.0), fmod(whole, 60.0));
    else
        snprintf(buffer, 32, "%.0f h %02.0f min", floor(whole / 3600.0),
                 floor(fmod(whole, 3600.0) / 60.0));
    return buffer;
}
