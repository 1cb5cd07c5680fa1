/* word_table: the different words of a text, each with how often it was seen, in the order in which
 * they were first seen.
 *
 * A hash table with linear probing, at most half full. A slot is one number, the word's index and
 * 32 bits of its hash; an entry is one cache line that holds the beginning of its word. So nearly
 * every look-up touches two lines, one of the slots and one of the entries, and both can be asked
 * for ahead. Words lie one behind the other in one block: there is no allocation a word.
 *
 * Memory is 80 to 100 bytes and the text for each different word, up to twice that while it grows.
 */
#ifndef DP_WORDS_WORD_TABLE_H
#define DP_WORDS_WORD_TABLE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define DP_WORD_NONE UINT32_MAX

#define DP_WORD_BEGINNING 32 /* bytes of a word that stand in its entry */

typedef struct dp_word_entry {
    uint64_t hash;
    uint64_t count;
    uint64_t text; /* where it begins in the table's texts */
    uint32_t length;
    uint32_t id; /* for whoever numbers the words; 0 until then */
    unsigned char beginning[DP_WORD_BEGINNING];
} dp_word_entry;
_Static_assert(sizeof(dp_word_entry) == 64, "one cache line");

typedef struct dp_word_table {
    uint64_t *slots; /* [slot_count] index + 1 and, above, 32 bits of hash; 0: free */
    size_t slot_count;
    dp_word_entry *entries; /* [count] in the order of first appearance */
    size_t count;
    size_t entry_capacity;
    char *texts; /* each word with a 0 behind it */
    size_t text_bytes;
    size_t text_capacity;
} dp_word_table;

/* Start with {0}: an empty table. Release with dp_word_table_clear. */
dp_status dp_word_table_init(dp_word_table *table, dp_error *error) DP_CHECKED;
void dp_word_table_clear(dp_word_table *table);

/* A word that is looked up. It has no zero bytes and at least one other. */
typedef struct dp_word {
    const unsigned char *text; /* borrowed */
    uint32_t length;           /* bytes */
    uint64_t hash;             /* dp_word_hash */
} dp_word;

dp_word dp_word_of(const char *text);
uint64_t dp_word_hash(const void *text, size_t length);

/* dp_word_hash of a word of up to DP_WORD_SHORT_BYTES bytes, the first lowest in `bytes` and zeros
 * above. It can be undone, so that short words with the same hash are the same. This is the
 * finalizer of MurmurHash3 (A. Appleby, public domain). */
#define DP_WORD_SHORT_BYTES 8
static inline uint64_t dp_word_hash_short(uint64_t bytes) {
    bytes = (bytes ^ bytes >> 33) * 0xff51afd7ed558ccdu;
    bytes = (bytes ^ bytes >> 33) * 0xc4ceb9fe1a85ec53u;
    return bytes ^ bytes >> 33;
}

/* Asks for the memory of all of words [count], before the first is looked up: most of the time
 * would go with waiting for one after the other. */
void dp_word_table_prefetch(const dp_word_table *table, const dp_word *words, size_t count);

/* Counts a word `times` times more (0: it only gets its place); *index is its place in `entries`.
 * DP_ERR_MEMORY leaves the table as it was. */
dp_status dp_word_table_add(dp_word_table *table, const dp_word *word, uint64_t times,
                            uint32_t *index, dp_error *error) DP_CHECKED;

/* The index of a word in `entries`, or DP_WORD_NONE. */
uint32_t dp_word_table_find(const dp_word_table *table, const dp_word *word);

/* The text of an entry, 0-terminated; valid until a word is added. */
const char *dp_word_table_text(const dp_word_table *table, size_t index);

#endif
