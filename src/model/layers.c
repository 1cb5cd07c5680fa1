#include "model/layers.h"

#include "kernels/activation.h"

#include <math.h>
#include <string.h>

void dp_embedding_forward(size_t rows, size_t block, size_t dim, const uint32_t *ids,
                          const float *c, size_t ldc, float *x) {
    for (size_t i = 0; i < rows * block; i++)
        memcpy(x + i * dim, c + ids[i] * ldc, dim * sizeof *x);
}

void dp_embedding_backward(size_t rows, size_t block, size_t dim, const uint32_t *ids,
                           const float *dx, float *dc, size_t ldc) {
    for (size_t i = 0; i < rows * block; i++) {
        float *restrict sum = dc + ids[i] * ldc;
        const float *restrict addend = dx + i * dim;
        for (size_t k = 0; k < dim; k++)
            sum[k] += addend[k];
    }
}

static dp_linalg_operand plain(const float *x, size_t ld) {
    return (dp_linalg_operand){.stored = x, .ld = ld};
}

static dp_linalg_operand transpose(dp_linalg_operand a) {
    a.transposed = !a.transposed;
    return a;
}

void dp_linear_forward(size_t rows, const float *x, dp_weights w, const float *b, float *y) {
    for (size_t r = 0; r < rows; r++)
        memcpy(y + r * w.out, b, w.out * sizeof *y);
    if (w.in > 0)
        dp_linear_add_forward(rows, x, w, y);
}

void dp_linear_add_forward(size_t rows, const float *x, dp_weights w, float *y) {
    dp_linalg_multiply(w.linalg, rows, w.out, w.in, plain(x, w.in), w.values, 1.0f,
                       (dp_linalg_result){y, w.out});
}

static void sum_rows(size_t rows, size_t cols, const float *restrict matrix, float *restrict sum) {
    memset(sum, 0, cols * sizeof *sum);
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < cols; i++)
            sum[i] += matrix[r * cols + i];
    }
}

static void weight_gradient(size_t rows, const float *x, dp_weights w, const float *dy, float *dw) {
    const dp_linalg_operand in = plain(x, w.in), out = plain(dy, w.out);
    const dp_linalg_result sum = {dw, w.values.ld};
    if (w.values.transposed)
        dp_linalg_multiply(w.linalg, w.out, w.in, rows, transpose(out), in, 0.0f, sum);
    else
        dp_linalg_multiply(w.linalg, w.in, w.out, rows, transpose(in), out, 0.0f, sum);
}

/* dx = dy W^T + beta dx */
static void input_gradient(size_t rows, dp_weights w, const float *dy, float beta, float *dx) {
    dp_linalg_multiply(w.linalg, rows, w.in, w.out, plain(dy, w.out), transpose(w.values), beta,
                       (dp_linalg_result){dx, w.in});
}

void dp_linear_backward(size_t rows, const float *x, dp_weights w, const float *dy, float *dw,
                        float *db, float *dx) {
    sum_rows(rows, w.out, dy, db);
    if (w.in == 0)
        return;
    weight_gradient(rows, x, w, dy, dw);
    input_gradient(rows, w, dy, 0.0f, dx);
}

void dp_linear_add_backward(size_t rows, const float *x, dp_weights w, const float *dy, float *dw,
                            float *dx) {
    weight_gradient(rows, x, w, dy, dw);
    input_gradient(rows, w, dy, 1.0f, dx);
}

static float row_maximum(size_t n, const float *row) {
    float maximum = row[0];
    for (size_t i = 1; i < n; i++)
        maximum = row[i] > maximum ? row[i] : maximum;
    return maximum;
}

/* One row of logits becomes probabilities; returns -log p[target]. */
static double softmax_row(size_t vocab, float *row, uint32_t target) {
    const float maximum = row_maximum(vocab, row);
    const double shifted_target = (double)row[target] - (double)maximum;
    float exponentials[256]; /* a block at a time, as input and output must not overlap */
    double total = 0.0;
    for (size_t first = 0; first < vocab; first += 256) {
        size_t count = vocab - first < 256 ? vocab - first : 256;
        float sum = 0.0f;
        dp_activation_exp(count, row + first, maximum, exponentials);
        for (size_t i = 0; i < count; i++)
            sum += exponentials[i];
        total += (double)sum;
        memcpy(row + first, exponentials, count * sizeof *row);
    }
    const float normaliser = (float)(1.0 / total);
    for (size_t i = 0; i < vocab; i++)
        row[i] *= normaliser;
    return log(total) - shifted_target;
}

double dp_softmax_loss(size_t rows, size_t vocab, float *logits, const uint32_t *targets) {
    double loss = 0.0;
    for (size_t r = 0; r < rows; r++)
        loss += softmax_row(vocab, logits + r * vocab, targets[r]);
    return loss;
}

void dp_softmax_backward(size_t rows, size_t vocab, const uint32_t *targets, float scale,
                         float *probabilities) {
    for (size_t i = 0; i < rows * vocab; i++)
        probabilities[i] *= scale;
    for (size_t r = 0; r < rows; r++)
        probabilities[r * vocab + targets[r]] -= scale;
}
