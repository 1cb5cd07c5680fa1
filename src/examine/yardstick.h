/* yardstick: the rate of a large sgemm on one core, which the arithmetic of a step is held against.
 *
 * OpenBLAS chooses its kernels when it is loaded, and OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE in the
 * environment choose for it: some machines set them for all, and then it can do half of what it
 * could. So where they are set, a process of its own measures without them, in turn with this one.
 * Which is forked: nothing that a launcher has set up for this process may be started again.
 */
#ifndef DP_EXAMINE_YARDSTICK_H
#define DP_EXAMINE_YARDSTICK_H

#include "kernels/linalg.h"

/* Start with {0}; end with dp_yardstick_close. */
typedef struct dp_yardstick {
    dp_linalg linalg;
    float *square; /* [3][n, n] */
    long process;  /* measures without the variables; 0 where none is set, or once it has failed */
    int link;      /* to it */
} dp_yardstick;

/* The variables that are set, "OPENBLAS_CORETYPE=Haswell OPENBLAS_L2_SIZE=512"; "" where none is.
 */
#define DP_YARDSTICK_SET_SIZE 160
void dp_yardstick_describe_environment(char text[DP_YARDSTICK_SET_SIZE]);

/* Before anything in this process has loaded OpenBLAS: starts the other process where it takes one.
 * Where there can be none, nothing is measured without the variables. */
void dp_yardstick_begin(dp_yardstick *self);

/* The other process's share of memory, which it has from this one; 0 where there is none. */
size_t dp_yardstick_bytes(const dp_yardstick *self);

/* Loads OpenBLAS, and allocates. DP_ERR_MEMORY; DP_ERR_IO where there is none. */
dp_status dp_yardstick_open(dp_yardstick *self, dp_error *error) DP_CHECKED;

/* GFLOP/s of one product, by OpenBLAS as the environment has it. */
double dp_yardstick_measure(const dp_yardstick *self);
/* And as it is without the variables; 0 where that is not measured. */
double dp_yardstick_measure_unset(dp_yardstick *self);

void dp_yardstick_close(dp_yardstick *self);

#endif
