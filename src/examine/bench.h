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

#include "engine/config.h"
#include "formats/facts.h"
#include "parallel/comm.h"

/* Collective: measures for about this long. Adds what rank 0 is to tell, on it alone:
 *   ranks, nodes, exchange, batch_size, parameters, build; blocks of a split output, or grains
 *   us_per_step      median, p10, p90 over stretches of steps
 *   examples_per_s, nominal_flops (of a step: the matrix products, 2 for a multiply-add; mflop in
 *   millions, a note), gflops; sgemm_gflops of a large product on one core, fraction_of_sgemm
 *   openblas_set, sgemm_gflops_set, sgemm_gflops_unset
 *                    where the environment sets what OpenBLAS is to do (yardstick.h): what, and the
 *                    rate with it and without; sgemm_gflops is the higher one
 *   exchange_us, allreduce_us, exchange_vs_mpi_allreduce
 *                    exchange or MPI_Allreduce, and update, of a slab; not if split
 *   bytes_sent       of a step, by messages, of all ranks together
 *   resident_bytes_rank, resident_bytes_node
 *                    largest of the ranks; proportional, summed over those of the first node
 *   seconds_to_first_step   from the start of the process
 *   phases           microseconds of a step: min, median, max over the ranks
 * Agreed on. */
dp_status dp_bench_run(dp_comm *comm, const dp_config *config, double seconds, dp_facts *facts,
                       dp_error *error) DP_CHECKED;

#endif
