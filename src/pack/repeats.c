/* A set of keys with linear probing, at most two thirds full. Keys are asked for in batches, and
 * with them the memory where each would stand, so that its latency passes once a batch. The lowest
 * bit of a slot is no part of its key: it says whether that is one of train. */
#include "pack/repeats.h"

#include "base/memory.h"
#include "base/size.h"

#define KEYS_AT_ONCE ((size_t)256)

typedef struct key_set {
    uint64_t *slots;  /* [mask + 1] owned; 0: free, as no key is below 2 */
    uint64_t *firsts; /* [mask + 1] owned, where pieces have weights: the one that was kept */
    size_t mask;
} key_set;

static dp_status create(key_set *set, size_t count, dp_error *error) {
    size_t slots = 2;
    while (2 * slots < 3 * count)
        slots *= 2;
    set->mask = slots - 1;
    DP_TRY_NEW(set->slots, slots);
    return DP_OK;
}

static void release(const key_set *set) {
    dp_memory_free(set->slots);
    dp_memory_free(set->firsts);
}

/* Adds a key, of train or not, whose slot is *at; returns what was there if it was, else 0. */
static uint64_t add(key_set *set, uint64_t key, bool of_train, size_t *at) {
    size_t slot = (key >> 1) & set->mask;
    while (set->slots[slot] != 0 && (set->slots[slot] ^ key) >> 1 != 0)
        slot = (slot + 1) & set->mask;
    const uint64_t found = set->slots[slot];
    if (found == 0)
        set->slots[slot] = (key & ~(uint64_t)1) | of_train;
    *at = slot;
    return found;
}

/* The keys of the pieces of a part from `at` on, up to KEYS_AT_ONCE; *count is how many. */
static dp_status take_keys(const dp_packing_job *job, const key_set *set,
                           const dp_packing_part *part, size_t at, uint64_t *keys, size_t *count,
                           dp_error *error) {
    const uint64_t *pieces = part->text->pieces + part->first + at;
    *count = dp_size_min(part->count - at, KEYS_AT_ONCE);
    DP_TRY(dp_packing_check(job, error));
    DP_TRY(job->kind->keys(job->state, part->text, pieces, *count, keys, error));
    for (size_t i = 0; i < *count; i++) {
        keys[i] += keys[i] < 2 ? 2 : 0;
        __builtin_prefetch(set->slots + ((keys[i] >> 1) & set->mask));
    }
    return DP_OK;
}

/* Leaves piece `at` as number `kept` where none has its key; else its weight goes to the one that
 * has. */
static bool keep_first(const dp_packing_text *text, key_set *set, uint64_t key, size_t kept,
                       size_t at) {
    size_t slot = 0;
    const bool is_first = add(set, key, true, &slot) == 0;
    dp_packing_move(text, kept, at);
    if (text->weights == NULL || set->firsts == NULL)
        return is_first;
    if (is_first)
        set->firsts[slot] = kept;
    uint64_t *first = &text->weights[set->firsts[slot]];
    if (!is_first)
        *first = dp_size_min(*first + text->weights[kept], DP_EXAMPLES_MAX); /* which is refused */
    return is_first;
}

dp_status dp_repeats_drop(dp_packing_job *job, dp_error *error) {
    DP_OWNED(release) key_set set = {0};
    dp_packing_text *text = &job->texts[0];
    const dp_packing_part whole = {text, 0, text->count};
    uint64_t keys[KEYS_AT_ONCE];
    size_t kept = 0;
    DP_TRY(create(&set, text->count, error));
    if (text->weights != NULL)
        DP_TRY_NEW(set.firsts, set.mask + 1);
    for (size_t at = 0, count = 0; at < whole.count; at += count) {
        DP_TRY(take_keys(job, &set, &whole, at, keys, &count, error));
        for (size_t i = 0; i < count; i++)
            kept += keep_first(text, &set, keys[i], kept, at + i);
    }
    job->dropped = text->count - kept;
    text->count = kept;
    return DP_OK;
}

static dp_status count_split(dp_packing_job *job, key_set *set, dp_split split, dp_error *error) {
    const dp_packing_part *part = &job->parts[split];
    dp_overlap *overlap = &job->info.overlap;
    uint64_t keys[KEYS_AT_ONCE];
    size_t slot = 0;
    overlap->sequences[split] = part->count;
    for (size_t at = 0, count = 0; at < part->count; at += count) {
        DP_TRY(take_keys(job, set, part, at, keys, &count, error));
        for (size_t i = 0; i < count; i++) {
            const uint64_t found = add(set, keys[i], split == DP_SPLIT_TRAIN, &slot);
            overlap->different += found == 0;
            overlap->repeated[split] += found & 1;
        }
    }
    return DP_OK;
}

dp_status dp_repeats_count(dp_packing_job *job, dp_error *error) {
    DP_OWNED(release) key_set set = {0};
    size_t pieces = 0;
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        pieces += job->parts[split].count;
    DP_TRY(create(&set, pieces, error));
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        DP_TRY(count_split(job, &set, (dp_split)split, error));
    job->info.overlap.known = true;
    return DP_OK;
}
