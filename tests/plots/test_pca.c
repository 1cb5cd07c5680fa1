#include "plots/pca.h"

#include "base/random.h"
#include "support/expect.h"

#define TOLERANCE 1e-6

/* Along (0.6, 0.8) by -2 and 2, across it by -0.5 and 0.5: sums of squares 8 and 0.5. Away from the
 * origin, which must not matter. */
static void test_pca_of_points_on_a_cross(void **state) {
    (void)state;
    static const double along[5] = {-2.0, 2.0, 0.0, 0.0, 0.0}, across[5] = {0, 0, 0.5, -0.5, 0};
    dp_error error = {0};
    float points[5 * 2];
    double scores[5 * 2], shares[2];
    for (int i = 0; i < 5; i++) {
        points[2 * i] = (float)(100.0 + 0.6 * along[i] - 0.8 * across[i]);
        points[2 * i + 1] = (float)(-7.0 + 0.8 * along[i] + 0.6 * across[i]);
    }
    expect_ok(dp_pca(points, 5, 2, scores, shares, &error), &error);
    for (int i = 0; i < 5; i++) {
        expect_close(scores[2 * i], along[i], 1e-4);
        expect_close(scores[2 * i + 1], -across[i], 1e-4); /* along (0.8, -0.6): 0.8 is positive */
    }
    expect_close(shares[0], 8.0 / 8.5, 1e-5);
    expect_close(shares[1], 0.5 / 8.5, 1e-5);
}

/* What is true of the components of any points: scores have mean 0 and do not correlate, and no
 * direction has more variance than the first. */
static void test_pca_of_random_points(void **state) {
    (void)state;
    enum { COUNT = 60, WIDTH = 9 };
    dp_error error = {0};
    static float points[COUNT * WIDTH];
    static double scores[COUNT * 2];
    double shares[2], mean[2] = {0}, product = 0.0, square = 0.0, most = 0.0, total = 0.0;
    for (uint64_t i = 0; i < COUNT * WIDTH; i++)
        points[i] = (float)((double)(1 + i % WIDTH) * dp_random_normal(1, DP_STREAM_INIT, 0, i));
    expect_ok(dp_pca(points, COUNT, WIDTH, scores, shares, &error), &error);
    for (int i = 0; i < COUNT; i++) {
        mean[0] += scores[2 * i] / COUNT;
        mean[1] += scores[2 * i + 1] / COUNT;
        product += scores[2 * i] * scores[2 * i + 1];
        square += scores[2 * i] * scores[2 * i];
    }
    for (int j = 0; j < WIDTH; j++) {
        double sum = 0.0, squares = 0.0;
        for (int i = 0; i < COUNT; i++) {
            sum += (double)points[i * WIDTH + j];
            squares += (double)points[i * WIDTH + j] * (double)points[i * WIDTH + j];
        }
        squares -= sum * sum / COUNT;
        most = fmax(most, squares);
        total += squares;
    }
    expect_close(mean[0], 0.0, TOLERANCE);
    expect_close(mean[1], 0.0, TOLERANCE);
    expect_close(product / square, 0.0, TOLERANCE);
    expect_close(shares[0], square / total, TOLERANCE);
    assert_true(square > most);
    assert_true(shares[0] > shares[1] && shares[1] > 0.0);
}

/* Fewer directions than components: what is left over is 0, not noise. */
static void test_pca_where_there_are_no_two_directions(void **state) {
    (void)state;
    dp_error error = {0};
    static const float line[] = {1, 1, 2, 2, 4, 4}, one[] = {3, 1}, narrow[] = {5, 7};
    double scores[6], shares[2];
    expect_ok(dp_pca(line, 3, 2, scores, shares, &error), &error);
    expect_close(scores[4] - scores[0], 3.0 * sqrt(2.0), TOLERANCE);
    expect_close(shares[0], 1.0, TOLERANCE);
    for (int i = 0; i < 3; i++)
        expect_close(scores[2 * i + 1], 0.0, TOLERANCE);
    expect_ok(dp_pca(one, 1, 2, scores, shares, &error), &error);
    expect_close(scores[0], 0.0, 0.0);
    expect_close(shares[0] + shares[1], 0.0, 0.0);
    expect_ok(dp_pca(narrow, 2, 1, scores, shares, &error), &error);
    expect_close(scores[2], 1.0, TOLERANCE);
    expect_close(scores[3], 0.0, 0.0);
    expect_close(shares[1], 0.0, 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pca_of_points_on_a_cross),
        cmocka_unit_test(test_pca_of_random_points),
        cmocka_unit_test(test_pca_where_there_are_no_two_directions),
    };
    return cmocka_run_group_tests_name("pca", tests, NULL, NULL);
}
