#include "train/metrics.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEADER                                                                                     \
    "step,loss,batch_loss,lr,train_loss,dev_loss,test_loss,weights,ms_per_step,examples_per_s,"    \
    "seconds\n"
enum { COLUMN_STEP = 0, COLUMN_WEIGHTS = 7, COLUMN_COUNT = 11 };

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

static dp_status cut_back(const char *path, uint64_t step, dp_error *error) {
    dp_status status = DP_OK;
    dp_file_map map = {0};
    dp_text content = {0};
    if (dp_file_exists(path))
        DP_TRY(dp_file_map_open(&map, path, error));
    /* A copy, as the map has no 0 at its end and is about to be replaced. */
    if (map.size > 0)
        dp_text_append_bytes(&content, map.data, map.size);
    DP_TRY(dp_text_check(&content, error));
    size_t kept = step == 0 ? 0 : kept_length(dp_text_string(&content), content.length, step);
    if (kept == 0)
        DP_TRY(dp_file_write(path, HEADER, strlen(HEADER), error));
    else if (kept < content.length)
        DP_TRY(dp_file_write(path, content.data, kept, error));
done:
    dp_file_map_close(&map);
    dp_text_clear(&content);
    return status;
}

dp_status dp_metrics_open(dp_metrics *metrics, const char *path, uint64_t step, dp_error *error) {
    dp_status status = DP_OK;
    *metrics = (dp_metrics){0};
    DP_TRY(dp_path_format(metrics->path, error, "%s", path));
    DP_TRY(cut_back(path, step, error));
    metrics->stream = fopen(path, "a");
    if (metrics->stream == NULL)
        status = dp_fail_errno(error, errno, "cannot write %s", path);
done:
    return status;
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
    dp_text_append_format(&line, ",%s,%.4f,%.0f,%.3f\n", dp_hash_format(row->weights_hash, hash),
                          row->ms_per_step, row->examples_per_s, row->seconds);
    DP_TRY(dp_text_check(&line, error));
    if (fwrite(line.data, 1, line.length, metrics->stream) != line.length ||
        fflush(metrics->stream) != 0)
        status = dp_fail_errno(error, errno, "cannot write %s", metrics->path);
done:
    dp_text_clear(&line);
    return status;
}

void dp_metrics_close(dp_metrics *metrics) {
    if (metrics->stream != NULL)
        fclose(metrics->stream);
    *metrics = (dp_metrics){0};
}

/* --- reading -------------------------------------------------------------------------------- */

static bool parse_real(const char *field, double *value) {
    *value = NAN;
    return field[0] == '\0' || dp_text_parse_real(field, value);
}

/* Takes a row apart, in place. */
static bool parse_row(char *line, dp_metrics_row *row) {
    double *const split = row->split_loss;
    double *const reals[COLUMN_COUNT] = {NULL,
                                         &row->loss,
                                         &row->batch_loss,
                                         &row->lr,
                                         &split[DP_SPLIT_TRAIN],
                                         &split[DP_SPLIT_DEV],
                                         &split[DP_SPLIT_TEST],
                                         NULL,
                                         &row->ms_per_step,
                                         &row->examples_per_s,
                                         &row->seconds};
    size_t column = 0;
    for (char *field = line; field != NULL; column++) {
        char *comma = strchr(field, ',');
        if (comma != NULL)
            *comma = '\0';
        bool valid = column < COLUMN_COUNT;
        if (column == COLUMN_STEP)
            valid = dp_text_parse_unsigned(field, &row->step);
        else if (column == COLUMN_WEIGHTS)
            valid = dp_hash_parse(field, &row->weights_hash);
        else if (valid)
            valid = parse_real(field, reals[column]);
        if (!valid)
            return false;
        field = comma == NULL ? NULL : comma + 1;
    }
    return column == COLUMN_COUNT;
}

/* Line number `line` of a file, which is taken apart, as the row behind `before` (NULL: none). */
static dp_status read_row(char *text, const char *path, size_t line, const dp_metrics_row *before,
                          dp_metrics_row *row, dp_error *error) {
    if (!parse_row(text, row))
        return dp_fail(error, DP_ERR_INPUT, "%s:%zu: not a row of %d columns", path, line,
                       COLUMN_COUNT);
    if (before != NULL && row->step <= before->step)
        return dp_fail(error, DP_ERR_INPUT,
                       "%s:%zu: step %" PRIu64 " does not follow the row before", path, line,
                       row->step);
    return DP_OK;
}

/* Reads all rows into rows [count], which has room for all lines of the content; that is taken
 * apart. A part of a line at the end is what a crash has left, or what is being written. */
static dp_status read_rows(char *content, size_t size, const char *path, dp_metrics_row *rows,
                           size_t *count, dp_error *error) {
    dp_status status = DP_OK;
    const size_t header = strlen(HEADER);
    if (size < header || memcmp(content, HEADER, header) != 0)
        return dp_fail(error, DP_ERR_INPUT, "%s:1: not the columns of dptrain's metrics.csv", path);
    if (memchr(content, '\0', size) != NULL)
        return dp_fail(error, DP_ERR_INPUT, "%s: not a text file", path);
    char *line = content + header;
    for (char *end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) {
        *end = '\0';
        DP_TRY(read_row(line, path, *count + 2, *count == 0 ? NULL : &rows[*count - 1],
                        &rows[*count], error));
        (*count)++;
        line = end + 1;
    }
done:
    return status;
}

static size_t count_lines(const char *content, size_t size) {
    size_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += content[i] == '\n';
    return lines;
}

dp_status dp_metrics_read(const char *path, dp_metrics_row **rows, size_t *count, dp_error *error) {
    dp_status status = DP_OK;
    dp_file_map map = {0};
    dp_text content = {0};
    *rows = NULL;
    *count = 0;
    DP_TRY(dp_file_map_open(&map, path, error));
    if (map.size > 0)
        dp_text_append_bytes(&content, map.data, map.size);
    DP_TRY(dp_text_check(&content, error));
    DP_NEW_ARRAY(*rows, count_lines(dp_text_string(&content), content.length));
    DP_TRY(read_rows(content.data, content.length, path, *rows, count, error));
done:
    if (status != DP_OK || *count == 0) {
        dp_memory_free(*rows);
        *rows = NULL;
        *count = 0;
    }
    dp_text_clear(&content);
    dp_file_map_close(&map);
    return status;
}
