#include "sweep/sweep_table.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/size.h"
#include "run/run_folder.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define WIDTH 79 /* of a terminal */

/* --- the order of the rows -------------------------------------------------------------------- */

/* A loss over the repeats of a trial; NaN where none has it. */
typedef struct spread {
    double median;
    double least;
    double most;
} spread;

/* A trial with its repeats: a row of the table. */
typedef struct standing {
    size_t first; /* trial; its repeats are the ones behind it, `planned` together */
    size_t planned;
    size_t done;
    size_t failed;
    spread losses[DP_SPLIT_COUNT]; /* over those that are done */
} standing;

typedef struct ranking {
    const dp_sweep_plan *plan;
    const dp_sweep_outcome *outcomes;
    standing *rows; /* [count] those with results by their loss on dev, then the failed */
    size_t done;
    size_t count;
    double *sorted; /* [trials] losses at work */
} ranking;

static spread spread_of(ranking *self, const standing *of, dp_split split) {
    size_t count = 0;
    double *sorted = self->sorted;
    for (size_t i = of->first; i < of->first + of->planned; i++) {
        const double loss = self->outcomes[i].results.losses[split];
        if (self->outcomes[i].state != DP_SWEEP_DONE || isnan(loss))
            continue;
        size_t at = count++;
        for (; at > 0 && sorted[at - 1] > loss; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = loss;
    }
    if (count == 0)
        return (spread){NAN, NAN, NAN};
    const double upper = sorted[count / 2], lower = sorted[(count - 1) / 2];
    return (spread){.median = count % 2 == 1 ? upper : 0.5 * (lower + upper),
                    .least = sorted[0],
                    .most = sorted[count - 1]};
}

static standing summarize(ranking *self, size_t first) {
    standing of = {.first = first};
    while (first + of.planned < self->plan->count &&
           self->plan->trials[first + of.planned].repeat == of.planned) {
        const dp_sweep_state state = self->outcomes[first + of.planned++].state;
        of.done += state == DP_SWEEP_DONE;
        of.failed += state == DP_SWEEP_FAILED;
    }
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        of.losses[split] = spread_of(self, &of, (dp_split)split);
    return of;
}

static double dev_loss(const standing *of) {
    return of->losses[DP_SPLIT_DEV].median;
}

static bool is_before(const standing *a, const standing *b) {
    return a->done > 0 && (b->done == 0 || dev_loss(a) < dev_loss(b));
}

static void insert(ranking *self, const standing *of) {
    size_t at = self->count++; /* insertion: equal ones keep the file's order */
    for (; at > 0 && is_before(of, &self->rows[at - 1]); at--)
        self->rows[at] = self->rows[at - 1];
    self->rows[at] = *of;
    self->done += of->done > 0;
}

static dp_status rank_trials(ranking *self, dp_error *error) {
    standing of;
    DP_TRY_NEW(self->rows, self->plan->count);
    DP_TRY_NEW(self->sorted, self->plan->count);
    for (size_t i = 0; i < self->plan->count; i += of.planned) {
        of = summarize(self, i);
        if (of.done + of.failed > 0)
            insert(self, &of);
    }
    return DP_OK;
}

static void clear_ranking(ranking *self) {
    dp_memory_free(self->rows);
    dp_memory_free(self->sorted);
}

static bool shows_test(const ranking *self, size_t place) {
    return place < self->done && (place == 0 || self->plan->settings.show_test);
}

/* --- a table of texts ------------------------------------------------------------------------- */

#define GRID_COLUMNS_MAX (DP_SWEEP_COLUMNS_MAX + 16)

typedef struct grid {
    dp_text cells; /* each with its 0, row by row, the heading first */
    size_t count;
    size_t columns; /* of the heading */
} grid;

static void clear_grid(grid *self) {
    dp_text_clear(&self->cells);
}

static void end_cell(grid *self) {
    dp_text_append_bytes(&self->cells, "", 1);
    self->count++;
}

static void add_cell(grid *self, const char *text) {
    dp_text_append(&self->cells, text);
    end_cell(self);
}

static void add_count(grid *self, bool shown, uint64_t count) {
    if (shown)
        dp_text_append_format(&self->cells, "%" PRIu64, count);
    end_cell(self);
}

/* With all its digits, */
static void add_exact(grid *self, bool shown, double value) {
    add_cell(self, shown && isfinite(value) ? DP_REAL_TEXT(value) : "");
}

/* or as the format says. */
static void add_real(grid *self, bool shown, const char *format, double value) {
    if (shown && isfinite(value))
        dp_text_append_format(&self->cells, format, value);
    end_cell(self);
}

static void add_values(grid *self, const dp_sweep_plan *plan, const dp_sweep_trial *trial) {
    for (size_t c = 0; c < plan->column_count; c++) {
        dp_sweep_column_format(plan->columns[c], trial, &self->cells);
        end_cell(self);
    }
}

/* In quotes where it needs them (RFC 4180). */
static void append_csv_cell(dp_text *csv, const char *value) {
    if (strpbrk(value, ",\"\n") == NULL) {
        dp_text_append(csv, value);
        return;
    }
    dp_text_append(csv, "\"");
    for (const char *c = value; *c != '\0'; c++)
        dp_text_append_format(csv, *c == '"' ? "\"%c" : "%c", *c);
    dp_text_append(csv, "\"");
}

static void append_csv(dp_text *out, const grid *self) {
    const char *cell = self->cells.data;
    for (size_t i = 0; i < self->count; i++, cell += strlen(cell) + 1) {
        append_csv_cell(out, cell);
        dp_text_append(out, (i + 1) % self->columns == 0 ? "\n" : ",");
    }
}

static void append_markdown(dp_text *out, const grid *self) {
    const char *cell = self->cells.data;
    for (size_t i = 0; i < self->count; i++, cell += strlen(cell) + 1) {
        dp_text_append_format(out, "| %s ", cell);
        dp_text_append(out, (i + 1) % self->columns == 0 ? "|\n" : "");
        for (size_t c = 0; i + 1 == self->columns && c < self->columns; c++)
            dp_text_append(out, c == 0 ? "|---|" : "---:|");
        dp_text_append(out, i + 1 == self->columns ? "\n" : "");
    }
}

/* Columns aligned, two blanks apart and from the edge where that fits a terminal, else one. */
static void append_aligned(dp_text *out, const grid *self) {
    size_t widths[GRID_COLUMNS_MAX] = {0}, total = 0;
    const char *cell = self->cells.data;
    for (size_t i = 0; i < self->count; i++, cell += strlen(cell) + 1)
        widths[i % self->columns] = dp_size_max(widths[i % self->columns], strlen(cell));
    for (size_t column = 0; column < self->columns; column++)
        total += widths[column] + 2;
    const int gap = total <= WIDTH ? 2 : 1;
    cell = self->cells.data;
    for (size_t i = 0; i < self->count; i++, cell += strlen(cell) + 1) {
        const size_t column = i % self->columns;
        dp_text_append_format(out, column == 0 ? "%*s%-*s" : "%*s%*s",
                              column == 0 && gap == 1 ? 0 : gap, "", (int)widths[column], cell);
        if (column + 1 < self->columns)
            continue;
        size_t length = out->length;
        while (length > 0 && out->data[length - 1] == ' ')
            length--;
        dp_text_cut(out, length);
        dp_text_append(out, "\n");
    }
}

/* --- every run, for programs ------------------------------------------------------------------ */

static void add_names(grid *self, const char *const *names) {
    for (; *names != NULL; names++)
        add_cell(self, *names);
}

static void add_runs_heading(grid *self, const dp_sweep_plan *plan) {
    add_cell(self, "trial");
    for (size_t c = 0; c < plan->column_count; c++)
        add_cell(self, plan->columns[c]->key);
    add_names(self, DP_NAMES("parameters", "step", "dev_loss", "best_dev_loss", "best_dev_step",
                             "test_loss"));
    if (plan->has_reference)
        add_cell(self, "reference");
    if (plan->has_repeats)
        add_names(self, DP_NAMES("repeat_of", "seed", "median_dev_loss", "median_test_loss"));
    add_names(self, DP_NAMES("weights", "failure"));
    self->columns = self->count;
}

/* One run of the row at `place`. */
static void add_run(grid *self, const ranking *ranked, size_t place, size_t run) {
    const dp_sweep_plan *plan = ranked->plan;
    const standing *of = &ranked->rows[place];
    const dp_sweep_trial *trial = &plan->trials[run];
    const dp_sweep_outcome *outcome = &ranked->outcomes[run];
    const dp_summary_results *results = &outcome->results;
    const bool done = outcome->state == DP_SWEEP_DONE, has_best = done && results->best_step > 0;
    const bool tested = shows_test(ranked, place);
    add_cell(self, trial->name);
    add_values(self, plan, trial);
    add_count(self, done, results->parameters);
    add_count(self, done, results->step);
    add_exact(self, done, results->losses[DP_SPLIT_DEV]);
    add_exact(self, has_best, results->best_loss);
    add_count(self, has_best, results->best_step);
    add_exact(self, done && tested, results->losses[DP_SPLIT_TEST]);
    if (plan->has_reference)
        add_exact(self, true, trial->reference);
    if (plan->has_repeats) {
        add_cell(self, plan->trials[of->first].name);
        add_count(self, true, trial->config.seed);
        add_exact(self, true, of->losses[DP_SPLIT_DEV].median);
        add_exact(self, tested, of->losses[DP_SPLIT_TEST].median);
    }
    add_cell(self, done ? DP_HASH_TEXT(results->weights_hash) : "");
    add_cell(self, outcome->error.message);
}

static void fill_runs(grid *self, const ranking *ranked) {
    add_runs_heading(self, ranked->plan);
    for (size_t place = 0; place < ranked->count; place++) {
        const standing *of = &ranked->rows[place];
        for (size_t run = of->first; run < of->first + of->planned; run++) {
            const dp_sweep_state state = ranked->outcomes[run].state;
            if (state == DP_SWEEP_DONE || state == DP_SWEEP_FAILED)
                add_run(self, ranked, place, run);
        }
    }
}

/* --- the trials, for people ------------------------------------------------------------------- */

/* "hidden_dim" as "hidden". */
static void add_short_name(grid *self, const char *name) {
    static const char *const endings[] = {"_dim", "_size"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const size_t ending = strlen(endings[i]);
        if (length > ending && strcmp(name + length - ending, endings[i]) == 0)
            length -= ending;
    }
    dp_text_append_bytes(&self->cells, name, length);
    end_cell(self);
}

static void add_heading(grid *self, const dp_sweep_plan *plan) {
    add_cell(self, "trial");
    for (size_t c = 0; c < plan->column_count; c++)
        add_short_name(self, dp_sweep_column_name(plan->columns[c]));
    if (plan->has_repeats)
        add_cell(self, "runs");
    add_names(self, DP_NAMES("dev", "test"));
    if (plan->has_reference)
        add_names(self, DP_NAMES(plan->settings.reference, "differs"));
    self->columns = self->count;
}

static void add_row(grid *self, const ranking *ranked, size_t place) {
    const dp_sweep_plan *plan = ranked->plan;
    const standing *of = &ranked->rows[place];
    const dp_sweep_trial *trial = &plan->trials[of->first];
    const double test = of->losses[DP_SPLIT_TEST].median;
    add_cell(self, trial->name);
    add_values(self, plan, trial);
    if (plan->has_repeats) { /* "5", or "4/5" where one of them has no result */
        dp_text_append_format(&self->cells, of->done < of->planned ? "%zu/%zu" : "%zu", of->done,
                              of->planned);
        end_cell(self);
    }
    if (place < ranked->done)
        add_real(self, true, "%.4f", dev_loss(of));
    else
        add_cell(self, "failed");
    add_real(self, shows_test(ranked, place), "%.4f", test);
    if (plan->has_reference) {
        add_real(self, true, "%.4f", trial->reference);
        add_real(self, shows_test(ranked, place), "%+.4f", test - trial->reference);
    }
}

/* Below a median, an end of what it is of. */
static void add_end(grid *self, const ranking *ranked, const char *name, double dev, double test) {
    add_cell(self, name);
    for (size_t c = 0; c < ranked->plan->column_count + 1; c++) /* and the number of runs */
        add_cell(self, "");
    add_real(self, true, "%.4f", dev);
    add_real(self, true, "%.4f", test);
    while (self->count % self->columns != 0)
        add_cell(self, "");
}

static void fill_trials(grid *self, const ranking *ranked) {
    add_heading(self, ranked->plan);
    for (size_t place = 0; place < ranked->count; place++) {
        const standing *of = &ranked->rows[place];
        const spread dev = of->losses[DP_SPLIT_DEV];
        const spread test =
            shows_test(ranked, place) ? of->losses[DP_SPLIT_TEST] : (spread){NAN, NAN, NAN};
        add_row(self, ranked, place);
        if (of->done < 2)
            continue;
        add_end(self, ranked, "  min", dev.least, test.least);
        add_end(self, ranked, "  max", dev.most, test.most);
    }
}

/* --- ensembles -------------------------------------------------------------------------------- */

/* A line for each number of runs: the one that comes in, and the loss of all so far. */
static void fill_ensemble(grid *self, const dp_sweep_plan *plan,
                          const dp_sweep_ensemble *ensemble) {
    add_names(self, DP_NAMES("together", "with", "dev"));
    self->columns = self->count;
    for (size_t k = 0; k < ensemble->count; k++) {
        add_count(self, true, k + 1);
        add_cell(self, plan->trials[ensemble->members[k]].name);
        add_real(self, true, "%.4f", ensemble->together[k]);
    }
}

/* A list, behind an empty line. */
static void append_failures(dp_text *markdown, const ranking *self) {
    const char *before = "\n- ";
    for (size_t i = 0; i < self->plan->count; i++) {
        if (self->outcomes[i].state != DP_SWEEP_FAILED)
            continue;
        dp_text_append_format(markdown, "%s%s: %s\n", before, self->plan->trials[i].name,
                              self->outcomes[i].error.message);
        before = "- ";
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static const char *const table_names[] = {"results.csv", "results.md"};

dp_status dp_sweep_table_check(const dp_sweep_plan *plan, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_file_make_directories(plan->settings.dir, error));
    for (size_t i = 0; i < 2; i++) {
        DP_TRY(dp_path_format(path, error, "%s/%s", plan->settings.dir, table_names[i]));
        DP_TRY(dp_file_kind_check_output(path, DP_FILE_RESULTS, error));
    }
    return DP_OK;
}

dp_status dp_sweep_table_write(const dp_sweep_plan *plan, const dp_sweep_outcome *outcomes,
                               const dp_sweep_ensemble *ensemble, dp_text *out, dp_error *error) {
    DP_OWNED(clear_ranking) ranking ranked = {.plan = plan, .outcomes = outcomes};
    DP_OWNED(clear_grid) grid runs = {0};
    DP_OWNED(clear_grid) grid table = {0};
    DP_OWNED(clear_grid) grid together = {0};
    DP_OWNED(dp_text_clear) dp_text csv = {0};
    DP_OWNED(dp_text_clear) dp_text markdown = {0};
    DP_TRY(rank_trials(&ranked, error));
    fill_runs(&runs, &ranked);
    fill_trials(&table, &ranked);
    fill_ensemble(&together, plan, ensemble);
    DP_TRY(dp_text_check(&runs.cells, error));
    DP_TRY(dp_text_check(&table.cells, error));
    DP_TRY(dp_text_check(&together.cells, error));
    append_csv(&csv, &runs);
    append_markdown(&markdown, &table);
    append_aligned(out, &table);
    if (ensemble->count > 0) {
        dp_text_append(&markdown, "\n");
        append_markdown(&markdown, &together);
        dp_text_append(out, "\n");
        append_aligned(out, &together);
    }
    append_failures(&markdown, &ranked);
    const char *dir = plan->settings.dir;
    DP_TRY(dp_file_make_directories(dir, error));
    DP_TRY(dp_run_folder_write(dir, table_names[0], &csv, error));
    DP_TRY(dp_run_folder_write(dir, table_names[1], &markdown, error));
    return dp_text_check(out, error);
}
