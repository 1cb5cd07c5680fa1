#include "options/option_arguments.h"

#include <stdio.h>
#include <string.h>

static const dp_option *find_alias(dp_option_table table, char alias) {
    for (const dp_option *option = table; option->key != NULL; option++) {
        if (option->alias == alias)
            return option;
    }
    return NULL;
}

/* Whether this is no value: not "-", nor a negative number. */
static bool looks_like_option(const char *argument) {
    double number = 0.0;
    return argument[0] == '-' && argument[1] != '\0' && !dp_text_parse_real(argument, &number);
}

static dp_status fail_unknown(dp_option_table table, const char *argument, dp_error *error) {
    const dp_option_table keys = dp_options_keys(table);
    char name[DP_OPTION_KEY_SIZE];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(argument, "="), argument);
    if (argument[1] != '-')
        return dp_fail(error, DP_ERR_INPUT, "unknown option '%s' (see --help)", argument);
    if (keys != NULL && dp_options_find(keys, name + 2, strlen(name + 2)) != NULL)
        return dp_fail(error, DP_ERR_INPUT, "'%s' needs its value behind a '=': %s=VALUE", argument,
                       argument);
    return dp_options_fail_unknown(table, name, error);
}

static dp_status fail_no_value(const dp_option *option, const char *argument, const char *next,
                               dp_error *error) {
    const char *unit = option->unit == NULL ? "see --help" : option->unit;
    const bool takes_text = option->type == DP_OPTION_TEXT || dp_option_takes_path(option);
    if (next != NULL && takes_text && argument[1] == '-')
        return dp_fail(error, DP_ERR_INPUT,
                       "option '%s' needs a value (%s); if that is '%.200s': %s=%.200s", argument,
                       unit, next, argument, next);
    return dp_fail(error, DP_ERR_INPUT, "option '%s' needs a value (%s)", argument, unit);
}

/* The option that an argument names, or NULL, and where its value stands, behind a '=' or, as in
 * "-n3", behind the letter, or NULL. */
static const dp_option *find(dp_option_table table, const char *argument, const char **value) {
    *value = NULL;
    if (argument[1] != '-') {
        const dp_option *option = find_alias(table, argument[1]);
        const bool has_more = argument[2] != '\0';
        if (option == NULL || (has_more && option->type == DP_OPTION_SWITCH))
            return NULL;
        *value = has_more ? argument + 2 : NULL;
        return option;
    }
    const size_t length = strcspn(argument, "=");
    if (argument[length] == '=')
        *value = argument + length + 1;
    return dp_options_find(table, argument + 2, length - 2);
}

/* Takes the option at arguments[*index] with its value, and moves *index past both. */
static dp_status parse_option(dp_option_table table, void *target, int count, char **arguments,
                              int *index, dp_error *error) {
    const char *argument = arguments[(*index)++], *value = NULL;
    const dp_option *option = find(table, argument, &value);
    if (option == NULL)
        return fail_unknown(table, argument, error);
    if (value == NULL && option->type == DP_OPTION_SWITCH)
        value = "yes";
    if (value == NULL && *index < count && !looks_like_option(arguments[*index]))
        value = arguments[(*index)++];
    if (value == NULL)
        return fail_no_value(option, argument, *index < count ? arguments[*index] : NULL, error);
    return dp_option_give(option, target, value, error);
}

/* Whether this is --section.key=value, where a command takes such. */
static bool is_assignment(dp_option_table table, const char *argument) {
    size_t length = strcspn(argument, "=");
    return dp_options_keys(table) != NULL && strncmp(argument, "--", 2) == 0 &&
           argument[length] == '=' && memchr(argument, '.', length) != NULL;
}

dp_status dp_options_parse_arguments(dp_option_table table, void *target, int count,
                                     char **arguments, int *positional_count, dp_error *error) {
    bool options_ended = false;
    *positional_count = 0;
    DP_TRY(dp_options_init(table, target, error));
    for (int i = 0; i < count;) {
        bool is_option = !options_ended && arguments[i][0] == '-' && arguments[i][1] != '\0';
        if (is_option && is_assignment(table, arguments[i])) {
            arguments[(*positional_count)++] = arguments[i++] + strlen("--");
        } else if (is_option && strcmp(arguments[i], "--") == 0) {
            options_ended = true;
            i++;
        } else if (is_option) {
            DP_TRY(parse_option(table, target, count, arguments, &i, error));
        } else {
            arguments[(*positional_count)++] = arguments[i++];
        }
    }
    return DP_OK;
}

/* --- help ------------------------------------------------------------------------------------- */

static void append_name(const dp_option *option, dp_text *name) {
    if (option->alias != 0)
        dp_text_append_format(name, "-%c, ", option->alias);
    dp_option_append_name(option, name);
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

void dp_options_show(dp_option_table table, const void *target, dp_text *out) {
    for (const dp_option *option = table; option->key != NULL; option++) {
        DP_OWNED(dp_text_clear) dp_text name = {0};
        DP_OWNED(dp_text_clear) dp_text value = {0};
        if ((option->flags & DP_OPTION_HIDDEN) != 0)
            continue;
        dp_option_append_name(option, &name);
        dp_options_format(option, target, &value);
        dp_text_append_format(out, "  %-25s %s\n", dp_text_string(&name), dp_text_string(&value));
        out->failed = out->failed || name.failed || value.failed;
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
