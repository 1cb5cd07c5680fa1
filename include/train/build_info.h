/* build_info: what computes, as far as bits depend on it: the program's version, the instruction set
 * level and the BLAS. Goes into the report's header and every checkpoint. */
#ifndef DP_TRAIN_BUILD_INFO_H
#define DP_TRAIN_BUILD_INFO_H

#include "parallel/comm.h"

/* Collective: agrees on the lowest instruction set level of all ranks and describes it in
 * build[size]. *uniform tells whether all ranks have the same level and BLAS. */
dp_status dp_build_info(dp_comm *comm, char *build, size_t size, bool *uniform,
                        dp_error *error) DP_CHECKED;

#endif
