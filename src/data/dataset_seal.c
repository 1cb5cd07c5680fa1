#include "data/dataset_seal.h"

#include "base/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Behind it two numbers of 16 hex digits a tensor, and the hash. */
#define WORD DP_DATASET_SEAL_WORD

static int first_first(const void *a, const void *b) {
    const dp_byte_range *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* The seal of these bytes: the hash is that of what lies outside the ranges, and then of their
 * text. False where they do not follow each other inside of the bytes. */
static bool format_seal(const unsigned char *bytes, size_t size,
                        const dp_byte_range ranges[DP_DATASET_SEAL_TENSORS],
                        char seal[DP_DATASET_SEAL_SIZE + 1]) {
    dp_xxh3 hash;
    size_t at = 0, length = (size_t)snprintf(seal, DP_DATASET_SEAL_SIZE + 1, WORD);
    dp_xxh3_init(&hash);
    for (int i = 0; i < DP_DATASET_SEAL_TENSORS; i++, length += 34) {
        const dp_byte_range range = ranges[i];
        if (range.first < at || range.first > size || range.count > size - range.first)
            return false;
        dp_xxh3_update(&hash, bytes + at, (size_t)range.first - at);
        at = (size_t)(range.first + range.count);
        snprintf(seal + length, 35, " %016" PRIx64 " %016" PRIx64, range.first, range.count);
    }
    seal[length++] = ' ';
    dp_xxh3_update(&hash, bytes + at, size - at);
    dp_xxh3_update(&hash, seal, length);
    snprintf(seal + length, DP_DATASET_SEAL_SIZE + 1 - length, "%s\n",
             DP_HASH_TEXT(dp_xxh3_digest(&hash)));
    return true;
}

static bool parse_ranges(const char *seal, dp_byte_range ranges[DP_DATASET_SEAL_TENSORS]) {
    bool found = true;
    seal += strlen(WORD);
    for (int i = 0; i < DP_DATASET_SEAL_TENSORS && found; i++, seal += 34)
        found = sscanf(seal, " %16" SCNx64 " %16" SCNx64, &ranges[i].first, &ranges[i].count) == 2;
    return found;
}

dp_status dp_dataset_seal_make(const dp_file_map *map, const char *path,
                               const dp_byte_range tensors[DP_DATASET_SEAL_TENSORS],
                               char seal[DP_DATASET_SEAL_SIZE + 1], dp_error *error) {
    dp_byte_range ranges[DP_DATASET_SEAL_TENSORS];
    memcpy(ranges, tensors, sizeof ranges);
    qsort(ranges, DP_DATASET_SEAL_TENSORS, sizeof *ranges, first_first);
    if (!format_seal(map->data, map->size, ranges, seal))
        return dp_fail(error, DP_ERR_INTERNAL, "%s: tensors that overlap", path);
    return DP_OK;
}

dp_status dp_dataset_seal_check(const dp_file_map *map, const char *path, bool *is_sealed,
                                dp_error *error) {
    char found[DP_DATASET_SEAL_SIZE + 1] = "", expected[DP_DATASET_SEAL_SIZE + 1];
    dp_byte_range ranges[DP_DATASET_SEAL_TENSORS];
    *is_sealed = false;
    if (map->size < DP_DATASET_SEAL_SIZE)
        return DP_OK;
    const size_t size = map->size - DP_DATASET_SEAL_SIZE;
    memcpy(found, map->data + size, DP_DATASET_SEAL_SIZE);
    *is_sealed = strncmp(found, WORD, strlen(WORD)) == 0;
    if (!*is_sealed ||
        (parse_ranges(found, ranges) && format_seal(map->data, size, ranges, expected) &&
         strcmp(found, expected) == 0))
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s is damaged: what is not ids has another checksum; pack it again", path);
}
