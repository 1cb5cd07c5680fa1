/* word_packing: packs a text whose tokens are its words (pack/word_scanner).
 *
 * The vocabulary: id 0 is the boundary; then words by descending count, those of equal count in the
 * order of their first appearance. Words seen fewer than `min_count` times, and the rarest ones
 * where there would be more than `max_vocab` tokens in all, are merged into DP_UNKNOWN_WORD, which
 * has its place among the others by the sum of their counts, and of its own where the text has it
 * already. Nothing is merged: there is none, unless counting leaves a part of the text out. Words
 * are counted in the whole text, or in the training split, where first appearances are those in
 * that split.
 *
 * As a stream the text is one sequence: contexts run over the ends of lines, each of which is a
 * token DP_END_OF_LINE unless `no_eol`. It is cut in order, after `split_tokens` tokens or by
 * shares. Each split begins with boundaries as its context, and no boundary is ever a target; it is
 * counted 0 times.
 *
 * Otherwise each line with a word is a sequence that the boundary ends, and lines are shuffled and
 * cut as words are of a text of one word a line (pack/packing).
 *
 * A text is scanned once, and read once more for its SHA-256; its words wait as numbers, 4 bytes
 * each, in a file beside the output that has no name by the time the output is written. Memory is
 * bounded by the different words (pack/word_table) and the writer's buffer; lines that are shuffled
 * take 8 bytes each.
 */
#ifndef DP_PACK_WORD_PACKING_H
#define DP_PACK_WORD_PACKING_H

#include "pack/packing_job.h"

extern const dp_packing_kind dp_word_packing;

#endif
