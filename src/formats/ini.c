#include "formats/ini.h"

#include <ctype.h>
#include <string.h>

/* Earlier versions cut long values so that a line had so many bytes of it. What goes on behind such
 * a line may look like a value of its own: "runs/.../hidden_d" and "im=50". */
#define CUT_WIDTH 120

typedef struct span {
    const char *start;
    size_t length;
} span;

typedef struct ini_reader {
    dp_ini_take *take;
    void *context;
    dp_text section;
    dp_text name;      /* of the value that is being read */
    dp_text value;     /* so far */
    size_t value_line; /* on which it begins; 0: none is being read */
    bool is_cut;       /* its last line has CUT_WIDTH bytes of it */
    size_t line;       /* that a failure is about */
} ini_reader;

static bool is_blank(char c) {
    return isspace((unsigned char)c) != 0;
}

/* What begins behind the first `count` bytes, without blanks at its ends. */
static span trimmed(span text, size_t count) {
    text.start += count;
    text.length -= count;
    for (; text.length > 0 && is_blank(*text.start); text.length--)
        text.start++;
    while (text.length > 0 && is_blank(text.start[text.length - 1]))
        text.length--;
    return text;
}

static bool is_comment_mark(char c) {
    return c == ';' || c == '#';
}

static bool is_comment(span text) {
    return text.length > 0 && is_comment_mark(*text.start);
}

/* Bytes of the text before the first of `marks`, or of all of it. */
static size_t length_before(span text, const char *marks) {
    size_t length = 0;
    while (length < text.length &&
           (text.start[length] == '\0' || strchr(marks, text.start[length]) == NULL))
        length++;
    return length;
}

/* Whether an indented line is a section or "name = value" rather than the rest of the value above,
 * which may be a path. */
static bool is_new(span text) {
    const size_t end = length_before(text, "=:/;");
    return *text.start == '[' || (end < text.length && strchr("=:", text.start[end]) != NULL);
}

/* Where a comment begins behind at least one byte of the text, or its length. */
static size_t length_before_comment(span text) {
    size_t length = 1;
    while (length < text.length &&
           !(is_comment_mark(text.start[length]) && is_blank(text.start[length - 1])))
        length++;
    return length < text.length ? length : text.length;
}

static span without_comment(span text) {
    return trimmed((span){text.start, length_before_comment(text)}, 0);
}

/* The value in what stands behind the '='. */
static span value_in(span text) {
    const span all = trimmed(text, 0);
    if (all.length >= 2 && all.start[0] == '"' && all.start[all.length - 1] == '"')
        return (span){all.start + 1, all.length - 2};
    return without_comment(text);
}

/* Passes on the value, which is now complete: its first part alone might have been out of bounds.
 */
static dp_status close_value(ini_reader *self, dp_error *error) {
    const size_t line = self->line;
    const dp_ini_entry entry = {.section = dp_text_string(&self->section),
                                .name = dp_text_string(&self->name),
                                .value = dp_text_string(&self->value),
                                .line = self->value_line};
    if (self->value_line == 0)
        return DP_OK;
    self->line = self->value_line;
    DP_TRY(dp_text_check(&self->section, error));
    DP_TRY(dp_text_check(&self->name, error));
    DP_TRY(dp_text_check(&self->value, error));
    DP_TRY(self->take(self->context, &entry, error));
    self->line = line;
    self->value_line = 0;
    return DP_OK;
}

static void set(dp_text *to, span text) {
    dp_text_clear(to);
    dp_text_append_bytes(to, text.start, text.length);
}

static dp_status read_section(ini_reader *self, span text, size_t end, dp_error *error) {
    const span rest = trimmed(text, end + 1);
    if (rest.length > 0 && !is_comment(rest))
        return dp_fail(error, DP_ERR_INPUT, "'%.*s' stands behind the ']': it needs its own line",
                       (int)(rest.length < 80 ? rest.length : 80), rest.start);
    set(&self->section, trimmed((span){text.start, end}, 1));
    DP_TRY(dp_text_check(&self->section, error));
    const dp_ini_entry head = {.section = dp_text_string(&self->section), .line = self->line};
    return self->take(self->context, &head, error);
}

static void read_rest(ini_reader *self, span text) {
    const span rest = without_comment(text);
    dp_text_append_bytes(&self->value, rest.start, rest.length);
    self->is_cut = rest.length == CUT_WIDTH;
}

static dp_status read_line(ini_reader *self, span line, dp_error *error) {
    const span text = trimmed(line, 0);
    const bool is_empty = text.length == 0 || is_comment(text);
    if (!is_empty && self->value_line != 0 && is_blank(*line.start) &&
        (self->is_cut || !is_new(text))) {
        read_rest(self, text);
        return DP_OK;
    }
    DP_TRY(close_value(self, error));
    if (is_empty)
        return DP_OK;
    const bool is_section = *text.start == '[';
    const size_t end = length_before(text, is_section ? "]" : "=:");
    if (end == text.length)
        return dp_fail(error, DP_ERR_INPUT, "neither '[section]' nor 'key = value'");
    if (is_section)
        return read_section(self, text, end, error);
    const span value = value_in((span){text.start + end + 1, text.length - end - 1});
    set(&self->name, trimmed((span){text.start, end}, 0));
    set(&self->value, value);
    self->value_line = self->line;
    self->is_cut = value.length == CUT_WIDTH;
    return DP_OK;
}

/* Control characters would reach the terminal with a value that is shown. */
static bool is_text(span text) {
    for (size_t i = 0; i < text.length; i++) {
        if (iscntrl((unsigned char)text.start[i]) && !is_blank(text.start[i]))
            return false;
    }
    return true;
}

static dp_status read_lines(ini_reader *self, span text, dp_error *error) {
    while (text.length > 0) {
        const span line = {text.start, length_before(text, "\n\r")};
        const bool is_pair =
            text.length - line.length >= 2 && memcmp(text.start + line.length, "\r\n", 2) == 0;
        const size_t taken = line.length + (line.length < text.length) + is_pair;
        self->line++;
        if (!is_text(line))
            return dp_fail(error, DP_ERR_INPUT, "not a text file");
        DP_TRY(read_line(self, line, error));
        text = (span){text.start + taken, text.length - taken};
    }
    return close_value(self, error);
}

dp_status dp_ini_read(const char *text, size_t size, const char *name, dp_ini_take *take,
                      void *context, dp_error *error) {
    static const char mark[] = "\xEF\xBB\xBF"; /* of byte order */
    span rest = {text, size};
    ini_reader self = {.take = take, .context = context};
    if (size >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0)
        rest = (span){text + strlen(mark), size - strlen(mark)};
    const dp_status status = read_lines(&self, rest, error);
    if (status != DP_OK)
        dp_fail_prefix(error, "%s:%zu", name, self.line);
    dp_text_clear(&self.section);
    dp_text_clear(&self.name);
    dp_text_clear(&self.value);
    return status;
}

bool dp_ini_can_hold(const char *value) {
    return strpbrk(value, "\n\r") == NULL && is_text((span){value, strlen(value)});
}

void dp_ini_write(const char *name, const char *value, dp_text *out) {
    const size_t length = strlen(value);
    const bool quoted =
        length > 0 && (is_blank(value[length - 1]) || strchr(" \t\v\f\";#", *value) != NULL ||
                       length_before_comment((span){value, length}) < length);
    dp_text_append_format(out, quoted ? "%s = \"%s\"\n" : "%s = %s\n", name, value);
}
