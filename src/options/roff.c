#include "options/roff.h"

#include <ctype.h>
#include <string.h>

/* Characters that roff would change, or take for a request at the beginning of a line. */
void dp_roff_text(dp_text *page, const char *text) {
    bool at_start = true;
    for (const char *c = text; *c != '\0'; c++) {
        const char *name = *c == '\\'   ? "\\e"
                           : *c == '-'  ? "\\-"
                           : *c == '\'' ? "\\(aq"
                           : *c == '`'  ? "\\(ga"
                           : *c == '^'  ? "\\(ha"
                           : *c == '~'  ? "\\(ti"
                                        : NULL;
        if (at_start && *c == '.')
            dp_text_append(page, "\\&");
        if (name != NULL)
            dp_text_append(page, name);
        else
            dp_text_append_bytes(page, c, 1);
        at_start = *c == '\n';
    }
}

static void append_upper(dp_text *page, const char *text) {
    for (const char *c = text; *c != '\0'; c++) {
        char upper = (char)toupper((unsigned char)*c);
        dp_text_append_bytes(page, &upper, 1);
    }
}

void dp_roff_begin(dp_text *page, const char *name, int section, const char *purpose) {
    dp_text_append(page, ".TH ");
    append_upper(page, name);
    dp_text_append_format(page, " %d \"\" \"dptrain " DP_VERSION "\" \"dptrain manual\"\n",
                          section);
    dp_text_append(page, ".SH NAME\n");
    dp_roff_text(page, name);
    dp_text_append(page, " \\- ");
    dp_roff_text(page, purpose);
    dp_text_append(page, "\n");
}

void dp_roff_paragraph(dp_text *page, const char *text) {
    while (*text != '\0') {
        const char *end = strstr(text, "\n\n");
        size_t length = end == NULL ? strlen(text) : (size_t)(end - text);
        DP_OWNED(dp_text_clear) dp_text paragraph = {0};
        dp_text_append_bytes(&paragraph, text, length);
        dp_text_append(page, ".PP\n");
        dp_roff_text(page, dp_text_string(&paragraph));
        if (length > 0 && text[length - 1] != '\n')
            dp_text_append(page, "\n");
        page->failed = page->failed || paragraph.failed;
        text += length + strspn(text + length, "\n");
    }
}

void dp_roff_entry(dp_text *page, const char *term, const char *argument, const char *text) {
    dp_text_append(page, ".TP\n\\fB");
    dp_roff_text(page, term);
    dp_text_append(page, "\\fR");
    if (argument != NULL) {
        dp_text_append(page, " \\fI");
        dp_roff_text(page, argument);
        dp_text_append(page, "\\fR");
    }
    dp_text_append(page, "\n");
    dp_roff_text(page, text);
    dp_text_append(page, "\n");
}

static void append_option(dp_text *page, const dp_option *option) {
    bool is_switch = option->type == DP_OPTION_SWITCH;
    DP_OWNED(dp_text_clear) dp_text term = {0};
    DP_OWNED(dp_text_clear) dp_text text = {0};
    if (option->alias != 0)
        dp_text_append_format(&term, "-%c, ", option->alias);
    dp_option_append_name(option, &term);
    dp_text_append_format(&text, "%s.", option->help);
    if (!is_switch && !dp_option_takes_path(option) && option->type != DP_OPTION_TEXT) {
        dp_text_append(&text, "\nMust be ");
        dp_options_append_allowed(option, &text);
        dp_text_append(&text, ".");
    }
    if (!is_switch && option->initial[0] != '\0')
        dp_text_append_format(&text, "\nDefault: %s", option->initial);
    dp_roff_entry(page, dp_text_string(&term), is_switch ? NULL : option->unit,
                  dp_text_string(&text));
    page->failed = page->failed || term.failed || text.failed;
}

void dp_roff_options(dp_text *page, dp_option_table table) {
    for (const dp_option *option = table; option->key != NULL; option++) {
        if ((option->flags & DP_OPTION_HIDDEN) == 0)
            append_option(page, option);
    }
}

dp_status dp_roff_save(dp_text *page, const char *folder, const char *place, const char *name,
                       dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/%s", folder, place));
    DP_TRY(dp_file_make_directories(path, error));
    DP_TRY(dp_path_format(path, error, "%s/%s/%s", folder, place, name));
    DP_TRY(dp_file_write_text(path, page, error));
    dp_text_clear(page);
    return DP_OK;
}
