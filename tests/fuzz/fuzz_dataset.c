/* A dataset file: it is refused, or every row of it can be read and holds ids of the vocabulary,
 * whether they were checked or not: a stamp may say that they were. What is made up has sums that
 * do not match, as a damaged file has; so it is also tried with the right ones, as a hostile file
 * has them: of all bytes, the seal, and of the ids. */
#include "base/digest.h"
#include "data/dataset.h"
#include "data/dataset_lines.h"
#include "data/dataset_seal.h"
#include "fuzz.h"
#include "pack/packing.h"

/* Bytes beyond a file that is mapped are not always missed. */
static void expect_inside(const dp_dataset *dataset, const unsigned char *bytes, uint64_t count) {
    const dp_file_map *map = &dataset->map;
    fuzz_demand(count == 0 || (bytes >= map->data && bytes <= map->data + map->size &&
                               count <= (uint64_t)(map->data + map->size - bytes)));
}

static void expect_tensors_inside(const dp_dataset *dataset) {
    for (int i = 0; i < DP_DATASET_TENSORS; i++) {
        const dp_id_tensor *tensor = &dataset->tensors[i];
        expect_inside(dataset, tensor->data, tensor->rows * tensor->columns * dataset->id_bytes);
        expect_inside(dataset, tensor->checksums, 8 * tensor->blocks);
        fuzz_demand(tensor->bytes <= DP_DATASET_BLOCK * tensor->blocks);
        fuzz_demand(tensor->rows == dp_dataset_rows(dataset, (dp_split)(i / 2)));
    }
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        expect_inside(dataset, dataset->weights[split].ends, 16 * dataset->weights[split].lines);
}

static void read_rows(const dp_dataset *dataset, dp_split split, uint64_t *counts) {
    uint32_t context[DP_BLOCK_SIZE_MAX], target = 0;
    for (uint64_t row = 0; row < dp_dataset_rows(dataset, split); row++) {
        dp_dataset_prefetch_row(dataset, split, row);
        dp_dataset_read_row(dataset, split, row, context, &target);
        fuzz_demand(target < dataset->vocabulary.count);
        for (uint64_t i = 0; i < dataset->info.block_size; i++)
            fuzz_demand(context[i] < dataset->vocabulary.count);
    }
    dp_dataset_count_targets(dataset, split, UINT64_MAX, counts);
}

static void read_weights(const dp_row_weights *weights) {
    double weight = 0.0;
    for (uint64_t part = 0; part < 64 && weights->examples > 0; part++) {
        uint64_t row = part * (weights->examples / 64);
        dp_row_weights_find(weights, &row, 1);
        fuzz_demand(row < weights->rows);
    }
    for (uint64_t line = 0; line < dp_row_weights_lines(weights); line++)
        fuzz_demand(dp_row_weights_line(weights, line).end <= weights->rows);
    for (uint64_t row = 0; row < weights->rows; row++) {
        dp_row_weights_get(weights, row, 1, &weight);
        fuzz_demand(weight >= 1.0 && weight <= (double)weights->examples);
    }
}

/* Of one that was found to be whole. */
static void read_lines(const dp_dataset *dataset) {
    dp_text told = {0};
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        dp_dataset_lines lines = {.dataset = dataset, .split = (dp_split)split};
        while (!dataset->info.stream && dp_dataset_lines_next(&lines))
            fuzz_demand(lines.row <= dp_dataset_rows(dataset, (dp_split)split));
        dp_text_clear(&lines.line);
    }
    dp_dataset_tell_overlap(&dataset->info, &told);
    dp_text_clear(&told);
    fuzz_demand(*dataset->bad_ids == 0);
}

/* As `pack_dataset --vocab-of` does. */
static void take_vocabulary(const char *path) {
    static dp_packing_request request; /* large: paths */
    dp_error error = {0};
    fuzz_demand(dp_packing_request_init(&request, "text", "packed", 1, &error) == DP_OK);
    const dp_status status = dp_packing_request_take_vocabulary(&request, path, &error);
    if (status != DP_OK)
        fuzz_check_error(status, &error);
}

static void open_and_read(const char *path) {
    static dp_dataset dataset; /* large: paths */
    dp_error error = {0};
    dp_status status = dp_dataset_open(&dataset, path, &error);
    if (status != DP_OK) {
        fuzz_check_error(status, &error);
        return;
    }
    expect_tensors_inside(&dataset);
    uint64_t *counts = calloc(dataset.vocabulary.count, sizeof *counts);
    fuzz_demand(counts != NULL);
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        read_rows(&dataset, (dp_split)split, counts);
        read_weights(&dataset.weights[split]);
    }
    free(counts);
    status = dp_dataset_check(&dataset, 0, 1, &error);
    if (status == DP_OK)
        read_lines(&dataset);
    else
        fuzz_check_error(status, &error);
    dp_dataset_close(&dataset);
    take_vocabulary(path);
}

/* --- sums ------------------------------------------------------------------------------------- */

static size_t unsealed_size(const uint8_t *data, size_t size) {
    const size_t front = size < DP_DATASET_SEAL_SIZE ? 0 : size - DP_DATASET_SEAL_SIZE;
    const bool sealed =
        front > 0 && memcmp(data + front, DP_DATASET_SEAL_WORD, strlen(DP_DATASET_SEAL_WORD)) == 0;
    return sealed ? front : size;
}

/* The seal is one over all bytes: nobody says that a hostile file has to leave out its ids. */
static void write_sealed(const char *path, const uint8_t *data, size_t size) {
    const dp_byte_range nothing_left_out[DP_DATASET_SEAL_TENSORS] = {{0}};
    const dp_file_map map = {.data = data, .size = size};
    char seal[DP_DATASET_SEAL_SIZE + 1];
    dp_error error = {0};
    fuzz_write(path, data, size);
    fuzz_demand(dp_dataset_seal_make(&map, path, nothing_left_out, seal, &error) == DP_OK);
    fuzz_append(path, seal);
}

static void put_checksums(const dp_dataset *dataset, const dp_id_tensor *tensor, uint8_t *data) {
    for (uint64_t block = 0; block < tensor->blocks; block++) {
        const uint64_t first = block * DP_DATASET_BLOCK, rest = tensor->bytes - first;
        const uint64_t sum = dp_xxh3_of(tensor->data + first,
                                        rest < DP_DATASET_BLOCK ? (size_t)rest : DP_DATASET_BLOCK);
        memcpy(data + (tensor->checksums - dataset->map.data) + 8 * block, &sum, sizeof sum);
    }
}

static void put_identity(const dp_dataset *dataset, uint8_t *data) {
    dp_id_tensor tensors[DP_DATASET_TENSORS];
    char sha256[DP_SHA256_TEXT_SIZE];
    dp_h5image image;
    dp_h5value value;
    dp_error error;
    memcpy(tensors, dataset->tensors, sizeof tensors);
    for (int i = 0; i < DP_DATASET_TENSORS; i++)
        tensors[i].checksums = data + (tensors[i].checksums - dataset->map.data);
    fuzz_demand(dp_dataset_identity(dataset->info.block_size, &dataset->vocabulary, tensors,
                                    dataset->weights, sha256, &error) == DP_OK);
    fuzz_demand(dp_h5image_open(&image, dataset->map.data, dataset->map.size, "", &error) == DP_OK);
    if (dp_h5image_find_attribute(&image, "sha256", &value, &error) == DP_OK &&
        value.bytes >= DP_SHA256_TEXT_SIZE - 1)
        memcpy(data + (value.data - dataset->map.data), sha256, DP_SHA256_TEXT_SIZE - 1);
}

/* Sets in `data`, of which a file with a seal is at `path`, the sums of its ids right. */
static bool mend(const char *path, uint8_t *data) {
    static dp_dataset dataset; /* large: paths */
    dp_error error;
    if (dp_dataset_open(&dataset, path, &error) != DP_OK)
        return false;
    for (int i = 0; i < DP_DATASET_TENSORS; i++)
        put_checksums(&dataset, &dataset.tensors[i], data);
    put_identity(&dataset, data);
    dp_dataset_close(&dataset);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[DP_PATH_SIZE];
    const size_t front = unsealed_size(data, size);
    uint8_t *mended =
        calloc(1, front + DP_DATASET_SEAL_SIZE); /* what is found may lie in the seal */
    fuzz_demand(mended != NULL);
    memcpy(mended, data, front);
    snprintf(path, sizeof path, "%s", fuzz_path("dataset"));
    fuzz_write(path, data, size);
    open_and_read(path);
    write_sealed(path, mended, front);
    open_and_read(path);
    if (mend(path, mended) && memcmp(mended, data, front) != 0) {
        write_sealed(path, mended, front);
        open_and_read(path);
    }
    free(mended);
    unlink(path);
    return 0;
}
