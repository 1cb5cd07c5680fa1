/* nearest: which names may have been meant by one that nobody knows, be they of options, keys,
 * sections or commands.
 *
 * Names are made of words ("lr_warmup" of two, "train." is a section in front). One is near another
 * when most of its letters are in words of the other, shortened or misspelt a little ("optim",
 * "batch", "setps"), or when the table of nearest.c has it as a synonym ("epochs" of "steps").
 * Small and capital letters are the same, and so are '-', '_' and nothing between words. Where
 * nothing is near, nothing is found.
 */
#ifndef DP_OPTIONS_NEAREST_H
#define DP_OPTIONS_NEAREST_H

#include "base/text.h"

#define DP_NEAREST_MAX 3

/* Start with {.given = NAME}; all strings are borrowed. */
typedef struct dp_nearest {
    const char *given;
    size_t cost;                       /* of those found, which are equally near */
    const char *names[DP_NEAREST_MAX]; /* [count] the first of them, in the order offered */
    size_t count;
} dp_nearest;

/* Keeps `name` where it is as near as those before, and alone where it is nearer. */
void dp_nearest_offer(dp_nearest *self, const char *name);

/* Where a setting of the given name is made, when none of this program's has it
 * ("--block-size of pack_dataset"), or NULL. */
const char *dp_nearest_elsewhere(const char *given);

/* Edit distance (insert, delete, replace, swap of neighbours: 1 each) of two short names, in bytes;
 * names are cut at 64 bytes. Damerau 1964, optimal string alignment. */
size_t dp_nearest_distance(const char *a, const char *b);

#endif
