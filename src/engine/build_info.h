/* build_info: what computes: the program's version and revision, the compiler and kind of build,
 * and the instruction set level. Goes into every checkpoint, and in short into the report's header.
 */
#ifndef DP_ENGINE_BUILD_INFO_H
#define DP_ENGINE_BUILD_INFO_H

#include "parallel/comm.h"
#include "system/cpu.h"

#define DP_BUILD_SIZE 192

/* The numerics contract: which bits a config and a dataset give. It is another one where a version
 * computes other bits than the one before, and stands in every checkpoint: a run goes on by the
 * contract that it was begun with, or not at all.
 *
 *     1   dptrain 0.1.0: the nodes of the tree of sums are those of powers of two of leaves; bits
 *         differ by instruction set level.
 *     2   They are those of even shares (base/tree), and every processor, compiler and kind of
 * build gives the same bits (kernels/kernels, base/real). */
#define DP_NUMERICS_CONTRACT 2

typedef struct dp_build_info {
    dp_cpu_level level;            /* the lowest of all ranks: kernels are chosen by it */
    bool uniform;                  /* all ranks have the same level */
    char text[DP_BUILD_SIZE];      /* dp_build_info_program, "x86-64-v4" */
    char processor[DP_BUILD_SIZE]; /* without revision and compiler */
} dp_build_info;

/* "dptrain 0.1.0 (4f31984), GNU 12.2.0 Release"; without the revision where git knew none. */
const char *dp_build_info_program(void);

/* Collective: looks at all ranks, of which none uses a level above `highest`; everyone has the same
 * result. */
dp_status dp_build_info_gather(dp_comm *comm, dp_cpu_level highest, dp_build_info *info,
                               dp_error *error) DP_CHECKED;

#endif
