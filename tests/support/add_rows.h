/* add_rows: the rows of a dataset in their order, a few at a time. */
#ifndef DP_TESTS_ADD_ROWS_H
#define DP_TESTS_ADD_ROWS_H

#include "pack/dataset_writer.h"

/* Start with {.writer = ...}. */
typedef struct row_adder {
    dp_dataset_writer *writer;
    dp_row_buffer *rows;   /* that are not written */
    dp_split split;        /* of these, */
    uint64_t first, count; /* where they begin, and how many they are */
} row_adder;

static inline dp_status put_rows(row_adder *adder, dp_error *error) {
    if (adder->rows == NULL)
        return dp_row_buffer_create(&adder->rows, adder->writer, error);
    DP_TRY(dp_dataset_writer_put(adder->writer, adder->rows, adder->split, adder->first, error));
    adder->first += adder->count;
    adder->count = 0;
    return DP_OK;
}

/* Splits in their order. */
static inline dp_status add_rows(row_adder *adder, dp_split split, const uint32_t *ids,
                                 size_t count, dp_error *error) {
    if (split != adder->split || adder->rows == NULL) {
        DP_TRY(put_rows(adder, error));
        dp_row_buffer_begin(adder->rows);
        adder->split = split;
        adder->first = 0;
    }
    while (count > 0) {
        const uint64_t room = dp_dataset_writer_section(adder->writer) - adder->count;
        const size_t now = count < room ? count : (size_t)room;
        DP_TRY(dp_row_buffer_add(adder->rows, ids, now, error));
        adder->count += now;
        ids += now;
        count -= now;
        if (now == room)
            DP_TRY(put_rows(adder, error));
    }
    return DP_OK;
}

/* The last ones. */
static inline dp_status commit_rows(row_adder *adder, dp_error *error) {
    DP_TRY(put_rows(adder, error));
    return dp_dataset_writer_commit(adder->writer, error);
}

static inline void clear_rows(row_adder *adder) {
    dp_row_buffer_destroy(adder->rows);
    dp_dataset_writer_destroy(adder->writer);
    *adder = (row_adder){0};
}

#endif
