/* char_packing: packs a text of one word a line (pack/char_scanner) whose tokens are the characters
 * of its words. The boundary ends each word.
 *
 * A character is one Unicode code point. The boundary has id 0; the others follow in the order of
 * their code points from id 1, so that ids do not depend on the order of the words.
 */
#ifndef DP_PACK_CHAR_PACKING_H
#define DP_PACK_CHAR_PACKING_H

#include "pack/packing_job.h"

extern const dp_packing_kind dp_char_packing;

#endif
