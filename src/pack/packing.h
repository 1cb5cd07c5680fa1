/* packing: from the texts to the dataset file.
 *
 * What there is to do, for characters (pack/char_packing) and for words (pack/word_packing): read
 * the texts, cut them into splits, number what they hold, write the rows.
 *
 * The data are exactly those of Python's random.seed(seed); random.shuffle(words), split at
 * int(0.8 * n) and int(0.9 * n); tests/golden/make_names_digest.py says the same in Python.
 */
#ifndef DP_PACK_PACKING_H
#define DP_PACK_PACKING_H

#include "pack/packing_request.h"
#include "system/termination.h"

/* What was packed, for the summary. */
typedef struct dp_packing {
    uint64_t text_bytes;
    uint64_t words;
    uint64_t lines; /* that have words */
    uint64_t empty_lines;
    uint64_t unknown; /* how many of the words counted became <unk> */
    uint64_t vocab;
    uint64_t rows[DP_SPLIT_COUNT];
} dp_packing;

/* Packs what `request` asks for. A temporary file exists only while `termination` watches; when
 * asked to end, this cleans up and fails, and dp_termination_pending then names the signal. Where
 * it is NULL, signals are the caller's. On failure no file is left, and an older one of that name
 * stands. */
dp_status dp_packing_run(dp_packing *packing, const dp_packing_request *request,
                         dp_termination *termination, dp_error *error) DP_CHECKED;

#endif
