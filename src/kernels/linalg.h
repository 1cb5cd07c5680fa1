/* linalg: dense linear algebra. The only file that knows BLAS (OpenBLAS through CBLAS).
 *
 * Matrices are row-major float32. A call with the same shapes and operands gives the same bits on
 * the same core type; nothing is promised between different shapes, because OpenBLAS chooses its
 * edge kernels by shape. Callers that need rows kept apart therefore use fixed shapes.
 *
 * The library is not linked but loaded by the first who opens it, and stays: it takes memory and
 * starts threads when it is loaded, and where the system refuses these it tries again for ever. So
 * who multiplies nothing never has it, and who does has seen before that there is room for it.
 */
#ifndef DP_KERNELS_LINALG_H
#define DP_KERNELS_LINALG_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* What multiplies. Zeroed: nothing is loaded. To be copied at will; there is nothing to release. */
typedef struct dp_linalg {
    void *library;
    void (*multiply)(void); /* cblas_sgemm */
} dp_linalg;

/* Loads BLAS with one thread, and lets it take the memory that its products need. DP_ERR_MEMORY
 * where the system does not give so much, DP_ERR_IO where there is no such library. */
dp_status dp_linalg_open(dp_linalg *linalg, dp_error *error) DP_CHECKED;

/* Bytes of address space that opening may take, at most, and those of them that are memory of our
 * own. */
#define DP_LINALG_BYTES ((size_t)192 << 20)
#define DP_LINALG_DATA_BYTES ((size_t)136 << 20)

/* What it is, "OpenBLAS 0.3.21 SkylakeX": bits can differ where this differs. "" where nothing is
 * loaded. */
#define DP_LINALG_NAME_SIZE 96
const char *dp_linalg_name(const dp_linalg *linalg, char buffer[DP_LINALG_NAME_SIZE]);

/* What is stored, with rows of `ld` floats, or its transpose. */
typedef struct dp_linalg_operand {
    const float *stored;
    size_t ld;
    bool transposed;
} dp_linalg_operand;

/* What is computed, with rows of `ld` floats. */
typedef struct dp_linalg_result {
    float *stored;
    size_t ld;
} dp_linalg_result;

/* No size is above INT_MAX (dp_params_layout_init). C = A B + beta C:  A [m, k], B [k, n],
 * C [m, n]. */
void dp_linalg_multiply(const dp_linalg *linalg, size_t m, size_t n, size_t k, dp_linalg_operand a,
                        dp_linalg_operand b, float beta, dp_linalg_result c);

#endif
