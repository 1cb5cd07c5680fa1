#include "options/option_help.h"

#include <string.h>

static void append_name(const dp_option *option, dp_text *name) {
    if (strchr(option->key, '.') != NULL)
        dp_text_append(name, option->key);
    else if (option->alias != 0)
        dp_text_append_format(name, "-%c, --%s", option->alias, option->key);
    else
        dp_text_append_format(name, "--%s", option->key);
    if (option->type != DP_OPTION_SWITCH && option->unit != NULL)
        dp_text_append_format(name, " %s", option->unit);
}

void dp_options_help(dp_option_table table, dp_text *out) {
    for (const dp_option *option = table; option->key != NULL; option++) {
        DP_OWNED(dp_text_clear) dp_text name = {0};
        DP_OWNED(dp_text_clear) dp_text help = {0};
        if ((option->flags & DP_OPTION_HIDDEN) != 0)
            continue;
        append_name(option, &name);
        dp_text_append(&help, option->help);
        if (option->choices != NULL) {
            dp_text_append(&help, ": ");
            dp_options_append_choices(option, "|", &help);
        }
        if (option->initial[0] != '\0' && option->type != DP_OPTION_SWITCH)
            dp_text_append_format(&help, " [%s]", option->initial);
        dp_text_append_format(out, "  %-25s ", dp_text_string(&name));
        dp_text_append_wrapped(out, 28, dp_text_string(&help));
    }
}

void dp_options_help_sections(dp_option_table table, dp_text *out) {
    for (const dp_option *option = table; option->key != NULL;) {
        const char *section = option->key;
        int length = (int)strcspn(section, ".");
        DP_OWNED(dp_text_clear) dp_text keys = {0};
        do {
            dp_text_append_format(&keys, "%s=%s ", option->key + length + 1, option->initial);
            option++;
        } while (option->key != NULL && !dp_option_begins_section(table, option));
        dp_text_append_format(out, "  %-11.*s ", length, section);
        dp_text_append_wrapped(out, 14, dp_text_string(&keys));
    }
}
