#include "data/vocabulary_writer.h"

dp_status dp_unit_write(dp_h5writer *file, dp_unit unit, bool stream, dp_error *error) {
    DP_TRY(dp_h5writer_text_attribute(file, "unit", dp_unit_name(unit), error));
    return unit == DP_UNIT_WORD || stream
               ? dp_h5writer_unsigned_attribute(file, "stream", stream, error)
               : DP_OK;
}

dp_status dp_preparation_write(dp_h5writer *file, const dp_preparation *preparation,
                               dp_error *error) {
    static const char *const names[] = {DP_NORMAL_FORM_NAMES};
    const dp_folding folding = preparation->folding;
    if (preparation->packed_with[0] == '\0') /* not known */
        return DP_OK;
    DP_TRY(dp_h5writer_text_attribute(file, "packed_with", preparation->packed_with, error));
    DP_TRY(dp_h5writer_unsigned_attribute(file, "lowercase", folding.lowercase, error));
    return dp_h5writer_text_attribute(file, "normalize", names[folding.normalize], error);
}

dp_status dp_vocabulary_write(const dp_vocabulary *vocabulary, dp_h5writer *file, dp_error *error) {
    const dp_h5shape shape = {.rank = 1, .size = {vocabulary->count}};
    DP_TRY(dp_h5writer_strings(file, DP_TOKENS_OBJECT, vocabulary->table, vocabulary->count,
                               vocabulary->width, error));
    if (vocabulary->counts == NULL)
        return DP_OK;
    DP_TRY(dp_h5writer_create_integers(file, DP_COUNTS_OBJECT, shape, 8, error));
    return dp_h5writer_rows(file, DP_COUNTS_OBJECT, 0, vocabulary->count, vocabulary->counts,
                            error);
}
