/* sha256: the identity of texts and datasets, by OpenSSL's libcrypto. */
#ifndef DP_DATA_SHA256_H
#define DP_DATA_SHA256_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define DP_SHA256_TEXT_SIZE 65 /* 64 hex digits and the 0 */

/* Hex SHA-256 of a block of memory. */
void dp_sha256_of(const void *bytes, size_t count, char hex[DP_SHA256_TEXT_SIZE]);

/* The same, of a block that another thread may find to be of no use: once *stops is true it ends
 * soon, and hex is anything. */
void dp_sha256_of_unless(const atomic_bool *stops, const void *bytes, size_t count,
                         char hex[DP_SHA256_TEXT_SIZE]);

#endif
