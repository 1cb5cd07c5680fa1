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
#include "system/cpu.h"

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

typedef struct stack {
    chunk *top;
} stack;

/* Keys in the order in which they came. */
typedef struct key_list {
    chunk *first, *last;
    uint64_t *next, *end; /* free places of the last */
    uint64_t count;
} key_list;

struct dp_repeats {
    unsigned bits; /* of keys, that say which part they are in */
    size_t hands;
    key_list *lists; /* [hands << bits] of each hand its parts */
    chunk *spare;    /* [..] for the lists that are not full, while there are few pieces */
    stack *free;     /* [hands] of these, and of the memory of pieces */
};

static void donate(stack *free, chunk *donated) {
    donated->next = free->top;
    free->top = donated;
}

dp_status dp_repeats_create(dp_repeats **repeats, size_t hands, size_t count, size_t runs,
                            dp_error *error) {
    dp_repeats self = {.hands = hands};
    dp_workspace room = {0};
    while (self.bits < PART_BITS_MAX && count >> self.bits > PART_KEYS)
        self.bits++;
    /* A list may have one that is not full, as may have the last pieces of a run; and chunks hold a
     * key less than they have pieces. A hand may have all pieces. */
    const size_t lists = (size_t)1 << self.bits;
    const size_t spare = lists + runs + count / (CHUNK_KEYS * DP_PACKING_NOTED) + 1;
    DP_RESERVE(&room, self.lists, hands * lists);
    DP_RESERVE(&room, self.free, hands);
    DP_RESERVE(&room, self.spare, hands * spare);
    DP_TRY_BUILD(*repeats, &room, self);
    for (size_t i = 0; i < hands * spare; i++)
        donate(&(*repeats)->free[i / spare], &(*repeats)->spare[i]);
    return DP_OK;
}

void dp_repeats_destroy(dp_repeats *repeats) {
    dp_memory_free(repeats);
}

static dp_status append_chunk(key_list *list, stack *free, dp_error *error) {
    chunk *next = free->top;
    if (next == NULL)
        return dp_fail(error, DP_ERR_INTERNAL, "repeats: more pieces than were announced");
    free->top = next->next;
    *(list->first == NULL ? &list->first : &list->last->next) = next;
    list->last = next;
    list->next = next->keys;
    list->end = next->keys + CHUNK_KEYS;
    return DP_OK;
}

dp_status dp_repeats_note(dp_repeats *repeats, size_t hand, dp_split split, const uint64_t *keys,
                          uint64_t *pieces, size_t count, dp_error *error) {
    const unsigned shift = 63 - repeats->bits;
    key_list *lists = repeats->lists + (hand << repeats->bits);
    if (count == DP_PACKING_NOTED)
        donate(&repeats->free[hand], (chunk *)(void *)pieces);
    for (size_t i = 0; i < count; i++) {
        const uint64_t key = usable(keys[i]);
        key_list *list = &lists[key >> 1 >> shift];
        if (list->next == list->end)
            DP_TRY(append_chunk(list, &repeats->free[hand], error));
        *list->next++ = (key & ~(uint64_t)3) | (uint64_t)split;
        list->count++;
    }
    return DP_OK;
}

/* Of a list, those of train or the others. */
static void count_list(const key_list *list, bool of_train, key_set *set, dp_overlap *overlap) {
    const chunk *at = list->first;
    size_t slot = 0;
    for (uint64_t left = list->count; left > 0; at = at->next) {
        const size_t count = dp_size_min(left, CHUNK_KEYS);
        for (size_t i = 0; i < count; i++) {
            const uint64_t key = at->keys[i];
            if (((key & 3) == DP_SPLIT_TRAIN) != of_train)
                continue;
            const uint64_t found = add(set, key, of_train, &slot);
            overlap->different += found == 0;
            overlap->repeated[key & 3] += found & 1;
        }
        left -= count;
    }
}

typedef struct counting {
    const dp_repeats *repeats;
    struct {
        key_set set;
        dp_overlap overlap;
    } hands[DP_CPU_THREADS_MAX];
} counting;

static void clear_counting(counting *self) {
    for (size_t i = 0; i < DP_CPU_THREADS_MAX; i++)
        release(&self->hands[i].set);
}

static uint64_t part_keys(const dp_repeats *repeats, size_t part) {
    uint64_t keys = 0;
    for (size_t hand = 0; hand < repeats->hands; hand++)
        keys += repeats->lists[hand << repeats->bits | part].count;
    return keys;
}

static dp_status count_part(void *context, size_t part, size_t worker, dp_error *error) {
    counting *self = context;
    const dp_repeats *repeats = self->repeats;
    key_set *set = &self->hands[worker].set;
    (void)error;
    memset(set->slots, 0, (set->mask + 1) * sizeof *set->slots);
    for (size_t i = 0; i < 2 * repeats->hands; i++) /* train comes first */
        count_list(&repeats->lists[(i % repeats->hands) << repeats->bits | part],
                   i < repeats->hands, set, &self->hands[worker].overlap);
    return DP_OK;
}

/* Where memory is short, fewer hands will do. */
static dp_status prepare_sets(counting *self, size_t wanted, size_t *ready, dp_error *error) {
    uint64_t most = 0;
    for (size_t part = 0; part < (size_t)1 << self->repeats->bits; part++)
        most = dp_size_max(most, part_keys(self->repeats, part));
    for (*ready = 0; *ready < wanted; ++*ready) {
        if (create(&self->hands[*ready].set, most, error) != DP_OK)
            break;
    }
    return *ready > 0 ? DP_OK : error->status;
}

dp_status dp_repeats_count(const dp_repeats *repeats, size_t threads, dp_overlap *overlap,
                           dp_error *error) {
    DP_OWNED(clear_counting) counting self = {.repeats = repeats};
    const size_t parts = (size_t)1 << repeats->bits;
    size_t ready = 0;
    DP_TRY(prepare_sets(&self, dp_size_min(threads, parts), &ready, error));
    DP_TRY(dp_cpu_run(ready, parts, count_part, &self, error));
    for (size_t i = 0; i < ready; i++) {
        overlap->different += self.hands[i].overlap.different;
        for (int split = 0; split < DP_SPLIT_COUNT; split++)
            overlap->repeated[split] += self.hands[i].overlap.repeated[split];
    }
    overlap->known = true;
    return DP_OK;
}
