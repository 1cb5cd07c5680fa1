#include "sweep/sweep_plan.h"

#include "base/memory.h"
#include "data/dataset.h"
#include "formats/file_kind.h"
#include "options/option_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define REPEATS_KEY "repeats"

/* The columns that are no keys of a config; and have no section. */
static const dp_option own_options[] = {
    DP_UNSIGNED(dp_sweep_trial, block_size, "block_size", "1", 1, DP_BLOCK_SIZE_MAX, "N", "",
                .flags = DP_OPTION_COLUMN),
    DP_REAL(dp_sweep_trial, reference, "reference", "0", -1e9, 1e9, "LOSS", "",
            .flags = DP_OPTION_COLUMN),
    DP_UNSIGNED(dp_sweep_trial, repeats, REPEATS_KEY, "1", 1, DP_SWEEP_REPEATS_MAX, "N", "",
                .flags = DP_OPTION_COLUMN),
    DP_OPTIONS_END_BEFORE(dp_config_options),
};
static const dp_option *const block_size_option = &own_options[0];

const dp_option dp_sweep_options[] = {
    DP_PATH(dp_sweep_settings, config, "sweep.config", "", "FILE",
            "config that all trials begin with, seen from the sweep file"),
    DP_PATH(dp_sweep_settings, dir, "sweep.dir", "", "DIR",
            "folder of the trials and the tables; empty: runs/NAME after the sweep file"),
    DP_PATH(dp_sweep_settings, text, "sweep.text", "", "FILE",
            "text that datasets are packed from, for trials with a block_size"),
    DP_UNSIGNED(dp_sweep_settings, ranks_per_trial, "sweep.ranks_per_trial", "auto", 1,
                DP_SWEEP_RANKS_MAX, "N",
                "ranks that train one trial together; auto: one, and more where there are more "
                "ranks than trials",
                .choices = DP_NAMES("auto")),
    DP_UNSIGNED(dp_sweep_settings, repeats, "sweep.repeats", "1", 1, DP_SWEEP_REPEATS_MAX, "N",
                "runs of a trial, each with the next seed; the table has their median"),
    DP_SWITCH(dp_sweep_settings, show_test, "sweep.show_test",
              "test losses of all trials, not only of the best on dev"),
    DP_UNSIGNED(dp_sweep_settings, ensemble, "sweep.ensemble", "auto", 0, DP_NETWORKS_MAX, "N",
                "the best runs on dev that are tried together, as an ensemble; auto: 8 where there "
                "are repeats, else none",
                .choices = DP_NAMES("auto")),
    DP_PATH(dp_sweep_settings, reference, "sweep.reference", "reference", "NAME",
            "whose test losses the column 'reference' has", .flags = DP_OPTION_LITERAL),
    DP_OPTIONS_END,
};

/* --- the file as it is read ------------------------------------------------------------------- */

/* A line of the file: the columns, a trial of the list, or an axis of the grid. */
typedef struct entry {
    dp_text words; /* the name and its values, each with its 0 */
    size_t count;  /* of the values */
    size_t line;
} entry;

typedef struct entry_list {
    entry *entries; /* [count] owned */
    size_t count;
    size_t capacity;
} entry_list;

typedef struct reader {
    const char *path;
    int count;
    char *const *assignments; /* [count] of the command line */
    dp_sweep_plan plan;
    entry_list columns; /* one entry, or none before they are known */
    entry_list rows;
    entry_list axes;
    bool has_own[sizeof own_options / sizeof own_options[0]]; /* among columns and axes */
    size_t settings_given[sizeof dp_sweep_options / sizeof dp_sweep_options[0]]; /* line, or 0 */
    dp_config base;          /* as the file says, not resolved */
    dp_sweep_trial building; /* the trial being made; before, values are tried on it */
    size_t capacity;         /* of the plan's trials */
} reader;

static const char *name_of(const entry *self) {
    return self->words.data;
}

static const char *value_of(const entry *self, size_t index) {
    const char *word = self->words.data;
    for (size_t i = 0; i <= index; i++)
        word += strlen(word) + 1;
    return word;
}

static size_t next_word(const char **at) {
    *at += strspn(*at, " \t");
    return strcspn(*at, " \t");
}

/* Adds an entry with the words of the source's value as its values. */
static dp_status append_entry(entry_list *list, const dp_ini_entry *source, const entry **added,
                              dp_error *error) {
    const char *at = source->value;
    DP_TRY_GROW(list->entries, &list->capacity, list->count + 1);
    entry *self = &list->entries[list->count++];
    *self = (entry){.line = source->line};
    dp_text_append_bytes(&self->words, source->name, strlen(source->name) + 1);
    for (size_t length = next_word(&at); length > 0; length = next_word(&at), self->count++) {
        dp_text_append_bytes(&self->words, at, length);
        dp_text_append_bytes(&self->words, "", 1);
        at += length;
    }
    *added = self;
    return dp_text_check(&self->words, error);
}

static void clear_entries(entry_list *list) {
    for (size_t i = 0; i < list->count; i++)
        dp_text_clear(&list->entries[i].words);
    dp_memory_free(list->entries);
}

/* --- keys and values -------------------------------------------------------------------------- */

static const dp_option *find_option(const char *key) {
    const dp_option *own = dp_options_find(own_options, key, strlen(key));
    return own != NULL ? own : dp_options_find(dp_config_options, key, strlen(key));
}

static bool is_own(const dp_option *option) {
    return option != NULL && strchr(option->key, '.') == NULL;
}

/* Sets a value of the trial being made, be it of a config key or of one of the sweep's own. */
static dp_status set_value(reader *self, const char *key, const char *value, dp_error *error) {
    const dp_option *option = find_option(key);
    if (option == NULL)
        return dp_options_fail_unknown(own_options, key, error);
    if (strcmp(key, "run.dir") == 0)
        return dp_fail(error, DP_ERR_INPUT, "run.dir is the sweep's to choose: set sweep.dir");
    void *target = is_own(option) ? (void *)&self->building : &self->building.config;
    return dp_option_give(option, target, value, error);
}

static dp_status set_values(reader *self, const entry *keys, const entry *values, dp_error *error) {
    for (size_t i = 0; i < values->count; i++)
        DP_TRY(set_value(self, value_of(keys, i), value_of(values, i), error));
    return DP_OK;
}

/* A key of the file that differs between trials; one unknown is an error that names the nearest. */
static dp_status add_column(reader *self, const char *key, dp_error *error) {
    dp_sweep_plan *plan = &self->plan;
    const dp_option *option = find_option(key);
    if (option == NULL || strcmp(key, "run.dir") == 0)
        return set_value(self, key, "", error);
    if (is_own(option) && option != block_size_option) { /* the table has columns for them anyway */
        bool *const taken = &self->has_own[option - own_options];
        if (*taken)
            return dp_fail(error, DP_ERR_INPUT, "%s is given twice", key);
        *taken = true;
        plan->has_reference = plan->has_reference || strcmp(option->key, REPEATS_KEY) != 0;
        return DP_OK;
    }
    if (plan->column_count == DP_SWEEP_COLUMNS_MAX)
        return dp_fail(error, DP_ERR_INPUT, "more than %d keys that differ between trials",
                       DP_SWEEP_COLUMNS_MAX);
    for (size_t i = 0; i < plan->column_count; i++) {
        if (plan->columns[i] == option)
            return dp_fail(error, DP_ERR_INPUT, "%s is given twice", key);
    }
    plan->columns[plan->column_count++] = option;
    return DP_OK;
}

static dp_status take_columns(reader *self, const dp_ini_entry *source, dp_error *error) {
    const entry *columns;
    if (self->columns.count > 0)
        return dp_fail(error, DP_ERR_INPUT, "columns were already given on line %zu",
                       self->columns.entries[0].line);
    DP_TRY(append_entry(&self->columns, source, &columns, error));
    if (columns->count == 0)
        return dp_fail(error, DP_ERR_INPUT, "columns names no keys: columns = KEY KEY ...");
    for (size_t i = 0; i < columns->count; i++)
        DP_TRY(add_column(self, value_of(columns, i), error));
    return DP_OK;
}

/* A name becomes that of a folder, beside the sweep's own files. */
static bool is_taken_name(const char *name) {
    return strcmp(name, "data") == 0 || strcmp(name, "results.csv") == 0 ||
           strcmp(name, "results.md") == 0;
}

static bool is_good_name(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._=,+-";
    size_t length = strlen(name);
    return name[0] != '.' && length > 0 && length < DP_SWEEP_NAME_SIZE / 2 &&
           strspn(name, allowed) == length;
}

static dp_status take_row(reader *self, const dp_ini_entry *source, dp_error *error) {
    if (self->columns.count == 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "[trials] begins with a line 'columns = KEY KEY ...', before '%.40s'",
                       source->name);
    if (is_taken_name(source->name))
        return dp_fail(error, DP_ERR_INPUT,
                       "'%s' cannot be the name of a trial: the sweep has a file of that name",
                       source->name);
    if (!is_good_name(source->name))
        return dp_fail(error, DP_ERR_INPUT,
                       "'%.80s' cannot be the name of a trial: up to %d letters, digits and ._=,+-",
                       source->name, DP_SWEEP_NAME_SIZE / 2 - 1);
    for (size_t i = 0; i < self->rows.count; i++) {
        if (strcmp(name_of(&self->rows.entries[i]), source->name) == 0)
            return dp_fail(error, DP_ERR_INPUT, "trial %s was already given on line %zu",
                           source->name, self->rows.entries[i].line);
    }
    const entry *columns = &self->columns.entries[0], *row;
    DP_TRY(append_entry(&self->rows, source, &row, error));
    if (row->count != columns->count)
        return dp_fail(error, DP_ERR_INPUT, "trial %s has %zu values for %zu columns", source->name,
                       row->count, columns->count);
    return set_values(self, columns, row, error);
}

static dp_status take_axis(reader *self, const dp_ini_entry *source, dp_error *error) {
    const entry *axis;
    if (strcmp(source->name, REPEATS_KEY) == 0)
        return dp_fail(error, DP_ERR_INPUT,
                       REPEATS_KEY " is no axis of the grid: set it in [sweep] for all trials, or "
                                   "as a column of [trials]");
    DP_TRY(append_entry(&self->axes, source, &axis, error));
    DP_TRY(add_column(self, source->name, error));
    if (axis->count == 0)
        return dp_fail(error, DP_ERR_INPUT, "%s has no values", source->name);
    for (size_t i = 0; i < axis->count; i++)
        DP_TRY(set_value(self, source->name, value_of(axis, i), error));
    return DP_OK;
}

static dp_status take_entry(void *context, const dp_ini_entry *source, dp_error *error) {
    reader *self = context;
    const bool is_grid = strcmp(source->section, "grid") == 0;
    if (strcmp(source->section, "sweep") == 0)
        return dp_options_take_ini(dp_sweep_options, &self->plan.settings, self->settings_given,
                                   source, error);
    if (!is_grid && strcmp(source->section, "trials") != 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "section [%.40s]: a sweep file has [sweep], [trials] and [grid]; settings "
                       "of all trials belong into the config",
                       source->section);
    if (source->name == NULL) /* the head of the section */
        return DP_OK;
    if (is_grid)
        return take_axis(self, source, error);
    return strcmp(source->name, "columns") == 0 ? take_columns(self, source, error)
                                                : take_row(self, source, error);
}

/* --- one trial -------------------------------------------------------------------------------- */

/* What is no good in a folder's name becomes '-'. */
static dp_status set_name(dp_sweep_trial *trial, const dp_text *name, dp_error *error) {
    DP_TRY(dp_text_check(name, error));
    if (!dp_text_copy(trial->name, sizeof trial->name, dp_text_string(name)))
        return dp_fail(error, DP_ERR_INPUT, "'%.60s...' is too long a name of a trial",
                       dp_text_string(name));
    for (char *c = trial->name; *c != '\0'; c++) {
        char one[2] = {*c, '\0'};
        if (!is_good_name(one) && *c != '.')
            *c = '-';
    }
    return DP_OK;
}

/* The values of point number `point` of the grid, which counts the last axis fastest. Appends
 * "_hidden_dim=200" to the name for each axis that has more than one. */
static dp_status set_point(reader *self, size_t point, dp_text *name, dp_error *error) {
    size_t stride = 1;
    for (size_t a = 0; a < self->axes.count; a++)
        stride *= self->axes.entries[a].count;
    for (size_t a = 0; a < self->axes.count; a++) {
        const entry *axis = &self->axes.entries[a];
        stride /= axis->count;
        const char *key = name_of(axis), *value = value_of(axis, point / stride % axis->count);
        const char *dot = strrchr(key, '.');
        if (axis->count > 1)
            dp_text_append_format(name, "%s%s=%s", name->length == 0 ? "" : "_",
                                  dot == NULL ? key : dot + 1, value);
        DP_TRY(set_value(self, key, value, error));
    }
    return DP_OK;
}

static bool is_for_settings(const char *assignment) {
    return strncmp(assignment, "sweep.", strlen("sweep.")) == 0;
}

/* One of the command line. */
static dp_status take_assignment(reader *self, const char *assignment, dp_error *error) {
    char key[DP_OPTION_KEY_SIZE];
    const char *value;
    DP_TRY(dp_options_split(assignment, key, &value, error));
    if (is_for_settings(assignment))
        return dp_options_set(dp_sweep_options, &self->plan.settings, key, value, error);
    if (find_option(key) == NULL)
        return dp_options_fail_unknown(dp_config_options, key, error);
    if (is_own(find_option(key)))
        return dp_fail(error, DP_ERR_INPUT, "%s can only be set in %s", key, self->path);
    return set_value(self, key, value, error);
}

/* Where the dataset of a block size lies: DIR/data/names-block3.h5. */
static dp_status set_dataset(reader *self, dp_error *error) {
    const dp_sweep_settings *settings = &self->plan.settings;
    char stem[DP_PATH_SIZE], path[DP_PATH_SIZE];
    if (self->building.block_size == 0)
        return DP_OK;
    DP_TRY(dp_path_stem(settings->text, stem, error));
    DP_TRY(dp_path_format(path, error, "%s/data/%s-block%" PRIu64 ".h5", settings->dir, stem,
                          self->building.block_size));
    return set_value(self, "data.path", path, error);
}

/* All that is set of a trial's first run, and its name. */
static dp_status set_trial(reader *self, const entry *row, size_t point, dp_text *name,
                           dp_error *error) {
    if (row != NULL) {
        dp_text_append(name, name_of(row));
        DP_TRY(set_values(self, &self->columns.entries[0], row, error));
    }
    DP_TRY(set_point(self, point, name, error));
    dp_text_append(name, name->length == 0 ? "trial" : "");
    DP_TRY(set_dataset(self, error));
    for (int i = 0; i < self->count; i++) {
        if (!is_for_settings(self->assignments[i]))
            DP_TRY(take_assignment(self, self->assignments[i], error));
    }
    return set_name(&self->building, name, error);
}

/* The seed of a repeat, which its name ends with. */
static dp_status set_seed(reader *self, dp_text *name, dp_error *error) {
    char seed[32];
    dp_sweep_trial *trial = &self->building;
    snprintf(seed, sizeof seed, "%" PRIu64, trial->config.seed + trial->repeat);
    dp_text_append_format(name, "_seed=%s", seed);
    DP_TRY(set_name(trial, name, error));
    if (set_value(self, "train.seed", seed, error) != DP_OK)
        trial->error = *error;
    return DP_OK;
}

/* Resolves the config; where its values do not go together, the trial keeps what is wrong. */
static dp_status resolve(dp_sweep_trial *trial, dp_error *error) {
    if (trial->error.status == DP_OK && dp_config_resolve(&trial->config, error) != DP_OK)
        trial->error = *error;
    if (trial->error.status == DP_ERR_INPUT)
        trial->repeats = 1; /* it would be said of each */
    return trial->error.status == DP_ERR_INPUT ? DP_OK : trial->error.status;
}

static dp_status append_trial(reader *self, dp_error *error) {
    dp_sweep_plan *plan = &self->plan;
    if (plan->count == DP_SWEEP_TRIALS_MAX)
        return dp_fail(error, DP_ERR_INPUT, "%s asks for more than %d runs", self->path,
                       DP_SWEEP_TRIALS_MAX);
    DP_TRY_GROW(plan->trials, &self->capacity, plan->count + 1);
    plan->trials[plan->count++] = self->building;
    plan->has_repeats = plan->has_repeats || self->building.repeats > 1;
    return DP_OK;
}

static dp_status make_run(reader *self, const entry *row, size_t point, uint64_t repeat,
                          dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text name = {0};
    char path[DP_PATH_SIZE];
    self->building = (dp_sweep_trial){.config = self->base,
                                      .reference = NAN,
                                      .repeats = self->plan.settings.repeats,
                                      .repeat = repeat};
    DP_TRY(set_trial(self, row, point, &name, error));
    if (repeat > 0)
        DP_TRY(set_seed(self, &name, error));
    DP_TRY(dp_path_format(path, error, "%s/%s", self->plan.settings.dir, self->building.name));
    DP_TRY(dp_options_set(dp_config_options, &self->building.config, "run.dir", path, error));
    DP_TRY(resolve(&self->building, error));
    return append_trial(self, error);
}

static dp_status make_trial(reader *self, const entry *row, size_t point, dp_error *error) {
    const size_t at = self->plan.count;
    DP_TRY(make_run(self, row, point, 0, error));
    for (uint64_t r = 1; r < self->plan.trials[at].repeats; r++)
        DP_TRY(make_run(self, row, point, r, error));
    return DP_OK;
}

/* --- all trials ------------------------------------------------------------------------------- */

static dp_status count_trials(const reader *self, size_t *points, dp_error *error) {
    const size_t rows = self->rows.count == 0 ? 1 : self->rows.count;
    *points = 1;
    if (self->rows.count == 0 && self->columns.count > 0)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s:%zu: columns of no trial: give [trials] a line 'NAME = VALUE ...' below",
                       self->path, self->columns.entries[0].line);
    if (self->rows.count == 0 && self->axes.count == 0)
        return dp_fail(error, DP_ERR_INPUT, "%s has no trials: give it [trials] or [grid]",
                       self->path);
    for (size_t a = 0; a < self->axes.count && *points * rows <= DP_SWEEP_TRIALS_MAX; a++)
        *points *= self->axes.entries[a].count;
    if (*points * rows > DP_SWEEP_TRIALS_MAX)
        return dp_fail(error, DP_ERR_INPUT, "%s asks for more than %d trials", self->path,
                       DP_SWEEP_TRIALS_MAX);
    return DP_OK;
}

static dp_status check_names(const reader *self, dp_error *error) {
    const dp_sweep_plan *plan = &self->plan;
    for (size_t i = 0; i < plan->count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(plan->trials[i].name, plan->trials[j].name) == 0)
                return dp_fail(error, DP_ERR_INPUT, "%s has two trials of the name '%s'",
                               self->path, plan->trials[i].name);
        }
    }
    return DP_OK;
}

/* Block sizes need a text to pack, and nobody else to name the dataset. */
static dp_status check_datasets(const reader *self, dp_error *error) {
    const dp_sweep_plan *plan = &self->plan;
    bool sized = false, named = false;
    for (size_t i = 0; i < plan->column_count; i++) {
        sized = sized || plan->columns[i] == block_size_option;
        named = named || strcmp(plan->columns[i]->key, "data.path") == 0;
    }
    for (int i = 0; i < self->count; i++)
        named = named || strncmp(self->assignments[i], "data.path=", strlen("data.path=")) == 0;
    if (sized && named)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s names datasets by block_size, so data.path cannot be set (sweep.text "
                       "chooses what they are packed from)",
                       self->path);
    if (sized && plan->settings.text[0] == '\0')
        return dp_fail(error, DP_ERR_INPUT,
                       "%s names datasets by block_size: set sweep.text to the text they are to be "
                       "packed from",
                       self->path);
    return DP_OK;
}

static dp_status make_trials(reader *self, dp_error *error) {
    const size_t rows = self->rows.count == 0 ? 1 : self->rows.count;
    size_t points = 0;
    DP_TRY(count_trials(self, &points, error));
    DP_TRY(check_datasets(self, error));
    for (size_t r = 0; r < rows; r++) {
        const entry *row = self->rows.count == 0 ? NULL : &self->rows.entries[r];
        for (size_t p = 0; p < points; p++)
            DP_TRY(make_trial(self, row, p, error));
    }
    return check_names(self, error);
}

/* --- settings --------------------------------------------------------------------------------- */

/* The config is looked for beside the sweep file. */
static dp_status find_config(reader *self, dp_error *error) {
    dp_sweep_settings *settings = &self->plan.settings;
    char path[DP_PATH_SIZE];
    const bool is_absolute = settings->config[0] == '/';
    const int folder = is_absolute ? 0 : (int)(dp_path_base(self->path) - self->path);
    if (settings->config[0] == '\0')
        return dp_fail(error, DP_ERR_INPUT,
                       "%s names no config: set config in [sweep] to what all trials begin with",
                       self->path);
    DP_TRY(dp_path_format(path, error, "%.*s%s", folder, self->path, settings->config));
    memcpy(settings->config, path, sizeof path);
    return DP_OK;
}

static dp_status complete_settings(reader *self, dp_error *error) {
    dp_sweep_settings *settings = &self->plan.settings;
    char stem[DP_PATH_SIZE];
    for (int i = 0; i < self->count; i++)
        DP_TRY(take_assignment(self, self->assignments[i], error));
    DP_TRY(find_config(self, error));
    DP_TRY(dp_path_stem(self->path, stem, error));
    if (settings->dir[0] == '\0')
        DP_TRY(dp_path_format(settings->dir, error, "runs/%s", stem));
    DP_TRY(dp_file_kind_expect(settings->config, DP_FILE_CONFIG, error));
    DP_TRY(dp_config_read(&self->base, settings->config, error));
    /* What is wrong with the base config is not the fault of a trial. */
    self->building.config = self->base;
    return dp_config_resolve(&self->building.config, error);
}

static void release(reader *const *self) {
    if (*self == NULL)
        return;
    clear_entries(&(*self)->columns);
    clear_entries(&(*self)->rows);
    clear_entries(&(*self)->axes);
    dp_sweep_plan_clear(&(*self)->plan);
    dp_memory_free(*self);
}

dp_status dp_sweep_plan_read(dp_sweep_plan *plan, const char *path, int count,
                             char *const *assignments, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text content = {0};
    DP_OWNED(release) reader *self = NULL; /* too large for the stack: paths */
    *plan = (dp_sweep_plan){0};
    DP_TRY_NEW(self, 1);
    self->path = path;
    self->count = count;
    self->assignments = assignments;
    DP_TRY(dp_options_init(dp_sweep_options, &self->plan.settings, error));
    DP_TRY(dp_options_init(dp_config_options, &self->building.config, error));
    DP_TRY(dp_file_kind_expect(path, DP_FILE_SWEEP, error));
    DP_TRY(dp_file_read(path, &content, error));
    DP_TRY(dp_ini_read(content.data, content.length, path, take_entry, self, error));
    DP_TRY(complete_settings(self, error));
    DP_TRY(make_trials(self, error));
    *plan = self->plan;
    self->plan.trials = NULL;
    return DP_OK;
}

void dp_sweep_plan_clear(dp_sweep_plan *plan) {
    dp_memory_free(plan->trials);
    *plan = (dp_sweep_plan){0};
}

/* --- for tables and queues -------------------------------------------------------------------- */

size_t dp_sweep_plan_distinct(const dp_sweep_plan *plan) {
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++)
        count += plan->trials[i].repeat == 0;
    return count;
}

const char *dp_sweep_plan_unit(const dp_sweep_plan *plan) {
    return plan->has_repeats ? "runs" : "trials";
}

const char *dp_sweep_column_name(const dp_option *column) {
    return is_own(column) ? column->key : strrchr(column->key, '.') + 1;
}

void dp_sweep_column_format(const dp_option *column, const dp_sweep_trial *trial, dp_text *out) {
    dp_options_format(column, is_own(column) ? (const void *)trial : &trial->config, out);
}

/* What a step costs beside its fixed part grows with batch and hidden units; the fixed part is that
 * of about 1,500 of them. */
static double cost_of(const dp_sweep_trial *trial) {
    const dp_config *config = &trial->config;
    return (double)config->steps *
           (1500.0 + (double)config->batch_size * (double)config->hidden_dim);
}

void dp_sweep_plan_order(const dp_sweep_trial *trials, size_t count, size_t *order) {
    for (size_t i = 0; i < count; i++) {
        size_t at = i; /* insertion: equal ones keep the file's order */
        for (; at > 0 && cost_of(&trials[order[at - 1]]) < cost_of(&trials[i]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}
