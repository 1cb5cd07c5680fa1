#include "sweep/sweep_table.h"

#include "base/memory.h"
#include "run/run_folder.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
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

static void insert_done(ranking *self, const standing *of) {
    size_t at = self->done++; /* insertion: equal ones keep the file's order */
    for (; at > 0 && dev_loss(&self->rows[at - 1]) > dev_loss(of); at--)
        self->rows[at] = self->rows[at - 1];
    self->rows[at] = *of;
}

static dp_status rank_trials(ranking *self, dp_error *error) {
    standing of;
    DP_TRY_NEW(self->rows, self->plan->count);
    DP_TRY_NEW(self->sorted, self->plan->count);
    for (size_t i = 0; i < self->plan->count; i += of.planned) {
        of = summarize(self, i);
        if (of.done > 0)
            insert_done(self, &of);
    }
    self->count = self->done;
    for (size_t i = 0; i < self->plan->count; i += of.planned) {
        of = summarize(self, i);
        if (of.done == 0 && of.failed > 0)
            self->rows[self->count++] = of;
    }
    return DP_OK;
}

static bool shows_test(const ranking *self, size_t place) {
    return place < self->done && (place == 0 || self->plan->settings.show_test);
}

/* --- CSV -------------------------------------------------------------------------------------- */

/* In quotes where it needs them (RFC 4180). */
static void append_csv(dp_text *csv, const char *value) {
    if (strpbrk(value, ",\"\n") == NULL) {
        dp_text_append(csv, value);
        return;
    }
    dp_text_append(csv, "\"");
    for (const char *c = value; *c != '\0'; c++)
        dp_text_append_format(csv, *c == '"' ? "\"%c" : "%c", *c);
    dp_text_append(csv, "\"");
}

static void append_csv_real(dp_text *csv, bool shown, double value) {
    char buffer[32];
    dp_text_append_format(csv, ",%s",
                          shown && isfinite(value) ? dp_text_format_real(value, buffer) : "");
}

static void append_csv_heading(dp_text *csv, const dp_sweep_plan *plan) {
    dp_text_append(csv, "trial");
    for (size_t c = 0; c < plan->column_count; c++) {
        const dp_sweep_column *column = &plan->columns[c];
        dp_text_append_format(csv, ",%s",
                              column->option == NULL ? dp_sweep_column_name(column)
                                                     : column->option->key);
    }
    dp_text_append(csv, ",parameters,step,dev_loss,best_dev_loss,best_dev_step,test_loss");
    if (plan->has_reference)
        dp_text_append(csv, ",reference");
    if (plan->has_repeats)
        dp_text_append(csv, ",repeat_of,seed,median_dev_loss,median_test_loss");
    dp_text_append(csv, ",weights,failure\n");
}

static void append_csv_medians(dp_text *csv, const ranking *self, size_t place, uint64_t seed) {
    const standing *of = &self->rows[place];
    dp_text_append(csv, ",");
    append_csv(csv, self->plan->trials[of->first].name);
    dp_text_append_format(csv, ",%" PRIu64, seed);
    append_csv_real(csv, true, of->losses[DP_SPLIT_DEV].median);
    append_csv_real(csv, shows_test(self, place), of->losses[DP_SPLIT_TEST].median);
}

/* One run of the row at `place`. */
static void append_csv_run(dp_text *csv, const ranking *self, size_t place, size_t run) {
    char hash[DP_HASH_TEXT_SIZE] = "";
    const dp_sweep_plan *plan = self->plan;
    const dp_sweep_trial *trial = &plan->trials[run];
    const dp_sweep_outcome *outcome = &self->outcomes[run];
    const dp_summary_results *results = &outcome->results;
    const bool done = outcome->state == DP_SWEEP_DONE;
    append_csv(csv, trial->name);
    for (size_t c = 0; c < plan->column_count; c++) {
        dp_text value = {0};
        dp_sweep_column_format(&plan->columns[c], trial, &value);
        dp_text_append(csv, ",");
        append_csv(csv, dp_text_string(&value));
        csv->failed = csv->failed || value.failed;
        dp_text_clear(&value);
    }
    if (done)
        dp_text_append_format(csv, ",%" PRIu64 ",%" PRIu64, results->parameters, results->step);
    else
        dp_text_append(csv, ",,");
    append_csv_real(csv, done, results->losses[DP_SPLIT_DEV]);
    append_csv_real(csv, done && results->best_step > 0, results->best_loss);
    if (done && results->best_step > 0)
        dp_text_append_format(csv, ",%" PRIu64, results->best_step);
    else
        dp_text_append(csv, ",");
    append_csv_real(csv, done && shows_test(self, place), results->losses[DP_SPLIT_TEST]);
    if (plan->has_reference)
        append_csv_real(csv, true, trial->reference);
    if (plan->has_repeats)
        append_csv_medians(csv, self, place, trial->config.seed);
    dp_text_append_format(csv, ",%s,", done ? dp_hash_format(results->weights_hash, hash) : "");
    append_csv(csv, outcome->message);
    dp_text_append(csv, "\n");
}

static void append_csv_table(dp_text *csv, const ranking *self) {
    append_csv_heading(csv, self->plan);
    for (size_t place = 0; place < self->count; place++) {
        const standing *of = &self->rows[place];
        for (size_t run = of->first; run < of->first + of->planned; run++) {
            const dp_sweep_state state = self->outcomes[run].state;
            if (state == DP_SWEEP_DONE || state == DP_SWEEP_FAILED)
                append_csv_run(csv, self, place, run);
        }
    }
}

/* --- for people ------------------------------------------------------------------------------- */

/* A table of texts; row 0 is the heading. */
typedef struct grid {
    size_t rows;
    size_t columns;
    dp_text *cells; /* [rows, columns] */
    size_t filled;  /* cells, in row-major order */
} grid;

static dp_text *next_cell(grid *self) {
    return &self->cells[self->filled++];
}

static void add_cell(grid *self, const char *text) {
    dp_text_append(next_cell(self), text);
}

static void add_real(grid *self, bool shown, const char *format, double value) {
    char text[32] = "";
    if (shown && isfinite(value))
        snprintf(text, sizeof text, format, value);
    add_cell(self, text);
}

/* "hidden_dim" as "hidden". */
static void add_name(grid *self, const dp_sweep_column *column) {
    const char *name = dp_sweep_column_name(column);
    size_t length = strlen(name);
    if (length > 4 && strcmp(name + length - 4, "_dim") == 0)
        length -= 4;
    else if (length > 5 && strcmp(name + length - 5, "_size") == 0)
        length -= 5;
    dp_text_append_bytes(next_cell(self), name, length);
}

static void fill_heading(grid *self, const dp_sweep_plan *plan) {
    add_cell(self, "trial");
    for (size_t c = 0; c < plan->column_count; c++)
        add_name(self, &plan->columns[c]);
    if (plan->has_repeats)
        add_cell(self, "runs");
    add_cell(self, "dev");
    add_cell(self, "test");
    if (plan->has_reference) {
        add_cell(self, plan->settings.reference);
        add_cell(self, "differs");
    }
}

/* "5", or "4/5" where one of them has no result. */
static void add_runs(grid *self, const standing *of) {
    dp_text *out = next_cell(self);
    dp_text_append_format(out, "%zu", of->done);
    if (of->done < of->planned)
        dp_text_append_format(out, "/%zu", of->planned);
}

static void fill_row(grid *self, const ranking *ranked, size_t place) {
    const dp_sweep_plan *plan = ranked->plan;
    const standing *of = &ranked->rows[place];
    const dp_sweep_trial *trial = &plan->trials[of->first];
    const double test = of->losses[DP_SPLIT_TEST].median;
    add_cell(self, trial->name);
    for (size_t c = 0; c < plan->column_count; c++)
        dp_sweep_column_format(&plan->columns[c], trial, next_cell(self));
    if (plan->has_repeats)
        add_runs(self, of);
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

/* Below a median, the ends of what it is of. */
static void fill_end(grid *self, const ranking *ranked, const char *name, double dev,
                     bool test_is_shown, double test) {
    const size_t end = self->filled + self->columns;
    add_cell(self, name);
    for (size_t c = 0; c < ranked->plan->column_count + 1; c++) /* and the number of runs */
        add_cell(self, "");
    add_real(self, true, "%.4f", dev);
    add_real(self, test_is_shown, "%.4f", test);
    while (self->filled < end)
        add_cell(self, "");
}

static bool has_spread(const standing *of) {
    return of->done > 1;
}

static size_t count_rows(const ranking *ranked) {
    size_t count = 1;
    for (size_t place = 0; place < ranked->count; place++)
        count += has_spread(&ranked->rows[place]) ? 3 : 1;
    return count;
}

static dp_status fill_grid(grid *self, const ranking *ranked, dp_error *error) {
    const dp_sweep_plan *plan = ranked->plan;
    self->rows = count_rows(ranked);
    self->columns =
        3 + plan->column_count + (plan->has_repeats ? 1 : 0) + (plan->has_reference ? 2 : 0);
    DP_TRY_NEW(self->cells, self->rows * self->columns);
    fill_heading(self, plan);
    for (size_t place = 0; place < ranked->count; place++) {
        const spread *losses = ranked->rows[place].losses;
        const spread dev = losses[DP_SPLIT_DEV], test = losses[DP_SPLIT_TEST];
        const bool shown = shows_test(ranked, place);
        fill_row(self, ranked, place);
        if (!has_spread(&ranked->rows[place]))
            continue;
        fill_end(self, ranked, "  min", dev.least, shown, test.least);
        fill_end(self, ranked, "  max", dev.most, shown, test.most);
    }
    for (size_t i = 0; i < self->filled; i++)
        DP_TRY(dp_text_check(&self->cells[i], error));
    return DP_OK;
}

static void clear_grid(grid *self) {
    for (size_t i = 0; self->cells != NULL && i < self->filled; i++)
        dp_text_clear(&self->cells[i]);
    dp_memory_free(self->cells);
}

static const dp_text *cell(const grid *self, size_t row, size_t column) {
    return &self->cells[row * self->columns + column];
}

static void append_markdown(dp_text *out, const grid *self) {
    for (size_t row = 0; row < self->rows; row++) {
        for (size_t column = 0; column < self->columns; column++)
            dp_text_append_format(out, "| %s ", dp_text_string(cell(self, row, column)));
        dp_text_append(out, "|\n");
        for (size_t column = 0; row == 0 && column < self->columns; column++)
            dp_text_append(out, column == 0 ? "|---|" : "---:|");
        dp_text_append(out, row == 0 ? "\n" : "");
    }
}

static size_t column_width(const grid *self, size_t column) {
    size_t width = 0;
    for (size_t row = 0; row < self->rows; row++) {
        if (cell(self, row, column)->length > width)
            width = cell(self, row, column)->length;
    }
    return width;
}

/* Columns aligned, two blanks apart and from the edge where that fits a terminal, else one apart.
 */
static void append_aligned(dp_text *out, const grid *self) {
    size_t total = 0;
    for (size_t column = 0; column < self->columns; column++)
        total += column_width(self, column) + 2;
    const int gap = total <= WIDTH ? 2 : 1;
    for (size_t row = 0; row < self->rows; row++) {
        for (size_t column = 0; column < self->columns; column++) {
            const int width = (int)column_width(self, column);
            const char *text = dp_text_string(cell(self, row, column));
            dp_text_append_format(out, column == 0 ? "%*s%-*s" : "%*s%*s",
                                  column == 0 && gap == 1 ? 0 : gap, "", width, text);
        }
        while (out->length > 0 && out->data[out->length - 1] == ' ')
            out->length--;
        dp_text_append(out, "\n");
    }
}

/* A list, behind an empty line. */
static void append_failures(dp_text *markdown, const ranking *self) {
    const char *before = "\n- ";
    for (size_t i = 0; i < self->plan->count; i++) {
        if (self->outcomes[i].state != DP_SWEEP_FAILED)
            continue;
        dp_text_append_format(markdown, "%s%s: %s\n", before, self->plan->trials[i].name,
                              self->outcomes[i].message);
        before = "- ";
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static dp_status write_text(const dp_sweep_plan *plan, const char *name, const dp_text *text,
                            dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_text_check(text, error));
    DP_TRY(dp_run_folder_file(plan->settings.dir, name, path, error));
    return dp_file_write(path, text->data, text->length, error);
}

dp_status dp_sweep_table_write(const dp_sweep_plan *plan, const dp_sweep_outcome *outcomes,
                               dp_text *out, dp_error *error) {
    dp_status status = DP_OK;
    ranking ranked = {.plan = plan, .outcomes = outcomes};
    grid table = {0};
    dp_text csv = {0}, markdown = {0};
    DP_OR_DONE(rank_trials(&ranked, error));
    DP_OR_DONE(fill_grid(&table, &ranked, error));
    append_csv_table(&csv, &ranked);
    append_markdown(&markdown, &table);
    append_failures(&markdown, &ranked);
    append_aligned(out, &table);
    DP_OR_DONE(dp_file_make_directories(plan->settings.dir, error));
    DP_OR_DONE(write_text(plan, "results.csv", &csv, error));
    DP_OR_DONE(write_text(plan, "results.md", &markdown, error));
    DP_OR_DONE(dp_text_check(out, error));
done:
    dp_text_clear(&csv);
    dp_text_clear(&markdown);
    clear_grid(&table);
    dp_memory_free(ranked.rows);
    dp_memory_free(ranked.sorted);
    return status;
}
