/* html: text made fit to stand in an HTML page. */
#ifndef DP_FORMATS_HTML_H
#define DP_FORMATS_HTML_H

#include "base/text.h"

/* Appends the text so that a browser shows just it, between tags and in quoted attributes: & < > "
 * ' escaped; bytes that are no UTF-8 and control characters, but for ends of lines and tabs, as
 * U+FFFD. */
void dp_html_append(dp_text *html, const char *text);

#endif
