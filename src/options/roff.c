#include "options/roff.h"

#include <ctype.h>
#include <string.h>

/* Characters that roff would change, or take for a request at the beginning of a line. */
static void append_escaped(dp_text *page, const char *text) {
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
    dp_roff_heading(page, "NAME");
    append_escaped(page, name);
    dp_text_append(page, " \\- ");
    append_escaped(page, purpose);
    dp_text_append(page, "\n");
}

void dp_roff_heading(dp_text *page, const char *heading) {
    dp_text_append_format(page, ".SH %s\n", heading);
}

void dp_roff_paragraph(dp_text *page, const char *text) {
    while (*text != '\0') {
        const char *end = strstr(text, "\n\n");
        size_t length = end == NULL ? strlen(text) : (size_t)(end - text);
        dp_text paragraph = {0};
        dp_text_append_bytes(&paragraph, text, length);
        dp_text_append(page, ".PP\n");
        append_escaped(page, dp_text_string(&paragraph));
        if (length > 0 && text[length - 1] != '\n')
            dp_text_append(page, "\n");
        page->failed = page->failed || paragraph.failed;
        dp_text_clear(&paragraph);
        text += length + strspn(text + length, "\n");
    }
}

void dp_roff_example(dp_text *page, const char *lines) {
    dp_text_append(page, ".PP\n.nf\n.RS 4\n");
    append_escaped(page, lines);
    dp_text_append(page, ".RE\n.fi\n");
}

void dp_roff_entry(dp_text *page, const char *term, const char *argument, const char *text) {
    dp_text_append(page, ".TP\n\\fB");
    append_escaped(page, term);
    dp_text_append(page, "\\fR");
    if (argument != NULL) {
        dp_text_append(page, " \\fI");
        append_escaped(page, argument);
        dp_text_append(page, "\\fR");
    }
    dp_text_append(page, "\n");
    append_escaped(page, text);
    dp_text_append(page, "\n");
}

static void append_option(dp_text *page, const dp_option *option) {
    bool is_switch = option->type == DP_OPTION_SWITCH;
    dp_text term = {0}, text = {0};
    if (option->alias != 0)
        dp_text_append_format(&term, "-%c, ", option->alias);
    dp_text_append_format(&term, "%s%s", strchr(option->key, '.') == NULL ? "--" : "", option->key);
    dp_text_append_format(&text, "%s.", option->help);
    if (!is_switch && option->type != DP_OPTION_PATH && option->type != DP_OPTION_TEXT) {
        dp_text_append(&text, "\nMust be ");
        dp_options_append_allowed(option, &text);
        dp_text_append(&text, ".");
    }
    if (!is_switch && option->initial[0] != '\0')
        dp_text_append_format(&text, "\nDefault: %s", option->initial);
    dp_roff_entry(page, dp_text_string(&term), is_switch ? NULL : option->unit,
                  dp_text_string(&text));
    page->failed = page->failed || term.failed || text.failed;
    dp_text_clear(&term);
    dp_text_clear(&text);
}

void dp_roff_options(dp_text *page, dp_option_table table) {
    for (const dp_option *option = table; option->key != NULL; option++) {
        if ((option->flags & DP_OPTION_HIDDEN) == 0)
            append_option(page, option);
    }
}

dp_status dp_roff_save(const dp_text *page, const char *folder, const char *name, int section,
                       dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_text_check(page, error));
    DP_TRY(dp_path_format(path, error, "%s/man/man%d", folder, section));
    DP_TRY(dp_file_make_directories(path, error));
    DP_TRY(dp_path_format(path, error, "%s/man/man%d/%s.%d", folder, section, name, section));
    return dp_file_write(path, dp_text_string(page), page->length, error);
}
