#include "cli/command.h"
#include "cli/config_arguments.h"
#include "examine/bench.h"
#include "formats/facts.h"
#include "kernels/linalg.h"

typedef struct bench_options {
    double seconds;
    bool json;
} bench_options;

static const dp_option options[] = {
    DP_REAL(bench_options, seconds, "seconds", "3", 0, 3600, "S", "time to measure for"),
    DP_SWITCH(bench_options, json, "json", "print one JSON object"),
    DP_OPTIONS_END,
};

static void add_spread(dp_facts *facts, const dp_spread *spread) {
    dp_facts_real(facts, "min", spread->min);
    dp_facts_real(facts, "median", spread->median);
    dp_facts_real(facts, "max", spread->max);
}

static void add_rates(dp_facts *facts, const dp_config *config, const dp_bench_result *result) {
    const double us = result->us_per_step.median, gflops = 1e-3 * result->nominal_flops / us;
    dp_facts_begin(facts, "us_per_step");
    dp_facts_real(facts, "median", us);
    dp_facts_real(facts, "p10", result->us_per_step.p10);
    dp_facts_real(facts, "p90", result->us_per_step.p90);
    dp_facts_end(facts);
    dp_facts_real(facts, "examples_per_s", 1e6 * (double)config->batch_size / us);
    dp_facts_real(facts, "nominal_flops", result->nominal_flops);
    dp_facts_note(facts, "mflop", "%.4g", 1e-6 * result->nominal_flops);
    dp_facts_real(facts, "gflops", gflops);
    dp_facts_real(facts, "sgemm_gflops", result->sgemm_gflops);
    dp_facts_real(facts, "fraction_of_sgemm", gflops / result->sgemm_gflops);
}

static void add_facts(dp_facts *facts, const dp_config *config, const dp_bench_result *result) {
    dp_facts_unsigned(facts, "ranks", result->ranks);
    dp_facts_unsigned(facts, "nodes", result->nodes);
    dp_facts_text(facts, "exchange", dp_exchange_name(config->exchange));
    dp_facts_unsigned(facts, "batch_size", config->batch_size);
    if (result->blocks > 0) /* of the vocabulary, which the ranks share among them */
        dp_facts_unsigned(facts, "blocks", result->blocks);
    else
        dp_facts_unsigned(facts, "grains", config->grains);
    dp_facts_unsigned(facts, "parameters", result->parameters);
    dp_facts_text(facts, "build", result->build);
    add_rates(facts, config, result);
    if (result->blocks == 0) {
        dp_facts_real(facts, "exchange_us", result->exchange_us);
        dp_facts_real(facts, "allreduce_us", result->allreduce_us);
        dp_facts_real(facts, "exchange_vs_mpi_allreduce",
                      result->exchange_us / result->allreduce_us);
    }
    dp_facts_real(facts, "bytes_sent", result->bytes_sent);
    dp_facts_real(facts, "resident_bytes_rank", result->resident_bytes_rank);
    dp_facts_real(facts, "resident_bytes_node", result->resident_bytes_node);
    dp_facts_real(facts, "seconds_to_first_step", result->seconds_to_first_step);
    dp_facts_begin(facts, "phases");
    for (int phase = 0; phase < DP_PHASE_COUNT; phase++) {
        dp_facts_begin(facts, dp_phase_name((dp_phase)phase));
        add_spread(facts, &result->phase_us[phase]);
        dp_facts_end(facts);
    }
    dp_facts_end(facts);
}

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
    "<phases {phases.*:-9} {phases.*.min:8.2f}  {phases.*.median:8.2f}  {phases.*.max:8.2f}\n>";

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    dp_status status = DP_OK;
    bench_options chosen;
    dp_config config;
    dp_bench_result result;
    DP_OWNED(dp_facts_clear) dp_facts facts = {0};
    (void)signal;
    DP_TRY(dp_config_arguments_parse(comm, options, &chosen, count, arguments, &config, error));
    dp_linalg_init();
    DP_TRY(dp_bench_run(comm, &config, chosen.seconds, &result, error));
    add_facts(&facts, &config, &result);
    if (dp_comm_rank(comm) == 0)
        status = dp_facts_print(&facts, chosen.json ? NULL : text_form, error);
    return dp_comm_agree(comm, status, error);
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
    .config = dp_config_table,
    .run = run,
};
