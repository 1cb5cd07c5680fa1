#include "cli/command.h"
#include "cli/config_arguments.h"
#include "examine/bench.h"
#include "formats/json.h"
#include "kernels/linalg.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct bench_options {
    double seconds;
    bool json;
} bench_options;

static const dp_option options[] = {
    DP_REAL(bench_options, seconds, "seconds", "3", 0, 3600, "S", "time to measure for"),
    DP_SWITCH(bench_options, json, "json", "print one JSON object"),
};

static dp_option_table options_table(void) {
    return DP_OPTION_TABLE(options);
}

static double examples_per_s(const dp_config *config, const dp_bench_result *result) {
    return 1e6 * (double)config->batch_size / result->us_per_step.median;
}

static double gflops(const dp_bench_result *result) {
    return 1e-3 * result->nominal_flops / result->us_per_step.median;
}

/* What the ranks share among them: blocks of the vocabulary, or grains of the batch. */
static uint64_t shares(const dp_config *config, const dp_bench_result *result) {
    return result->blocks > 0 ? result->blocks : config->grains;
}

static void append_real(dp_text *json, const char *key, double value) {
    dp_json_key(json, key);
    dp_json_real(json, value);
}

static void append_unsigned(dp_text *json, const char *key, uint64_t value) {
    dp_json_key(json, key);
    dp_json_unsigned(json, value);
}

static void append_text(dp_text *json, const char *key, const char *value) {
    dp_json_key(json, key);
    dp_json_string(json, value);
}

static void append_results(dp_text *json, const dp_config *config, const dp_bench_result *result) {
    append_unsigned(json, "ranks", result->ranks);
    append_unsigned(json, "nodes", result->nodes);
    append_text(json, "exchange", dp_exchange_name(config->exchange));
    append_unsigned(json, "batch_size", config->batch_size);
    append_unsigned(json, result->blocks > 0 ? "blocks" : "grains", shares(config, result));
    append_unsigned(json, "parameters", result->parameters);
    append_text(json, "build", result->build);
    dp_json_key(json, "us_per_step");
    dp_json_begin_object(json);
    append_real(json, "median", result->us_per_step.median);
    append_real(json, "p10", result->us_per_step.p10);
    append_real(json, "p90", result->us_per_step.p90);
    dp_json_end_object(json);
    append_real(json, "examples_per_s", examples_per_s(config, result));
    append_real(json, "nominal_flops", result->nominal_flops);
    append_real(json, "gflops", gflops(result));
    append_real(json, "sgemm_gflops", result->sgemm_gflops);
    append_real(json, "fraction_of_sgemm", gflops(result) / result->sgemm_gflops);
    if (result->blocks == 0) {
        append_real(json, "exchange_us", result->exchange_us);
        append_real(json, "allreduce_us", result->allreduce_us);
        append_real(json, "exchange_vs_mpi_allreduce", result->exchange_us / result->allreduce_us);
    }
    append_real(json, "bytes_sent", result->bytes_sent);
    append_real(json, "resident_bytes_rank", result->resident_bytes_rank);
    append_real(json, "resident_bytes_node", result->resident_bytes_node);
    append_real(json, "seconds_to_first_step", result->seconds_to_first_step);
}

static void to_json(const dp_config *config, const dp_bench_result *result, dp_text *json) {
    dp_json_begin_object(json);
    append_results(json, config, result);
    dp_json_key(json, "phases");
    dp_json_begin_object(json);
    for (int phase = 0; phase < DP_PHASE_COUNT; phase++) {
        dp_json_key(json, dp_phase_name((dp_phase)phase));
        dp_json_begin_object(json);
        append_real(json, "min", result->phase_us[phase].min);
        append_real(json, "median", result->phase_us[phase].median);
        append_real(json, "max", result->phase_us[phase].max);
        dp_json_end_object(json);
    }
    dp_json_end_object(json);
    dp_json_end_object(json);
    dp_text_append(json, "\n");
}

static void to_table(const dp_config *config, const dp_bench_result *result, dp_text *out) {
    char count[32];
    dp_text_append_format(
        out,
        "%s\n%" PRIu64 " rank%s on %" PRIu64 " node%s, exchange %s, batch %" PRIu64 " in %" PRIu64
        " %s, %s parameters\n\n",
        result->build, result->ranks, result->ranks == 1 ? "" : "s", result->nodes,
        result->nodes == 1 ? "" : "s", dp_exchange_name(config->exchange), config->batch_size,
        shares(config, result), result->blocks > 0 ? "blocks" : "grains",
        dp_text_format_count(result->parameters, count));
    dp_text_append_format(out, "step      %10.2f us  (p10 %.2f, p90 %.2f)\n",
                          result->us_per_step.median, result->us_per_step.p10,
                          result->us_per_step.p90);
    dp_text_append_format(out, "examples  %10s a second\n",
                          dp_text_format_count((uint64_t)examples_per_s(config, result), count));
    dp_text_append_format(out,
                          "rate      %10.1f GFLOP/s nominal (%.4g Mflop a step),\n"
                          "                     %.2f of a large sgemm's %.1f\n",
                          gflops(result), 1e-6 * result->nominal_flops,
                          gflops(result) / result->sgemm_gflops, result->sgemm_gflops);
    if (result->blocks == 0)
        dp_text_append_format(
            out, "exchange  %10.2f us with SGD, %.2f of MPI_Allreduce and SGD (%.2f us)\n",
            result->exchange_us, result->exchange_us / result->allreduce_us, result->allreduce_us);
    dp_text_append_format(out, "messages  %10.3f MB a step, of all ranks\n",
                          1e-6 * result->bytes_sent);
    dp_text_append_format(out, "memory    %10.1f MB a rank resident, %.1f MB a node\n",
                          1e-6 * result->resident_bytes_rank, 1e-6 * result->resident_bytes_node);
    dp_text_append_format(out, "start     %10.2f s to the first step\n\n",
                          result->seconds_to_first_step);
    dp_text_append(out, "phase, us a step, over the ranks:\n"
                        "               min    median       max\n");
    for (int phase = 0; phase < DP_PHASE_COUNT; phase++)
        dp_text_append_format(out, "%-9s %8.2f  %8.2f  %8.2f\n", dp_phase_name((dp_phase)phase),
                              result->phase_us[phase].min, result->phase_us[phase].median,
                              result->phase_us[phase].max);
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    dp_status status = DP_OK;
    bench_options chosen;
    dp_config config;
    dp_bench_result result;
    dp_text out = {0};
    (void)signal;
    DP_OR_DONE(dp_config_arguments_parse(comm, options_table(), &chosen, count, arguments, &config,
                                         error));
    dp_linalg_init();
    DP_OR_DONE(dp_bench_run(comm, &config, chosen.seconds, &result, error));
    if (dp_comm_rank(comm) == 0 && chosen.json)
        to_json(&config, &result, &out);
    else if (dp_comm_rank(comm) == 0)
        to_table(&config, &result, &out);
    DP_OR_DONE(dp_comm_agree(comm, dp_text_check(&out, error), error));
    printf("%s", dp_text_string(&out));
done:
    dp_text_clear(&out);
    return status;
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
    .options = options_table,
    .config = dp_config_table,
    .run = run,
};
