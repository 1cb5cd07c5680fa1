/* roff: writes man pages (man(7) of groff and mandoc) onto a dp_text.
 *
 * Words are given as they are meant; what roff would take for its own is escaped.
 */
#ifndef DP_OPTIONS_ROFF_H
#define DP_OPTIONS_ROFF_H

#include "options/options.h"

/* "dptrain-train(1)" with its NAME section. */
void dp_roff_begin(dp_text *page, const char *name, int section, const char *purpose);
/* A paragraph; an empty line in the text begins another. */
void dp_roff_paragraph(dp_text *page, const char *text);
/* Text between requests of the caller's own. */
void dp_roff_text(dp_text *page, const char *text);
/* An entry: a term in bold, an argument (or NULL) in italics, and its description. */
void dp_roff_entry(dp_text *page, const char *term, const char *argument, const char *text);

/* An entry an option, with what it accepts and its default. */
void dp_roff_options(dp_text *page, dp_option_table table);

/* Writes the page, or what goes with it, to folder/place/name, where man ("man/man1") and others
 * look below a folder such as /usr/share; folders are made. The page is empty then. */
dp_status dp_roff_save(dp_text *page, const char *folder, const char *place, const char *name,
                       dp_error *error) DP_CHECKED;

#endif
