#include "run/metrics.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_COLUMNS                                                                              \
    "step,loss,batch_loss,lr,train_loss,dev_loss,test_loss,weights,ms_per_step,examples_per_s,"    \
    "seconds"
#define HEADER FIRST_COLUMNS ",grad_norm\n"
#define HEADER_WITHOUT_NORM FIRST_COLUMNS "\n" /* of an earlier version */

/* The step that a row begins with; false where it does not begin with a number and a comma. */
static bool parse_step(const char *row, uint64_t *step) {
    char digits[24];
    size_t length = strspn(row, "0123456789");
    if (length >= sizeof digits || row[length] != ',')
        return false;
    memcpy(digits, row, length);
    digits[length] = '\0';
    return dp_text_parse_unsigned(digits, step);
}

/* The part of an existing file to keep: its header and the complete rows up to `step`. */
static size_t kept_length(const char *content, size_t size, uint64_t step) {
    size_t header = strlen(HEADER);
    if (size < header || strncmp(content, HEADER, header) != 0)
        return 0;
    size_t at = header;
    while (at < size) {
        const char *end = memchr(content + at, '\n', size - at);
        uint64_t row_step = 0;
        if (end == NULL || !parse_step(content + at, &row_step) || row_step > step)
            break;
        at = (size_t)(end - content) + 1;
    }
    return at;
}

/* Appends a file's content, that of an earlier version with the column that it has not got; what is
 * behind its last end of a line is left out then. */
static void append_content(const char *content, size_t size, dp_text *out) {
    const size_t header = strlen(HEADER_WITHOUT_NORM);
    if (size < header || strncmp(content, HEADER_WITHOUT_NORM, header) != 0) {
        dp_text_append_bytes(out, content, size);
        return;
    }
    dp_text_append(out, HEADER);
    const char *at = content + header, *last = content + size, *end;
    for (; (end = memchr(at, '\n', (size_t)(last - at))) != NULL; at = end + 1) {
        dp_text_append_bytes(out, at, (size_t)(end - at));
        dp_text_append(out, ",\n");
    }
}

static dp_status cut_back(const char *path, uint64_t step, dp_error *error) {
    dp_status status = DP_OK;
    dp_file_map map = {0};
    dp_text content = {0};
    if (dp_file_exists(path))
        DP_OR_DONE(dp_file_map_open(&map, path, error));
    /* A copy, as the map has no 0 at its end and is about to be replaced. */
    if (map.size > 0)
        append_content((const char *)map.data, map.size, &content);
    DP_OR_DONE(dp_text_check(&content, error));
    size_t kept = step == 0 ? 0 : kept_length(dp_text_string(&content), content.length, step);
    if (kept == 0)
        DP_OR_DONE(dp_file_write(path, HEADER, strlen(HEADER), error));
    else if (kept != map.size || memcmp(content.data, map.data, kept) != 0)
        DP_OR_DONE(dp_file_write(path, content.data, kept, error));
done:
    dp_file_map_close(&map);
    dp_text_clear(&content);
    return status;
}

dp_status dp_metrics_open(dp_metrics *metrics, const char *path, uint64_t step, dp_error *error) {
    *metrics = (dp_metrics){0};
    DP_TRY(cut_back(path, step, error));
    return dp_journal_open(&metrics->journal, path, error);
}

static void append_real(dp_text *line, double value) {
    char buffer[32];
    dp_text_append(line, ",");
    if (isfinite(value))
        dp_text_append(line, dp_text_format_real(value, buffer));
}

dp_status dp_metrics_append(dp_metrics *metrics, const dp_metrics_row *row, dp_error *error) {
    dp_status status = DP_OK;
    dp_text line = {0};
    char hash[DP_HASH_TEXT_SIZE];
    dp_text_append_format(&line, "%" PRIu64, row->step);
    append_real(&line, row->loss);
    append_real(&line, row->batch_loss);
    append_real(&line, row->lr);
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        append_real(&line, row->split_loss[split]);
    dp_text_append_format(&line, ",%s,%.4f,%.0f,%.3f", dp_hash_format(row->weights_hash, hash),
                          row->ms_per_step, row->examples_per_s, row->seconds);
    append_real(&line, row->grad_norm);
    dp_text_append(&line, "\n");
    DP_OR_DONE(dp_text_check(&line, error));
    DP_OR_DONE(dp_journal_add(&metrics->journal, line.data, line.length, error));
done:
    dp_text_clear(&line);
    return status;
}

dp_status dp_metrics_sync(dp_metrics *metrics, dp_error *error) {
    return dp_journal_sync(&metrics->journal, error);
}

void dp_metrics_close(dp_metrics *metrics) {
    dp_journal_close(&metrics->journal);
}

/* --- reading ---------------------------------------------------------------------------------- */

typedef enum column_type { COLUMN_STEP, COLUMN_REAL, COLUMN_HASH } column_type;

static const struct column {
    const char *name;
    column_type type;
    size_t offset; /* of its field in a row */
} columns[] = {
    {"step", COLUMN_STEP, offsetof(dp_metrics_row, step)},
    {"loss", COLUMN_REAL, offsetof(dp_metrics_row, loss)},
    {"batch_loss", COLUMN_REAL, offsetof(dp_metrics_row, batch_loss)},
    {"lr", COLUMN_REAL, offsetof(dp_metrics_row, lr)},
    {"train_loss", COLUMN_REAL, offsetof(dp_metrics_row, split_loss[DP_SPLIT_TRAIN])},
    {"dev_loss", COLUMN_REAL, offsetof(dp_metrics_row, split_loss[DP_SPLIT_DEV])},
    {"test_loss", COLUMN_REAL, offsetof(dp_metrics_row, split_loss[DP_SPLIT_TEST])},
    {"weights", COLUMN_HASH, offsetof(dp_metrics_row, weights_hash)},
    {"ms_per_step", COLUMN_REAL, offsetof(dp_metrics_row, ms_per_step)},
    {"examples_per_s", COLUMN_REAL, offsetof(dp_metrics_row, examples_per_s)},
    {"seconds", COLUMN_REAL, offsetof(dp_metrics_row, seconds)},
    {"grad_norm", COLUMN_REAL, offsetof(dp_metrics_row, grad_norm)},
};
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])
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
    *row = (dp_metrics_row){.loss = NAN,
                            .batch_loss = NAN,
                            .lr = NAN,
                            .split_loss = {NAN, NAN, NAN},
                            .ms_per_step = NAN,
                            .examples_per_s = NAN,
                            .seconds = NAN,
                            .grad_norm = NAN};
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
    dp_status status = DP_OK;
    file_columns found;
    void *rows = NULL;
    size_t capacity = 0, line_number = 1;
    char *line = next_line(&text);
    if (line == NULL || !parse_header(line, &found))
        return dp_fail(error, DP_ERR_INPUT,
                       "%s:1: not the metrics of a run: they begin with 'step,loss,...'", path);
    while ((line = next_line(&text)) != NULL) {
        dp_metrics_row row;
        line_number++;
        if (!parse_row(&found, line, &row) ||
            (table->count > 0 && row.step <= table->rows[table->count - 1].step)) {
            status = dp_fail(error, DP_ERR_INPUT,
                             "%s:%zu: not a row of metrics, or not of a later step than the one "
                             "before; remove this line to see the others",
                             path, line_number);
            goto done;
        }
        DP_OR_DONE(dp_memory_grow(&rows, &capacity, table->count + 1, sizeof row, error));
        table->rows = rows;
        table->rows[table->count++] = row;
    }
done:
    table->rows = rows;
    return status;
}

/* What a file system leaves of a crash may be zeros: such a byte damages its line, and does not end
 * the file. */
static void replace_zeros(char *text, size_t length) {
    for (char *zero = text; (zero = memchr(zero, '\0', length - (size_t)(zero - text))) != NULL;)
        *zero = '?';
}

dp_status dp_metrics_read(dp_metrics_table *table, const char *path, dp_error *error) {
    dp_status status = DP_OK;
    dp_file_map map = {0};
    dp_text content = {0};
    *table = (dp_metrics_table){0};
    DP_OR_DONE(dp_file_map_open(&map, path, error));
    if (map.size > 0)
        dp_text_append_bytes(&content, map.data, map.size);
    else
        dp_text_append(&content, "");
    DP_OR_DONE(dp_text_check(&content, error));
    replace_zeros(content.data, content.length);
    DP_OR_DONE(parse_table(table, content.data, path, error));
done:
    dp_file_map_close(&map);
    dp_text_clear(&content);
    if (status != DP_OK)
        dp_metrics_table_clear(table);
    return status;
}

void dp_metrics_table_clear(dp_metrics_table *table) {
    dp_memory_free(table->rows);
    *table = (dp_metrics_table){0};
}
