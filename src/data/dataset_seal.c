#include "data/dataset_seal.h"

#include "base/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD "dptrain-dataset-seal"
#define RANGES_SIZE 225 /* the word, then two numbers of 16 hex digits a tensor */

static int first_first(const void *a, const void *b) {
    const dp_byte_range *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static void format_ranges(const dp_byte_range ranges[DP_DATASET_SEAL_TENSORS],
                          char text[RANGES_SIZE + 1]) {
    size_t length = (size_t)snprintf(text, RANGES_SIZE + 1, WORD);
    for (int i = 0; i < DP_DATASET_SEAL_TENSORS; i++, length += 34)
        snprintf(text + length, 35, " %016" PRIx64 " %016" PRIx64, ranges[i].first,
                 ranges[i].count);
    text[length] = ' ';
    text[length + 1] = '\0';
}

static bool parse_ranges(const char *text, dp_byte_range ranges[DP_DATASET_SEAL_TENSORS]) {
    for (int i = 0; i < DP_DATASET_SEAL_TENSORS; i++) {
        if (sscanf(text + strlen(WORD) + 34 * (size_t)i, " %16" SCNx64 " %16" SCNx64,
                   &ranges[i].first, &ranges[i].count) != 2)
            return false;
    }
    return true;
}

/* Of the bytes outside the ranges, and then of their text; false where they do not follow each
 * other inside the file. */
static bool hash_rest(const unsigned char *bytes, size_t size,
                      const dp_byte_range ranges[DP_DATASET_SEAL_TENSORS], uint64_t *hash) {
    char text[RANGES_SIZE + 1];
    dp_xxh3 state;
    size_t at = 0;
    dp_xxh3_init(&state);
    for (int i = 0; i < DP_DATASET_SEAL_TENSORS; i++) {
        if (ranges[i].first < at || ranges[i].first > size ||
            ranges[i].count > size - ranges[i].first)
            return false;
        dp_xxh3_update(&state, bytes + at, (size_t)ranges[i].first - at);
        at = (size_t)(ranges[i].first + ranges[i].count);
    }
    dp_xxh3_update(&state, bytes + at, size - at);
    format_ranges(ranges, text);
    dp_xxh3_update(&state, text, RANGES_SIZE);
    *hash = dp_xxh3_digest(&state);
    return true;
}

static void format_seal(const dp_byte_range ranges[DP_DATASET_SEAL_TENSORS], uint64_t hash,
                        char seal[DP_DATASET_SEAL_SIZE + 1]) {
    format_ranges(ranges, seal);
    snprintf(seal + RANGES_SIZE, DP_DATASET_SEAL_SIZE - RANGES_SIZE + 1, "%s\n",
             DP_HASH_TEXT(hash));
}

dp_status dp_dataset_seal_make(const dp_file_map *map, const char *path,
                               const dp_byte_range tensors[DP_DATASET_SEAL_TENSORS],
                               char seal[DP_DATASET_SEAL_SIZE + 1], dp_error *error) {
    dp_byte_range ranges[DP_DATASET_SEAL_TENSORS];
    uint64_t hash = 0;
    memcpy(ranges, tensors, sizeof ranges);
    qsort(ranges, DP_DATASET_SEAL_TENSORS, sizeof *ranges, first_first);
    if (!hash_rest(map->data, map->size, ranges, &hash))
        return dp_fail(error, DP_ERR_INTERNAL, "%s: tensors that overlap", path);
    format_seal(ranges, hash, seal);
    return DP_OK;
}

dp_status dp_dataset_seal_check(const dp_file_map *map, const char *path, bool *is_sealed,
                                dp_error *error) {
    char found[DP_DATASET_SEAL_SIZE + 1] = "", expected[DP_DATASET_SEAL_SIZE + 1];
    dp_byte_range ranges[DP_DATASET_SEAL_TENSORS];
    uint64_t hash = 0;
    *is_sealed = false;
    if (map->size < DP_DATASET_SEAL_SIZE)
        return DP_OK;
    const size_t size = map->size - DP_DATASET_SEAL_SIZE;
    memcpy(found, map->data + size, DP_DATASET_SEAL_SIZE);
    if (strncmp(found, WORD, strlen(WORD)) != 0)
        return DP_OK;
    *is_sealed = true;
    if (parse_ranges(found, ranges) && hash_rest(map->data, size, ranges, &hash)) {
        format_seal(ranges, hash, expected);
        if (strcmp(found, expected) == 0)
            return DP_OK;
    }
    return dp_fail(error, DP_ERR_INPUT,
                   "%s is damaged: what is not ids has another checksum; pack it again", path);
}
