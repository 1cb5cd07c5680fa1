#include "pack/text_findings.h"

#include "base/size.h"
#include "base/utf8.h"
#include "pack/text_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef enum finding_kind {
    FOUND_MARK,
    FOUND_RETURN,
    FOUND_TAB,
    FOUND_CONTROL,
    FOUND_HIGH_CONTROL,
    FOUND_INVISIBLE,
    FOUND_BLANK,
    FOUND_FORM,
    FOUND_NOTHING,
} finding_kind;

_Static_assert(FOUND_NOTHING + 1 <= DP_WARNINGS_MAX, "room for one of each kind, and a table");

#define FIX_REMOVE "sed 's/@//g' removes them" /* @: the bytes of the first one */

static const struct {
    const char *what, *fix;
} kinds[FOUND_NOTHING] = {
    [FOUND_MARK] = {"byte order marks inside the text", FIX_REMOVE},
    [FOUND_RETURN] = {"carriage returns (CR) inside lines",
                      "tr '\\r' '\\n' makes them ends of lines"},
    [FOUND_TAB] = {"tabs inside words, which are tokens", "cut -f 1 takes the first column"},
    [FOUND_CONTROL] = {"control characters", FIX_REMOVE},
    [FOUND_HIGH_CONTROL] = {"control characters from U+0080 to U+009F",
                            "was it Windows-1252? iconv -t latin1 | iconv -f cp1252 mends that"},
    [FOUND_INVISIBLE] = {"characters that are not seen", FIX_REMOVE},
    [FOUND_BLANK] = {"blanks that are no spaces", "--normalize nfkc makes them spaces"},
    [FOUND_FORM] = {"characters in two parts that also stand in one",
                    "--normalize nfc makes them one"},
};

typedef struct finding {
    uint64_t count;
    uint64_t line; /* of the first, from 1 */
    const dp_packing_text *text;
    uint32_t code_point; /* it */
} finding;

typedef struct examination {
    const dp_packing_job *job;
    finding found[FOUND_NOTHING];
    uint64_t lines, columns[3]; /* with a tab, a comma, a semicolon */
} examination;

static const char separators[] = "\t,;";

/* --- characters ------------------------------------------------------------------------------- */

/* What of them is found by itself; a carriage return and a tab only inside of lines. */
static finding_kind kind_of(uint32_t c) {
    static const struct {
        uint32_t first, last;
        finding_kind kind;
    } ranges[] = {{'\t', '\t', FOUND_TAB},
                  {'\n', '\n', FOUND_NOTHING},
                  {'\r', '\r', FOUND_RETURN},
                  {0x00, 0x1F, FOUND_CONTROL},
                  {0x7F, 0x7F, FOUND_CONTROL},
                  {0x80, 0x9F, FOUND_HIGH_CONTROL},
                  {0xA0, 0xA0, FOUND_BLANK},
                  {0xAD, 0xAD, FOUND_INVISIBLE},   /* soft hyphen */
                  {0x61C, 0x61C, FOUND_INVISIBLE}, /* of directions, with those below */
                  {0x2000, 0x200A, FOUND_BLANK},
                  {0x200B, 0x200B, FOUND_INVISIBLE}, /* no width; 200C and 200D are spelling */
                  {0x200E, 0x200F, FOUND_INVISIBLE},
                  {0x2028, 0x202E, FOUND_INVISIBLE},
                  {0x202F, 0x202F, FOUND_BLANK},
                  {0x205F, 0x205F, FOUND_BLANK},
                  {0x2060, 0x206F, FOUND_INVISIBLE},
                  {0x3000, 0x3000, FOUND_BLANK},
                  {0xFEFF, 0xFEFF, FOUND_MARK},
                  {0xFFF9, 0xFFFB, FOUND_INVISIBLE}};
    if (c > ' ' && c < 0x7F)
        return FOUND_NOTHING;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last)
            return ranges[i].kind;
    }
    return FOUND_NOTHING;
}

void dp_text_suspects_add(dp_text_suspects *suspects, uint32_t code_point) {
    suspects->unseen = suspects->unseen || kind_of(code_point) != FOUND_NOTHING;
    if (code_point < 0x80u)
        return;
    suspects->composed = suspects->composed || dp_unicode_is_composed(code_point);
    suspects->joining = suspects->joining || dp_unicode_joins(code_point);
}

/* --- looking ---------------------------------------------------------------------------------- */

static void note(examination *self, finding_kind kind, const dp_packing_text *text, uint64_t line,
                 uint32_t code_point) {
    finding *found = &self->found[kind];
    if (found->count++ == 0)
        *found = (finding){1, line, text, code_point};
}

/* Takes a line without its end, and without the blanks before that. */
static void look_at_line(examination *self, const dp_packing_text *text, uint64_t line,
                         const unsigned char *bytes, size_t length) {
    const bool tabs_are_plain =
        self->job->request->unit == DP_UNIT_WORD || self->job->request->stream;
    uint32_t code_point = 0, before = 0;
    while (length > 0 && strchr(" \t\r", bytes[length - 1]) != NULL)
        length--;
    for (size_t at = 0, size = 1; at < length; at += size, before = code_point) {
        size = dp_size_max(1, dp_utf8_decode(bytes + at, length - at, &code_point));
        const finding_kind kind = kind_of(code_point);
        if (kind != FOUND_NOTHING && !(tabs_are_plain && kind == FOUND_TAB))
            note(self, kind, text, line, code_point);
        if (code_point >= 0x80u && dp_unicode_joins(code_point) &&
            dp_unicode_compose(before, code_point))
            note(self, FOUND_FORM, text, line, code_point);
    }
}

/* A comma that a blank follows is one of prose. */
static void look_for_columns(examination *self, const unsigned char *bytes, size_t length) {
    bool has[3] = {false};
    for (size_t i = 0; i + 1 < length; i++) {
        const char *separator = bytes[i] == '\0' ? NULL : strchr(separators, bytes[i]);
        if (separator != NULL && bytes[i + 1] != ' ')
            has[separator - separators] = true;
    }
    self->lines += length > 0;
    for (size_t i = 0; i < 3; i++)
        self->columns[i] += has[i];
}

typedef struct things {
    bool characters, columns;
} things;

static void look_at_text(examination *self, const dp_packing_text *text, size_t end, things looks) {
    const dp_file_map *map = &text->map;
    uint64_t line = 1;
    for (size_t at = dp_utf8_mark_bytes(map->data, map->size); at < end; line++) {
        const unsigned char *bytes = map->data + at;
        const unsigned char *newline = memchr(bytes, '\n', map->size - at);
        const size_t length = newline == NULL ? map->size - at : (size_t)(newline - bytes);
        if (looks.characters)
            look_at_line(self, text, line, bytes, length);
        if (looks.columns)
            look_for_columns(self, bytes, length);
        at += length + 1;
    }
}

/* The separator that most lines have, or 3. */
static size_t most_frequent_column(const examination *self) {
    size_t most = 0;
    for (size_t i = 1; i < 3; i++)
        most = self->columns[i] > self->columns[most] ? i : most;
    return 2 * self->columns[most] > self->lines ? most : 3;
}

/* Looks at the beginning of each text, and at all of it where most lines there have columns. */
static bool may_have_columns(const dp_packing_job *job) {
    enum { BEGINNING = 1 << 15 };
    examination beginning = {.job = job};
    for (int i = 0; i < job->text_count; i++)
        look_at_text(&beginning, &job->texts[i], dp_size_min(job->texts[i].map.size, BEGINNING),
                     (things){.columns = true});
    return most_frequent_column(&beginning) < 3;
}

static bool ends_in_returns(const dp_packing_text *text) {
    const dp_file_map *map = &text->map;
    if (text->lines != 1 || memchr(map->data, '\n', map->size) != NULL)
        return false;
    const unsigned char *first = memchr(map->data, '\r', map->size);
    return first != NULL && first + 1 < map->data + map->size;
}

/* --- telling ---------------------------------------------------------------------------------- */

/* The fix, with the bytes of the character in the place of @. */
static void append_fix(const char *fix, uint32_t code_point, dp_text *out) {
    char bytes[DP_UTF8_MAX_BYTES + 1];
    const char *rest = dp_text_append_before(out, fix, "@");
    dp_utf8_encode(code_point, bytes);
    for (const char *byte = bytes; rest != NULL && *byte != '\0'; byte++)
        dp_text_append_format(out, "\\x%02x", (unsigned char)*byte);
    dp_text_append(out, rest == NULL ? "" : rest);
}

static void tell(const finding *found, finding_kind kind, dp_text *out) {
    uint64_t line = found->line;
    const char *name = dp_text_source_place(found->text, &line);
    dp_text_append_format(out, "%s:%" PRIu64 ": %s: %s%s (U+%04" PRIX32 "); ", dp_path_base(name),
                          line, kinds[kind].what, DP_COUNT_TEXT(found->count),
                          found->count > 1 ? ", the first here" : "", found->code_point);
    append_fix(kinds[kind].fix, found->code_point, out);
}

static void tell_columns(const examination *self, size_t column, dp_text *out) {
    static const char *const names[] = {"tabs", "commas", "semicolons"};
    static const char *const cuts[] = {"-f 1", "-d, -f 1", "-d';' -f 1"};
    dp_text_append_format(out,
                          "%s: %s of %s lines have columns with %s between: a table? cut %s takes "
                          "the first one",
                          dp_path_base(self->job->texts[0].names[0]),
                          DP_COUNT_TEXT(self->columns[column]), DP_COUNT_TEXT(self->lines),
                          names[column], cuts[column]);
}

static dp_status add_warning(dp_dataset_info *info, const dp_text *line, dp_error *error) {
    DP_TRY(dp_text_check(line, error));
    snprintf(info->warnings[info->warning_count++], DP_WARNING_SIZE, "%s", dp_text_string(line));
    return DP_OK;
}

static dp_status tell_all(examination *self, dp_dataset_info *info, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text line = {0};
    const size_t column = most_frequent_column(self);
    if (column < 3) {
        tell_columns(self, column, &line);
        DP_TRY(add_warning(info, &line, error));
    }
    for (int kind = 0; kind < FOUND_NOTHING; kind++) {
        const bool is_told = kind == FOUND_TAB && column == 0;
        if (self->found[kind].count == 0 || is_told)
            continue;
        dp_text_cut(&line, 0);
        tell(&self->found[kind], (finding_kind)kind, &line);
        DP_TRY(add_warning(info, &line, error));
    }
    return DP_OK;
}

dp_status dp_text_findings_make(dp_packing_job *job, dp_error *error) {
    examination self = {.job = job};
    const dp_text_suspects suspects = job->kind->suspects(job->state);
    const bool forms = suspects.composed && suspects.joining;
    things looks = {.characters = suspects.unseen || forms, .columns = may_have_columns(job)};
    for (int i = 0; i < job->text_count; i++)
        looks.characters = looks.characters || ends_in_returns(&job->texts[i]);
    for (int i = 0; i < job->text_count && (looks.characters || looks.columns); i++)
        look_at_text(&self, &job->texts[i], job->texts[i].map.size, looks);
    if (!suspects.composed)
        self.found[FOUND_FORM].count = 0;
    return tell_all(&self, &job->info, error);
}

dp_status dp_text_findings_check_lines(const dp_packing_text *text, dp_error *error) {
    if (!ends_in_returns(text))
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s: its lines end in CR alone, so that all of it is one line: "
                   "tr '\\r' '\\n' makes ends of lines of them",
                   text->names[0]);
}
