#include "run/metrics.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How a column is written; every number can be read. */
typedef enum column_type { COLUMN_STEP, COLUMN_REAL, COLUMN_HASH } column_type;

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
};
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])
#define COLUMN_COUNT_BEFORE (COLUMN_COUNT - 1) /* of an earlier version, without grad_norm */

/* --- writing ---------------------------------------------------------------------------------- */

static void append_header(size_t count, dp_text *out) {
    for (size_t i = 0; i < count; i++)
        dp_text_append_format(out, "%s%s", i == 0 ? "" : ",", columns[i].name);
    dp_text_append(out, "\n");
}

static bool begins_with(const dp_text *content, const dp_text *header) {
    return content->length >= header->length && header->length > 0 &&
           memcmp(content->data, header->data, header->length) == 0;
}

/* Whether the row in [row, end) is complete and of a step up to this one. */
static bool is_kept(const char *row, const char *end, uint64_t step) {
    char *behind = NULL;
    if (end == NULL || !isdigit((unsigned char)row[0]))
        return false;
    return strtoull(row, &behind, 10) <= step && *behind == ',';
}

/* Appends the header and the rows of a file that stay, those of an earlier version with the column
 * that they have not got. */
static void keep_rows(const dp_text *content, uint64_t step, dp_text *kept) {
    DP_OWNED(dp_text_clear) dp_text before = {0};
    append_header(COLUMN_COUNT, kept);
    append_header(COLUMN_COUNT_BEFORE, &before);
    const bool is_earlier = begins_with(content, &before);
    const size_t header = is_earlier                   ? before.length
                          : begins_with(content, kept) ? kept->length
                                                       : content->length;
    const char *row = dp_text_string(content) + header, *last = row + content->length - header;
    while (row < last) {
        const char *end = memchr(row, '\n', (size_t)(last - row));
        if (!is_kept(row, end, step))
            break;
        dp_text_append_bytes(kept, row, (size_t)(end - row));
        dp_text_append(kept, is_earlier ? ",\n" : "\n");
        row = end + 1;
    }
    kept->failed = kept->failed || before.failed;
}

static dp_status cut_back(const char *path, uint64_t step, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text content = {0};
    DP_OWNED(dp_text_clear) dp_text kept = {0};
    if (step > 0 && dp_file_exists(path))
        DP_TRY(dp_file_read(path, &content, error));
    keep_rows(&content, step, &kept);
    DP_TRY(dp_text_check(&kept, error));
    if (kept.length != content.length ||
        memcmp(dp_text_string(&kept), dp_text_string(&content), kept.length) != 0)
        DP_TRY(dp_file_write_text(path, &kept, error));
    return DP_OK;
}

dp_status dp_metrics_open(dp_journal *metrics, const char *path, uint64_t step, dp_error *error) {
    *metrics = (dp_journal){0};
    DP_TRY(cut_back(path, step, error));
    return dp_journal_open(metrics, path, error);
}

static void append_field(const struct column *column, const dp_metrics_row *row, dp_text *line) {
    const void *field = (const char *)row + column->offset;
    if (column->type == COLUMN_STEP)
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
    char *fields[FIELDS_MAX];
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

static dp_status parse_table(dp_metrics_table *table, char *text, const char *path,
                             dp_error *error) {
    file_columns found;
    size_t capacity = 0, line_number = 1;
    char *line = next_line(&text);
    if (line == NULL || !parse_header(line, &found))
        return dp_fail(error, DP_ERR_INPUT,
                       "%s:1: not the metrics of a run: they begin with 'step,loss,...'", path);
    while ((line = next_line(&text)) != NULL) {
        dp_metrics_row row;
        line_number++;
        if (!parse_row(&found, line, &row) ||
            (table->count > 0 && row.step <= table->rows[table->count - 1].step))
            return dp_fail(error, DP_ERR_INPUT,
                           "%s:%zu: not a row of metrics, or not of a later step than the one "
                           "before; remove this line to see the others",
                           path, line_number);
        DP_TRY_GROW(table->rows, &capacity, table->count + 1);
        table->rows[table->count++] = row;
    }
    return DP_OK;
}

/* What a file system leaves of a crash may be zeros: such a byte damages its line, and does not end
 * the file. */
static void replace_zeros(char *text, size_t length) {
    for (char *zero = text; (zero = memchr(zero, '\0', length - (size_t)(zero - text))) != NULL;)
        *zero = '?';
}

dp_status dp_metrics_read(dp_metrics_table *table, const char *path, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text content = {0};
    *table = (dp_metrics_table){0};
    DP_TRY(dp_file_read(path, &content, error));
    replace_zeros(content.data, content.length);
    const dp_status status = parse_table(table, content.data, path, error);
    if (status != DP_OK)
        dp_metrics_table_clear(table);
    return status;
}

void dp_metrics_table_clear(dp_metrics_table *table) {
    dp_memory_free(table->rows);
    *table = (dp_metrics_table){0};
}
