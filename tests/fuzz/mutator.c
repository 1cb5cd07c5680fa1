/* What libFuzzer and replay.c call for a new input: by bytes, or by what is known of the format. */
#include "mutator.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    uint64_t state = FUZZ_STATE ^ seed * UINT64_C(0x9E3779B97F4A7C15);
    if (size == 0 || fuzz_draw(&state, 3) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    const uint64_t one_or_more = 1 + (fuzz_draw(&state, 4) == 0 ? fuzz_draw(&state, 4) : 0);
    for (uint64_t changes = one_or_more; changes > 0 && size > 0; changes--)
        size = fuzz_is_hdf5(data, size) ? fuzz_mutate_hdf5(data, size, max_size, &state)
                                        : fuzz_mutate_text(data, size, max_size, &state);
    return size;
}
