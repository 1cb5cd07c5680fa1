#include "pack/text_source.h"

#include "base/memory.h"
#include "base/size.h"
#include "base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BYTES_AT_ONCE ((size_t)1 << 18)

/* --- places ----------------------------------------------------------------------------------- */

static dp_status add_origin(dp_packing_text *text, dp_text_origin origin, dp_error *error) {
    DP_TRY_GROW(text->origins, &text->origin_capacity, text->origin_count + 1);
    text->origins[text->origin_count++] = origin;
    return DP_OK;
}

const char *dp_text_source_place(const dp_packing_text *text, uint64_t *line) {
    dp_text_origin origin = {1, text->names[0], 1};
    for (size_t i = 0; i < text->origin_count && text->origins[i].line <= *line; i++)
        origin = text->origins[i];
    *line = origin.source_line + (*line - origin.line);
    return origin.name;
}

dp_status dp_text_source_prefix(const dp_packing_text *text, uint64_t line, dp_error *error) {
    const char *name = dp_text_source_place(text, &line);
    return dp_fail_prefix(error, "%s:%" PRIu64, name, line);
}

/* --- files ------------------------------------------------------------------------------------ */

/* The descriptor that is meant by "-", or by the path that a shell gives for <(command); -1 of a
 * path of a file. */
static int descriptor_of(const char *path) {
    static const char numbered[] = "/dev/fd/";
    uint64_t number = 0;
    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0)
        return STDIN_FILENO;
    return strncmp(path, numbered, strlen(numbered)) == 0 &&
                   dp_text_parse_unsigned(path + strlen(numbered), &number) && number <= INT_MAX
               ? (int)number
               : -1;
}

/* What is read there becomes a file without a name. */
static dp_status copy(dp_packing_job *job, int descriptor, const char *name, dp_file_map *map,
                      dp_error *error) {
    DP_OWNED(dp_file_replace_abort) dp_file_replacement file = {0};
    DP_OWNED(dp_memory_release) char *buffer = NULL;
    ssize_t got = 0;
    DP_TRY_NEW(buffer, BYTES_AT_ONCE);
    dp_packing_watch(job);
    DP_TRY(dp_file_replace_begin(&file, job->request->output, error));
    do {
        got = read(descriptor, buffer, BYTES_AT_ONCE);
        DP_TRY(dp_packing_check(job, error));
        if (got < 0 && errno != EINTR)
            return dp_fail_errno(error, errno, "cannot read %s", name);
        if (got > 0)
            DP_TRY(dp_file_replace_append(&file, buffer, (size_t)got, error));
    } while (got != 0);
    return dp_file_map_open(map, file.temporary, error);
}

static dp_status open_file(dp_packing_job *job, dp_packing_text *text, size_t i, dp_error *error) {
    dp_file_map *map = &text->sources[i];
    const int descriptor = descriptor_of(text->names[i]);
    if (descriptor == STDIN_FILENO)
        text->names[i] = "standard input";
    if (descriptor >= 0) {
        DP_TRY(copy(job, descriptor, text->names[i], map, error));
    } else {
        DP_TRY(dp_file_kind_expect(text->names[i], DP_FILE_TEXT, error));
        DP_TRY(dp_file_map_open(map, text->names[i], error));
    }
    if (map->size == 0)
        return dp_fail(error, DP_ERR_INPUT, "%s is empty; it must hold %s", text->names[i],
                       job->request->unit == DP_UNIT_WORD ? "words" : "one word a line");
    (void)posix_madvise((void *)(uintptr_t)map->data, map->size, POSIX_MADV_SEQUENTIAL);
    return DP_OK;
}

/* --- one field of a table --------------------------------------------------------------------- */

typedef struct table {
    const unsigned char *bytes;
    size_t size;
    size_t at;     /* the next byte */
    uint64_t line; /* that it stands on, from 1 */
    unsigned char separator;
} table;

static bool is_at(const table *self, unsigned char byte) {
    return self->at < self->size && self->bytes[self->at] == byte;
}

/* Appends the bytes up to one of two, or to the end. */
static void take_until(table *self, unsigned char a, unsigned char b, dp_text *out) {
    const size_t first = self->at;
    while (self->at < self->size && self->bytes[self->at] != a && self->bytes[self->at] != b)
        self->at++;
    dp_text_append_bytes(out, self->bytes + first, self->at - first);
}

static dp_status take_quoted(table *self, dp_text *out, dp_error *error) {
    for (self->at++;; self->at++) {
        take_until(self, '"', '\n', out);
        if (self->at == self->size)
            return dp_fail(error, DP_ERR_INPUT, "quotes that are not closed");
        if (is_at(self, '\n')) {
            self->line++;
            dp_text_append(out, " ");
        } else {
            self->at++;
            if (!is_at(self, '"'))
                break;
            dp_text_append(out, "\"");
        }
    }
    self->at += is_at(self, '\r');
    if (self->at == self->size || is_at(self, '\n') || is_at(self, self->separator))
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "a character behind closing quotes: quotes inside of quotes are doubled");
}

/* Sets *out to the next field; *last: it ends its record. */
static dp_status take_field(table *self, dp_text *out, bool *last, dp_error *error) {
    dp_text_cut(out, 0);
    if (self->separator != '\t' && is_at(self, '"'))
        DP_TRY(take_quoted(self, out, error));
    else
        take_until(self, self->separator, '\n', out);
    *last = self->at == self->size || is_at(self, '\n');
    self->line += is_at(self, '\n');
    self->at += self->at < self->size;
    if (*last && out->length > 0 && out->data[out->length - 1] == '\r')
        dp_text_cut(out, out->length - 1);
    return dp_text_check(out, error);
}

/* --- its columns ------------------------------------------------------------------------------ */

enum { COLUMN_TEXT, COLUMN_WEIGHT, COLUMNS };

typedef struct columns {
    const char *asked[COLUMNS]; /* a number from 1, or a name in the first line; NULL: none */
    size_t place[COLUMNS];      /* from 0 */
    dp_text values[COLUMNS];    /* of a record */
    dp_text other;
} columns;

static void clear_columns(columns *self) {
    dp_text_clear(&self->values[COLUMN_TEXT]);
    dp_text_clear(&self->values[COLUMN_WEIGHT]);
    dp_text_clear(&self->other);
}

/* Sets values to those of the next record; *count is how many fields it has, 0 of an empty line. */
static dp_status take_record(table *self, columns *of, size_t *count, dp_error *error) {
    bool last = false, is_empty = true;
    for (int i = 0; i < COLUMNS; i++)
        dp_text_cut(&of->values[i], 0);
    for (*count = 0; !last; ++*count) {
        dp_text *out = &of->other;
        for (int i = 0; i < COLUMNS; i++)
            out = of->asked[i] != NULL && of->place[i] == *count ? &of->values[i] : out;
        DP_TRY(take_field(self, out, &last, error));
        is_empty = last && *count == 0 && out->length == 0;
    }
    *count = is_empty ? 0 : *count;
    return DP_OK;
}

/* Looks for a name in the first record, which is not packed then. */
static dp_status find_name(const table *self, const char *name, size_t *place, table *behind,
                           dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text field = {0};
    bool last = false, found = false;
    *behind = *self;
    for (size_t i = 0; !last; i++) {
        DP_TRY(take_field(behind, &field, &last, error));
        if (found || strcmp(dp_text_string(&field), name) != 0)
            continue;
        found = true;
        *place = i;
    }
    return found ? DP_OK
                 : dp_fail(error, DP_ERR_INPUT,
                           "no column is called '%.80s' in the first line (--separator?)", name);
}

static dp_status find_columns(table *self, columns *of, dp_error *error) {
    const table first = *self;
    uint64_t number = 0;
    for (int i = 0; i < COLUMNS; i++) {
        if (of->asked[i] == NULL)
            continue;
        if (dp_text_parse_unsigned(of->asked[i], &number) && number >= 1)
            of->place[i] = (size_t)number - 1;
        else
            DP_TRY(find_name(&first, of->asked[i], &of->place[i], self, error));
    }
    if (of->asked[COLUMN_WEIGHT] != NULL && of->place[COLUMN_WEIGHT] == of->place[COLUMN_TEXT])
        return dp_fail(error, DP_ERR_INPUT, "the text and the weights are both column '%.80s'",
                       of->asked[COLUMN_TEXT]);
    return DP_OK;
}

static dp_status take_weight(const columns *of, uint64_t *weight, dp_error *error) {
    const dp_text *value = &of->values[COLUMN_WEIGHT];
    *weight = 1;
    if (of->asked[COLUMN_WEIGHT] == NULL ||
        (dp_text_parse_unsigned(dp_text_string(value), weight) && *weight <= DP_WEIGHT_MAX))
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "'%.80s' is no weight, which is a whole number from 0 to %" PRIu64
                   "; where the first line has names, --weight-column takes one of them",
                   dp_text_string(value), DP_WEIGHT_MAX);
}

/* --- joining ---------------------------------------------------------------------------------- */

typedef struct joiner {
    dp_packing_job *job;
    dp_packing_text *text;
    dp_file_replacement file;
    dp_text buffer;
    uint64_t line; /* of the text, that comes next */
} joiner;

static void clear_joiner(joiner *self) {
    dp_file_replace_abort(&self->file);
    dp_text_clear(&self->buffer);
}

static dp_status flush(joiner *self, dp_error *error) {
    DP_TRY(dp_packing_check(self->job, error));
    DP_TRY(dp_text_check(&self->buffer, error));
    DP_TRY(dp_file_replace_append(&self->file, dp_text_string(&self->buffer), self->buffer.length,
                                  error));
    dp_text_cut(&self->buffer, 0);
    return DP_OK;
}

static dp_status join_file(joiner *self, size_t i, dp_error *error) {
    const dp_file_map *map = &self->text->sources[i];
    const size_t first = dp_utf8_mark_bytes(map->data, map->size);
    DP_TRY(add_origin(self->text, (dp_text_origin){self->line, self->text->names[i], 1}, error));
    for (size_t at = first, end = 0; at < map->size; at = end) {
        end = dp_size_min(map->size, at + BYTES_AT_ONCE);
        for (size_t k = at; k < end; k++)
            self->line += map->data[k] == '\n';
        dp_text_append_bytes(&self->buffer, map->data + at, end - at);
        DP_TRY(flush(self, error));
    }
    if (map->data[map->size - 1] == '\n')
        return DP_OK;
    self->line++;
    dp_text_append(&self->buffer, "\n");
    return flush(self, error);
}

static dp_status join_record(joiner *self, table *from, columns *of, dp_error *error) {
    dp_packing_text *text = self->text;
    uint64_t weight = 1;
    size_t count = 0;
    DP_TRY(take_record(from, of, &count, error));
    for (int i = 0; i < COLUMNS && count > 0; i++) {
        if (of->asked[i] != NULL && of->place[i] >= count)
            return dp_fail(error, DP_ERR_INPUT, "%zu column%s, of which none is number %zu", count,
                           count > 1 ? "s" : "", of->place[i] + 1);
    }
    if (count > 0)
        DP_TRY(take_weight(of, &weight, error));
    if (of->asked[COLUMN_WEIGHT] != NULL) {
        DP_TRY_GROW(text->weights, &text->weight_capacity, self->line);
        text->weights[self->line - 1] = weight;
    }
    if (weight > 0)
        dp_text_append_bytes(&self->buffer, of->values[COLUMN_TEXT].data,
                             of->values[COLUMN_TEXT].length);
    dp_text_append(&self->buffer, "\n");
    self->line++;
    return self->buffer.length < BYTES_AT_ONCE ? DP_OK : flush(self, error);
}

static unsigned char separator_of(const dp_packing_request *request, const char *name) {
    const char *ending = strrchr(name, '.');
    return request->separator != '\0'                      ? (unsigned char)request->separator
           : ending != NULL && strcmp(ending, ".csv") == 0 ? ','
                                                           : '\t';
}

static dp_status join_table(joiner *self, size_t i, dp_error *error) {
    const dp_packing_request *request = self->job->request;
    const dp_file_map *map = &self->text->sources[i];
    const char *name = self->text->names[i];
    DP_OWNED(clear_columns) columns of = {.asked = {request->column, request->weight_column}};
    table from = {.bytes = map->data,
                  .size = map->size,
                  .at = dp_utf8_mark_bytes(map->data, map->size),
                  .line = 1,
                  .separator = separator_of(request, name)};
    uint64_t expected = 0; /* where the next record would stand, if all were one line */
    if (find_columns(&from, &of, error) != DP_OK)
        return dp_fail_prefix(error, "%s:1", name);
    for (; from.at < from.size; expected++) {
        const uint64_t line = from.line;
        if (line != expected)
            DP_TRY(add_origin(self->text, (dp_text_origin){self->line, name, line}, error));
        expected = line;
        if (join_record(self, &from, &of, error) != DP_OK)
            return dp_fail_prefix(error, "%s:%" PRIu64, name, line);
    }
    return flush(self, error);
}

/* Several files, or columns of them, become one. */
static dp_status join(dp_packing_job *job, dp_packing_text *text, dp_error *error) {
    const bool tables = job->request->column != NULL;
    DP_OWNED(clear_joiner) joiner self = {.job = job, .text = text, .line = 1};
    text->map = text->sources[0];
    if (text->source_count == 1 && !tables)
        return DP_OK;
    dp_packing_watch(job);
    DP_TRY(dp_file_replace_begin(&self.file, job->request->output, error));
    for (size_t i = 0; i < text->source_count; i++)
        DP_TRY((tables ? join_table : join_file)(&self, i, error));
    DP_TRY(dp_file_map_open(&text->joined, self.file.temporary, error));
    text->map = text->joined;
    return DP_OK;
}

/* --- folding ---------------------------------------------------------------------------------- */

static dp_status fail_byte(const dp_packing_text *text, size_t at, dp_error *error) {
    const unsigned char byte = text->map.data[at];
    uint64_t line = 1;
    char offset[48] = "";
    for (size_t i = 0; i < at; i++)
        line += text->map.data[i] == '\n';
    if (text->joined.data == NULL)
        snprintf(offset, sizeof offset, " at offset %zu", at);
    (void)dp_fail(error, DP_ERR_INPUT,
                  "byte 0x%02x%s is not valid UTF-8; convert the text (iconv -t UTF-8)", byte,
                  offset);
    return dp_text_source_prefix(text, line, error);
}

/* Where the next part ends: some bytes further on, before a character of ASCII. */
static size_t part_end(const dp_file_map *source, size_t at) {
    size_t end = dp_size_min(source->size, at + BYTES_AT_ONCE);
    while (end < source->size && source->data[end] >= 0x80u)
        end++;
    return end;
}

static dp_status fold_into(const dp_packing_job *job, const dp_packing_text *text,
                           dp_file_replacement *file, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text folded = {0};
    const dp_file_map *source = &text->map;
    for (size_t at = 0, end = 0; at < source->size; at = end) {
        DP_TRY(dp_packing_check(job, error));
        end = part_end(source, at);
        const size_t valid = dp_utf8_valid_bytes(source->data + at, end - at);
        if (valid < end - at)
            return fail_byte(text, at + valid, error);
        dp_text_cut(&folded, 0);
        dp_unicode_fold(job->request->folding, (const char *)source->data + at, end - at, &folded);
        DP_TRY(dp_text_check(&folded, error));
        DP_TRY(dp_file_replace_append(file, folded.data, folded.length, error));
    }
    return DP_OK;
}

static dp_status fold(dp_packing_job *job, dp_packing_text *text, dp_error *error) {
    DP_OWNED(dp_file_replace_abort) dp_file_replacement file = {0};
    if (!dp_folding_changes(job->request->folding))
        return DP_OK;
    dp_packing_watch(job);
    DP_TRY(dp_file_replace_begin(&file, job->request->output, error));
    DP_TRY(fold_into(job, text, &file, error));
    DP_TRY(dp_file_map_open(&text->folded, file.temporary, error));
    text->map = text->folded;
    return DP_OK;
}

/* --- the whole -------------------------------------------------------------------------------- */

dp_status dp_text_source_open(dp_packing_job *job, dp_packing_text *text, dp_error *error) {
    DP_TRY_NEW(text->sources, text->source_count);
    for (size_t i = 0; i < text->source_count; i++)
        DP_TRY(open_file(job, text, i, error));
    DP_TRY(join(job, text, error));
    return fold(job, text, error);
}

void dp_text_source_close(dp_packing_text *text) {
    for (size_t i = 0; i < text->source_count && text->sources != NULL; i++)
        dp_file_map_close(&text->sources[i]);
    dp_file_map_close(&text->joined);
    dp_file_map_close(&text->folded);
    dp_memory_free(text->sources);
    dp_memory_free(text->names);
    dp_memory_free(text->origins);
    dp_memory_free(text->weights);
}

/* A line is a piece where it holds something that is no blank, as the scanners have it. */
dp_status dp_text_source_settle_weights(const dp_packing_job *job, dp_packing_text *text,
                                        dp_error *error) {
    const char *blanks = job->request->unit == DP_UNIT_WORD ? " \t\r\v\f" : " \t\r";
    const dp_file_map *map = &text->map;
    size_t kept = 0, line = 0;
    bool holds = false;
    for (size_t at = dp_utf8_mark_bytes(map->data, map->size);
         at < map->size && text->weights != NULL; at++) {
        holds = holds || (map->data[at] != '\n' && strchr(blanks, map->data[at]) == NULL);
        if (map->data[at] != '\n')
            continue;
        text->weights[kept] = text->weights[line++];
        kept += holds;
        holds = false;
    }
    if (text->weights != NULL && kept != text->count)
        return dp_fail(error, DP_ERR_INTERNAL, "%s: %zu lines have %zu weights", text->names[0],
                       text->count, kept);
    return DP_OK;
}
