
#include "doctor_txt.h"
#include "examine/checkup.h"
#include "jobs/jobs.h"
#include "system/launch.h"
#include "system/process.h"

#include <stdio.h>
#include <string.h>

/* Returns whether this process is to tell what was found: of several tasks that believe to be alone
 * only the first. */
static bool check_launch(dp_comm *comm, dp_findings *findings) {
    dp_error error;
    dp_status status = dp_launch_check(dp_comm_size(comm), &error);
    if (status == DP_OK)
        dp_findings_add(findings, DP_VERDICT_OK, "launch", "%s",
                        dp_comm_size(comm) == 1 ? "one rank, alone" : "all ranks are one job");
    else
        dp_findings_add(findings, DP_VERDICT_PROBLEM, "launch", "%s", error.message);
    return status == DP_OK || error.message[0] != '\0';
}

/* Where there is Slurm: whether its own launcher can start ranks. On rank 0. */
static void check_slurm(dp_findings *findings) {
    char program[] = "srun", list[] = "--mpi=list", path[DP_PATH_SIZE];
    char *const arguments[] = {program, list, NULL};
    char said[DP_PROCESS_SAID_SIZE];
    int ended = 0;
    if (!dp_process_find_program(program, path))
        return;
    const int failed = dp_process_run(".", arguments, said, &ended);
    if (failed == 0 && strstr(said, "pmix") != NULL)
        dp_findings_add(findings, DP_VERDICT_OK, "Slurm", "srun --mpi=pmix can start the ranks");
    else
        dp_findings_add(findings, DP_VERDICT_WARNING, "Slurm",
                        "srun cannot start the ranks, as 'srun --mpi=list' knows no pmix: use "
                        "mpirun within a job");
}

static dp_status print(dp_findings *findings, dp_error *error) {
    dp_findings_conclude(findings, ": nothing stands in the way");
    DP_TRY(dp_text_check(&findings->lines, error));
    dp_text_print(stdout, "%s", dp_text_string(&findings->lines));
    return DP_OK;
}

static dp_status examine(dp_comm *comm, int count, char **positionals, dp_findings *findings,
                         dp_error *error) {
    dp_config config;
    const dp_config *known = NULL;
    if (count > 0 && dp_command_load_config(comm, count, positionals, &config, error) == DP_OK) {
        known = &config;
        dp_findings_add(findings, DP_VERDICT_OK, "config", "%s", positionals[0]);
    } else if (count > 0) {
        dp_findings_add(findings, DP_VERDICT_PROBLEM, "config", "%s", error->message);
    }
    return dp_checkup_run(findings, comm, known, error);
}

static const dp_option options[] = {DP_OPTIONS_END_BEFORE(dp_config_options)};

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    DP_OWNED(dp_findings_clear) dp_findings findings = {0};
    int positional_count = 0;
    (void)signal;
    DP_TRY(dp_command_parse(comm, options, NULL, count, arguments, &positional_count, error));
    const bool speaks = check_launch(comm, &findings);
    if (dp_comm_rank(comm) == 0)
        check_slurm(&findings);
    DP_TRY(examine(comm, positional_count, arguments, &findings, error));
    if (dp_comm_rank(comm) == 0 && speaks)
        DP_TRY(print(&findings, error));
    const bool is_well = dp_comm_max(comm, findings.counts[DP_VERDICT_PROBLEM] > 0) == 0;
    return is_well ? DP_OK : dp_fail(error, DP_ANSWER_NO, "%s", "");
}

const dp_command dp_command_doctor = {
    .name = "doctor",
    .arguments = "[CONFIG [section.key=value ...]]",
    .purpose = "what would go wrong in a run, before it does",
    .details = doctor_txt,
    .examples = "mpirun -np 2 dptrain doctor configs/base.ini\n",
    .options = options,
    .needs = DP_NEEDS_JOB,
    .run = run,
};
