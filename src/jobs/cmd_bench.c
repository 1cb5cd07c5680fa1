
#include "cli/config_arguments.h"
#include "examine/bench.h"
#include "jobs/jobs.h"

typedef struct bench_options {
    double seconds;
    bool json;
} bench_options;

static const dp_option options[] = {
    DP_REAL(bench_options, seconds, "seconds", "3", 0, 3600, "S", "time to measure for"),
    DP_SWITCH(bench_options, json, "json", "print one JSON object"),
    DP_OPTIONS_END,
};

static const char text_form[] =
    "{build}\n"
    "{ranks} rank{ranks:s} on {nodes} node{nodes:s}, exchange {exchange}, batch {batch_size} in "
    "[{blocks} blocks][{grains} grains], {parameters:,} parameters\n"
    "\n"
    "step      {us_per_step.median:10.2f} us  (p10 {us_per_step.p10:.2f}, p90 "
    "{us_per_step.p90:.2f})\n"
    "examples  {examples_per_s:10,} a second\n"
    "rate      {gflops:10.1f} GFLOP/s nominal ({mflop} Mflop a step),\n"
    "                     {fraction_of_sgemm:.2f} of a large sgemm's {sgemm_gflops:.1f}\n"
    "[exchange  {exchange_us:10.2f} us with SGD, {exchange_vs_mpi_allreduce:.2f} of MPI_Allreduce "
    "and SGD ({allreduce_us:.2f} us)\n]"
    "messages  {bytes_sent:10.3M} MB a step, of all ranks\n"
    "memory    {resident_bytes_rank:10.1M} MB a rank resident, {resident_bytes_node:.1M} MB a "
    "node\n"
    "start     {seconds_to_first_step:10.2f} s to the first step\n"
    "\n"
    "phase, us a step, over the ranks:\n"
    "               min    median       max\n"
    "<<phases {phases.*:-9} {phases.*.min:8.2f}  {phases.*.median:8.2f}  {phases.*.max:8.2f}\n>>";

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    bench_options chosen;
    dp_config config;
    DP_OWNED(dp_facts_clear) dp_facts facts = {0};
    (void)signal;
    DP_TRY(dp_config_arguments_parse(comm, options, &chosen, count, arguments, &config, error));
    DP_TRY(dp_bench_run(comm, &config, chosen.seconds, &facts, error));
    return DP_ON_ROOT(comm, dp_facts_print(&facts, chosen.json ? NULL : text_form, error));
}

const dp_command dp_command_bench = {
    .name = "bench",
    .arguments = "CONFIG [section.key=value ...]",
    .purpose = "measure what a step of CONFIG takes, and what with",
    .details = "Writes no file but the stamp of a dataset that it had to check. 'nominal'\n"
               "counts the matrix products of a step, 2 for each multiply-add; the sgemm it is\n"
               "compared with runs on one core in the same run. 'exchange' is that of a gradient\n"
               "nobody had to compute, with an update of plain SGD; where the output layer is\n"
               "split its gradient is not exchanged, and nothing measured. What crosses memory\n"
               "that ranks share is no message. Memory a node adds up what its ranks use, each\n"
               "page divided by all processes that use it.\n",
    .options = options,
    .config = dp_config_options,
    .needs = DP_NEEDS_JOB | DP_NEEDS_LAUNCH | DP_NEEDS_BLAS,
    .run = run,
};
