#include "kernels/linalg.h"

#include <cblas.h>
#include <stdio.h>
#include <string.h>

void dp_linalg_init(void) {
    openblas_set_num_threads(1);
}

int dp_linalg_threads(void) {
    return openblas_get_num_threads();
}

const char *dp_linalg_name(char buffer[DP_LINALG_NAME_SIZE]) {
    /* The config begins "OpenBLAS 0.3.21 ..."; the rest says how it was built. */
    const char *config = openblas_get_config();
    size_t length = strcspn(config, " ");
    if (config[length] == ' ')
        length += 1 + strcspn(config + length + 1, " ");
    snprintf(buffer, DP_LINALG_NAME_SIZE, "%.*s %s", (int)length, config, openblas_get_corename());
    return buffer;
}

static CBLAS_TRANSPOSE transposition(dp_linalg_operand operand) {
    return operand.transposed ? CblasTrans : CblasNoTrans;
}

void dp_linalg_multiply(size_t m, size_t n, size_t k, dp_linalg_operand a, dp_linalg_operand b,
                        float beta, float *c, size_t ldc) {
    /* The one place where sizes become BLAS's int: dp_params_layout_init has seen them. */
    cblas_sgemm(CblasRowMajor, transposition(a), transposition(b), (int)m, (int)n, (int)k, 1.0f,
                a.stored, (int)a.ld, b.stored, (int)b.ld, beta, c, (int)ldc);
}
