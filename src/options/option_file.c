#include "options/option_file.h"

#include "base/memory.h"
#include "formats/json.h"

#include <stdio.h>
#include <string.h>

dp_status dp_options_take_ini(dp_option_table table, void *target, size_t *given_on,
                              const dp_ini_entry *entry, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text key = {0};
    if (entry->name == NULL)
        return dp_options_check_section(table, entry->section, error);
    dp_text_append_format(&key, "%s%s%s", entry->section, entry->section[0] == '\0' ? "" : ".",
                          entry->name);
    DP_TRY(dp_text_check(&key, error));
    const dp_option *option = dp_options_find(table, key.data, key.length);
    if (option == NULL)
        return dp_options_fail_unknown(table, key.data, error);
    size_t *line = &given_on[option - table];
    if (*line != 0)
        return dp_fail(error, DP_ERR_INPUT, "%s was already given on line %zu", option->key, *line);
    *line = entry->line;
    return dp_option_give(option, target, entry->value, error);
}

typedef struct ini_target {
    dp_option_table table;
    void *target;
    size_t *given_on;
} ini_target;

static dp_status take_entry(void *context, const dp_ini_entry *entry, dp_error *error) {
    const ini_target *self = context;
    return dp_options_take_ini(self->table, self->target, self->given_on, entry, error);
}

dp_status dp_options_read_ini(dp_option_table table, void *target, const char *text, size_t size,
                              const char *name, dp_error *error) {
    DP_OWNED(dp_memory_release) size_t *given_on = NULL;
    size_t count = 0;
    while (table[count].key != NULL)
        count++;
    DP_TRY_NEW(given_on, count);
    ini_target self = {table, target, given_on};
    return dp_ini_read(text, size, name, take_entry, &self, error);
}

void dp_options_write_ini(dp_option_table table, const void *target, dp_text *out) {
    for (const dp_option *option = table; option->key != NULL; option++) {
        size_t length = strcspn(option->key, ".");
        if (dp_option_begins_section(table, option))
            dp_text_append_format(out, "%s[%.*s]\n", option == table ? "" : "\n", (int)length,
                                  option->key);
        DP_OWNED(dp_text_clear) dp_text value = {0};
        dp_options_format(option, target, &value);
        dp_ini_write(option->key + length + 1, dp_text_string(&value), out);
        out->failed = out->failed || value.failed;
    }
}

static void write_json_part(const dp_option *option, const void *part, dp_text *json) {
    DP_OWNED(dp_text_clear) dp_text text = {0};
    switch (option->type) {
    case DP_OPTION_UNSIGNED:
    case DP_OPTION_UNSIGNED_LIST:
        dp_json_unsigned(json, *(const uint64_t *)part);
        break;
    case DP_OPTION_REAL:
    case DP_OPTION_DURATION:
    case DP_OPTION_REAL_LIST:
        dp_json_real(json, *(const double *)part);
        break;
    case DP_OPTION_SWITCH:
        dp_json_bool(json, *(const bool *)part);
        break;
    default:
        dp_option_format_part(option, part, &text);
        json->failed = json->failed || text.failed;
        dp_json_string(json, dp_text_string(&text));
    }
}

static void write_json_value(const dp_option *option, const void *target, dp_text *json) {
    const bool is_list = option->type >= DP_OPTION_CHOICES;
    unsigned choice = 0;
    const void *part = NULL;
    if (is_list)
        dp_json_begin_array(json);
    for (size_t i = 0; (part = dp_option_part(option, target, i, &choice)) != NULL; i++)
        write_json_part(option, part, json);
    if (is_list)
        dp_json_end_array(json);
}

void dp_options_write_json(dp_option_table table, const void *target, dp_text *json) {
    dp_json_begin_object(json);
    for (const dp_option *option = table; option->key != NULL; option++) {
        const char *key = option->key;
        int length = (int)strcspn(key, ".");
        if (dp_option_begins_section(table, option)) {
            char section[64];
            snprintf(section, sizeof section, "%.*s", length, key);
            if (option != table)
                dp_json_end_object(json);
            dp_json_key(json, section);
            dp_json_begin_object(json);
        }
        dp_json_key(json, key + length + 1);
        write_json_value(option, target, json);
    }
    dp_json_end_object(json);
    dp_json_end_object(json);
}
