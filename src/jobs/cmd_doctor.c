
#include "cli/launch.h"
#include "doctor_txt.h"
#include "examine/checkup.h"
#include "jobs/jobs.h"

#include <stdio.h>

/* Returns whether this process is to tell what was found: of several tasks that believe to be alone
 * only the first. */
static bool check_launch(dp_comm *comm, dp_checkup *checkup) {
    dp_error error;
    dp_status status = dp_launch_check(dp_comm_size(comm), &error);
    if (status == DP_OK)
        dp_checkup_add(checkup, DP_VERDICT_OK, "launch", "%s",
                       dp_comm_size(comm) == 1 ? "one rank, alone" : "all ranks are one job");
    else
        dp_checkup_add(checkup, DP_VERDICT_PROBLEM, "launch", "%s", error.message);
    return status == DP_OK || error.message[0] != '\0';
}

static void print(const dp_checkup *checkup) {
    size_t warnings = checkup->counts[DP_VERDICT_WARNING];
    size_t problems = checkup->counts[DP_VERDICT_PROBLEM];
    printf("%s\n%zu problem%s, %zu warning%s%s\n", dp_text_string(&checkup->lines), problems,
           problems == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s",
           problems == 0 ? ": nothing stands in the way" : "");
}

static dp_status examine(dp_comm *comm, int count, char **positionals, dp_checkup *checkup,
                         dp_error *error) {
    dp_config config;
    const dp_config *known = NULL;
    if (count > 0 && dp_command_load_config(comm, count, positionals, &config, error) == DP_OK) {
        known = &config;
        dp_checkup_add(checkup, DP_VERDICT_OK, "config", "%s", positionals[0]);
    } else if (count > 0) {
        dp_checkup_add(checkup, DP_VERDICT_PROBLEM, "config", "%s", error->message);
    }
    return dp_checkup_run(checkup, comm, known, error);
}

static void clear(dp_checkup *checkup) {
    dp_text_clear(&checkup->lines);
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    DP_OWNED(clear) dp_checkup checkup = {0};
    int positional_count = 0;
    (void)signal;
    DP_TRY(
        dp_command_parse(comm, dp_options_none, NULL, count, arguments, &positional_count, error));
    const bool speaks = check_launch(comm, &checkup);
    DP_TRY(examine(comm, positional_count, arguments, &checkup, error));
    if (dp_comm_rank(comm) == 0 && speaks)
        print(&checkup);
    const bool is_well = dp_comm_max(comm, checkup.counts[DP_VERDICT_PROBLEM] > 0) == 0;
    return is_well ? DP_OK : dp_fail(error, DP_ANSWER_NO, "%s", "");
}

const dp_command dp_command_doctor = {
    .name = "doctor",
    .arguments = "[CONFIG [section.key=value ...]]",
    .purpose = "what would go wrong in a run, before it does",
    .details = doctor_txt,
    .options = dp_options_none,
    .config = dp_config_options,
    .needs = DP_NEEDS_JOB | DP_NEEDS_BLAS,
    .run = run,
};
