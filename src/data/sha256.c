/* The functions that libcrypto 3 calls deprecated: the new ones find their algorithm by loading it,
 * with thousands of allocations, and where one of those fails they crash. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "data/sha256.h"

#include "base/size.h"

#include <openssl/sha.h>
#include <stdio.h>

void dp_sha256_of_unless(const atomic_bool *stops, const void *bytes, size_t count,
                         char hex[DP_SHA256_TEXT_SIZE]) {
    enum { STEP = 1 << 22 };
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256_CTX state;
    SHA256_Init(&state); /* which cannot fail, as none of these can */
    for (size_t at = 0; at < count && !atomic_load(stops); at += STEP)
        SHA256_Update(&state, (const char *)bytes + at, dp_size_min(STEP, count - at));
    SHA256_Final(digest, &state);
    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

void dp_sha256_of(const void *bytes, size_t count, char hex[DP_SHA256_TEXT_SIZE]) {
    const atomic_bool stops = false;
    dp_sha256_of_unless(&stops, bytes, count, hex);
}
