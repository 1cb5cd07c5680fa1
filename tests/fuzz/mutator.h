/* mutator: what is made of an input, beside bytes that are changed anywhere: files in their
 * structure, so that a reader is reached behind what refuses a damaged file. Sums over the content
 * are set right by the targets (fuzz_dataset.c, fuzz_checkpoint.c).
 *
 * Each changes data [size] in place, of which max_size bytes may be used, and returns the new size;
 * *state is that of fuzz_draw.
 */
#ifndef DP_TESTS_FUZZ_MUTATOR_H
#define DP_TESTS_FUZZ_MUTATOR_H

#include "fuzz.h"

/* libFuzzer's own, by bytes; of replay.c where that drives the target. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

bool fuzz_is_hdf5(const uint8_t *data, size_t size);
size_t fuzz_mutate_hdf5(uint8_t *data, size_t size, size_t max_size, uint64_t *state);

/* Of a text, its lines and fields. */
size_t fuzz_mutate_text(uint8_t *data, size_t size, size_t max_size, uint64_t *state);

#endif
