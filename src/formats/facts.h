/* facts: what a command has to tell, said once, and rendered as JSON or as text.
 *
 * The JSON is one object with the facts in the order in which they were added. The text is a
 * template that names facts by their places, the keys on the way joined by dots
 * ("splits.dev.loss"):
 *
 *   {place}           the value, fit for a terminal (dp_text_append_shown_lines); {place:FORMAT} as
 * a format says: a width ("-" in front: flush left), a precision (".2"), and a letter: f or g as in
 * printf, M the same as f in millions, n four decimals, or three digits from 10,000 on, a comma for
 * "1,234", s for the s of a plural, nothing where the value is 1 [part]            is left out
 * where it names a fact that there is not
 *   <<group part>>    once for each member of the group; a * in its places stands for the member's
 *                     name, which is also the value of a group: {splits.*}
 *
 * A fact whose value is no finite number is null in JSON and none in a text. What only the text
 * says is a note. Brackets of one kind are not nested. The literal text is plain: no other
 * brackets of these kinds. It may be HTML: then values are escaped, with U+FFFD for what is no
 * UTF-8 and for control characters but ends of lines and tabs; {place:h} is HTML itself.
 */
#ifndef DP_FORMATS_FACTS_H
#define DP_FORMATS_FACTS_H

#include "base/text.h"

#define DP_FACTS_GROUP_SIZE 64 /* of all names on the way to a fact */

/* Start with {0}; release with dp_facts_clear. Where memory is short, rendering makes its output
 * fail (dp_text_check). */
typedef struct dp_facts {
    dp_text json;                    /* members of the object; formats/json may add to it */
    dp_text values;                  /* place and value of each, both with their 0 */
    char group[DP_FACTS_GROUP_SIZE]; /* that is begun: "splits.dev."; "" outside */
} dp_facts;

void dp_facts_clear(dp_facts *facts);

void dp_facts_text(dp_facts *facts, const char *name, const char *value);
void dp_facts_unsigned(dp_facts *facts, const char *name, uint64_t value);
void dp_facts_real(dp_facts *facts, const char *name, double value);
void dp_facts_bool(dp_facts *facts, const char *name, bool value);
void dp_facts_note(dp_facts *facts, const char *name, const char *format, ...) DP_PRINTF(3, 4);
void dp_facts_note_text(dp_facts *facts, const char *name, const dp_text *value);

/* A group of facts, an object within the object. */
void dp_facts_begin(dp_facts *facts, const char *name);
void dp_facts_end(dp_facts *facts);

/* Appends them: one line, or what the template says, which may be HTML. */
void dp_facts_to_json(const dp_facts *facts, dp_text *out);
void dp_facts_to_html(const dp_facts *facts, const char *template, dp_text *out);
void dp_facts_to_text(const dp_facts *facts, const char *template, dp_text *out);
/* Prints them: as text, or as JSON where there is no template. DP_ERR_MEMORY. */
dp_status dp_facts_print(const dp_facts *facts, const char *template, dp_error *error) DP_CHECKED;

#endif
