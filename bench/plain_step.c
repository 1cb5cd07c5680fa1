/* The training step that one would write by hand: a plain C loop over OpenBLAS's sgemm, one thread.
 *
 * Gather, tanh(e W1 + b1), softmax, gradients, SGD; six products, everything else in loops that the
 * compiler turns into vector code (-ffast-math, tanhf and expf of glibc's libmvec). steps_blas.py
 * compiles and calls it.
 */
#include <cblas.h>
#include <math.h>
#include <stddef.h>

typedef struct plain {
    int vocab, block, embedding, hidden, batch;
    float lr;
    float *C, *W1, *b1, *W2, *b2; /* [V, E], [K E, H], [H], [H, V], [V] */
    float *e, *h, *p, *de, *dh;   /* [B, K E], [B, H], [B, V], as e, as h */
    float *dW1, *db1, *dW2, *db2;
} plain;

static void multiply(const float *a, CBLAS_TRANSPOSE ta, int lda, const float *b,
                     CBLAS_TRANSPOSE tb, int ldb, float *c, int m, int n, int k, float beta) {
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1.0f, a, lda, b, ldb, beta, c, n);
}

/* Rows of x begin as the bias. */
static void fill_rows(int rows, int n, const float *bias, float *x) {
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < n; j++)
            x[(size_t)i * (size_t)n + (size_t)j] = bias[j];
}

static void sum_rows(int rows, int n, const float *x, float *sums) {
    for (int j = 0; j < n; j++)
        sums[j] = 0.0f;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < n; j++)
            sums[j] += x[(size_t)i * (size_t)n + (size_t)j];
}

static void descend(size_t n, float lr, const float *restrict gradient, float *restrict x) {
    for (size_t i = 0; i < n; i++)
        x[i] -= lr * gradient[i];
}

/* Logits become the gradient at them; their loss is returned. */
static float softmax(int n, float *restrict p, int target, float scale) {
    float most = p[0], sum = 0.0f;
    for (int j = 1; j < n; j++)
        most = p[j] > most ? p[j] : most;
    const float chosen = p[target] - most;
    for (int j = 0; j < n; j++) {
        p[j] = expf(p[j] - most);
        sum += p[j];
    }
    for (int j = 0; j < n; j++)
        p[j] *= scale / sum;
    p[target] -= scale;
    return logf(sum) - chosen;
}

static float forward(const plain *m, const int *x, const int *y) {
    const int B = m->batch, V = m->vocab, E = m->embedding, H = m->hidden, D = m->block * E;
    float loss = 0.0f;
    for (int i = 0; i < B * m->block; i++)
        for (int j = 0; j < E; j++)
            m->e[i * E + j] = m->C[(size_t)x[i] * (size_t)E + (size_t)j];
    fill_rows(B, H, m->b1, m->h);
    multiply(m->e, CblasNoTrans, D, m->W1, CblasNoTrans, H, m->h, B, H, D, 1.0f);
    for (int i = 0; i < B * H; i++)
        m->h[i] = tanhf(m->h[i]);
    fill_rows(B, V, m->b2, m->p);
    multiply(m->h, CblasNoTrans, H, m->W2, CblasNoTrans, V, m->p, B, V, H, 1.0f);
    for (int i = 0; i < B; i++)
        loss += softmax(V, m->p + (size_t)i * (size_t)V, y[i], 1.0f / (float)B);
    return loss / (float)B;
}

static void backward(const plain *m) {
    const int B = m->batch, V = m->vocab, H = m->hidden, D = m->block * m->embedding;
    multiply(m->p, CblasNoTrans, V, m->W2, CblasTrans, V, m->dh, B, H, V, 0.0f);
    for (int i = 0; i < B * H; i++)
        m->dh[i] *= 1.0f - m->h[i] * m->h[i];
    multiply(m->dh, CblasNoTrans, H, m->W1, CblasTrans, H, m->de, B, D, H, 0.0f);
    multiply(m->h, CblasTrans, H, m->p, CblasNoTrans, V, m->dW2, H, V, B, 0.0f);
    multiply(m->e, CblasTrans, D, m->dh, CblasNoTrans, H, m->dW1, D, H, B, 0.0f);
    sum_rows(B, V, m->p, m->db2);
    sum_rows(B, H, m->dh, m->db1);
}

/* Only the rows of C that the batch has are touched. */
static void update(const plain *m, const int *x) {
    const size_t V = (size_t)m->vocab, H = (size_t)m->hidden, E = (size_t)m->embedding;
    for (int i = 0; i < m->batch * m->block; i++)
        descend(E, m->lr, m->de + (size_t)i * E, m->C + (size_t)x[i] * E);
    descend((size_t)m->block * E * H, m->lr, m->dW1, m->W1);
    descend(H, m->lr, m->db1, m->b1);
    descend(H * V, m->lr, m->dW2, m->W2);
    descend(V, m->lr, m->db2, m->b2);
}

/* contexts [steps, batch, block], targets [steps, batch]; losses [steps]. */
void plain_train(const plain *m, int steps, const int *contexts, const int *targets,
                 float *losses) {
    for (int step = 0; step < steps; step++) {
        losses[step] = forward(m, contexts, targets);
        backward(m);
        update(m, contexts);
        contexts += (size_t)m->batch * (size_t)m->block;
        targets += m->batch;
    }
}

const char *plain_blas(void) {
    return openblas_get_config();
}
