/* dataset: the packed file of contexts and targets, read by mapping it.
 *
 * File format, version 2 (HDF5, and behind it the seal of data/dataset_seal; version 1 has none),
 * or 3 where lines have weights, which a program of before must not read as if they had none:
 *   attributes  format "dptrain-dataset", version, unit, block_size, seed, source, source_sha256,
 *               sha256, made_by; with unit "word", or of a stream, also stream (0 or 1); of newer
 * files packed_with (pack_dataset's options), lowercase (0 or 1), normalize (none, nfc, nfkc), a
 *               warning_1, warning_2, ... for each warning about the text, and what dp_overlap_list
 *               lists
 *   /vocab/tokens                          [V] UTF-8, index = id
 *   /vocab/counts                          [V] 64 bits; with unit "word": how often each was seen
 *   /{train,dev,test}/contexts             [N, block_size] unsigned integers of 8, 16 or 32 bits
 *   /{train,dev,test}/targets              [N] of the same type
 *   /{train,dev,test}/contexts_checksums   [blocks] XXH3 of each DP_DATASET_BLOCK bytes of contexts
 *   /{train,dev,test}/targets_checksums    [blocks] the same of targets
 *   /{train,dev,test}/line_ends            [lines, 2] 64 bits, version 3: data/row_weights
 * A split may have no rows. Integers lie contiguous and aligned to 4096 bytes. `sha256` identifies
 * what is trained on: it is taken over the vocabulary, block_size, the row counts, all checksums
 * and the weights, in the form that dp_dataset_identity defines.
 *
 * Ids index tables, so they must have been checked before they are used: by dp_dataset_check, or
 * once and for all (data/check_stamp). What becomes of the file afterwards may make results wrong,
 * which engine/open_dataset looks for, but never leads out of a table: an id that is not below V is
 * read as 0 and counted.
 *
 * Not collective; no MPI. Ranks of a node that map the same file share its pages.
 */
#ifndef DP_DATA_DATASET_H
#define DP_DATA_DATASET_H

#include "data/context.h"
#include "data/row_weights.h"
#include "data/sha256.h"
#include "formats/file_kind.h"
#include "system/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_DATASET_VERSION 2
#define DP_DATASET_VERSION_WEIGHTED 3 /* lines have weights */
#define DP_DATASET_VERSION_UNSEALED 1 /* still read */
#define DP_DATASET_BLOCK ((size_t)1 << 20)

/* Lines of warnings about the text that a dataset has. */
#define DP_WARNINGS_MAX 9
#define DP_WARNING_SIZE 320

typedef enum dp_split { DP_SPLIT_TRAIN, DP_SPLIT_DEV, DP_SPLIT_TEST, DP_SPLIT_COUNT } dp_split;
#define DP_SPLIT_NAMES "train", "dev", "test"

const char *dp_split_name(dp_split split);

/* How honest the splits are. A sequence is a word or a line, as it stands in the text. */
typedef struct dp_overlap {
    bool known;         /* not of a stream, which has none, nor of a file of before */
    uint64_t different; /* sequences of all splits */
    uint64_t sequences[DP_SPLIT_COUNT];
    uint64_t repeated[DP_SPLIT_COUNT]; /* those of dev and test that are in train, too; of train
                                          those that stand in it before */
} dp_overlap;

/* The attributes that have these numbers, in their order. */
#define DP_OVERLAP_FIELDS (1 + 2 * DP_SPLIT_COUNT)
typedef struct dp_overlap_field {
    char name[32];
    uint64_t *value;
} dp_overlap_field;
void dp_overlap_list(dp_overlap *overlap, dp_overlap_field fields[DP_OVERLAP_FIELDS]);

/* What the attributes say. */
typedef struct dp_dataset_info {
    dp_unit unit;
    bool stream;   /* each split is one sequence, in which the boundary never occurs */
    bool weighted; /* lines have weights (data/row_weights) */
    dp_preparation preparation;
    uint64_t block_size;                             /* 1 to DP_BLOCK_SIZE_MAX */
    uint64_t seed;                                   /* of the shuffle that made the splits */
    char source[256];                                /* name of the text it was made from */
    char source_sha256[DP_SHA256_TEXT_SIZE];         /* hex */
    char sha256[DP_SHA256_TEXT_SIZE];                /* identity of the dataset, hex */
    char made_by[64];                                /* program and version */
    char warnings[DP_WARNINGS_MAX][DP_WARNING_SIZE]; /* pack/text_findings, about its text */
    size_t warning_count;
    dp_overlap overlap;
} dp_dataset_info;

/* Appends what is known of the overlap, for people: "424 of 3,203 words of dev and ... stand in
 * train, too; ..."; nothing of a stream. */
void dp_dataset_tell_overlap(const dp_dataset_info *info, dp_text *out);

/* The attribute that has a warning, from 0 on. */
#define DP_WARNING_NAME_SIZE 32
void dp_warning_name(size_t index, char name[DP_WARNING_NAME_SIZE]);

/* The object that has the weights of a split. */
#define DP_LINE_ENDS_NAME_SIZE 32
void dp_line_ends_name(dp_split split, char name[DP_LINE_ENDS_NAME_SIZE]);

/* Contexts and targets of each split in turn. */
#define DP_DATASET_TENSORS (2 * DP_SPLIT_COUNT)
#define DP_CONTEXTS(split) (2 * (split))
#define DP_TARGETS(split) (2 * (split) + 1)

/* A tensor of ids. */
typedef struct dp_id_tensor {
    char name[32]; /* "/train/contexts" */
    int rank;      /* 2 of contexts, 1 of targets */
    uint64_t rows;
    uint64_t columns;
    uint64_t bytes;
    uint64_t blocks;                /* of DP_DATASET_BLOCK bytes, the last of what is left */
    const unsigned char *data;      /* [rows, columns] ids of id_bytes, little-endian, mapped */
    const unsigned char *checksums; /* [blocks] XXH3, 8 bytes each, little-endian */
} dp_id_tensor;

/* Tensor `index` of a dataset, but for data and checksums. */
dp_id_tensor dp_id_tensor_describe(int index, uint64_t rows, uint64_t block_size, size_t id_bytes);

/* What the system says of a file, to know it again: while all of it stays, so does the content.
 * Times are nanoseconds since 1970. */
typedef struct dp_file_state {
    uint64_t size;    /* bytes; 0: not known, as the file changed while it was opened */
    uint64_t inode;   /* its number in the file system */
    int64_t modified; /* last time the content was written; anybody can set it back (touch) */
    int64_t changed;  /* last time content, name or rights were changed; kept by the system */
} dp_file_state;

typedef struct dp_dataset {
    char path[DP_PATH_SIZE];
    dp_file_state state; /* of the file that is mapped */
    int64_t opened;      /* when, by the system's clock: nanoseconds since 1970 */
    dp_dataset_info info;
    dp_vocabulary vocabulary;
    size_t id_bytes; /* 1, 2 or 4 */
    dp_id_tensor tensors[DP_DATASET_TENSORS];
    dp_row_weights weights[DP_SPLIT_COUNT];
    dp_file_map map;
    uint64_t *bad_ids; /* [1] read since it was opened: the file has changed under us */
} dp_dataset;

/* The state of the file that is at `path` now; size 0 where there is none. */
dp_file_state dp_file_state_of(const char *path);
/* Both are known and alike. */
bool dp_file_state_equal(const dp_file_state *a, const dp_file_state *b);

/* Maps the file and checks its structure and all but its ids. On failure nothing is held. */
dp_status dp_dataset_open(dp_dataset *dataset, const char *path, dp_error *error) DP_CHECKED;
void dp_dataset_close(dp_dataset *dataset);

/* Checks the identity, the checksums, and that every id is below V, in this part of the file of
 * 0..parts-1: all parts together have checked everything. Reads the part once, from front to back,
 * and holds none of it resident afterwards. DP_ERR_INPUT names the tensor and the place. */
dp_status dp_dataset_check(const dp_dataset *dataset, uint64_t part, uint64_t parts,
                           dp_error *error) DP_CHECKED;

uint64_t dp_dataset_rows(const dp_dataset *dataset, dp_split split);

/* Asks for the memory of a row that will be read soon, without waiting for it. */
void dp_dataset_prefetch_row(const dp_dataset *dataset, dp_split split, uint64_t row);

/* Copies row `row` of a split: context [block_size], oldest token first, and its target. All are
 * below V, whatever is in the file (bad_ids). */
void dp_dataset_read_row(const dp_dataset *dataset, dp_split split, uint64_t row, uint32_t *context,
                         uint32_t *target);

/* How often each token is a target in the first `limit` rows of a split, as often as they weigh:
 * counts [V]. The ids need not have been checked: others do not count. */
void dp_dataset_count_targets(const dp_dataset *dataset, dp_split split, uint64_t limit,
                              uint64_t *counts);

/* Number of bytes an id takes where the vocabulary has `vocab` tokens. */
size_t dp_dataset_id_bytes(uint64_t vocab);

/* The identity: SHA-256 over a text of one line each for block_size, every token, every tensor's
 * split with its row count, and checksums, and every split of weights with its lines and the XXH3
 * of their ends (hex). */
dp_status dp_dataset_identity(uint64_t block_size, const dp_vocabulary *vocabulary,
                              const dp_id_tensor tensors[DP_DATASET_TENSORS],
                              const dp_row_weights weights[DP_SPLIT_COUNT],
                              char sha256[DP_SHA256_TEXT_SIZE], dp_error *error) DP_CHECKED;

#endif
