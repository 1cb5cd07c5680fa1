/* request: what the user asks of pack_dataset, from its command line, checked as far as it can be
 * without reading the texts.
 *
 * Either one text, which is shuffled and split, or three texts that are the splits.
 */
#ifndef DP_PACK_DATASET_REQUEST_H
#define DP_PACK_DATASET_REQUEST_H

#include "pack/packing.h"

typedef struct dp_request {
    dp_packing_request packing;
    bool split_given;
    bool seed_given;
    bool block_size_given;
    dp_option_path separator; /* as it was typed */
    const char *column;
    const char *weight_column;
    bool quiet;
    bool verbose;
    bool help;
    bool version;
    char write_to[DP_PATH_SIZE]; /* folder for man page and completion; "": none are asked for */
} dp_request;

/* Parses and checks arguments[0..count) (without the program's name), which are reordered. With
 * --help, --version or --write-to nothing else is checked. */
dp_status dp_request_parse(dp_request *request, int count, char **arguments,
                           dp_error *error) DP_CHECKED;

/* The table of options. */
extern const dp_option dp_request_options[];

#endif
