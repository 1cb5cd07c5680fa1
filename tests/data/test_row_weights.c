#include "data/row_weights.h"

#include "data/dataset.h"
#include "data/sampler.h"
#include "pack/packing.h"
#include "support/expect.h"
#include "support/scratch.h"

static uint64_t row_of(const dp_row_weights *weights, uint64_t example) {
    dp_row_weights_find(weights, &example, 1);
    return example;
}

/* --- the table -------------------------------------------------------------------------------- */

enum { LINES = 5 };
/* Rows and weights of some lines, and the table of them. */
static const uint64_t line_rows[LINES] = {3, 1, 4, 1, 5}, line_weights[LINES] = {2, 7, 1, 1, 3};

static dp_row_weights make_table(uint64_t ends[LINES][2]) {
    uint64_t row = 0, example = 0;
    for (int i = 0; i < LINES; i++) {
        ends[i][0] = row += line_rows[i];
        ends[i][1] = example += line_rows[i] * line_weights[i];
    }
    return (dp_row_weights){.rows = row, .lines = LINES, .ends = (const unsigned char *)ends};
}

static void test_row_weights_is_the_text_with_repeats(void **state) {
    (void)state;
    uint64_t ends[LINES][2], example = 0, first = 0;
    double values[14];
    dp_row_weights weights = make_table(ends);
    assert_true(dp_row_weights_take(&weights));
    expect_unsigned(weights.examples, ends[LINES - 1][1]);
    dp_row_weights_get(&weights, 0, 14, values);
    for (uint64_t line = 0; line < LINES; first += line_rows[line++]) {
        for (uint64_t time = 0; time < line_weights[line]; time++)
            for (uint64_t i = 0; i < line_rows[line]; i++)
                expect_unsigned(row_of(&weights, example++), first + i);
        const dp_weighted_line found = dp_row_weights_line(&weights, line);
        expect_unsigned(found.first, first);
        expect_unsigned(found.end, first + line_rows[line]);
        expect_unsigned(found.weight, line_weights[line]);
        for (uint64_t i = first; i < found.end; i++) {
            double alone = 0.0;
            expect_close(values[i], (double)line_weights[line], 0.0);
            dp_row_weights_get(&weights, i, 1, &alone);
            expect_close(alone, values[i], 0.0);
        }
    }
    expect_unsigned(example, weights.examples);
    uint64_t all[40];
    for (uint64_t i = 0; i < 40; i++)
        all[i] = i * 7 % weights.examples;
    dp_row_weights_find(&weights, all, 40);
    for (uint64_t i = 0; i < 40; i++)
        expect_unsigned(all[i], row_of(&weights, i * 7 % weights.examples));
}

static void test_row_weights_without_any_is_the_rows(void **state) {
    (void)state;
    const dp_row_weights weights = {.rows = 9, .examples = 9};
    double values[2] = {0};
    for (uint64_t i = 0; i < 9; i++)
        expect_unsigned(row_of(&weights, i), i);
    expect_unsigned(dp_row_weights_lines(&weights), 1);
    const dp_weighted_line all = dp_row_weights_line(&weights, 0);
    expect_unsigned(all.first, 0);
    expect_unsigned(all.end, 9);
    expect_unsigned(all.weight, 1);
    dp_row_weights_get(&weights, 7, 2, values);
    expect_close(values[0] + values[1], 2.0, 0.0);
}

/* Each number of the table as it must not be: refused; and where the file changes under a program
 * that has taken it, no row is outside. */
static void test_row_weights_refuses_other_tables(void **state) {
    (void)state;
    static const uint64_t wrong[] = {0, 1, 6, 15, DP_EXAMPLES_MAX, UINT64_MAX};
    uint64_t ends[LINES][2];
    for (int at = 0; at < 2 * LINES; at++) {
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            double values[14];
            dp_row_weights weights = make_table(ends);
            assert_true(dp_row_weights_take(&weights));
            if (ends[at / 2][at % 2] == wrong[i])
                continue;
            ends[at / 2][at % 2] = wrong[i];
            for (uint64_t example = 0; example < weights.examples; example++)
                assert_true(row_of(&weights, example) < weights.rows);
            for (uint64_t line = 0; line < LINES; line++)
                assert_true(dp_row_weights_line(&weights, line).end <= weights.rows);
            dp_row_weights_get(&weights, 0, 14, values);
            const uint64_t before = weights.examples;
            if (dp_row_weights_take(&weights)) /* another table, but a right one */
                assert_true(at % 2 == 1 && weights.examples >= before - line_rows[at / 2] * 9);
        }
    }
    dp_row_weights weights = make_table(ends);
    weights.rows--;
    assert_false(dp_row_weights_take(&weights));
}

/* --- draws ------------------------------------------------------------------------------------ */

enum { WORDS = 60, DRAWS = 100000, BINS = 27 * 27 * 27 * 27 };

/* A file that has each word as often as it weighs, or once with its weight. */
static void write_words(const char *path, bool repeats) {
    FILE *file = fopen(path, "w");
    for (int i = 0; i < WORDS; i++) {
        const char word[] = {(char)('a' + i % 5), (char)('a' + i % 7), (char)('a' + i % 11), 'q',
                             '\0'};
        const int weight = i % 10 == 9 ? 120 : 1 + i * 7 % 9;
        for (int k = 0; k < weight && repeats; k++)
            fprintf(file, "%s\n", word + i % 3);
        if (!repeats)
            fprintf(file, "%s\t%d\n", word + i % 3, weight);
    }
    fclose(file);
}

/* Packs it, all of it to train on. */
static void pack(const char *text, const char *output, bool repeats) {
    dp_packing_request request;
    dp_packing packing;
    dp_error error;
    write_words(text, repeats);
    expect_ok(dp_packing_request_init(&request, text, output, 3, &error), &error);
    request.split.values[0] = 1.0;
    request.split.values[1] = request.split.values[2] = 0.0;
    request.column = repeats ? NULL : "1";
    request.weight_column = repeats ? NULL : "2";
    expect_ok(dp_packing_run(&packing, &request, NULL, &error), &error);
}

static size_t bin_of(const dp_dataset *dataset, uint64_t row) {
    uint32_t context[3], target;
    dp_dataset_read_row(dataset, DP_SPLIT_TRAIN, row, context, &target);
    return ((context[0] * 27u + context[1]) * 27u + context[2]) * 27u + target;
}

/* Pearson's chi-square of what is drawn of a dataset against what the rows of another say, in its
 * standard deviations from what is expected. */
static double deviation(const dp_dataset *drawn, const dp_dataset *expected, dp_sampling sampling,
                        bool weighs) {
    static double counts[BINS], wanted[BINS];
    const dp_row_weights *weights = &drawn->weights[DP_SPLIT_TRAIN];
    const uint64_t rows = dp_dataset_rows(expected, DP_SPLIT_TRAIN);
    const dp_sampler sampler = {.seed = 11,
                                .batch_size = 32,
                                .example_count = weighs ? weights->examples : weights->rows,
                                .sampling = sampling};
    double chi_square = 0.0, freedom = -1.0;
    memset(counts, 0, sizeof counts);
    memset(wanted, 0, sizeof wanted);
    for (uint64_t row = 0; row < rows; row++)
        wanted[bin_of(expected, row)] += (double)DRAWS / (double)rows;
    for (uint64_t i = 0; i < DRAWS; i++) {
        const uint64_t example = dp_sampler_draw(&sampler, i / 32, i % 32);
        counts[bin_of(drawn, weighs ? row_of(weights, example) : example)] += 1.0;
    }
    for (size_t bin = 0; bin < BINS; bin++) {
        if (wanted[bin] == 0.0 && counts[bin] == 0.0)
            continue;
        assert_true(wanted[bin] > 5.0);
        chi_square += pow(counts[bin] - wanted[bin], 2) / wanted[bin];
        freedom += 1.0;
    }
    return (chi_square - freedom) / sqrt(2.0 * freedom);
}

static void test_row_weights_draw_as_repeats(void **state) {
    (void)state;
    dp_dataset weighted, repeated;
    dp_error error;
    pack(scratch_path("weighted.tsv"), scratch_path("weighted.h5"), false);
    pack(scratch_path("repeated.txt"), scratch_path("repeated.h5"), true);
    expect_ok(dp_dataset_open(&weighted, scratch_path("weighted.h5"), &error), &error);
    expect_ok(dp_dataset_open(&repeated, scratch_path("repeated.h5"), &error), &error);
    expect_ok(dp_dataset_check(&weighted, 0, 1, &error), &error);
    expect_unsigned(weighted.weights[DP_SPLIT_TRAIN].examples,
                    dp_dataset_rows(&repeated, DP_SPLIT_TRAIN));
    assert_true(4 * dp_dataset_rows(&weighted, DP_SPLIT_TRAIN) <
                dp_dataset_rows(&repeated, DP_SPLIT_TRAIN));
    /* As by chance; an epoch is more even than that, and draws without weights are far from it. */
    expect_close(deviation(&repeated, &repeated, DP_SAMPLING_REPLACEMENT, true), 0.0, 4.0);
    expect_close(deviation(&weighted, &repeated, DP_SAMPLING_REPLACEMENT, true), 0.0, 4.0);
    assert_true(deviation(&weighted, &repeated, DP_SAMPLING_EPOCH, true) < -5.0);
    assert_true(deviation(&weighted, &repeated, DP_SAMPLING_REPLACEMENT, false) > 100.0);
    dp_dataset_close(&weighted);
    dp_dataset_close(&repeated);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_weights_is_the_text_with_repeats),
        cmocka_unit_test(test_row_weights_without_any_is_the_rows),
        cmocka_unit_test(test_row_weights_refuses_other_tables),
        cmocka_unit_test(test_row_weights_draw_as_repeats),
    };
    return cmocka_run_group_tests_name("row_weights", tests, scratch_create, scratch_remove);
}
