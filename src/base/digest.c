#include "base/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_STATIC_LINKING_ONLY /* for the size of its state */
#include <xxhash.h>

_Static_assert(sizeof(((dp_xxh3 *)NULL)->state) == sizeof(XXH3_state_t), "libxxhash's state");

void dp_xxh3_init(dp_xxh3 *hash) {
    XXH3_INITSTATE((XXH3_state_t *)hash->state);
    XXH3_64bits_reset((XXH3_state_t *)hash->state);
}

void dp_xxh3_update(dp_xxh3 *hash, const void *bytes, size_t count) {
    XXH3_64bits_update((XXH3_state_t *)hash->state, bytes, count);
}

uint64_t dp_xxh3_digest(const dp_xxh3 *hash) {
    return XXH3_64bits_digest((const XXH3_state_t *)hash->state);
}

uint64_t dp_xxh3_of(const void *bytes, size_t count) {
    return XXH3_64bits(bytes, count);
}

const char *dp_hash_format(uint64_t hash, char buffer[DP_HASH_TEXT_SIZE]) {
    snprintf(buffer, DP_HASH_TEXT_SIZE, "xxh3:%016" PRIx64, hash);
    return buffer;
}

bool dp_hash_parse(const char *text, uint64_t *hash) {
    char canonical[DP_HASH_TEXT_SIZE];
    if (strncmp(text, "xxh3:", 5) != 0)
        return false;
    *hash = strtoull(text + 5, NULL, 16);
    return strcmp(dp_hash_format(*hash, canonical), text) == 0;
}
