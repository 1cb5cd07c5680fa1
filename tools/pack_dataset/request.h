/* request: what the user asks of pack_dataset, from its command line, checked as far as it can be
 * without reading the texts.
 *
 * Either one text, which is shuffled and split, or three texts that are the splits.
 */
#ifndef DP_PACK_DATASET_REQUEST_H
#define DP_PACK_DATASET_REQUEST_H

#include "base/options.h"
#include "data/dataset.h"

typedef struct dp_request {
    char inputs[DP_SPLIT_COUNT][DP_PATH_SIZE]; /* the ready-made splits, or the text and "" */
    bool ready_made;
    char output[DP_PATH_SIZE];
    uint64_t block_size;
    dp_option_real_list split; /* three shares that sum to 1 */
    uint64_t seed;
    char boundary[DP_PATH_SIZE]; /* not yet known to be one character */
    bool help;
    bool version;
    char write_to[DP_PATH_SIZE]; /* folder for man page and completion; "": none are asked for */
} dp_request;

/* Parses and checks arguments[0..count) (without the program's name), which are reordered. With
 * --help, --version or --write_to nothing else is checked. */
dp_status dp_request_parse(dp_request *request, int count, char **arguments,
                           dp_error *error) DP_CHECKED;

/* The table of options. */
dp_option_table dp_request_table(void);

/* Appends what --help prints. */
void dp_request_help(dp_text *out);

/* Where `count` words are cut: train is words [0, cuts[0]), dev [cuts[0], cuts[1]), test the rest.
 * Computed as Python computes int(a * count) and int((a + b) * count), with a + b rounded to the
 * decimal that a person would write. DP_ERR_INPUT where a split would be empty. */
dp_status dp_request_cut(const dp_request *request, size_t count, size_t cuts[2],
                         dp_error *error) DP_CHECKED;

#endif
