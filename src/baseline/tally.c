#include "baseline/tally.h"

#include "base/memory.h"

#include <inttypes.h>

#define SLOTS_MIN 64

/* The last step of MurmurHash3 (Appleby): every bit of the key moves half of the bits here, so that
 * neighbouring ids do not fill neighbouring slots. */
static uint64_t hash_of(uint64_t key) {
    key = (key ^ key >> 33) * UINT64_C(0xff51afd7ed558ccd);
    key = (key ^ key >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return key ^ key >> 33;
}

/* The slot of the key, or the empty one where it would go. There must be slots, one of them empty.
 */
static size_t slot_of(const dp_tally *tally, uint64_t key) {
    const size_t mask = tally->slot_count - 1;
    size_t slot = (size_t)hash_of(key) & mask;
    while (tally->slots[slot] != 0 && tally->entries[tally->slots[slot] - 1].key != key)
        slot = (slot + 1) & mask;
    return slot;
}

/* At most half of the slots are taken, so that a search ends soon. */
static dp_status make_room(dp_tally *tally, dp_error *error) {
    uint32_t *slots = NULL;
    if (2 * (tally->count + 1) <= tally->slot_count)
        return DP_OK;
    const size_t slot_count = tally->slot_count == 0 ? SLOTS_MIN : 2 * tally->slot_count;
    DP_TRY_NEW(slots, slot_count);
    dp_memory_free(tally->slots);
    tally->slots = slots;
    tally->slot_count = slot_count;
    for (size_t i = 0; i < tally->count; i++)
        slots[slot_of(tally, tally->entries[i].key)] = (uint32_t)(i + 1);
    return DP_OK;
}

static dp_status append(dp_tally *tally, uint64_t key, dp_error *error) {
    if (tally->count == DP_TALLY_MAX)
        return dp_fail(error, DP_ERR_MEMORY, "more than %" PRIu32 " different keys to count",
                       DP_TALLY_MAX);
    DP_TRY_GROW(tally->entries, &tally->capacity, tally->count + 1);
    tally->entries[tally->count++] = (dp_tally_entry){.key = key};
    return DP_OK;
}

dp_status dp_tally_add(dp_tally *tally, uint64_t key, uint64_t times, uint32_t *number,
                       dp_error *error) {
    DP_TRY(make_room(tally, error));
    const size_t slot = slot_of(tally, key);
    if (tally->slots[slot] == 0) {
        DP_TRY(append(tally, key, error));
        tally->slots[slot] = (uint32_t)tally->count;
    }
    *number = tally->slots[slot] - 1;
    tally->entries[*number].count += times;
    return DP_OK;
}

uint32_t dp_tally_find(const dp_tally *tally, uint64_t key) {
    if (tally->slot_count == 0)
        return DP_TALLY_NONE;
    const uint32_t slot = tally->slots[slot_of(tally, key)];
    return slot == 0 ? DP_TALLY_NONE : slot - 1;
}

uint64_t dp_tally_count(const dp_tally *tally, uint64_t key) {
    const uint32_t number = dp_tally_find(tally, key);
    return number == DP_TALLY_NONE ? 0 : tally->entries[number].count;
}

void dp_tally_clear(dp_tally *tally) {
    dp_memory_free(tally->entries);
    dp_memory_free(tally->slots);
    *tally = (dp_tally){0};
}
