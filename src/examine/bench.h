/* bench: how long a step takes, and what with.
 *
 * Measures in one run, alternating, so that what the machine does meanwhile meets all candidates
 * alike: stretches of real training steps; steps of the exchange alone, where the grains only write
 * their slab; MPI_Allreduce and update of a slab written in the same way; and a large sgemm on one
 * core, the rate that a step's arithmetic is compared with. Medians over the stretches. Where the
 * output layer is split there is no gradient of it to exchange, and the two about exchanges are
 * left out.
 */
#ifndef DP_EXAMINE_BENCH_H
#define DP_EXAMINE_BENCH_H

#include "base/profile.h"
#include "engine/build_info.h"
#include "engine/config.h"
#include "parallel/comm.h"

typedef struct dp_spread {
    double min;
    double p10;
    double median;
    double p90;
    double max;
} dp_spread;

typedef struct dp_bench_result {
    char build[DP_BUILD_SIZE];
    uint64_t ranks;
    uint64_t nodes;
    uint64_t blocks; /* of a split output layer; 0 where it is replicated */
    uint64_t parameters;
    dp_spread us_per_step;              /* over stretches of steps */
    dp_spread phase_us[DP_PHASE_COUNT]; /* a step, over the ranks */
    double nominal_flops;               /* of a step: the matrix products, 2 for a multiply-add */
    double sgemm_gflops;                /* of a large product on one core */
    double exchange_us;                 /* exchange and update alone; 0 if split */
    double allreduce_us;                /* MPI_Allreduce and update of the same slab; 0 if split */
    double bytes_sent;                  /* of a step, by messages, of all ranks together */
    double resident_bytes_rank;         /* largest of the ranks */
    double resident_bytes_node;         /* proportional, summed over the ranks of the first node */
    double seconds_to_first_step;       /* from the start of the process */
} dp_bench_result;

/* Collective: measures for about this long. Rank 0 has the result. Agreed on. */
dp_status dp_bench_run(dp_comm *comm, const dp_config *config, double seconds,
                       dp_bench_result *result, dp_error *error) DP_CHECKED;

#endif
