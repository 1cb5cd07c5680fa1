#include "base/sha256.h"

#include <openssl/evp.h>
#include <stdio.h>

dp_status dp_sha256_of(const void *bytes, size_t count, char hex[DP_SHA256_TEXT_SIZE],
                       dp_error *error) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    if (EVP_Digest(bytes, count, digest, &length, EVP_sha256(), NULL) != 1 || length != 32)
        return dp_fail(error, DP_ERR_INTERNAL, "libcrypto cannot compute a SHA-256");
    for (size_t i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return DP_OK;
}
