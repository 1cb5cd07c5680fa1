#include "pack/word_table.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/size.h"

#include <stdbool.h>
#include <string.h>

/* Short words are taken for numbers. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");

#define SLOTS_FIRST ((size_t)1 << 12)
#define INDEX_MASK 0xffffffffu

dp_status dp_word_table_init(dp_word_table *table, dp_error *error) {
    *table = (dp_word_table){.slot_count = SLOTS_FIRST};
    DP_TRY_NEW(table->slots, SLOTS_FIRST);
    return DP_OK;
}

void dp_word_table_clear(dp_word_table *table) {
    dp_memory_free(table->slots);
    dp_memory_free(table->entries);
    dp_memory_free(table->texts);
    *table = (dp_word_table){0};
}

uint64_t dp_word_hash(const void *text, size_t length) {
    uint64_t bytes = 0;
    if (length > DP_WORD_SHORT_BYTES)
        return dp_xxh3_of(text, length);
    memcpy(&bytes, text, length);
    return dp_word_hash_short(bytes);
}

const char *dp_word_table_text(const dp_word_table *table, size_t index) {
    return table->texts + table->entries[index].text;
}

/* The lower half of a hash says where to look first, the upper half stands in the slot. */
static size_t first_slot(const dp_word_table *table, uint64_t hash) {
    return (size_t)hash & (table->slot_count - 1);
}

static uint64_t slot_of(uint64_t hash, size_t index) {
    return (hash & ~(uint64_t)INDEX_MASK) | (index + 1);
}

void dp_word_table_prefetch_slot(const dp_word_table *table, uint64_t hash) {
    __builtin_prefetch(table->slots + first_slot(table, hash));
}

/* A word that does not stand in its first slot waits for its entry. */
void dp_word_table_prefetch_entry(const dp_word_table *table, uint64_t hash) {
    size_t index = (size_t)(table->slots[first_slot(table, hash)] & INDEX_MASK);
    if (index > 0)
        __builtin_prefetch(table->entries + index - 1);
}

static bool is_word(const dp_word_table *table, const dp_word_entry *entry,
                    const unsigned char *text, size_t length, uint64_t hash) {
    if (entry->hash != hash || entry->length != length)
        return false;
    if (length <= DP_WORD_SHORT_BYTES)
        return true;
    const size_t beginning = dp_size_min(length, DP_WORD_BEGINNING);
    return memcmp(entry->beginning, text, beginning) == 0 &&
           memcmp(table->texts + entry->text + beginning, text + beginning, length - beginning) ==
               0;
}

/* The slot of the word, or the free one where it would stand. */
static size_t find_slot(const dp_word_table *table, const void *text, size_t length,
                        uint64_t hash) {
    size_t at = first_slot(table, hash);
    for (; table->slots[at] != 0; at = (at + 1) & (table->slot_count - 1)) {
        if ((table->slots[at] ^ hash) >> 32 != 0)
            continue;
        size_t index = (size_t)(table->slots[at] & INDEX_MASK) - 1;
        if (is_word(table, &table->entries[index], text, length, hash))
            break;
    }
    return at;
}

uint32_t dp_word_table_find(const dp_word_table *table, const void *text, size_t length,
                            uint64_t hash) {
    uint64_t slot = table->slots[find_slot(table, text, length, hash)];
    return slot == 0 ? DP_WORD_NONE : (uint32_t)(slot & INDEX_MASK) - 1;
}

static dp_status double_slots(dp_word_table *table, dp_error *error) {
    uint64_t *slots = NULL;
    DP_TRY_NEW(slots, 2 * table->slot_count);
    dp_memory_free(table->slots);
    table->slots = slots;
    table->slot_count *= 2;
    for (size_t index = 0; index < table->count; index++) {
        size_t at = first_slot(table, table->entries[index].hash);
        while (slots[at] != 0)
            at = (at + 1) & (table->slot_count - 1);
        slots[at] = slot_of(table->entries[index].hash, index);
    }
    return DP_OK;
}

/* Room for one more word of `length` bytes. */
static dp_status make_room(dp_word_table *table, size_t length, dp_error *error) {
    if (table->count == UINT32_MAX - 1)
        return dp_fail(error, DP_ERR_INPUT, "more than %zu different words", table->count);
    DP_TRY(dp_memory_grow((void **)&table->entries, &table->entry_capacity, table->count + 1,
                          sizeof *table->entries, error));
    DP_TRY(dp_memory_grow((void **)&table->texts, &table->text_capacity,
                          table->text_bytes + length + 1, 1, error));
    if (2 * (table->count + 1) > table->slot_count)
        DP_TRY(double_slots(table, error));
    return DP_OK;
}

dp_status dp_word_table_add(dp_word_table *table, const void *text, size_t length, uint64_t hash,
                            uint64_t times, uint32_t *index, dp_error *error) {
    size_t at = find_slot(table, text, length, hash);
    if (table->slots[at] != 0) {
        *index = (uint32_t)(table->slots[at] & INDEX_MASK) - 1;
        table->entries[*index].count += times;
        return DP_OK;
    }
    DP_TRY(make_room(table, length, error));
    at = find_slot(table, text, length, hash);
    memcpy(table->texts + table->text_bytes, text, length); /* the 0 behind it is there */
    table->entries[table->count] = (dp_word_entry){
        .hash = hash, .count = times, .text = table->text_bytes, .length = (uint32_t)length};
    memcpy(table->entries[table->count].beginning, text, dp_size_min(length, DP_WORD_BEGINNING));
    table->slots[at] = slot_of(hash, table->count);
    table->text_bytes += length + 1;
    *index = (uint32_t)table->count++;
    return DP_OK;
}
