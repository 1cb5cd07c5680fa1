/* unicode: what Unicode says of characters, by utf8proc. */
#ifndef DP_DATA_UNICODE_H
#define DP_DATA_UNICODE_H

/* How many columns of a terminal a 0-terminated text takes: 2 for a wide character (CJK, emoji), 0
 * for one that joins the one before it. What is not UTF-8 takes one a byte. */
int dp_unicode_columns(const char *text);

#endif
