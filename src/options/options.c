#include "options/options.h"

#include "formats/ini.h"
#include "options/nearest.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the table ------------------------------------------------------------------------------ */

const dp_option dp_options_none[] = {DP_OPTIONS_END};

static bool is_same_name(const char *key, const char *given, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (key[i] != (given[i] == '-' ? '_' : given[i]))
            return false;
    }
    return true;
}

const dp_option *dp_options_find(dp_option_table table, const char *key, size_t length) {
    for (const dp_option *option = table; option->key != NULL; option++) {
        if (strlen(option->key) == length && is_same_name(option->key, key, length))
            return option;
    }
    return NULL;
}

dp_option_table dp_options_keys(dp_option_table table) {
    while (table->key != NULL)
        table++;
    return table->keys;
}

void dp_option_append_name(const dp_option *option, dp_text *out) {
    const bool is_typed =
        strchr(option->key, '.') == NULL && (option->flags & DP_OPTION_COLUMN) == 0;
    dp_text_append(out, is_typed ? "--" : "");
    for (const char *c = option->key; *c != '\0'; c++)
        dp_text_append_bytes(out, is_typed && *c == '_' ? "-" : c, 1);
}

static void offer_keys(dp_option_table table, dp_nearest *nearest) {
    for (const dp_option *option = table; option->key != NULL; option++) {
        if ((option->flags & DP_OPTION_HIDDEN) == 0)
            dp_nearest_offer(nearest, option->key);
    }
    if (dp_options_keys(table) != NULL)
        offer_keys(dp_options_keys(table), nearest);
}

/* "'--out'" or "'train.lr=VALUE'", as an option may be meant where an option was given. */
static void append_meant(dp_option_table table, const char *key, bool by_option, dp_text *out) {
    const dp_option *option = dp_options_find(table, key, strlen(key));
    if (option == NULL) {
        append_meant(dp_options_keys(table), key, by_option, out);
        return;
    }
    dp_text_append(out, "'");
    dp_option_append_name(option, out);
    dp_text_append(out, by_option && strchr(key, '.') != NULL ? "=VALUE'" : "'");
}

static void append_all_meant(dp_option_table table, const dp_nearest *nearest, bool by_option,
                             dp_text *out) {
    for (size_t i = 0; i < nearest->count; i++) {
        const bool is_last = i + 1 == nearest->count;
        dp_text_append(out, i == 0 ? "" : is_last ? " or " : ", ");
        append_meant(table, nearest->names[i], by_option, out);
    }
}

dp_status dp_options_fail_unknown(dp_option_table table, const char *given, dp_error *error) {
    const bool is_option = given[0] == '-';
    const char *kind = is_option ? "option" : "key";
    dp_nearest nearest = {.given = given + strspn(given, "-")};
    DP_OWNED(dp_text_clear) dp_text meant = {0};
    offer_keys(table, &nearest);
    const char *elsewhere = dp_nearest_elsewhere(nearest.given);
    if (elsewhere != NULL && (nearest.count == 0 || nearest.cost > 0))
        dp_text_append(&meant, elsewhere);
    else
        append_all_meant(table, &nearest, is_option, &meant);
    if (meant.length == 0)
        return dp_fail(error, DP_ERR_INPUT, "unknown %s '%s' (see --help)", kind, given);
    return dp_fail(error, DP_ERR_INPUT, "unknown %s '%s': did you mean %s?", kind, given,
                   dp_text_string(&meant));
}

dp_status dp_options_check_section(dp_option_table table, const char *section, dp_error *error) {
    dp_nearest nearest = {.given = section};
    char names[DP_OPTION_SECTIONS_MAX][DP_OPTION_KEY_SIZE];
    size_t count = 0;
    for (const dp_option *option = table; option->key != NULL; option++) {
        const size_t length = strcspn(option->key, ".");
        if (strncmp(option->key, section, length) == 0 && section[length] == '\0')
            return DP_OK;
        if (!dp_option_begins_section(table, option) || count == DP_OPTION_SECTIONS_MAX)
            continue;
        snprintf(names[count], sizeof names[count], "%.*s", (int)length, option->key);
        dp_nearest_offer(&nearest, names[count++]);
    }
    if (nearest.count == 0)
        return dp_fail(error, DP_ERR_INPUT, "unknown section [%.80s]", section);
    return dp_fail(error, DP_ERR_INPUT, "unknown section [%.80s]: did you mean [%s]?", section,
                   nearest.names[0]);
}

bool dp_option_begins_section(dp_option_table table, const dp_option *option) {
    size_t length = strcspn(option->key, ".");
    return option == table || strncmp(option->key, option[-1].key, length + 1) != 0;
}

/* --- a value from text ---------------------------------------------------------------------- */

static bool in_bounds(const dp_option *option, double value) {
    return value >= option->minimum && value <= option->maximum;
}

/* "1000" and, as far as doubles are exact, "1e3" and "2.5e3". */
static bool parse_whole(const char *word, uint64_t *value) {
    double real = 0.0;
    if (dp_text_parse_unsigned(word, value))
        return true;
    if (word[strspn(word, "0123456789.eE+")] != '\0' || word[0] == '+' ||
        !dp_text_parse_real(word, &real) || real > 0x1p53 || real != floor(real))
        return false;
    *value = (uint64_t)real;
    return true;
}

static bool parse_choice(const dp_option *option, const char *word, unsigned *index) {
    for (unsigned i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(word, option->choices[i]) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool parse_unsigned(const dp_option *option, const char *word, uint64_t *value) {
    uint64_t parsed = 0;
    unsigned named = 0;
    if (option->choices != NULL && parse_choice(option, word, &named)) {
        *value = (uint64_t)option->maximum + 1 + named;
        return true;
    }
    if (!parse_whole(word, &parsed) || !in_bounds(option, (double)parsed))
        return false;
    *value = parsed;
    return true;
}

static bool parse_real(const dp_option *option, const char *word, double *value) {
    double parsed = 0.0;
    bool valid = option->type == DP_OPTION_DURATION ? dp_text_parse_duration(word, &parsed)
                                                    : dp_text_parse_real(word, &parsed);
    if (!valid || !in_bounds(option, parsed))
        return false;
    *value = parsed;
    return true;
}

static bool parse_switch(const char *word, bool *value) {
    bool yes = strcmp(word, "yes") == 0 || strcmp(word, "true") == 0 || strcmp(word, "1") == 0;
    bool no = strcmp(word, "no") == 0 || strcmp(word, "false") == 0 || strcmp(word, "0") == 0;
    if (yes || no)
        *value = yes;
    return yes || no;
}

typedef union list {
    unsigned bits;
    dp_option_unsigned_list integers;
    dp_option_real_list reals;
} list;

static bool append_word(const dp_option *option, const char *word, list *self) {
    unsigned index = 0;
    switch (option->type) {
    case DP_OPTION_CHOICES:
        if (!parse_choice(option, word, &index))
            return false;
        self->bits |= 1u << index;
        return true;
    case DP_OPTION_UNSIGNED_LIST:
        return self->integers.count < DP_OPTION_LIST_MAX &&
               parse_unsigned(option, word, &self->integers.values[self->integers.count++]);
    default:
        return self->reals.count < DP_OPTION_LIST_MAX &&
               parse_real(option, word, &self->reals.values[self->reals.count++]);
    }
}

static bool parse_list(const dp_option *option, const char *value, void *field, size_t size) {
    list parsed;
    memset(&parsed, 0, sizeof parsed);
    for (const char *start = value; *start != '\0';) {
        char word[64];
        size_t length = strcspn(start, ",");
        size_t blanks = strspn(start, " ");
        if (blanks > length || length - blanks >= sizeof word)
            return false;
        memcpy(word, start + blanks, length - blanks);
        word[length - blanks] = '\0';
        if (!append_word(option, word, &parsed))
            return false;
        start += length;
        if (start[0] == ',' && *++start == '\0') /* a word is missing at the end */
            return false;
    }
    memcpy(field, &parsed, size);
    return true;
}

bool dp_option_takes_path(const dp_option *option) {
    return option->type == DP_OPTION_PATH || option->type == DP_OPTION_PATH_LIST;
}

static bool is_at_home(const dp_option *option, const char *value) {
    return dp_option_takes_path(option) && (option->flags & DP_OPTION_LITERAL) == 0 &&
           value[0] == '~' && (value[1] == '/' || value[1] == '\0');
}

/* A shell leaves the ~/ of "run.dir=~/x" alone, and a config has no shell. */
static bool parse_path(const dp_option *option, const char *value, char *field) {
    const bool at_home = is_at_home(option, value);
    const char *home = at_home ? getenv("HOME") : "";
    char path[DP_PATH_SIZE];
    dp_error ignored;
    return home != NULL && (home[0] != '\0' || !at_home) &&
           dp_path_format(path, &ignored, "%s%s", home, value + at_home) == DP_OK &&
           dp_ini_can_hold(path) && dp_text_copy(field, DP_PATH_SIZE, path);
}

/* None where the value is "", as it is at first. */
static bool add_path(const dp_option *option, const char *value, dp_option_path_list *paths) {
    if (value[0] == '\0')
        paths->count = 0;
    else if (paths->count == DP_OPTION_LIST_MAX ||
             !parse_path(option, value, paths->values[paths->count]))
        return false;
    paths->count += value[0] != '\0';
    return true;
}

static bool parse_value(const dp_option *option, const char *value, void *field) {
    switch (option->type) {
    case DP_OPTION_UNSIGNED:
        return parse_unsigned(option, value, field);
    case DP_OPTION_REAL:
    case DP_OPTION_DURATION:
        return parse_real(option, value, field);
    case DP_OPTION_PATH:
        return parse_path(option, value, field);
    case DP_OPTION_TEXT:
        *(const char **)field = value;
        return true;
    case DP_OPTION_SWITCH:
        return parse_switch(value, field);
    case DP_OPTION_CHOICE:
        return parse_choice(option, value, field);
    case DP_OPTION_CHOICES:
        return parse_list(option, value, field, sizeof(unsigned));
    case DP_OPTION_UNSIGNED_LIST:
        return parse_list(option, value, field, sizeof(dp_option_unsigned_list));
    case DP_OPTION_REAL_LIST:
        return parse_list(option, value, field, sizeof(dp_option_real_list));
    case DP_OPTION_PATH_LIST:
        return add_path(option, value, field);
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
        [DP_OPTION_PATH] = "one line of less than 4096 bytes without control characters",
        [DP_OPTION_TEXT] = "a text",
        [DP_OPTION_SWITCH] = "yes or no",
        [DP_OPTION_CHOICE] = "one of ",
        [DP_OPTION_CHOICES] = "a comma-separated list of ",
        [DP_OPTION_UNSIGNED_LIST] = "up to 16 comma-separated whole numbers",
        [DP_OPTION_REAL_LIST] = "up to 16 comma-separated numbers",
        [DP_OPTION_PATH_LIST] = "up to 16 times one line of less than 4096 bytes",
    };
    dp_text_append(out, kinds[option->type]);
    if (option->minimum < option->maximum && option->type != DP_OPTION_DURATION)
        dp_text_append_format(out, " from %s to %s%s", DP_REAL_TEXT(option->minimum),
                              DP_REAL_TEXT(option->maximum), option->choices != NULL ? ", " : "");
    if (option->choices != NULL)
        dp_options_append_choices(option, ", ", out);
}

static dp_status set_value(const dp_option *option, void *target, const char *value,
                           dp_error *error) {
    if (parse_value(option, value, (char *)target + option->offset))
        return DP_OK;
    DP_OWNED(dp_text_clear) dp_text name = {0};
    DP_OWNED(dp_text_clear) dp_text allowed = {0};
    dp_option_append_name(option, &name);
    dp_options_append_allowed(option, &allowed);
    dp_text_append(&allowed, is_at_home(option, value) ? ", and HOME be set for the ~" : "");
    return dp_fail(error, DP_ERR_INPUT, "%s = '%.80s': must be %s", dp_text_string(&name), value,
                   dp_text_string(&allowed));
}

static void set_given(const dp_option *option, void *target, bool given) {
    if (option->given != 0)
        *(bool *)((char *)target + option->given) = given;
}

dp_status dp_option_give(const dp_option *option, void *target, const char *value,
                         dp_error *error) {
    set_given(option, target, true);
    return set_value(option, target, value, error);
}

dp_status dp_options_init(dp_option_table table, void *target, dp_error *error) {
    for (const dp_option *option = table; option->key != NULL; option++) {
        set_given(option, target, false);
        if (set_value(option, target, option->initial, error) != DP_OK)
            return error->status = DP_ERR_INTERNAL;
    }
    return DP_OK;
}

dp_status dp_options_set(dp_option_table table, void *target, const char *key, const char *value,
                         dp_error *error) {
    const dp_option *option = dp_options_find(table, key, strlen(key));
    if (option == NULL)
        return dp_options_fail_unknown(table, key, error);
    return dp_option_give(option, target, value, error);
}

dp_status dp_options_split(const char *assignment, char key[DP_OPTION_KEY_SIZE], const char **value,
                           dp_error *error) {
    const size_t length = strcspn(assignment, "=");
    if (assignment[length] == '\0' || length == 0 || length >= DP_OPTION_KEY_SIZE)
        return dp_fail(error, DP_ERR_INPUT, "'%s' is not section.key=value", assignment);
    memcpy(key, assignment, length);
    key[length] = '\0';
    *value = assignment + length + 1;
    return DP_OK;
}

/* --- a value as text ------------------------------------------------------------------------ */

const void *dp_option_part(const dp_option *option, const void *target, size_t i,
                           unsigned *choice) {
    const void *field = (const char *)target + option->offset;
    const dp_option_unsigned_list *integers = field;
    const dp_option_real_list *reals = field;
    const dp_option_path_list *paths = field;
    unsigned bits = 0;
    switch (option->type) {
    case DP_OPTION_UNSIGNED_LIST:
        return i < integers->count ? &integers->values[i] : NULL;
    case DP_OPTION_REAL_LIST:
        return i < reals->count ? &reals->values[i] : NULL;
    case DP_OPTION_PATH_LIST:
        return i < paths->count ? paths->values[i] : NULL;
    case DP_OPTION_CHOICES:
        for (bits = *(const unsigned *)field; i > 0; i--)
            bits &= bits - 1; /* without its lowest */
        *choice = bits == 0 ? 0 : (unsigned)__builtin_ctz(bits);
        return bits == 0 ? NULL : choice;
    default:
        return i == 0 ? field : NULL;
    }
}

static void append_unsigned(const dp_option *option, uint64_t value, dp_text *out) {
    if (option->choices != NULL && value > (uint64_t)option->maximum)
        dp_text_append(out, option->choices[value - (uint64_t)option->maximum - 1]);
    else
        dp_text_append_format(out, "%" PRIu64, value);
}

void dp_option_format_part(const dp_option *option, const void *part, dp_text *out) {
    switch (option->type) {
    case DP_OPTION_UNSIGNED:
    case DP_OPTION_UNSIGNED_LIST:
        append_unsigned(option, *(const uint64_t *)part, out);
        break;
    case DP_OPTION_REAL:
    case DP_OPTION_REAL_LIST:
        dp_text_append(out, DP_REAL_TEXT(*(const double *)part));
        break;
    case DP_OPTION_DURATION:
        dp_text_append(out, DP_REAL_TEXT(*(const double *)part));
        dp_text_append(out, *(const double *)part == 0.0 ? "" : "s");
        break;
    case DP_OPTION_PATH:
    case DP_OPTION_PATH_LIST:
        dp_text_append(out, part);
        break;
    case DP_OPTION_TEXT:
        dp_text_append(out, *(const char *const *)part);
        break;
    case DP_OPTION_SWITCH:
        dp_text_append(out, *(const bool *)part ? "yes" : "no");
        break;
    case DP_OPTION_CHOICE:
    case DP_OPTION_CHOICES:
        dp_text_append(out, option->choices[*(const unsigned *)part]);
        break;
    }
}

void dp_options_format(const dp_option *option, const void *target, dp_text *out) {
    unsigned choice = 0;
    const void *part = NULL;
    for (size_t i = 0; (part = dp_option_part(option, target, i, &choice)) != NULL; i++) {
        dp_text_append(out, i == 0 ? "" : ",");
        dp_option_format_part(option, part, out);
    }
}

bool dp_option_compare(const dp_option *option, const void *a, const void *b,
                       dp_text *differences) {
    DP_OWNED(dp_text_clear) dp_text value_a = {0};
    DP_OWNED(dp_text_clear) dp_text value_b = {0};
    dp_options_format(option, a, &value_a);
    dp_options_format(option, b, &value_b);
    const bool differ = strcmp(dp_text_string(&value_a), dp_text_string(&value_b)) != 0;
    if (differ)
        dp_text_append_format(differences, "%s%s: %s there, %s here",
                              differences->length == 0 ? "" : "; ", option->key,
                              dp_text_string(&value_a), dp_text_string(&value_b));
    differences->failed = differences->failed || value_a.failed || value_b.failed;
    return differ;
}
