/* vocabulary_writer: what datasets and checkpoints say of their tokens, written. Read by
 * data/vocabulary; apart, so that readers need no HDF5.
 */
#ifndef DP_DATA_VOCABULARY_WRITER_H
#define DP_DATA_VOCABULARY_WRITER_H

#include "data/vocabulary.h"
#include "formats/h5writer.h"

/* The attributes `unit` and, with words or a stream, `stream`. */
dp_status dp_unit_write(dp_h5writer *file, dp_unit unit, bool stream, dp_error *error) DP_CHECKED;

/* Nothing, where it is not known. */
dp_status dp_preparation_write(dp_h5writer *file, const dp_preparation *preparation,
                               dp_error *error) DP_CHECKED;

/* "/vocab/tokens", and "/vocab/counts" where counts are known. */
dp_status dp_vocabulary_write(const dp_vocabulary *vocabulary, dp_h5writer *file,
                              dp_error *error) DP_CHECKED;

#endif
