/* A set of keys with linear probing, at most two thirds full.
 *
 * What is dropped is found in the order of the pieces, in one set: keys are asked for in batches,
 * and with them the memory where each would stand, so that its latency passes once a batch.
 *
 * What is only counted may come in any order of the keys. So they are sorted by their highest bits
 * first, and each part has a small set of its own, which stays in the cache, where one for all of
 * them would be several times as large as they are, and its pages would cost more than all else. */
#include "pack/repeats.h"

#include "base/memory.h"
#include "base/size.h"
#include "base/workspace.h"

#include <string.h>

#define KEYS_AT_ONCE ((size_t)256)
#define KEY_MIN 4 /* two bits of a key are free for whoever keeps it, and it is not 0 then */

/* --- a set ------------------------------------------------------------------------------------ */

typedef struct key_set {
    uint64_t *slots;  /* [mask + 1] owned; 0: free. The lowest bit: of train */
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

static uint64_t usable(uint64_t key) {
    return key < KEY_MIN ? KEY_MIN : key;
}

static size_t slot_of(const key_set *set, uint64_t key) {
    return (key >> 2) & set->mask;
}

/* Adds a key, of train or not, whose slot is *at; returns what was there if it was, else 0. */
static uint64_t add(key_set *set, uint64_t key, bool of_train, size_t *at) {
    size_t slot = slot_of(set, key);
    while (set->slots[slot] != 0 && (set->slots[slot] ^ key) >> 2 != 0)
        slot = (slot + 1) & set->mask;
    const uint64_t found = set->slots[slot];
    if (found == 0)
        set->slots[slot] = (key & ~(uint64_t)3) | of_train;
    *at = slot;
    return found;
}

/* The keys of the pieces of a part from `at` on, up to KEYS_AT_ONCE; *count is how many. */
static dp_status take_keys(const dp_packing_job *job, const dp_packing_part *part, size_t at,
                           uint64_t *keys, size_t *count, dp_error *error) {
    const uint64_t *pieces = part->text->pieces + part->first + at;
    *count = dp_size_min(part->count - at, KEYS_AT_ONCE);
    DP_TRY(dp_packing_check(job, error));
    DP_TRY(job->kind->keys(job->state, part->text, pieces, *count, keys, error));
    for (size_t i = 0; i < *count; i++)
        keys[i] = usable(keys[i]);
    return DP_OK;
}

/* --- dropping --------------------------------------------------------------------------------- */

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
        DP_TRY(take_keys(job, &whole, at, keys, &count, error));
        for (size_t i = 0; i < count; i++)
            __builtin_prefetch(set.slots + slot_of(&set, keys[i]));
        for (size_t i = 0; i < count; i++)
            kept += keep_first(text, &set, keys[i], kept, at + i);
    }
    job->dropped = text->count - kept;
    text->count = kept;
    return DP_OK;
}

/* --- counting --------------------------------------------------------------------------------- */

#define PART_KEYS ((size_t)1 << 15) /* about so many are in a part, for a set of half a MiB */
#define PART_BITS_MAX 10

/* What stands in the memory of DP_PACKING_NOTED pieces. */
#define CHUNK_KEYS (DP_PACKING_NOTED - 1)
typedef struct chunk {
    struct chunk *next;
    uint64_t keys[CHUNK_KEYS]; /* whose lowest two bits are the split */
} chunk;
_Static_assert(sizeof(chunk) == DP_PACKING_NOTED * sizeof(uint64_t), "keys where pieces were");

/* Keys in the order in which they came. */
typedef struct key_list {
    chunk *first, *last;
    uint64_t count;
} key_list;

struct dp_repeats {
    unsigned bits;   /* of keys, that say which list they are in */
    key_list *lists; /* [1 << bits] */
    chunk *spare;    /* [..] for the lists that are not full, while there are few pieces */
    chunk *free;     /* of these, and of the memory of pieces */
};

static void donate(dp_repeats *self, chunk *donated) {
    donated->next = self->free;
    self->free = donated;
}

dp_status dp_repeats_create(dp_repeats **repeats, size_t count, dp_error *error) {
    dp_repeats self = {0};
    dp_workspace room = {0};
    while (self.bits < PART_BITS_MAX && count >> self.bits > PART_KEYS)
        self.bits++;
    /* A list may have one that is not full, as may have the last pieces of a split; and chunks hold
     * a key less than they have pieces. */
    const size_t lists = (size_t)1 << self.bits;
    const size_t spare = lists + DP_SPLIT_COUNT + count / (CHUNK_KEYS * DP_PACKING_NOTED) + 1;
    DP_RESERVE(&room, self.lists, lists);
    DP_RESERVE(&room, self.spare, spare);
    DP_TRY_BUILD(*repeats, &room, self);
    for (size_t i = 0; i < spare; i++)
        donate(*repeats, &(*repeats)->spare[i]);
    return DP_OK;
}

void dp_repeats_destroy(dp_repeats *repeats) {
    dp_memory_free(repeats);
}

static dp_status append_chunk(dp_repeats *self, key_list *list, dp_error *error) {
    chunk *next = self->free;
    if (next == NULL)
        return dp_fail(error, DP_ERR_INTERNAL, "repeats: more pieces than were announced");
    self->free = next->next;
    *(list->count == 0 ? &list->first : &list->last->next) = next;
    list->last = next;
    return DP_OK;
}

dp_status dp_repeats_note(dp_repeats *repeats, dp_split split, const uint64_t *keys,
                          uint64_t *pieces, size_t count, dp_error *error) {
    const unsigned shift = 63 - repeats->bits;
    if (count == DP_PACKING_NOTED)
        donate(repeats, (chunk *)(void *)pieces);
    for (size_t i = 0; i < count; i++) {
        const uint64_t key = usable(keys[i]);
        key_list *list = &repeats->lists[key >> 1 >> shift];
        const size_t place = list->count % CHUNK_KEYS;
        if (place == 0)
            DP_TRY(append_chunk(repeats, list, error));
        list->last->keys[place] = (key & ~(uint64_t)3) | (uint64_t)split;
        list->count++;
    }
    return DP_OK;
}

/* Train came first. */
static void count_list(const key_list *list, key_set *set, dp_overlap *overlap) {
    const chunk *at = list->first;
    size_t slot = 0;
    memset(set->slots, 0, (set->mask + 1) * sizeof *set->slots);
    for (uint64_t left = list->count; left > 0; at = at->next) {
        const size_t count = dp_size_min(left, CHUNK_KEYS);
        for (size_t i = 0; i < count; i++) {
            const uint64_t key = at->keys[i];
            const uint64_t found = add(set, key, (key & 3) == DP_SPLIT_TRAIN, &slot);
            overlap->different += found == 0;
            overlap->repeated[key & 3] += found & 1;
        }
        left -= count;
    }
}

dp_status dp_repeats_count(const dp_repeats *repeats, dp_overlap *overlap, dp_error *error) {
    DP_OWNED(release) key_set set = {0};
    const size_t lists = (size_t)1 << repeats->bits;
    uint64_t most = 0;
    for (size_t i = 0; i < lists; i++)
        most = dp_size_max(most, repeats->lists[i].count);
    DP_TRY(create(&set, most, error));
    for (size_t i = 0; i < lists; i++)
        count_list(&repeats->lists[i], &set, overlap);
    overlap->known = true;
    return DP_OK;
}
