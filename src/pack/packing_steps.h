/* packing_steps: what packing characters (pack/packing) and words (pack/word_packing) have in
 * common: where a text is cut, and what the file says of the texts.
 */
#ifndef DP_PACK_PACKING_STEPS_H
#define DP_PACK_PACKING_STEPS_H

#include "pack/packing.h"

/* Where `count` of `what` ("words") are cut: train is [0, cuts[0]), dev [cuts[0], cuts[1]), test
 * the rest. Computed as Python computes int(a * count) and int((a + b) * count), with a + b rounded
 * to the decimal that a person would write. DP_ERR_INPUT where a split would be empty. */
dp_status dp_packing_cut(const dp_packing_request *request, size_t count, const char *what,
                         size_t cuts[2], dp_error *error) DP_CHECKED;

/* Sets block_size, seed, source and source_sha256 of a dataset made from texts[0..count). */
dp_status dp_packing_describe(const dp_packing_request *request, const dp_file_map *const *texts,
                              int count, dp_dataset_info *info, dp_error *error) DP_CHECKED;

/* DP_ERR_IO where the user has asked to end; NULL: nobody asks. */
dp_status dp_packing_check_termination(const dp_termination *termination,
                                       dp_error *error) DP_CHECKED;

#endif
