/* tally: how often each of many 64-bit keys has been counted.
 *
 * Keys are numbered from 0 in the order in which they first came. A hash table with open
 * addressing; a key takes between 24 and 48 bytes.
 */
#ifndef DP_BASELINE_TALLY_H
#define DP_BASELINE_TALLY_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* The most keys. */
#define DP_TALLY_MAX (UINT32_MAX - 1)
#define DP_TALLY_NONE UINT32_MAX

typedef struct dp_tally_entry {
    uint64_t key;
    uint64_t count;
} dp_tally_entry;

/* Start with {0}; release with dp_tally_clear. */
typedef struct dp_tally {
    dp_tally_entry *entries; /* [count], owned */
    size_t count;
    size_t capacity;
    uint32_t *slots;   /* [slot_count], owned: 0, or 1 + the number of a key */
    size_t slot_count; /* a power of two, or 0 */
} dp_tally;

/* Counts `key` so many times more; *number is its number. DP_ERR_MEMORY; the tally stays as it was.
 */
dp_status dp_tally_add(dp_tally *tally, uint64_t key, uint64_t times, uint32_t *number,
                       dp_error *error) DP_CHECKED;

/* The number of a key, or DP_TALLY_NONE. */
uint32_t dp_tally_find(const dp_tally *tally, uint64_t key);

/* How often it was counted: 0 where it never was. */
uint64_t dp_tally_count(const dp_tally *tally, uint64_t key);

void dp_tally_clear(dp_tally *tally);

#endif
