/* roff: writes man pages (man(7) of groff and mandoc) onto a dp_text.
 *
 * Words are given as they are meant; what roff would take for its own is escaped.
 */
#ifndef DP_OPTIONS_ROFF_H
#define DP_OPTIONS_ROFF_H

#include "options/options.h"

/* "dptrain-train(1)" with its NAME section. */
void dp_roff_begin(dp_text *page, const char *name, int section, const char *purpose);
void dp_roff_heading(dp_text *page, const char *heading);
/* A paragraph; an empty line in the text begins another. */
void dp_roff_paragraph(dp_text *page, const char *text);
/* Lines that stay as they are. */
void dp_roff_example(dp_text *page, const char *lines);
/* An entry: a term in bold, an argument (or NULL) in italics, and its description. */
void dp_roff_entry(dp_text *page, const char *term, const char *argument, const char *text);

/* An entry an option, with what it accepts and its default. */
void dp_roff_options(dp_text *page, dp_option_table table);

/* Writes the page to where man looks below a folder such as /usr/share. */
dp_status dp_roff_save(const dp_text *page, const char *folder, const char *name, int section,
                       dp_error *error) DP_CHECKED;

#endif
