/* file_kind: what a file is, by its beginning and its end, and what to do about one that is given
 * in place of another.
 *
 * It is looked at, not believed: little is read, however large the file is, and whether it is whole
 * is for those to say who read it. Not collective.
 */
#ifndef DP_FORMATS_FILE_KIND_H
#define DP_FORMATS_FILE_KIND_H

#include "system/file.h"

/* By these words the files of HDF5 that are ours are known: the attribute "format", and the line
 * behind what HDF5 reads, of so many bytes. */
#define DP_DATASET_FORMAT "dptrain-dataset"
#define DP_DATASET_SEAL_WORD "dptrain-dataset-seal"
#define DP_DATASET_SEAL_SIZE 247
#define DP_MODEL_FILE_FORMAT "dptrain-checkpoint"
#define DP_MODEL_FILE_SEAL_WORD "dptrain-seal "
#define DP_MODEL_FILE_SEAL_SIZE 35
#define DP_LOSSES_HEADER "dptrain-losses1\n"

typedef enum dp_file_kind {
    DP_FILE_MISSING, /* or it cannot be read, or is a pipe or device */
    DP_FILE_EMPTY,
    DP_FILE_UNKNOWN, /* none of those below, or so damaged that it is not known */
    DP_FILE_FOLDER,
    DP_FILE_RUN, /* the folder of a run */
    DP_FILE_CONFIG,
    DP_FILE_SWEEP, /* a sweep file */
    DP_FILE_DATASET,
    DP_FILE_CHECKPOINT,
    DP_FILE_HDF5, /* neither of the two, as far as can be seen */
    DP_FILE_METRICS,
    DP_FILE_LOSSES,
    DP_FILE_SUMMARY,
    DP_FILE_LOG,
    DP_FILE_REPORT,
    DP_FILE_FIGURE,  /* the script of one */
    DP_FILE_RATES,   /* of lrfind */
    DP_FILE_RESULTS, /* of a sweep */
    DP_FILE_TRACE,
    DP_FILE_EMBEDDINGS, /* formats/embedding_text */
    DP_FILE_TEXT,       /* another one */
    DP_FILE_KINDS
} dp_file_kind;

dp_file_kind dp_file_kind_of(const char *path);

/* "a sweep file"; NULL of the first three. */
const char *dp_file_kind_name(dp_file_kind kind);

/* DP_ERR_INPUT "PATH is a sweep file, not a config: 'dptrain sweep PATH' runs it", where the file
 * is known to be of another kind than the wanted one. What is not known may be one that is damaged,
 * and is DP_OK: reading it will tell. */
dp_status dp_file_kind_expect(const char *path, dp_file_kind wanted, dp_error *error) DP_CHECKED;

/* Whether an output may be written there, for who would else find out after the work for it:
 * DP_ERR_INPUT where something is there that is neither empty nor of that kind, and so is not ours
 * to replace; DP_ERR_IO where its folder is missing or cannot be written. */
dp_status dp_file_kind_check_output(const char *path, dp_file_kind kind,
                                    dp_error *error) DP_CHECKED;

#endif
