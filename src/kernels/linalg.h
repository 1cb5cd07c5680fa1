/* linalg: dense linear algebra. The only file that knows BLAS (OpenBLAS through CBLAS).
 *
 * Matrices are row-major float32. A call with the same shapes and operands gives the same bits on
 * the same core type; nothing is promised between different shapes, because OpenBLAS chooses its
 * edge kernels by shape. Callers that need rows kept apart therefore use fixed shapes.
 */
#ifndef DP_KERNELS_LINALG_H
#define DP_KERNELS_LINALG_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Makes BLAS run one thread. Call it once, before the first product. */
void dp_linalg_init(void);

/* Threads that BLAS runs now. */
int dp_linalg_threads(void);

/* What runs underneath, "OpenBLAS 0.3.21 SkylakeX": bits can differ where this differs. */
#define DP_LINALG_NAME_SIZE 96
const char *dp_linalg_name(char buffer[DP_LINALG_NAME_SIZE]);

/* What is stored, with rows of `ld` floats, or its transpose. */
typedef struct dp_linalg_operand {
    const float *stored;
    size_t ld;
    bool transposed;
} dp_linalg_operand;

/* No size is above INT_MAX (dp_params_layout_init). C = A B + beta C:  A [m, k], B [k, n], C [m, n]
 * with rows of ldc floats. */
void dp_linalg_multiply(size_t m, size_t n, size_t k, dp_linalg_operand a, dp_linalg_operand b,
                        float beta, float *c, size_t ldc);

#endif
