/* The functions that libcrypto 3 calls deprecated: the new ones find their algorithm by loading it,
 * with thousands of allocations, and where one of those fails they crash. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "data/sha256.h"

#include <openssl/sha.h>
#include <stdio.h>

void dp_sha256_of(const void *bytes, size_t count, char hex[DP_SHA256_TEXT_SIZE]) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256_CTX state;
    SHA256_Init(&state); /* which cannot fail, as none of these can */
    SHA256_Update(&state, bytes, count);
    SHA256_Final(digest, &state);
    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}
