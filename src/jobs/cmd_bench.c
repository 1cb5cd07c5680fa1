
#include "bench_form_txt.h"
#include "bench_txt.h"
#include "examine/bench.h"
#include "jobs/jobs.h"

typedef struct bench_options {
    double seconds;
    bool json;
} bench_options;

static const dp_option options[] = {
    DP_REAL(bench_options, seconds, "seconds", "3", 0, 3600, "S", "time to measure for"),
    DP_SWITCH(bench_options, json, "json", "print one JSON object"),
    DP_OPTIONS_END_BEFORE(dp_config_options),
};

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    bench_options chosen;
    dp_config config;
    DP_OWNED(dp_facts_clear) dp_facts facts = {0};
    (void)signal;
    DP_TRY(dp_command_parse_config(comm, options, &chosen, count, arguments, &config, error));
    DP_TRY(dp_bench_run(comm, &config, chosen.seconds, &facts, error));
    return DP_ON_ROOT(comm, dp_facts_print(&facts, chosen.json ? NULL : bench_form_txt, error));
}

const dp_command dp_command_bench = {
    .name = "bench",
    .arguments = "CONFIG [section.key=value ...]",
    .purpose = "measure what a step of CONFIG takes, and what with",
    .details = bench_txt,
    .examples = "mpirun -np 2 dptrain bench configs/base.ini\n",
    .options = options,
    .needs = DP_NEEDS_JOB | DP_NEEDS_LAUNCH,
    .run = run,
};
