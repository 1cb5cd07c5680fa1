/* sections: the pieces of the splits (words/piece), or the tokens of a stream, become rows, section
 * by section of the file (pack/dataset_writer), side by side.
 */
#ifndef DP_PACK_SECTIONS_H
#define DP_PACK_SECTIONS_H

#include "pack/packing_job.h"

/* Of the parts of a job, sets rows, rows_total, longest and, where they have pieces, group_rows. */
dp_status dp_sections_count(dp_packing_job *job, dp_error *error) DP_CHECKED;

/* Writes the rows of all parts and, unless they are of a stream, sets the overlap. The pieces are
 * gone then. */
dp_status dp_sections_write(dp_packing_job *job, dp_error *error) DP_CHECKED;

#endif
