/* prepared_text: a text as it is packed, where it is not packed as it is: folded (data/unicode).
 *
 * It stands in a file beside the dataset that is to be written, which soon has no name, so that the
 * disk gets it back however the program ends. Lines stay lines.
 */
#ifndef DP_PACK_PREPARED_TEXT_H
#define DP_PACK_PREPARED_TEXT_H

#include "pack/packing_job.h"

/* Sets text->map to the text, whose bytes are text->source, as the job's request wants it. Where it
 * is wanted as it is they are the same. DP_ERR_INPUT names file, line and byte where it is not
 * UTF-8. */
dp_status dp_prepared_text_make(const dp_packing_job *job, dp_packing_text *text,
                                dp_error *error) DP_CHECKED;

#endif
