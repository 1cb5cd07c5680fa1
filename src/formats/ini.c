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

static bool is_comment(span text) {
    return text.length > 0 && (*text.start == ';' || *text.start == '#');
}

/* Bytes of the text before the first of `marks`, or of all of it. */
static size_t length_before(span text, const char *marks) {
    size_t length = 0;
    while (length < text.length && memchr(marks, text.start[length], strlen(marks)) == NULL)
        length++;
    return length;
}

/* Whether a line is "name = value" also where it might go on with a value: no path before the '='.
 */
static bool is_value(span text) {
    size_t length = 0;
    while (length < text.length &&
           (isalnum((unsigned char)text.start[length]) || strchr("_-+.,", text.start[length])))
        length++;
    const span rest = trimmed(text, length);
    return length > 0 && rest.length > 0 && (*rest.start == '=' || *rest.start == ':');
}

/* A text that begins with a quote: how many bytes stand before the closing one; 0 where there is
 * none, or something other than a comment behind it. */
static size_t quoted_length(span text) {
    for (size_t i = 1; i < text.length; i++) {
        if (text.start[i] != '"')
            continue;
        const span rest = trimmed(text, i + 1);
        if (rest.length == 0 || is_comment(rest))
            return i;
        if (text.start[++i] != '"')
            return 0;
    }
    return 0;
}

/* Appends what stands between quotes; false where that is not all there is. */
static bool append_quoted(span text, dp_text *value) {
    text = trimmed(text, 0);
    const size_t end = text.length > 0 && *text.start == '"' ? quoted_length(text) : 0;
    for (size_t i = 1; i < end; i += text.start[i] == '"' ? 2 : 1)
        dp_text_append_bytes(value, &text.start[i], 1);
    return end > 0;
}

/* Appends a line of the value, without a comment behind it. */
static void append_line(ini_reader *self, span text) {
    const size_t before = self->value.length;
    for (size_t i = 1; i < text.length; i++) {
        if (text.start[i] == ';' && is_blank(text.start[i - 1]))
            text.length = i;
    }
    text = trimmed(text, 0);
    dp_text_append_bytes(&self->value, text.start, text.length);
    self->is_cut = self->value.length - before == CUT_WIDTH;
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
    return DP_OK;
}

static dp_status read_line(ini_reader *self, span line, dp_error *error) {
    span text = trimmed(line, 0);
    const bool is_inside = line.length > 0 && is_blank(*line.start) && text.length > 0;
    const bool is_section = text.length > 0 && *text.start == '[';
    if (self->value_line != 0 && is_inside && !is_comment(text) &&
        (self->is_cut || (!is_section && !is_value(text)))) {
        append_line(self, text);
        return DP_OK;
    }
    DP_TRY(close_value(self, error));
    if (text.length == 0 || is_comment(text))
        return DP_OK;
    const size_t end = length_before(text, is_section ? "]" : "=:");
    if (end == text.length)
        return dp_fail(error, DP_ERR_INPUT, "neither '[section]' nor 'key = value'");
    if (is_section)
        return read_section(self, text, end, error);
    set(&self->name, trimmed((span){text.start, end}, 0));
    dp_text_clear(&self->value);
    self->value_line = self->line;
    text = (span){text.start + end + 1, text.length - end - 1};
    self->is_cut = false;
    if (!append_quoted(text, &self->value))
        append_line(self, text);
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

/* Whether reading would change it: blanks at its ends, a quote at its start, or ';' as a comment.
 */
static bool needs_quotes(const char *value) {
    const size_t length = strlen(value);
    bool needs = length > 0 && (is_blank(value[length - 1]) || strchr(" \t\v\f\";", *value));
    for (size_t i = 1; i < length; i++)
        needs = needs || (value[i] == ';' && is_blank(value[i - 1]));
    return needs;
}

void dp_ini_write(const char *name, const char *value, dp_text *out) {
    dp_text_append_format(out, "%s = ", name);
    if (!needs_quotes(value)) {
        dp_text_append_format(out, "%s\n", value);
        return;
    }
    dp_text_append(out, "\"");
    for (const char *c = value; *c != '\0'; c++)
        dp_text_append(out, *c == '"' ? "\"\"" : (char[]){*c, '\0'});
    dp_text_append(out, "\"\n");
}
