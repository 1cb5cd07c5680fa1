/* digest: XXH3 (64 bits, libxxhash) for checksums and the hash of weights. */
#ifndef DP_BASE_DIGEST_H
#define DP_BASE_DIGEST_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Streaming XXH3: the digest depends on the bytes, not on how they were cut into calls. Holds
 * libxxhash's state, so that hashing cannot fail. */
typedef struct dp_xxh3 {
    _Alignas(64) unsigned char state[576];
} dp_xxh3;

void dp_xxh3_init(dp_xxh3 *hash);
void dp_xxh3_update(dp_xxh3 *hash, const void *bytes, size_t count);
uint64_t dp_xxh3_digest(const dp_xxh3 *hash);

uint64_t dp_xxh3_of(const void *bytes, size_t count);

/* "xxh3:<16 hex>": how hashes of weights are shown everywhere. Returns buffer. */
#define DP_HASH_TEXT_SIZE 24
const char *dp_hash_format(uint64_t hash, char buffer[DP_HASH_TEXT_SIZE]);
/* That as an argument of a call, in memory of the block around it. */
#define DP_HASH_TEXT(hash) dp_hash_format((hash), (char[DP_HASH_TEXT_SIZE]){0})
/* The other way; false where the text is not of exactly that form. */
bool dp_hash_parse(const char *text, uint64_t *hash) DP_CHECKED;

#endif
