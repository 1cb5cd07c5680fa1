#include "formats/ini.h"

#include "base/text.h"

#include <ctype.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What the two callbacks of libinih share. It asks for one line at a time, which is how we know the
 * number of the line a value stands on. A value is taken when it is complete, continuation lines
 * included: its first part alone may be out of bounds. */
typedef struct ini_source {
    dp_ini_take *take;
    void *context;
    const char *rest; /* the text not yet read */
    size_t rest_size;
    size_t line;
    bool indented; /* the line begins with a blank */

    bool open; /* a value is being read: */
    dp_text section;
    dp_text name;
    dp_text value; /* so far */
    size_t first_line;
    size_t last_line; /* so far */

    dp_status status;
    size_t failed_line;
    dp_error *error;
} ini_source;

/* Keeps the first failure and the line it is about. */
static void source_fail(ini_source *source, size_t line, dp_status status) {
    if (source->status != DP_OK || status == DP_OK)
        return;
    source->status = status;
    source->failed_line = line;
}

/* Control characters would reach the terminal with a value that is shown. */
static bool is_text(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (iscntrl((unsigned char)bytes[i]) && !isspace((unsigned char)bytes[i]))
            return false;
    }
    return true;
}

static char *source_next_line(char *buffer, int size, void *stream) {
    ini_source *source = stream;
    if (source->rest_size == 0 || source->status != DP_OK)
        return NULL;
    const char *newline = memchr(source->rest, '\n', source->rest_size);
    size_t content = newline == NULL ? source->rest_size : (size_t)(newline - source->rest);
    size_t length = content + (newline == NULL ? 0 : 1);
    source->line++;
    if (!is_text(source->rest, length)) {
        source_fail(source, source->line, dp_fail(source->error, DP_ERR_INPUT, "not a text file"));
        return NULL;
    }
    if (length >= (size_t)size) {
        source_fail(source, source->line,
                    dp_fail(source->error, DP_ERR_INPUT,
                            "line of %zu bytes: at most %d (continue a long value on an indented "
                            "line)",
                            content, size - 2));
        return NULL;
    }
    memcpy(buffer, source->rest, length);
    buffer[length] = '\0';
    source->indented = isspace((unsigned char)buffer[0]);
    source->rest += length;
    source->rest_size -= length;
    return buffer;
}

static dp_status check_texts(const ini_source *source, dp_error *error) {
    DP_TRY(dp_text_check(&source->section, error));
    DP_TRY(dp_text_check(&source->name, error));
    return dp_text_check(&source->value, error);
}

/* Passes on the value, which is now complete. */
static void source_close_value(ini_source *source) {
    if (!source->open || source->status != DP_OK)
        return;
    const dp_ini_entry entry = {.section = dp_text_string(&source->section),
                                .name = dp_text_string(&source->name),
                                .value = dp_text_string(&source->value),
                                .line = source->first_line};
    dp_status status = check_texts(source, source->error);
    if (status == DP_OK)
        status = source->take(source->context, &entry, source->error);
    source_fail(source, source->first_line, status);
    source->open = false;
}

static void source_open_value(ini_source *source, const char *section, const char *name) {
    source_close_value(source);
    dp_text_clear(&source->section);
    dp_text_clear(&source->name);
    dp_text_clear(&source->value);
    dp_text_append(&source->section, section);
    dp_text_append(&source->name, name);
    source->first_line = source->line;
    source->open = true;
}

/* libinih calls again with the same name for an indented line. */
static bool continues(const ini_source *source, const char *section, const char *name) {
    return source->indented && source->open && source->last_line == source->line - 1 &&
           strcmp(dp_text_string(&source->section), section) == 0 &&
           strcmp(dp_text_string(&source->name), name) == 0;
}

static int source_take_value(void *user, const char *section, const char *name, const char *value) {
    ini_source *source = user;
    if (!continues(source, section, name))
        source_open_value(source, section, name);
    dp_text_append(&source->value, value);
    source->last_line = source->line;
    return 1;
}

dp_status dp_ini_read(const char *text, size_t size, const char *name, dp_ini_take *take,
                      void *context, dp_error *error) {
    ini_source source = {
        .take = take, .context = context, .rest = text, .rest_size = size, .error = error};
    int bad_line = ini_parse_stream(source_next_line, &source, source_take_value, &source);
    source_close_value(&source);
    /* libinih goes on behind a bad line, and what follows may look wrong only because of it. */
    if (bad_line > 0 && (source.status == DP_OK || (size_t)bad_line <= source.failed_line))
        source.status = dp_fail(error, DP_ERR_INPUT, "%s:%d: neither '[section]' nor 'key = value'",
                                name, bad_line);
    else if (source.status != DP_OK)
        dp_fail_prefix(error, "%s:%zu", name, source.failed_line);
    dp_text_clear(&source.section);
    dp_text_clear(&source.name);
    dp_text_clear(&source.value);
    return source.status;
}
