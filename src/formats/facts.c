#include "formats/facts.h"

#include "base/size.h"
#include "base/utf8.h"
#include "formats/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dp_facts_clear(dp_facts *facts) {
    dp_text_clear(&facts->json);
    dp_text_clear(&facts->values);
}

/* --- adding ----------------------------------------------------------------------------------- */

static void keep(dp_facts *facts, const char *name, const char *value) {
    dp_text_append_format(&facts->values, "%s%s", facts->group, name);
    dp_text_append_bytes(&facts->values, "", 1);
    dp_text_append_bytes(&facts->values, value, strlen(value) + 1);
}

void dp_facts_text(dp_facts *facts, const char *name, const char *value) {
    keep(facts, name, value);
    dp_json_key(&facts->json, name);
    dp_json_string(&facts->json, value);
}

void dp_facts_unsigned(dp_facts *facts, const char *name, uint64_t value) {
    dp_facts_note(facts, name, "%ju", (uintmax_t)value);
    dp_json_key(&facts->json, name);
    dp_json_unsigned(&facts->json, value);
}

void dp_facts_real(dp_facts *facts, const char *name, double value) {
    if (isfinite(value))
        keep(facts, name, DP_REAL_TEXT(value));
    dp_json_key(&facts->json, name);
    dp_json_real(&facts->json, value);
}

void dp_facts_bool(dp_facts *facts, const char *name, bool value) {
    keep(facts, name, value ? "true" : "false");
    dp_json_key(&facts->json, name);
    dp_json_bool(&facts->json, value);
}

void dp_facts_note(dp_facts *facts, const char *name, const char *format, ...) {
    DP_OWNED(dp_text_clear) dp_text value = {0};
    va_list arguments;
    va_start(arguments, format);
    dp_text_append_arguments(&value, format, arguments);
    va_end(arguments);
    dp_facts_note_text(facts, name, &value);
}

void dp_facts_note_text(dp_facts *facts, const char *name, const dp_text *value) {
    facts->values.failed |= value->failed;
    keep(facts, name, dp_text_string(value));
}

void dp_facts_begin(dp_facts *facts, const char *name) {
    const size_t length = strlen(facts->group);
    keep(facts, name, name);
    snprintf(facts->group + length, sizeof facts->group - length, "%s.", name);
    dp_json_key(&facts->json, name);
    dp_json_begin_object(&facts->json);
}

void dp_facts_end(dp_facts *facts) {
    char *group = facts->group;
    group[strlen(group) - 1] = '\0';
    char *dot = strrchr(group, '.');
    group[dot == NULL ? 0 : dot + 1 - group] = '\0';
    dp_json_end_object(&facts->json);
}

/* --- rendering -------------------------------------------------------------------------------- */

void dp_facts_to_json(const dp_facts *facts, dp_text *out) {
    dp_text_append_format(out, "{%s}\n", dp_text_string(&facts->json));
    out->failed |= facts->json.failed;
}

/* The fact behind this one, from NULL on; NULL behind the last. */
static const char *next_place(const dp_facts *facts, const char *place) {
    const dp_text *values = &facts->values;
    if (place == NULL)
        return values->data;
    place += strlen(place) + 1;
    place += strlen(place) + 1;
    return place < values->data + values->length ? place : NULL;
}

static const char *value_of(const dp_facts *facts, const char *wanted) {
    const char *place = NULL;
    while ((place = next_place(facts, place)) != NULL) {
        if (strcmp(place, wanted) == 0)
            return place + strlen(place) + 1;
    }
    return NULL;
}

/* A part of a template: the facts, and what the * in it stands for. */
typedef struct rendering {
    const dp_facts *facts;
    const char *member;
    bool html;
    dp_text *out;
} rendering;

static const char *escape_of(char c) {
    static const char *const escapes[128] = {
        ['&'] = "&amp;",  ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;",
        ['\''] = "&#39;", ['\n'] = "\n",  ['\t'] = "\t",
    };
    return (unsigned char)c < 128 ? escapes[(unsigned char)c] : NULL;
}

/* So that a browser shows just it, between tags and in quoted attributes. */
static void append_html(dp_text *html, const char *text) {
    uint32_t code_point = 0;
    char bytes[DP_UTF8_MAX_BYTES + 1];
    for (size_t length = 0; (length = dp_utf8_next_shown(text, &code_point)) > 0; text += length) {
        const char *escape = escape_of(*text);
        dp_utf8_encode(code_point, bytes);
        dp_text_append(html, escape != NULL ? escape : bytes);
    }
}

static void append_shown(const char *value, int width, dp_text *out) {
    DP_OWNED(dp_text_clear) dp_text shown = {0};
    dp_text_append_shown_lines(&shown, value);
    dp_text_append_format(out, "%*s", width, dp_text_string(&shown));
    out->failed |= shown.failed;
}

static void append_value(const char *value, const char *format, bool html, dp_text *out) {
    char *rest;
    const int width = (int)strtol(format, &rest, 10);
    const int precision = *rest == '.' ? (int)strtol(rest + 1, &rest, 10) : 6;
    const double number = strtod(value, NULL);
    if (*rest == 'f' || *rest == 'M')
        dp_text_append_format(out, "%*.*f", width, precision,
                              *rest == 'M' ? 1e-6 * number : number);
    else if (*rest == 'g')
        dp_text_append_format(out, "%*.*g", width, precision, number);
    else if (*rest == 'n')
        dp_text_append_format(out, fabs(number) < 1e4 ? "%*.4f" : "%*.3g", width, number);
    else if (*rest == ',')
        dp_text_append_format(out, "%*s", width, DP_COUNT_TEXT(strtoull(value, NULL, 10)));
    else if (*rest == 's')
        dp_text_append(out, strcmp(value, "1") == 0 ? "" : "s");
    else if (html && *rest != 'h')
        append_html(out, value);
    else
        append_shown(value, width, out);
}

/* "{place:FORMAT}"; false where there is no such fact. */
static bool render_fact(const rendering *self, const char *text, size_t length) {
    const size_t place_length = strcspn(text, ":}");
    char format[16] = "";
    DP_OWNED(dp_text_clear) dp_text place = {0};
    if (place_length < length)
        snprintf(format, sizeof format, "%.*s", (int)(length - place_length - 1),
                 text + place_length + 1);
    for (size_t i = 0; i < place_length; i++) {
        if (text[i] == '*')
            dp_text_append(&place, self->member);
        else
            dp_text_append_bytes(&place, text + i, 1);
    }
    const char *value = value_of(self->facts, dp_text_string(&place));
    if (value != NULL)
        append_value(value, format, self->html, self->out);
    self->out->failed |= place.failed;
    return value != NULL;
}

static bool render(const rendering *self, const char *text, const char *end);

/* "[part]" */
static void render_optional(const rendering *self, const char *text, const char *end) {
    const size_t before = self->out->length;
    if (!render(self, text, end))
        dp_text_cut(self->out, before);
}

/* "<<group part>>" */
static void render_members(const rendering *self, const char *text, const char *end) {
    const size_t length = strcspn(text, " ");
    const char *place = NULL;
    while ((place = next_place(self->facts, place)) != NULL) {
        if (strncmp(place, text, length) != 0 || place[length] != '.' ||
            strchr(place + length + 1, '.') != NULL)
            continue;
        const rendering member = {self->facts, place + length + 1, self->html, self->out};
        render(&member, text + length + 1, end);
    }
}

/* Of the text up to the next bracket; a single < is text. */
static size_t plain_length(const char *text) {
    size_t length = strcspn(text, "{[<");
    while (text[length] == '<' && text[length + 1] != '<')
        length += 1 + strcspn(text + length + 1, "{[<");
    return length;
}

/* False where a fact is missing that is not in an optional part. */
static bool render(const rendering *self, const char *text, const char *end) {
    bool complete = true;
    while (text < end) {
        const size_t plain = dp_size_min(plain_length(text), (size_t)(end - text));
        dp_text_append_bytes(self->out, text, plain);
        text += plain;
        if (text == end)
            break;
        const char *close = strstr(text, *text == '{' ? "}" : *text == '[' ? "]" : ">>");
        if (*text == '{')
            complete &= render_fact(self, text + 1, (size_t)(close - text) - 1);
        else if (*text == '[')
            render_optional(self, text + 1, close);
        else
            render_members(self, text + 2, close);
        text = close + (*text == '<' ? 2 : 1);
    }
    return complete;
}

static void render_all(const dp_facts *facts, const char *template, bool html, dp_text *out) {
    const rendering all = {facts, "", html, out};
    render(&all, template, template + strlen(template));
    out->failed |= facts->values.failed;
}

void dp_facts_to_text(const dp_facts *facts, const char *template, dp_text *out) {
    render_all(facts, template, false, out);
}

void dp_facts_to_html(const dp_facts *facts, const char *template, dp_text *out) {
    render_all(facts, template, true, out);
}

dp_status dp_facts_print(const dp_facts *facts, const char *template, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text out = {0};
    if (template == NULL)
        dp_facts_to_json(facts, &out);
    else
        dp_facts_to_text(facts, template, &out);
    DP_TRY(dp_text_check(&out, error));
    printf("%s", dp_text_string(&out));
    return DP_OK;
}
