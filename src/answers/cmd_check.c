#include "answers/answers.h"
#include "run/run_check.h"
#include "run/run_folder.h"

#include <stdio.h>

static dp_status answer(int count, char **arguments, dp_error *error) {
    DP_OWNED(dp_findings_clear) dp_findings findings = {0};
    char dir[DP_PATH_SIZE];
    int runs = 0;
    DP_TRY(dp_options_parse_arguments(dp_options_none, NULL, count, arguments, &runs, error));
    if (runs > 1)
        return dp_fail(error, DP_ERR_INPUT, "one run folder at a time, not also '%s'",
                       arguments[1]);
    DP_TRY(dp_run_folder_find_run(runs == 0 ? NULL : arguments[0], dir, error));
    dp_run_check(dir, true, &findings);
    dp_findings_conclude(&findings, ": the run is whole");
    DP_TRY(dp_text_check(&findings.lines, error));
    dp_text_print(stdout, "%s:\n%s", dir, dp_text_string(&findings.lines));
    return findings.counts[DP_VERDICT_PROBLEM] == 0 ? DP_OK
                                                    : dp_fail(error, DP_ANSWER_NO, "%s", "");
}

const dp_command dp_command_check = {
    .name = "check",
    .arguments = "[RUN]",
    .purpose = "whether each file of a run is whole",
    .details = "Reads the config, all checkpoints, best.h5, the rows of metrics against the\n"
               "checkpoints' hashes, the losses against those rows, the summary and the\n"
               "dataset, and says a line of each.\n"
               "RUN is a run folder; none: the newest. Exit status: 0 all is well, 1 not.\n",
    .examples = "dptrain check runs/base\n",
    .options = dp_options_none,
    .answer = answer,
};
