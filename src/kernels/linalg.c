#include "kernels/linalg.h"

#include "system/limits.h"

#include <cblas.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Types of what is looked up in the library, which is not linked. */
typedef __typeof__(cblas_sgemm) sgemm_function;
typedef __typeof__(openblas_set_num_threads) set_threads_function;
typedef __typeof__(openblas_get_config) name_function;

typedef void any_function(void);

/* NULL where there is no such function. */
static any_function *find(void *library, const char *name) {
    any_function *function = NULL;
    void *symbol = dlsym(library, name);
    _Static_assert(sizeof function == sizeof symbol, "POSIX");
    memcpy(&function, &symbol, sizeof function); /* which ISO C does not let us cast */
    return function;
}

/* OpenBLAS waits for its memory at the first product that is not a small one, whatever becomes of
 * it. Here we know that there is some. */
static void take_memory(const dp_linalg *linalg) {
    enum { SIZE = 128 };
    float zeros[SIZE * SIZE] = {0}, product[SIZE * SIZE];
    const dp_linalg_operand operand = {.stored = zeros, .ld = SIZE};
    dp_linalg_multiply(linalg, SIZE, SIZE, SIZE, operand, operand, 0.0f,
                       (dp_linalg_result){product, SIZE});
}

static dp_status load(dp_linalg *linalg, dp_error *error) {
    DP_TRY(dp_limits_check_memory(DP_LINALG_BYTES, DP_LINALG_DATA_BYTES, "OpenBLAS", error));
    setenv("OPENBLAS_NUM_THREADS", "1", 1); /* it starts them when it is loaded */
    linalg->library = dlopen(DP_OPENBLAS, RTLD_NOW);
    if (linalg->library != NULL)
        return DP_OK;
    const char *reason = dlerror(); /* in the system's words */
    return dp_fail(error, strstr(reason, strerror(ENOMEM)) != NULL ? DP_ERR_MEMORY : DP_ERR_IO,
                   "cannot load OpenBLAS: %s", reason);
}

dp_status dp_linalg_open(dp_linalg *linalg, dp_error *error) {
    linalg->library = dlopen(DP_OPENBLAS, RTLD_NOW | RTLD_NOLOAD);
    if (linalg->library == NULL)
        DP_TRY(load(linalg, error));
    linalg->multiply = find(linalg->library, "cblas_sgemm");
    set_threads_function *set_threads =
        (set_threads_function *)find(linalg->library, "openblas_set_num_threads");
    if (linalg->multiply == NULL || set_threads == NULL)
        return dp_fail(error, DP_ERR_IO, "%s is no OpenBLAS", DP_OPENBLAS);
    set_threads(1); /* where it was there before us */
    take_memory(linalg);
    return DP_OK;
}

const char *dp_linalg_name(const dp_linalg *linalg, char buffer[DP_LINALG_NAME_SIZE]) {
    buffer[0] = '\0';
    if (linalg->library == NULL)
        return buffer;
    name_function *get_config = (name_function *)find(linalg->library, "openblas_get_config");
    name_function *get_core = (name_function *)find(linalg->library, "openblas_get_corename");
    if (get_config == NULL || get_core == NULL)
        return buffer;
    /* The config begins "OpenBLAS 0.3.21 ..."; the rest says how it was built. */
    const char *config = get_config();
    size_t length = strcspn(config, " ");
    if (config[length] == ' ')
        length += 1 + strcspn(config + length + 1, " ");
    snprintf(buffer, DP_LINALG_NAME_SIZE, "%.*s %s", (int)length, config, get_core());
    return buffer;
}

static CBLAS_TRANSPOSE transposition(dp_linalg_operand operand) {
    return operand.transposed ? CblasTrans : CblasNoTrans;
}

void dp_linalg_multiply(const dp_linalg *linalg, size_t m, size_t n, size_t k, dp_linalg_operand a,
                        dp_linalg_operand b, float beta, dp_linalg_result c) {
    sgemm_function *sgemm = (sgemm_function *)linalg->multiply;
    /* The one place where sizes become BLAS's int: dp_params_layout_init has seen them. */
    sgemm(CblasRowMajor, transposition(a), transposition(b), (int)m, (int)n, (int)k, 1.0f, a.stored,
          (int)a.ld, b.stored, (int)b.ld, beta, c.stored, (int)c.ld);
}
