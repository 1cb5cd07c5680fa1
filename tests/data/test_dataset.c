/* The file of contexts and targets: what the writer writes, the reader reads; what is damaged or
 * wrong is found and named. */
#include "base/memory.h"
#include "data/dataset.h"
#include "data/vocabulary_writer.h"
#include "support/add_rows.h"
#include "support/expect.h"
#include "support/scratch.h"

#include <fcntl.h>

/* --- what is written -------------------------------------------------------------------------- */

/* A vocabulary of `count` tokens: ".", "t1", "t2", ... */
static void make_vocabulary(dp_vocabulary *vocabulary, size_t count) {
    dp_error error = {0};
    char(*texts)[32] = calloc(count, sizeof *texts);
    const char **tokens = calloc(count, sizeof *tokens);
    if (texts == NULL || tokens == NULL) {
        fail_msg("no memory for %zu tokens", count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], i == 0 ? "." : "t%zu", i);
        tokens[i] = texts[i];
    }
    expect_ok(dp_vocabulary_init(vocabulary, tokens, count, &error), &error);
    free((void *)tokens);
    free(texts);
}

static dp_dataset_info make_info(uint64_t block_size) {
    dp_dataset_info info = {.unit = DP_UNIT_CHAR, .block_size = block_size, .seed = 42};
    assert_true(dp_text_copy(info.source, sizeof info.source, "some.txt"));
    assert_true(dp_text_copy(info.source_sha256, sizeof info.source_sha256, "00ff"));
    return info;
}

/* A stream of sequences of some length, the same for the same arguments. */
static uint32_t stream_id(int split, uint64_t row, uint64_t rows, size_t vocab) {
    uint64_t x = (row + 1) * 0x9E3779B97F4A7C15u + (uint64_t)split * 0xD1B54A32D192ED03u;
    x ^= x >> 29;
    bool ends = x % 7 == 0 || row + 1 == rows;
    return ends ? DP_BOUNDARY_ID : (uint32_t)(1 + (x >> 8) % (vocab - 1));
}

/* Writes the streams in calls of `step` ids. */
static void write_streams(const char *path, size_t vocab, uint64_t block_size,
                          const uint64_t rows[DP_SPLIT_COUNT], size_t step) {
    dp_error error = {0};
    dp_vocabulary vocabulary = {0};
    row_adder adder = {0};
    dp_dataset_info info = make_info(block_size);
    make_vocabulary(&vocabulary, vocab);
    expect_ok(dp_dataset_writer_create(&adder.writer, path, &info, &vocabulary, rows, &error),
              &error);
    uint32_t *ids = calloc(step, sizeof *ids);
    assert_non_null(ids);
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        for (uint64_t first = 0; first < rows[split]; first += step) {
            size_t count = rows[split] - first < step ? (size_t)(rows[split] - first) : step;
            for (size_t i = 0; i < count; i++)
                ids[i] = stream_id(split, first + i, rows[split], vocab);
            expect_ok(add_rows(&adder, (dp_split)split, ids, count, &error), &error);
        }
    }
    expect_ok(commit_rows(&adder, &error), &error);
    clear_rows(&adder);
    dp_vocabulary_clear(&vocabulary);
    free(ids);
}

/* Every row against windows made the plain way. */
static void expect_streams(const dp_dataset *dataset, size_t vocab, uint64_t block_size,
                           const uint64_t rows[DP_SPLIT_COUNT]) {
    uint32_t window[DP_BLOCK_SIZE_MAX], context[DP_BLOCK_SIZE_MAX], target = 0;
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        expect_unsigned(dp_dataset_rows(dataset, (dp_split)split), rows[split]);
        memset(window, 0, sizeof window);
        for (uint64_t row = 0; row < rows[split]; row++) {
            uint32_t id = stream_id(split, row, rows[split], vocab);
            dp_dataset_read_row(dataset, (dp_split)split, row, context, &target);
            if (target != id || memcmp(context, window, block_size * sizeof *context) != 0)
                fail_msg("row %" PRIu64 " of %s (V %zu, block size %" PRIu64 ") differs", row,
                         dp_split_name((dp_split)split), vocab, block_size);
            memmove(window, window + 1, (block_size - 1) * sizeof *window);
            window[block_size - 1] = id;
            if (id == DP_BOUNDARY_ID)
                memset(window, 0, sizeof window);
        }
    }
}

static void expect_round_trip(size_t vocab, uint64_t block_size,
                              const uint64_t rows[DP_SPLIT_COUNT], size_t step) {
    dp_error error = {0};
    dp_dataset dataset;
    const char *path = scratch_path("trip.h5");
    write_streams(path, vocab, block_size, rows, step);
    expect_ok(dp_dataset_open(&dataset, path, &error), &error);
    expect_ok(dp_dataset_check(&dataset, 0, 1, &error), &error);
    expect_unsigned(dataset.id_bytes, dp_dataset_id_bytes(vocab));
    expect_unsigned(dataset.vocabulary.count, vocab);
    expect_streams(&dataset, vocab, block_size, rows);
    dp_dataset_close(&dataset);
    expect_unsigned((uint64_t)scratch_count(), 1); /* no temporary file */
    unlink(path);
}

static void test_dataset_tells_the_overlap_where_it_was_counted(void **state) {
    (void)state;
    const uint64_t rows[DP_SPLIT_COUNT] = {2, 2, 2};
    static const uint32_t ids[2] = {1, 0};
    dp_error error = {0};
    dp_vocabulary vocabulary = {0};
    dp_dataset dataset;
    dp_text told = {0};
    const char *path = scratch_path("overlap.h5");
    dp_dataset_info info = make_info(3);
    make_vocabulary(&vocabulary, 2);
    for (int turn = 0; turn < 2; turn++) {
        row_adder adder = {0};
        info.overlap = (dp_overlap){turn == 1, 1234, {1500, 20, 3}, {300, 17, 2}};
        expect_ok(dp_dataset_writer_create(&adder.writer, path, &info, &vocabulary, rows, &error),
                  &error);
        for (int split = 0; split < DP_SPLIT_COUNT; split++)
            expect_ok(add_rows(&adder, (dp_split)split, ids, 2, &error), &error);
        expect_ok(commit_rows(&adder, &error), &error);
        clear_rows(&adder);
        expect_ok(dp_dataset_open(&dataset, path, &error), &error);
        dp_text_cut(&told, 0);
        dp_dataset_tell_overlap(&dataset.info, &told);
        assert_string_equal(dp_text_string(&told),
                            turn == 0 ? "not known, as it was packed before this was counted: "
                                        "pack it again"
                                      : "17 of 20 words of dev and 2 of 3 of test stand in train, "
                                        "too; 1,234 of 1,523 differ");
        if (turn == 1)
            expect_unsigned(dataset.info.overlap.repeated[DP_SPLIT_TRAIN], 300);
        dp_dataset_close(&dataset);
    }
    dp_text_clear(&told);
    dp_vocabulary_clear(&vocabulary);
    unlink(path);
}

static void test_dataset_round_trip_of_empty_splits(void **state) {
    (void)state;
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        uint64_t rows[DP_SPLIT_COUNT] = {0};
        rows[split] = 100;
        expect_round_trip(20, 3, rows, 7);
        rows[(split + 1) % DP_SPLIT_COUNT] = 1;
        expect_round_trip(300, 5, rows, 100);
    }
}

static void test_dataset_windows_of_emma(void **state) {
    (void)state;
    enum { ROWS = 5 };
    static const char *const tokens[] = {".", "a", "e", "m"};
    static const uint32_t ids[ROWS] = {2, 3, 3, 1, 0}; /* emma. */
    static const uint32_t windows[ROWS][3] = {
        {0, 0, 0}, {0, 0, 2}, {0, 2, 3}, {2, 3, 3}, {3, 3, 1}};
    const uint64_t rows[DP_SPLIT_COUNT] = {ROWS, ROWS, ROWS};
    dp_error error = {0};
    dp_vocabulary vocabulary = {0};
    row_adder adder = {0};
    dp_dataset dataset;
    dp_dataset_info info = make_info(3);
    const char *path = scratch_path("emma.h5");
    expect_ok(dp_vocabulary_init(&vocabulary, tokens, 4, &error), &error);
    expect_ok(dp_dataset_writer_create(&adder.writer, path, &info, &vocabulary, rows, &error),
              &error);
    for (int split = 0; split < DP_SPLIT_COUNT; split++)
        expect_ok(add_rows(&adder, (dp_split)split, ids, ROWS, &error), &error);
    expect_ok(commit_rows(&adder, &error), &error);
    clear_rows(&adder);
    dp_vocabulary_clear(&vocabulary);

    expect_ok(dp_dataset_open(&dataset, path, &error), &error);
    for (int i = 0; i < DP_SPLIT_COUNT * ROWS; i++) {
        uint32_t context[3] = {9, 9, 9}, target = 9;
        dp_dataset_read_row(&dataset, (dp_split)(i / ROWS), (uint64_t)(i % ROWS), context, &target);
        expect_unsigned(target, ids[i % ROWS]);
        for (int k = 0; k < 3; k++)
            expect_unsigned(context[k], windows[i % ROWS][k]);
    }
    assert_string_equal(dp_vocabulary_token(&dataset.vocabulary, 3), "m");
    assert_int_equal(dataset.info.unit, DP_UNIT_CHAR);
    expect_unsigned(dataset.info.block_size, 3);
    expect_unsigned(dataset.info.seed, 42);
    assert_string_equal(dataset.info.source, "some.txt");
    assert_string_equal(dataset.info.source_sha256, "00ff");
    assert_string_equal(dataset.info.made_by, "dptrain " DP_VERSION);
    expect_unsigned(strlen(dataset.info.sha256), 64);
    dp_dataset_close(&dataset);
    unlink(path);
}

/* Ids of 8, 16 and 32 bits, at their limits, and rows that fit a register or do not. */
static void test_dataset_round_trip_of_every_width(void **state) {
    (void)state;
    static const size_t vocabs[] = {2, 27, 256, 257, 65536, 65537};
    static const uint64_t block_sizes[] = {1, 2, 3, 8, 9, 64};
    const uint64_t rows[DP_SPLIT_COUNT] = {1000, 1, 333};
    for (size_t v = 0; v < sizeof vocabs / sizeof vocabs[0]; v++) {
        for (size_t b = 0; b < sizeof block_sizes / sizeof block_sizes[0]; b++)
            expect_round_trip(vocabs[v], block_sizes[b], rows, 1 + 7 * b);
    }
}

/* More rows than the writer's buffer, so that checksum blocks and windows go over its end. */
static void test_dataset_round_trip_of_many_blocks(void **state) {
    (void)state;
    const uint64_t rows[DP_SPLIT_COUNT] = {2 * DP_DATASET_BLOCK + 12345, DP_DATASET_BLOCK,
                                           DP_DATASET_BLOCK + 1};
    expect_round_trip(27, 3, rows, 5000);
    expect_round_trip(300, 9, rows, 300007);
}

static void read_identity(const char *path, char sha256[DP_SHA256_TEXT_SIZE]) {
    dp_error error = {0};
    dp_dataset dataset;
    expect_ok(dp_dataset_open(&dataset, path, &error), &error);
    assert_true(dp_text_copy(sha256, DP_SHA256_TEXT_SIZE, dataset.info.sha256));
    dp_dataset_close(&dataset);
    unlink(path);
}

static void test_dataset_identity_follows_the_content_only(void **state) {
    (void)state;
    const uint64_t rows[DP_SPLIT_COUNT] = {50, 20, 10}, other_rows[DP_SPLIT_COUNT] = {50, 20, 11};
    char first[DP_SHA256_TEXT_SIZE], again[DP_SHA256_TEXT_SIZE], other[DP_SHA256_TEXT_SIZE];
    const char *path = scratch_path("identity.h5");
    write_streams(path, 27, 3, rows, 100);
    read_identity(path, first);
    write_streams(path, 27, 3, rows, 7);
    read_identity(path, again);
    assert_string_equal(first, again);
    write_streams(path, 27, 4, rows, 100);
    read_identity(path, other);
    assert_string_not_equal(first, other);
    write_streams(path, 27, 3, other_rows, 100);
    read_identity(path, other);
    assert_string_not_equal(first, other);
    write_streams(path, 28, 3, rows, 100);
    read_identity(path, other);
    assert_string_not_equal(first, other);
}

/* --- a writer that is not used as promised ---------------------------------------------------- */

static void test_dataset_writer_leaves_nothing_behind(void **state) {
    (void)state;
    static const uint32_t ids[3] = {1, 2, 0}, bad[1] = {4}, many[4] = {1, 2, 3, 0};
    const uint64_t rows[DP_SPLIT_COUNT] = {3, 3, 3};
    dp_error error = {0};
    dp_vocabulary vocabulary = {0};
    row_adder adder = {0};
    dp_dataset_info info = make_info(3);
    const char *path = scratch_path("none.h5");
    make_vocabulary(&vocabulary, 4);

    expect_ok(dp_dataset_writer_create(&adder.writer, path, &info, &vocabulary, rows, &error),
              &error);
    expect_unsigned((uint64_t)scratch_count(), 1); /* the temporary file */
    expect_ok(add_rows(&adder, DP_SPLIT_TRAIN, ids, 3, &error), &error);
    expect_failure(dp_row_buffer_add(adder.rows, many, 4, &error), DP_ERR_INTERNAL,
                   "4 ids up to 3 behind 0 rows", &error);
    expect_failure(add_rows(&adder, DP_SPLIT_DEV, bad, 1, &error), DP_ERR_INTERNAL, "up to 4",
                   &error);
    expect_failure(
        dp_row_buffer_add_eights(adder.rows, &(dp_id_eight){.ids = 4, .count = 2}, 1, 2, &error),
        DP_ERR_INTERNAL, "up to 4", &error);
    dp_row_buffer_begin(adder.rows);
    expect_failure(
        dp_row_buffer_add_eights(adder.rows, &(dp_id_eight){.ids = 1, .count = 4}, 1, 4, &error),
        DP_ERR_INTERNAL, "4 ids behind 0 rows", &error);
    expect_ok(add_rows(&adder, DP_SPLIT_DEV, ids, 2, &error), &error);
    expect_failure(dp_dataset_writer_put(adder.writer, adder.rows, DP_SPLIT_TEST, 2, &error),
                   DP_ERR_INTERNAL, "2 rows at row 2 of test, which has 3", &error);
    expect_failure(dp_dataset_writer_put(adder.writer, adder.rows, DP_SPLIT_TEST, 3, &error),
                   DP_ERR_INTERNAL, "2 rows at row 3 of test, which has 3", &error);
    expect_failure(commit_rows(&adder, &error), DP_ERR_INTERNAL, "2 rows of dev, 3 announced",
                   &error);
    clear_rows(&adder);
    expect_unsigned((uint64_t)scratch_count(), 0);

    adder.writer = (dp_dataset_writer *)&error;
    expect_failure(dp_dataset_writer_create(&adder.writer, scratch_path("missing/none.h5"), &info,
                                            &vocabulary, rows, &error),
                   DP_ERR_IO, "missing/none.h5", &error);
    assert_null(adder.writer);
    info.block_size = 0;
    expect_failure(dp_dataset_writer_create(&adder.writer, path, &info, &vocabulary, rows, &error),
                   DP_ERR_INTERNAL, "block_size 0", &error);
    expect_unsigned((uint64_t)scratch_count(), 0);
    dp_dataset_writer_destroy(NULL);
    dp_row_buffer_destroy(NULL);
    dp_vocabulary_clear(&vocabulary);
}

/* --- damage ----------------------------------------------------------------------------------- */

static const uint64_t DAMAGE_ROWS[DP_SPLIT_COUNT] = {DP_DATASET_BLOCK + 1000, 300, 100};
#define DAMAGE_VOCAB 27

static unsigned char swap_byte(const char *path, uint64_t offset, unsigned char value) {
    unsigned char old = 0;
    int descriptor = open(path, O_RDWR);
    assert_true(descriptor >= 0);
    assert_int_equal(pread(descriptor, &old, 1, (off_t)offset), 1);
    assert_int_equal(pwrite(descriptor, &value, 1, (off_t)offset), 1);
    close(descriptor);
    return old;
}

static uint64_t last_byte_of(const dp_dataset *dataset, const dp_id_tensor *tensor) {
    return (uint64_t)(tensor->data - dataset->map.data) + tensor->rows * tensor->columns - 1;
}

static void expect_damage(const dp_dataset *dataset, const char *name, const char *what) {
    dp_error error = {0};
    expect_failure(dp_dataset_check(dataset, 0, 1, &error), DP_ERR_INPUT, name, &error);
    if (strstr(error.message, what) == NULL || strstr(error.message, dataset->path) == NULL)
        fail_msg("\"%s\" does not say \"%s\" and the file", error.message, what);
    /* Of several parts exactly one meets it. */
    int found = 0;
    for (uint64_t part = 0; part < 3; part++)
        found += dp_dataset_check(dataset, part, 3, &error) != DP_OK;
    expect_unsigned((uint64_t)found, 1);
}

static void test_dataset_damage_is_found_and_named(void **state) {
    (void)state;
    dp_error error = {0};
    dp_dataset dataset;
    const char *path = scratch_path("damage.h5");
    write_streams(path, DAMAGE_VOCAB, 3, DAMAGE_ROWS, 1000);
    expect_ok(dp_dataset_open(&dataset, path, &error), &error); /* sees the changes: it is mapped */
    for (int i = 0; i < DP_DATASET_TENSORS; i++) {
        char name[64];
        snprintf(name, sizeof name, "/%s/%s", dp_split_name((dp_split)(i / 2)),
                 i % 2 == 0 ? "contexts" : "targets");
        uint64_t offset = last_byte_of(&dataset, &dataset.tensors[i]);
        unsigned char old = swap_byte(path, offset, DAMAGE_VOCAB);
        expect_damage(&dataset, name, "id 27 is not below the vocabulary's 27");
        swap_byte(path, offset, (unsigned char)(old == 1 ? 2 : 1)); /* an id, but not this one */
        expect_damage(&dataset, name, "is damaged between bytes");
        swap_byte(path, offset, old);
        expect_ok(dp_dataset_check(&dataset, 0, 1, &error), &error);
    }
    dp_dataset_close(&dataset);
    unlink(path);
}

static void test_dataset_bad_id_is_named_by_its_row(void **state) {
    (void)state;
    dp_error error = {0};
    dp_dataset dataset;
    const uint64_t rows[DP_SPLIT_COUNT] = {100, 100, 100};
    const char *path = scratch_path("id.h5");
    write_streams(path, 300, 3, rows, 1000);
    expect_ok(dp_dataset_open(&dataset, path, &error), &error);
    const uint64_t second_of_row_41 = 2 * (41 * 3 + 1);
    uint64_t offset =
        (uint64_t)(dataset.tensors[DP_CONTEXTS(DP_SPLIT_DEV)].data - dataset.map.data);
    swap_byte(path, offset + second_of_row_41, 0x2C); /* 300 = 0x012C */
    swap_byte(path, offset + second_of_row_41 + 1, 0x01);
    expect_failure(dp_dataset_check(&dataset, 0, 1, &error), DP_ERR_INPUT,
                   "/dev/contexts, row 41: id 300 is not below the vocabulary's 300", &error);
    dp_dataset_close(&dataset);
    unlink(path);
}

/* Makes an id of dev's contexts too large by one, looks, and restores it. */
static void expect_bad_id_is_found(const dp_dataset *dataset, uint64_t position) {
    const size_t id_bytes = dataset->id_bytes;
    const unsigned char *ids = dataset->tensors[DP_CONTEXTS(DP_SPLIT_DEV)].data;
    uint64_t offset = (uint64_t)(ids - dataset->map.data) + position * id_bytes;
    unsigned char old[4];
    char message[128];
    dp_error error = {0};
    for (size_t i = 0; i < id_bytes; i++)
        old[i] = swap_byte(dataset->path, offset + i,
                           (unsigned char)(dataset->vocabulary.count >> 8 * i));
    snprintf(message, sizeof message,
             "/dev/contexts, row %" PRIu64 ": id %zu is not below the vocabulary's %zu",
             position / 3, dataset->vocabulary.count, dataset->vocabulary.count);
    expect_failure(dp_dataset_check(dataset, 0, 1, &error), DP_ERR_INPUT, message, &error);
    for (size_t i = 0; i < id_bytes; i++)
        swap_byte(dataset->path, offset + i, old[i]);
}

/* Wherever it lies in a vector of them, or behind the last whole one. */
static void test_dataset_bad_id_is_found_at_every_place(void **state) {
    (void)state;
    static const size_t vocabs[] = {27, 128, 255, 300, 32768, 65535, 65537, 70000};
    const uint64_t rows[DP_SPLIT_COUNT] = {1, 67, 1};
    const char *path = scratch_path("place.h5");
    for (size_t v = 0; v < sizeof vocabs / sizeof vocabs[0]; v++) {
        dp_error error = {0};
        dp_dataset dataset;
        write_streams(path, vocabs[v], 3, rows, 1000);
        expect_ok(dp_dataset_open(&dataset, path, &error), &error);
        for (uint64_t position = 0; position < rows[DP_SPLIT_DEV] * 3; position++)
            expect_bad_id_is_found(&dataset, position);
        expect_ok(dp_dataset_check(&dataset, 0, 1, &error), &error);
        dp_dataset_close(&dataset);
    }
    unlink(path);
}

/* Parts are stretches of blocks: more parts than blocks, and parts of different length. */
static void test_dataset_parts_together_are_all(void **state) {
    (void)state;
    dp_error error = {0};
    dp_dataset dataset;
    const uint64_t rows[DP_SPLIT_COUNT] = {2 * DP_DATASET_BLOCK + 12345, 300, 100};
    const char *path = scratch_path("parts.h5");
    write_streams(path, DAMAGE_VOCAB, 3, rows, 100000);
    expect_ok(dp_dataset_open(&dataset, path, &error), &error);
    const dp_id_tensor *contexts = &dataset.tensors[DP_CONTEXTS(DP_SPLIT_TRAIN)];
    const uint64_t bytes = contexts->rows * contexts->columns;
    for (uint64_t first = 0; first < bytes; first += DP_DATASET_BLOCK) {
        uint64_t offset = (uint64_t)(contexts->data - dataset.map.data) + first;
        unsigned char old = swap_byte(path, offset, 255);
        for (uint64_t parts = 1; parts <= 9; parts++) {
            uint64_t found = 0;
            for (uint64_t part = 0; part < parts; part++)
                found += dp_dataset_check(&dataset, part, parts, &error) != DP_OK;
            expect_unsigned(found, 1);
        }
        swap_byte(path, offset, old);
    }
    dp_dataset_close(&dataset);
    unlink(path);
}

static void test_dataset_cut_short_is_refused(void **state) {
    (void)state;
    const uint64_t rows[DP_SPLIT_COUNT] = {5000, 300, 100};
    const char *path = scratch_path("cut.h5");
    write_streams(path, DAMAGE_VOCAB, 3, rows, 1000);
    struct stat whole;
    assert_int_equal(stat(path, &whole), 0);
    for (off_t size = whole.st_size - 1; size > 0; size -= whole.st_size / 13) {
        dp_error error = {0};
        dp_dataset dataset;
        assert_int_equal(truncate(path, size), 0);
        expect_failure(dp_dataset_open(&dataset, path, &error), DP_ERR_INPUT, path, &error);
    }
    unlink(path);
}

/* --- files that are something else
 * ---------------------------------------------------------------- */

/* What a hand-made file says; ROWS rows in each split. */
typedef struct oddity {
    const char *format;
    uint64_t version;
    uint64_t block_size;
    uint64_t columns; /* of the contexts; 0: no contexts */
    uint64_t target_rows;
    size_t id_bytes;
    uint64_t checksums; /* of each tensor */
    const char *message;
} oddity;

enum { ROWS = 4 };

static void make_tensor(dp_h5writer *file, const char *split, const char *name, dp_h5shape shape,
                        const oddity *odd) {
    dp_error error = {0};
    char object[64];
    dp_h5shape checksums = {.rank = 1, .size = {odd->checksums, 0}};
    snprintf(object, sizeof object, "/%s/%s", split, name);
    expect_ok(dp_h5writer_create_integers(file, object, shape, odd->id_bytes, &error), &error);
    snprintf(object, sizeof object, "/%s/%s_checksums", split, name);
    expect_ok(dp_h5writer_create_integers(file, object, checksums, 8, &error), &error);
}

static void make_odd_file(const char *path, const oddity *odd) {
    static const char *const texts[][2] = {{"unit", "char"},
                                           {"source", "s"},
                                           {"source_sha256", "0"},
                                           {"sha256", "0"},
                                           {"made_by", "a test"}};
    dp_error error = {0};
    dp_h5writer *file = NULL;
    dp_vocabulary vocabulary = {0};
    make_vocabulary(&vocabulary, 27);
    expect_ok(dp_h5writer_create(&file, path, &error), &error);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect_ok(dp_h5writer_text_attribute(file, texts[i][0], texts[i][1], &error), &error);
    expect_ok(dp_h5writer_text_attribute(file, "format", odd->format, &error), &error);
    expect_ok(dp_h5writer_unsigned_attribute(file, "version", odd->version, &error), &error);
    expect_ok(dp_h5writer_unsigned_attribute(file, "block_size", odd->block_size, &error), &error);
    expect_ok(dp_h5writer_unsigned_attribute(file, "seed", 1, &error), &error);
    expect_ok(dp_vocabulary_write(&vocabulary, file, &error), &error);
    for (int split = 0; split < DP_SPLIT_COUNT; split++) {
        const char *name = dp_split_name((dp_split)split);
        dp_h5shape contexts = {.rank = 2, .size = {ROWS, odd->columns}};
        dp_h5shape targets = {.rank = 1, .size = {odd->target_rows, 0}};
        if (odd->columns > 0)
            make_tensor(file, name, "contexts", contexts, odd);
        make_tensor(file, name, "targets", targets, odd);
    }
    expect_ok(dp_h5writer_close(file, &error), &error);
    dp_vocabulary_clear(&vocabulary);
}

static void test_dataset_other_files_are_refused(void **state) {
    (void)state;
    static const char *const good = DP_DATASET_FORMAT;
    const oddity oddities[] = {
        {good, 1, 3, 3, ROWS, 1, 1, NULL}, /* nothing odd: what follows differs in one thing */
        {"dptrain-checkpoint", 1, 3, 3, ROWS, 1, 1, "is a checkpoint, not a dataset: "},
        {"other-dataset", 1, 3, 3, ROWS, 1, 1, "is not a dptrain dataset"},
        {good, 4, 3, 3, ROWS, 1, 1, "format version 4; this program reads 1 to 3"},
        {good, 2, 3, 3, ROWS, 1, 1, "is damaged: its end is missing"},
        {good, 1, 0, 3, ROWS, 1, 1, "block_size 0 is not from 1 to 64"},
        {good, 1, 65, 3, ROWS, 1, 1, "block_size 65 is not from 1 to 64"},
        {good, 1, 3, 4, ROWS, 1, 1, "/train/contexts has the wrong shape or type"},
        {good, 1, 3, 0, ROWS, 1, 1, "has no /train/contexts"},
        {good, 1, 3, 3, ROWS + 1, 1, 1, "contexts and targets of train differ in length"},
        {good, 1, 3, 3, ROWS, 2, 1, "/train/contexts has the wrong shape or type"},
        {good, 1, 3, 3, ROWS, 1, 2, "/train/contexts has the wrong shape or type"},
    };
    const char *path = scratch_path("odd.h5");
    for (size_t i = 0; i < sizeof oddities / sizeof oddities[0]; i++) {
        dp_error error = {0};
        dp_dataset dataset;
        make_odd_file(path, &oddities[i]);
        if (oddities[i].message == NULL) {
            expect_ok(dp_dataset_open(&dataset, path, &error), &error);
            dp_dataset_close(&dataset);
            continue;
        }
        expect_failure(dp_dataset_open(&dataset, path, &error), DP_ERR_INPUT, oddities[i].message,
                       &error);
        assert_non_null(strstr(error.message, path));
    }
    unlink(path);
}

static void test_dataset_open_needs_an_hdf5_file(void **state) {
    (void)state;
    dp_error error = {0};
    dp_dataset dataset;
    const char *path = scratch_path("text.h5");
    expect_failure(dp_dataset_open(&dataset, path, &error), DP_ERR_IO, path, &error);
    assert_non_null(strstr(error.message, "; 'pack_dataset TEXT -o scratch."));
    expect_ok(dp_file_write(path, "emma\n", 5, &error), &error);
    expect_failure(dp_dataset_open(&dataset, path, &error), DP_ERR_INPUT,
                   "is a text, not a dataset: 'pack_dataset scratch.", &error);
    expect_ok(dp_file_write(path, "\x01mma\n", 5, &error), &error);
    expect_failure(dp_dataset_open(&dataset, path, &error), DP_ERR_INPUT, "is not an HDF5 file",
                   &error);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dataset_tells_the_overlap_where_it_was_counted),
        cmocka_unit_test(test_dataset_round_trip_of_empty_splits),
        cmocka_unit_test(test_dataset_windows_of_emma),
        cmocka_unit_test(test_dataset_round_trip_of_every_width),
        cmocka_unit_test(test_dataset_round_trip_of_many_blocks),
        cmocka_unit_test(test_dataset_identity_follows_the_content_only),
        cmocka_unit_test(test_dataset_writer_leaves_nothing_behind),
        cmocka_unit_test(test_dataset_damage_is_found_and_named),
        cmocka_unit_test(test_dataset_bad_id_is_named_by_its_row),
        cmocka_unit_test(test_dataset_bad_id_is_found_at_every_place),
        cmocka_unit_test(test_dataset_parts_together_are_all),
        cmocka_unit_test(test_dataset_cut_short_is_refused),
        cmocka_unit_test(test_dataset_other_files_are_refused),
        cmocka_unit_test(test_dataset_open_needs_an_hdf5_file),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_remove);
}
