#include "run/metrics.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* How a column is written; every number can be read, and those but the step may be left out. */
typedef enum column_type { COLUMN_STEP, COLUMN_NUMBER, COLUMN_REAL, COLUMN_HASH } column_type;

static const struct column {
    const char *name;
    column_type type;
    size_t offset;      /* of its field in a row */
    const char *format; /* of a real number; NULL: every digit, nothing where it is not finite */
} columns[] = {
    {"step", COLUMN_STEP, offsetof(dp_metrics_row, step), NULL},
    {"loss", COLUMN_REAL, offsetof(dp_metrics_row, loss), NULL},
    {"batch_loss", COLUMN_REAL, offsetof(dp_metrics_row, batch_loss), NULL},
    {"lr", COLUMN_REAL, offsetof(dp_metrics_row, lr), NULL},
    {"train_loss", COLUMN_REAL, offsetof(dp_metrics_row, split_loss[DP_SPLIT_TRAIN]), NULL},
    {"dev_loss", COLUMN_REAL, offsetof(dp_metrics_row, split_loss[DP_SPLIT_DEV]), NULL},
    {"test_loss", COLUMN_REAL, offsetof(dp_metrics_row, split_loss[DP_SPLIT_TEST]), NULL},
    {"weights", COLUMN_HASH, offsetof(dp_metrics_row, weights_hash), NULL},
    {"ms_per_step", COLUMN_REAL, offsetof(dp_metrics_row, ms_per_step), "%.4f"},
    {"examples_per_s", COLUMN_REAL, offsetof(dp_metrics_row, examples_per_s), "%.0f"},
    {"seconds", COLUMN_REAL, offsetof(dp_metrics_row, seconds), "%.3f"},
    {"grad_norm", COLUMN_REAL, offsetof(dp_metrics_row, grad_norm), NULL},
    {"start", COLUMN_NUMBER, offsetof(dp_metrics_row, start), NULL},
    {"at_work", COLUMN_NUMBER, offsetof(dp_metrics_row, at_work), NULL},
};
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])
#define COLUMN_COUNT_MIN                                                                           \
    (COLUMN_COUNT - 3) /* of earlier versions, which began without the last                        \
                        */

/* --- writing ---------------------------------------------------------------------------------- */

static void append_header(dp_text *out) {
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        dp_text_append_format(out, "%s%s", i == 0 ? "" : ",", columns[i].name);
    dp_text_append(out, "\n");
}

static void append_field(const struct column *column, const dp_metrics_row *row, dp_text *line) {
    const void *field = (const char *)row + column->offset;
    if (column->type == COLUMN_STEP || column->type == COLUMN_NUMBER)
        dp_text_append_format(line, "%" PRIu64, *(const uint64_t *)field);
    else if (column->type == COLUMN_HASH)
        dp_text_append(line, DP_HASH_TEXT(*(const uint64_t *)field));
    else if (column->format != NULL)
        dp_text_append_format(line, column->format, *(const double *)field);
    else if (isfinite(*(const double *)field))
        dp_text_append(line, DP_REAL_TEXT(*(const double *)field));
}

dp_status dp_metrics_append(dp_journal *metrics, const dp_metrics_row *row, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text line = {0};
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        dp_text_append(&line, i == 0 ? "" : ",");
        append_field(&columns[i], row, &line);
    }
    dp_text_append(&line, "\n");
    DP_TRY(dp_text_check(&line, error));
    return dp_journal_add(metrics, line.data, line.length, error);
}

/* --- reading ---------------------------------------------------------------------------------- */

#define FIELDS_MAX 64

/* The columns of a file in its order; NULL for one of a name that we do not know. */
typedef struct file_columns {
    const struct column *known[FIELDS_MAX];
    size_t count;
} file_columns;

/* Cuts the line at its commas. Returns how many fields it has; those beyond FIELDS_MAX are not
 * stored. */
static size_t cut_fields(char *line, char *fields[FIELDS_MAX]) {
    size_t count = 0;
    for (char *next = line; next != NULL;) {
        char *field = next;
        next = strchr(field, ',');
        if (next != NULL)
            *next++ = '\0';
        if (count < FIELDS_MAX)
            fields[count] = field;
        count++;
    }
    return count;
}

static bool parse_header(char *line, file_columns *found) {
    char *fields[FIELDS_MAX] = {line};
    found->count = cut_fields(line, fields);
    if (found->count > FIELDS_MAX || strcmp(fields[0], columns[0].name) != 0)
        return false;
    for (size_t i = 0; i < found->count; i++) {
        found->known[i] = NULL;
        for (size_t c = 0; c < COLUMN_COUNT; c++) {
            if (strcmp(fields[i], columns[c].name) == 0)
                found->known[i] = &columns[c];
        }
    }
    return true;
}

static bool parse_field(const struct column *column, const char *text, dp_metrics_row *row) {
    void *field = (char *)row + column->offset;
    if (column->type == COLUMN_STEP)
        return dp_text_parse_unsigned(text, field);
    if (column->type == COLUMN_NUMBER)
        return text[0] == '\0' || dp_text_parse_unsigned(text, field);
    if (column->type == COLUMN_HASH)
        return text[0] == '\0' || dp_hash_parse(text, field);
    return text[0] == '\0' || dp_text_parse_real(text, field);
}

static bool parse_row(const file_columns *found, char *line, dp_metrics_row *row) {
    char *fields[FIELDS_MAX];
    *row = (dp_metrics_row){0};
    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        if (columns[c].type == COLUMN_REAL)
            *(double *)((char *)row + columns[c].offset) = NAN;
    }
    if (cut_fields(line, fields) != found->count)
        return false;
    for (size_t i = 0; i < found->count; i++) {
        if (found->known[i] != NULL && !parse_field(found->known[i], fields[i], row))
            return false;
    }
    return true;
}

/* The next whole line, cut from the text at *at; NULL where there is none. */
static char *next_line(char **at) {
    char *line = *at, *end = strchr(line, '\n');
    if (end == NULL)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return line;
}

static dp_status fail_header(const char *path, dp_error *error) {
    return dp_fail(error, DP_ERR_INPUT,
                   "%s:1: not the metrics of a run: they begin with 'step,loss,...'", path);
}

static dp_status fail_row(const char *path, size_t line, dp_error *error) {
    return dp_fail(error, DP_ERR_INPUT,
                   "%s:%zu: not a row of metrics, or not of a later step than the one before; mend "
                   "or remove this line to go on with the others",
                   path, line);
}

static dp_status parse_table(dp_metrics_table *table, char *text, const char *path,
                             dp_error *error) {
    file_columns found;
    size_t capacity = 0, line_number = 1;
    char *line = next_line(&text);
    if (line == NULL || !parse_header(line, &found))
        return fail_header(path, error);
    while ((line = next_line(&text)) != NULL) {
        dp_metrics_row row;
        line_number++;
        if (!parse_row(&found, line, &row) ||
            (table->count > 0 && row.step <= table->rows[table->count - 1].step))
            return fail_row(path, line_number, error);
        DP_TRY_GROW(table->rows, &capacity, table->count + 1);
        table->rows[table->count++] = row;
    }
    return DP_OK;
}

/* Lines end with LF, also those that an editor has ended with CRLF. What a file system leaves of a
 * crash may be zeros: such a byte damages its line, and does not end the file. */
static void unify(dp_text *content) {
    size_t kept = 0;
    for (size_t i = 0; i < content->length; i++) {
        const char c = content->data[i];
        if (c != '\r' || i + 1 == content->length || content->data[i + 1] != '\n')
            content->data[kept++] = c == '\0' ? '?' : c;
    }
    content->length = kept;
    if (content->data != NULL)
        content->data[kept] = '\0';
}

dp_status dp_metrics_read(dp_metrics_table *table, const char *path, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text content = {0};
    *table = (dp_metrics_table){0};
    DP_TRY(dp_file_read_long(path, &content, error));
    unify(&content);
    const dp_status status = parse_table(table, content.data, path, error);
    if (status != DP_OK)
        dp_metrics_table_clear(table);
    return status;
}

void dp_metrics_table_clear(dp_metrics_table *table) {
    dp_memory_free(table->rows);
    *table = (dp_metrics_table){0};
}

/* --- going on --------------------------------------------------------------------------------- */

/* A file of which the rows up to a step are kept. `content` is taken apart, `raw` holds its bytes.
 */
typedef struct cutting {
    const char *path;
    const dp_text *raw;
    dp_text *content;
    dp_text *kept;
    uint64_t last;  /* step of the last row that is kept */
    double seconds; /* its field */
    dp_metrics_past past;
    size_t damaged; /* the first line that is no row; 0: none */
} cutting;

/* Whether a header is that of this version or of an earlier one, which had fewer columns. */
static bool is_written_by_us(const file_columns *found) {
    bool is_ours = found->count >= COLUMN_COUNT_MIN && found->count <= COLUMN_COUNT;
    for (size_t i = 0; i < found->count && is_ours; i++)
        is_ours = found->known[i] == &columns[i];
    return is_ours;
}

/* Before rows told their start, seconds began again with each of them. */
static void note_past(cutting *self, const dp_metrics_row *row) {
    dp_metrics_past *past = &self->past;
    if (row->start > 0 || past->starts == 0) {
        *past = (dp_metrics_past){.seconds = row->seconds, .starts = row->start};
        past->starts += past->starts == 0;
    } else {
        past->starts += row->seconds < self->seconds;
        past->seconds += row->seconds - (row->seconds < self->seconds ? 0.0 : self->seconds);
    }
    self->seconds = row->seconds;
}

static void keep_row(cutting *self, const dp_metrics_row *row, size_t missing, dp_text line) {
    dp_text_append_bytes(self->kept, line.data, line.length);
    for (size_t i = 0; i < missing; i++)
        dp_text_append(self->kept, ",");
    dp_text_append(self->kept, "\n");
    self->last = row->step;
    if (isfinite(row->seconds))
        note_past(self, row);
}

/* Rows up to `step` stand before all others, whatever a crash has left behind them. */
static dp_status keep_rows(cutting *self, uint64_t step, dp_error *error) {
    file_columns found;
    dp_metrics_row row;
    size_t number = 1;
    char *text = self->content->data, *line = text == NULL ? NULL : next_line(&text);
    append_header(self->kept);
    if (line == NULL)
        return DP_OK;
    if (!parse_header(line, &found) || !is_written_by_us(&found))
        return fail_header(self->path, error);
    while ((line = next_line(&text)) != NULL) {
        number++;
        if (!parse_row(&found, line, &row) || row.step <= self->last) {
            self->damaged = self->damaged == 0 ? number : self->damaged;
            continue;
        }
        if (row.step > step)
            break;
        if (self->damaged != 0)
            return fail_row(self->path, self->damaged, error);
        keep_row(self, &row, COLUMN_COUNT - found.count,
                 (dp_text){.data = self->raw->data + (line - self->content->data),
                           .length = (size_t)(text - 1 - line)});
    }
    return DP_OK;
}

/* That the rows are those that were written: a part of the last one is what a crash leaves. */
static dp_status compare_end(const cutting *self, uint64_t logged,
                             char notice[DP_METRICS_NOTICE_SIZE], dp_error *error) {
    if (self->last >= logged)
        return DP_OK;
    if (self->damaged != 0)
        return fail_row(self->path, self->damaged, error);
    snprintf(notice, DP_METRICS_NOTICE_SIZE,
             "notice: metrics.csv %s, so the rows up to step %" PRIu64 " are lost",
             self->last == 0 ? "is not there or empty" : "was cut short", logged);
    return DP_OK;
}

static dp_status cut_back(const char *path, uint64_t step, uint64_t logged, dp_metrics_past *past,
                          char notice[DP_METRICS_NOTICE_SIZE], dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text content = {0};
    DP_OWNED(dp_text_clear) dp_text raw = {0};
    DP_OWNED(dp_text_clear) dp_text kept = {0};
    cutting self = {.path = path, .raw = &raw, .content = &content, .kept = &kept};
    if (step > 0 && dp_file_exists(path))
        DP_TRY(dp_file_read_long(path, &content, error));
    const size_t size = content.length;
    unify(&content);
    dp_text_append_bytes(&raw, content.data, content.length);
    DP_TRY(dp_text_check(&raw, error));
    DP_TRY(keep_rows(&self, step, error));
    DP_TRY(dp_text_check(&kept, error));
    DP_TRY(compare_end(&self, logged, notice, error));
    *past = self.past;
    if (kept.length == size && memcmp(kept.data, raw.data, size) == 0)
        return DP_OK;
    return dp_file_write_text(path, &kept, error);
}

dp_status dp_metrics_open(dp_journal *metrics, const char *path, uint64_t step, uint64_t logged,
                          dp_metrics_past *past, char notice[DP_METRICS_NOTICE_SIZE],
                          dp_error *error) {
    *metrics = (dp_journal){0};
    notice[0] = '\0';
    DP_TRY(cut_back(path, step, logged, past, notice, error));
    return dp_journal_open(metrics, path, error);
}
