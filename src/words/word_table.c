#include "words/word_table.h"

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

dp_word dp_word_of(const char *text) {
    const size_t length = strlen(text);
    return (dp_word){.text = (const unsigned char *)text,
                     .length = (uint32_t)length,
                     .hash = dp_word_hash(text, length)};
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

/* DP_WORD_NONE of a free one. */
static uint32_t slot_index(uint64_t slot) {
    return (uint32_t)(slot & INDEX_MASK) - 1;
}

/* The slots, and when they have come the entries; a word that does not stand in its first slot
 * waits for its entry. */
void dp_word_table_prefetch(const dp_word_table *table, const dp_word *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(table->slots + first_slot(table, words[i].hash));
    for (size_t i = 0; i < count; i++) {
        const uint32_t index = slot_index(table->slots[first_slot(table, words[i].hash)]);
        if (index != DP_WORD_NONE)
            __builtin_prefetch(table->entries + index);
    }
}

static bool is_word(const dp_word_table *table, const dp_word_entry *entry, const dp_word *word) {
    if (entry->hash != word->hash || entry->length != word->length)
        return false;
    if (word->length <= DP_WORD_SHORT_BYTES)
        return true;
    if (word->length <= DP_WORD_BEGINNING)
        return memcmp(entry->beginning, word->text, word->length) == 0;
    return memcmp(table->texts + entry->text, word->text, word->length) == 0;
}

/* The slot of the word, or the free one where it would stand. */
static size_t find_slot(const dp_word_table *table, const dp_word *word) {
    size_t at = first_slot(table, word->hash);
    for (; table->slots[at] != 0; at = (at + 1) & (table->slot_count - 1)) {
        if ((table->slots[at] ^ word->hash) >> 32 == 0 &&
            is_word(table, &table->entries[slot_index(table->slots[at])], word))
            break;
    }
    return at;
}

uint32_t dp_word_table_find(const dp_word_table *table, const dp_word *word) {
    return slot_index(table->slots[find_slot(table, word)]);
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
    DP_TRY_GROW(table->entries, &table->entry_capacity, table->count + 1);
    DP_TRY_GROW(table->texts, &table->text_capacity, table->text_bytes + length + 1);
    if (2 * (table->count + 1) > table->slot_count)
        DP_TRY(double_slots(table, error));
    return DP_OK;
}

dp_status dp_word_table_add(dp_word_table *table, const dp_word *word, uint64_t times,
                            uint32_t *index, dp_error *error) {
    size_t at = find_slot(table, word);
    if (table->slots[at] != 0) {
        *index = slot_index(table->slots[at]);
        table->entries[*index].count += times;
        return DP_OK;
    }
    DP_TRY(make_room(table, word->length, error));
    at = find_slot(table, word);
    *index = (uint32_t)table->count++;
    dp_word_entry *entry = &table->entries[*index];
    *entry = (dp_word_entry){
        .hash = word->hash, .count = times, .text = table->text_bytes, .length = word->length};
    memcpy(entry->beginning, word->text, dp_size_min(word->length, DP_WORD_BEGINNING));
    memcpy(table->texts + entry->text, word->text, word->length); /* the 0 behind it is there */
    table->text_bytes += word->length + 1;
    table->slots[at] = slot_of(word->hash, *index);
    return DP_OK;
}
