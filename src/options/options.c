#include "options/options.h"

#include "base/memory.h"
#include "formats/ini.h"
#include "formats/json.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_WIDTH 120 /* bytes of a value on one line of a config file; libinih reads 198 */

static const dp_option *find_key(dp_option_table table, const char *key, size_t length) {
    for (size_t i = 0; i < table.count; i++) {
        if (strlen(table.options[i].key) == length &&
            strncmp(table.options[i].key, key, length) == 0)
            return &table.options[i];
    }
    return NULL;
}

static dp_status fail_unknown(dp_option_table table, const char *kind, const char *key,
                              dp_error *error) {
    const char *nearest = NULL;
    size_t nearest_distance = strlen(key) / 2 + 2; /* farther off is no help */
    for (size_t i = 0; i < table.count; i++) {
        /* "lr" should lead to "train.lr" as "train.lt" does. */
        const char *name = strrchr(table.options[i].key, '.');
        size_t distance = dp_text_distance(key, table.options[i].key);
        if (name != NULL && dp_text_distance(key, name + 1) + 1 < distance)
            distance = dp_text_distance(key, name + 1) + 1;
        if (distance < nearest_distance) {
            nearest_distance = distance;
            nearest = table.options[i].key;
        }
    }
    if (nearest == NULL)
        return dp_fail(error, DP_ERR_INPUT, "unknown %s '%s' (see --help)", kind, key);
    return dp_fail(error, DP_ERR_INPUT, "unknown %s '%s': did you mean '%s'?", kind, key, nearest);
}

/* --- one value ------------------------------------------------------------------------------ */

static bool parse_choice(const dp_option *option, const char *word, int *index) {
    for (int i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(word, option->choices[i]) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool in_bounds(const dp_option *option, double value) {
    return value >= option->minimum && value <= option->maximum;
}

static bool parse_unsigned(const dp_option *option, const char *word, uint64_t *value) {
    uint64_t parsed = 0;
    if (!dp_text_parse_unsigned(word, &parsed) || !in_bounds(option, (double)parsed))
        return false;
    *value = parsed;
    return true;
}

static bool parse_real(const dp_option *option, const char *word, double *value) {
    double parsed = 0.0;
    if (!dp_text_parse_real(word, &parsed) || !in_bounds(option, parsed))
        return false;
    *value = parsed;
    return true;
}

static bool parse_duration(const dp_option *option, const char *word, double *seconds) {
    double parsed = 0.0;
    if (!dp_text_parse_duration(word, &parsed) || !in_bounds(option, parsed))
        return false;
    *seconds = parsed;
    return true;
}

static bool parse_switch(const char *word, bool *value) {
    bool yes = strcmp(word, "yes") == 0 || strcmp(word, "true") == 0 || strcmp(word, "1") == 0;
    bool no = strcmp(word, "no") == 0 || strcmp(word, "false") == 0 || strcmp(word, "0") == 0;
    if (yes || no)
        *value = yes;
    return yes || no;
}

/* Adds one word of a comma-separated value to the list in *field. */
static bool parse_list_word(const dp_option *option, const char *word, void *field) {
    if (option->type == DP_OPTION_CHOICES) {
        int index = 0;
        bool valid = parse_choice(option, word, &index);
        *(unsigned *)field |= valid ? 1u << index : 0u;
        return valid;
    }
    if (option->type == DP_OPTION_UNSIGNED_LIST) {
        dp_option_unsigned_list *list = field;
        return list->count < DP_OPTION_LIST_MAX &&
               parse_unsigned(option, word, &list->values[list->count++]);
    }
    dp_option_real_list *list = field;
    return list->count < DP_OPTION_LIST_MAX &&
           parse_real(option, word, &list->values[list->count++]);
}

static size_t list_size(dp_option_type type) {
    return type == DP_OPTION_CHOICES         ? sizeof(unsigned)
           : type == DP_OPTION_UNSIGNED_LIST ? sizeof(dp_option_unsigned_list)
                                             : sizeof(dp_option_real_list);
}

static bool parse_list(const dp_option *option, const char *value, void *field) {
    union {
        unsigned bits;
        dp_option_unsigned_list integers;
        dp_option_real_list reals;
    } list;
    memset(&list, 0, sizeof list);
    for (const char *start = value; *start != '\0';) {
        char word[64];
        size_t length = strcspn(start, ",");
        size_t blanks = strspn(start, " ");
        if (blanks > length || length - blanks >= sizeof word)
            return false;
        memcpy(word, start + blanks, length - blanks);
        word[length - blanks] = '\0';
        if (!parse_list_word(option, word, &list))
            return false;
        start += length;
        if (start[0] == ',' && *++start == '\0') /* a word is missing at the end */
            return false;
    }
    memcpy(field, &list, list_size(option->type));
    return true;
}

/* Whether value[at] may begin a continuation line: reading trims blanks at both ends of a line, and
 * takes one that begins with ; or # for a comment. */
static bool can_cut(const char *value, size_t at) {
    return !isspace((unsigned char)value[at - 1]) && !isspace((unsigned char)value[at]) &&
           value[at] != ';' && value[at] != '#';
}

/* Whether the config file can hold this text: reading would take a ; behind a blank for a comment,
 * and trim blanks at the ends; and long texts need places to cut them. */
static bool is_storable(const char *value) {
    size_t uncut = 0;
    for (const char *c = value; *c != '\0'; c++) {
        bool edge = c == value || c[1] == '\0';
        bool after_blank = c == value || isspace((unsigned char)c[-1]);
        uncut = c == value || can_cut(value, (size_t)(c - value)) ? 0 : uncut + 1;
        if (*c == '\r' || *c == '\n' || (edge && isspace((unsigned char)*c)) ||
            (after_blank && *c == ';') || uncut >= LINE_WIDTH / 2)
            return false;
    }
    return true;
}

static bool parse_value(const dp_option *option, const char *value, void *field) {
    switch (option->type) {
    case DP_OPTION_UNSIGNED:
        return parse_unsigned(option, value, field);
    case DP_OPTION_REAL:
        return parse_real(option, value, field);
    case DP_OPTION_DURATION:
        return parse_duration(option, value, field);
    case DP_OPTION_TEXT:
        /* What the config file could not hold again is refused here too. */
        return strlen(value) < DP_PATH_SIZE && is_storable(value) &&
               dp_text_copy(field, DP_PATH_SIZE, value);
    case DP_OPTION_SWITCH:
        return parse_switch(value, field);
    case DP_OPTION_CHOICE:
        return parse_choice(option, value, field);
    case DP_OPTION_CHOICES:
    case DP_OPTION_UNSIGNED_LIST:
    case DP_OPTION_REAL_LIST:
        return parse_list(option, value, field);
    }
    return false;
}

void dp_options_append_choices(const dp_option *option, const char *separator, dp_text *out) {
    for (size_t i = 0; option->choices[i] != NULL; i++)
        dp_text_append_format(out, "%s%s", i == 0 ? "" : separator, option->choices[i]);
}

void dp_options_append_allowed(const dp_option *option, dp_text *out) {
    static const char *const kinds[] = {
        [DP_OPTION_UNSIGNED] = "a whole number",
        [DP_OPTION_REAL] = "a number",
        [DP_OPTION_DURATION] = "a time such as 90s, 30m, 2h or 1:30:00",
        [DP_OPTION_TEXT] = "one line of text without ' ;' and without blanks at its ends",
        [DP_OPTION_SWITCH] = "yes or no",
        [DP_OPTION_CHOICE] = "one of ",
        [DP_OPTION_CHOICES] = "a comma-separated list of ",
        [DP_OPTION_UNSIGNED_LIST] = "up to 16 comma-separated whole numbers",
        [DP_OPTION_REAL_LIST] = "up to 16 comma-separated numbers",
    };
    char low[32], high[32];
    dp_text_append(out, kinds[option->type]);
    if (option->choices != NULL)
        dp_options_append_choices(option, ", ", out);
    else if (option->minimum < option->maximum && option->type != DP_OPTION_DURATION)
        dp_text_append_format(out, " from %s to %s", dp_text_format_real(option->minimum, low),
                              dp_text_format_real(option->maximum, high));
}

static dp_status set_option(const dp_option *option, void *target, const char *value,
                            dp_error *error) {
    if (parse_value(option, value, (char *)target + option->offset))
        return DP_OK;
    dp_text allowed = {0};
    dp_options_append_allowed(option, &allowed);
    dp_status status = dp_fail(error, DP_ERR_INPUT, "%s = '%.80s': must be %s", option->key, value,
                               dp_text_string(&allowed));
    dp_text_clear(&allowed);
    return status;
}

/* What a user has given. */
static dp_status give_option(const dp_option *option, void *target, const char *value,
                             dp_error *error) {
    if (option->given != 0)
        *(bool *)((char *)target + option->given) = true;
    return set_option(option, target, value, error);
}

dp_status dp_options_init(dp_option_table table, void *target, dp_error *error) {
    dp_status status = DP_OK;
    for (size_t i = 0; i < table.count && status == DP_OK; i++) {
        if (table.options[i].given != 0)
            *(bool *)((char *)target + table.options[i].given) = false;
        status = set_option(&table.options[i], target, table.options[i].initial, error);
    }
    if (status != DP_OK)
        error->status = status = DP_ERR_INTERNAL;
    return status;
}

dp_status dp_options_set(dp_option_table table, void *target, const char *key, const char *value,
                         dp_error *error) {
    const dp_option *option = find_key(table, key, strlen(key));
    if (option == NULL)
        return fail_unknown(table, "key", key, error);
    return give_option(option, target, value, error);
}

/* --- the config file ------------------------------------------------------------------------ */

typedef struct ini_target {
    dp_option_table table;
    void *target;
    size_t *given_on; /* [table.count] line on which each key was given, 0: not yet */
} ini_target;

static dp_status take_entry(void *context, const dp_ini_entry *entry, dp_error *error) {
    ini_target *self = context;
    dp_status status = DP_OK;
    dp_text key = {0};
    dp_text_append_format(&key, "%s%s%s", entry->section, entry->section[0] == '\0' ? "" : ".",
                          entry->name);
    DP_OR_DONE(dp_text_check(&key, error));
    const dp_option *option = find_key(self->table, key.data, key.length);
    if (option == NULL) {
        status = fail_unknown(self->table, "key", key.data, error);
        goto done;
    }
    size_t *given_on = &self->given_on[option - self->table.options];
    if (*given_on != 0)
        status =
            dp_fail(error, DP_ERR_INPUT, "%s was already given on line %zu", key.data, *given_on);
    else
        status = give_option(option, self->target, entry->value, error);
    *given_on = entry->line;
done:
    dp_text_clear(&key);
    return status;
}

dp_status dp_options_read_ini(dp_option_table table, void *target, const char *text, size_t size,
                              const char *name, dp_error *error) {
    dp_status status = DP_OK;
    ini_target self = {.table = table, .target = target};
    DP_NEW_OR_DONE(self.given_on, table.count);
    DP_OR_DONE(dp_ini_read(text, size, name, take_entry, &self, error));
done:
    dp_memory_free(self.given_on);
    return status;
}

void dp_options_format(const dp_option *option, const void *target, dp_text *out) {
    const void *field = (const char *)target + option->offset;
    char buffer[32];
    switch (option->type) {
    case DP_OPTION_UNSIGNED:
        dp_text_append_format(out, "%" PRIu64, *(const uint64_t *)field);
        break;
    case DP_OPTION_REAL:
        dp_text_append(out, dp_text_format_real(*(const double *)field, buffer));
        break;
    case DP_OPTION_DURATION:
        dp_text_append(out, dp_text_format_real(*(const double *)field, buffer));
        dp_text_append(out, *(const double *)field == 0.0 ? "" : "s");
        break;
    case DP_OPTION_TEXT:
        dp_text_append(out, field);
        break;
    case DP_OPTION_SWITCH:
        dp_text_append(out, *(const bool *)field ? "yes" : "no");
        break;
    case DP_OPTION_CHOICE:
        dp_text_append(out, option->choices[*(const int *)field]);
        break;
    case DP_OPTION_CHOICES: {
        const char *separator = "";
        for (size_t i = 0; option->choices[i] != NULL; i++) {
            if ((*(const unsigned *)field >> i & 1u) == 0)
                continue;
            dp_text_append_format(out, "%s%s", separator, option->choices[i]);
            separator = ",";
        }
        break;
    }
    case DP_OPTION_UNSIGNED_LIST: {
        const dp_option_unsigned_list *list = field;
        for (size_t i = 0; i < list->count; i++)
            dp_text_append_format(out, "%s%" PRIu64, i == 0 ? "" : ",", list->values[i]);
        break;
    }
    case DP_OPTION_REAL_LIST: {
        const dp_option_real_list *list = field;
        for (size_t i = 0; i < list->count; i++)
            dp_text_append_format(out, "%s%s", i == 0 ? "" : ",",
                                  dp_text_format_real(list->values[i], buffer));
        break;
    }
    }
}

/* "name = value", broken into indented continuation lines where it is long. */
static void write_assignment(const char *name, const char *value, dp_text *out) {
    size_t length = strlen(value);
    dp_text_append_format(out, "%s = ", name);
    while (length > LINE_WIDTH) {
        size_t cut = LINE_WIDTH;
        while (cut > 1 && !can_cut(value, cut))
            cut--;
        dp_text_append_bytes(out, value, cut);
        dp_text_append(out, "\n    ");
        value += cut;
        length -= cut;
    }
    dp_text_append_format(out, "%s\n", value);
}

/* Whether option i begins a section, as tables keep the options of a section together. */
static bool begins_section(dp_option_table table, size_t i) {
    size_t length = strcspn(table.options[i].key, ".");
    return i == 0 || strncmp(table.options[i].key, table.options[i - 1].key, length + 1) != 0;
}

void dp_options_write_ini(dp_option_table table, const void *target, dp_text *out) {
    for (size_t i = 0; i < table.count; i++) {
        const dp_option *option = &table.options[i];
        size_t length = strcspn(option->key, ".");
        if (begins_section(table, i))
            dp_text_append_format(out, "%s[%.*s]\n", i == 0 ? "" : "\n", (int)length, option->key);
        dp_text value = {0};
        dp_options_format(option, target, &value);
        write_assignment(option->key + length + 1, dp_text_string(&value), out);
        out->failed = out->failed || value.failed;
        dp_text_clear(&value);
    }
}

static void write_json_list(const dp_option *option, const char *value, dp_text *json) {
    dp_json_begin_array(json);
    for (const char *word = value; *word != '\0';) {
        size_t length = strcspn(word, ",");
        if (option->type == DP_OPTION_CHOICES) {
            char choice[64];
            snprintf(choice, sizeof choice, "%.*s", (int)length, word);
            dp_json_string(json, choice);
        } else if (option->type == DP_OPTION_UNSIGNED_LIST) {
            dp_json_unsigned(json, strtoull(word, NULL, 10));
        } else {
            dp_json_real(json, strtod(word, NULL));
        }
        word += length + (word[length] == ',');
    }
    dp_json_end_array(json);
}

static void write_json_value(const dp_option *option, const void *target, dp_text *json) {
    const void *field = (const char *)target + option->offset;
    dp_text value = {0};
    dp_options_format(option, target, &value);
    switch (option->type) {
    case DP_OPTION_UNSIGNED:
        dp_json_unsigned(json, *(const uint64_t *)field);
        break;
    case DP_OPTION_REAL:
    case DP_OPTION_DURATION:
        dp_json_real(json, *(const double *)field);
        break;
    case DP_OPTION_SWITCH:
        dp_json_bool(json, *(const bool *)field);
        break;
    case DP_OPTION_TEXT:
    case DP_OPTION_CHOICE:
        dp_json_string(json, dp_text_string(&value));
        break;
    case DP_OPTION_CHOICES:
    case DP_OPTION_UNSIGNED_LIST:
    case DP_OPTION_REAL_LIST:
        write_json_list(option, dp_text_string(&value), json);
        break;
    }
    json->failed = json->failed || value.failed;
    dp_text_clear(&value);
}

void dp_options_write_json(dp_option_table table, const void *target, dp_text *json) {
    dp_json_begin_object(json);
    for (size_t i = 0; i < table.count; i++) {
        const char *key = table.options[i].key;
        int length = (int)strcspn(key, ".");
        if (begins_section(table, i)) {
            char section[64];
            snprintf(section, sizeof section, "%.*s", length, key);
            if (i > 0)
                dp_json_end_object(json);
            dp_json_key(json, section);
            dp_json_begin_object(json);
        }
        dp_json_key(json, key + length + 1);
        write_json_value(&table.options[i], target, json);
    }
    dp_json_end_object(json);
    dp_json_end_object(json);
}

void dp_options_compare(dp_option_table table, const void *a, const void *b, unsigned flags,
                        dp_text *differences) {
    for (size_t i = 0; i < table.count; i++) {
        const dp_option *option = &table.options[i];
        if ((option->flags & flags) == 0)
            continue;
        dp_text value_a = {0}, value_b = {0};
        dp_options_format(option, a, &value_a);
        dp_options_format(option, b, &value_b);
        if (strcmp(dp_text_string(&value_a), dp_text_string(&value_b)) != 0)
            dp_text_append_format(differences, "%s%s: %s there, %s here",
                                  differences->length == 0 ? "" : "; ", option->key,
                                  dp_text_string(&value_a), dp_text_string(&value_b));
        differences->failed = differences->failed || value_a.failed || value_b.failed;
        dp_text_clear(&value_a);
        dp_text_clear(&value_b);
    }
}

/* --- the command line ----------------------------------------------------------------------- */

/* As find_key, but "stop-at" finds "stop_at". */
static const dp_option *find_long(dp_option_table table, const char *name, size_t length) {
    char key[64];
    if (length >= sizeof key)
        return NULL;
    for (size_t i = 0; i < length; i++)
        key[i] = name[i] == '-' ? '_' : name[i];
    return find_key(table, key, length);
}

static const dp_option *find_alias(dp_option_table table, char alias) {
    for (size_t i = 0; i < table.count; i++) {
        if (table.options[i].alias == alias)
            return &table.options[i];
    }
    return NULL;
}

static bool is_negative_number(const char *argument) {
    double value = 0.0;
    return dp_text_parse_real(argument, &value);
}

/* Whether this is the key of a config rather than a misspelt option: "train.lr". */
static bool is_key(dp_option_table table, const char *name) {
    char option[64];
    if (strchr(name, '.') == NULL || !dp_text_copy(option, sizeof option, name))
        return false;
    for (char *c = option; (c = strchr(c, '.')) != NULL; c++)
        *c = '_';
    return find_key(table, option, strlen(option)) == NULL;
}

/* Takes the option at arguments[*index] with its value, and moves *index past both. */
static dp_status parse_option(dp_option_table table, void *target, int count, char **arguments,
                              int *index, dp_error *error) {
    const char *argument = arguments[(*index)++];
    bool is_long = argument[1] == '-';
    const char *key = argument + (is_long ? 2 : 1);
    const char *equals = is_long ? strchr(key, '=') : NULL;
    size_t length = equals == NULL ? strlen(key) : (size_t)(equals - key);
    const dp_option *option = is_long          ? find_long(table, key, length)
                              : key[1] == '\0' ? find_alias(table, key[0])
                                               : NULL;
    if (option == NULL && is_long) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)length, key);
        if (is_key(table, name))
            return dp_fail(error, DP_ERR_INPUT, "'%s' needs its value behind a '=': --%s=VALUE",
                           argument, name);
        return fail_unknown(table, "option", name, error);
    }
    if (option == NULL)
        return dp_fail(error, DP_ERR_INPUT, "unknown option '%s' (see --help)", argument);
    if (option->type == DP_OPTION_SWITCH)
        return give_option(option, target, equals == NULL ? "yes" : equals + 1, error);
    if (equals != NULL)
        return give_option(option, target, equals + 1, error);
    bool missing =
        *index >= count || (arguments[*index][0] == '-' && arguments[*index][1] != '\0' &&
                            !is_negative_number(arguments[*index]));
    if (missing)
        return dp_fail(error, DP_ERR_INPUT, "option '%s' needs a value (%s)", argument,
                       option->unit == NULL ? "see --help" : option->unit);
    return give_option(option, target, arguments[(*index)++], error);
}

/* Whether this is --section.key=value. */
static bool is_assignment(const char *argument) {
    size_t length = strcspn(argument, "=");
    return strncmp(argument, "--", 2) == 0 && argument[length] == '=' &&
           memchr(argument, '.', length) != NULL;
}

dp_status dp_options_parse_arguments(dp_option_table table, void *target, int count,
                                     char **arguments, int *positional_count, dp_error *error) {
    bool options_ended = false;
    *positional_count = 0;
    for (int i = 0; i < count;) {
        bool is_option = !options_ended && arguments[i][0] == '-' && arguments[i][1] != '\0';
        if (is_option && is_assignment(arguments[i])) {
            arguments[(*positional_count)++] = arguments[i++] + strlen("--");
        } else if (is_option && strcmp(arguments[i], "--") == 0) {
            options_ended = true;
            i++;
        } else if (is_option) {
            dp_status status = parse_option(table, target, count, arguments, &i, error);
            if (status != DP_OK)
                return status;
        } else {
            arguments[(*positional_count)++] = arguments[i++];
        }
    }
    return DP_OK;
}

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
    for (size_t i = 0; i < table.count; i++) {
        const dp_option *option = &table.options[i];
        dp_text name = {0}, help = {0};
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
        dp_text_clear(&name);
        dp_text_clear(&help);
    }
}

void dp_options_help_sections(dp_option_table table, dp_text *out) {
    for (size_t i = 0; i < table.count;) {
        const char *section = table.options[i].key;
        int length = (int)strcspn(section, ".");
        dp_text keys = {0};
        do {
            const dp_option *option = &table.options[i++];
            dp_text_append_format(&keys, "%s=%s ", option->key + length + 1, option->initial);
        } while (i < table.count && !begins_section(table, i));
        dp_text_append_format(out, "  %-11.*s ", length, section);
        dp_text_append_wrapped(out, 14, dp_text_string(&keys));
        dp_text_clear(&keys);
    }
}
