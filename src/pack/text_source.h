/* text_source: the bytes of a text, from where they are: a file as it is, or several one behind the
 * other, a pipe, the column of tables, in small letters and one normal form.
 *
 * A file that is taken as it is, is mapped. Else the text stands in a file beside the dataset that
 * is to be written, which then has no name, so that the disk gets it back however the program ends.
 *
 * Tables are read as RFC 4180 has them: a field in quotes may hold separators, doubled quotes and
 * ends of lines, which become blanks. Where the separator is a tab, quotes are characters like
 * others. A record is a line of the text, and one without anything an empty one, and so is one of
 * weight 0.
 */
#ifndef DP_PACK_TEXT_SOURCE_H
#define DP_PACK_TEXT_SOURCE_H

#include "pack/packing_job.h"

/* Sets sources, map and origins of a text that is made of the files text->names [source_count].
 * DP_ERR_INPUT names file and line. To be closed with dp_text_source_close in any case. */
dp_status dp_text_source_open(dp_packing_job *job, dp_packing_text *text,
                              dp_error *error) DP_CHECKED;
void dp_text_source_close(dp_packing_text *text);

/* When the pieces of a text are found, leaves of the weights of its lines those of its pieces. */
dp_status dp_text_source_settle_weights(const dp_packing_job *job, dp_packing_text *text,
                                        dp_error *error) DP_CHECKED;

/* The file in which line *line of the text stands, and its line there. */
const char *dp_text_source_place(const dp_packing_text *text, uint64_t *line);
/* Puts "FILE:LINE: " before the message; returns its status. */
dp_status dp_text_source_prefix(const dp_packing_text *text, uint64_t line, dp_error *error);

#endif
