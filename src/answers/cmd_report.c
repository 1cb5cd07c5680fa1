
#include "answers/answers.h"
#include "formats/file_kind.h"
#include "plots/html_report.h"
#include "run/run_folder.h"

#include <stdio.h>

typedef struct report_options {
    char out[DP_PATH_SIZE];
} report_options;

static const dp_option options[] = {
    DP_PATH(report_options, out, "out", "", "FILE",
            "the page; none: report.html in the run folder"),
    DP_OPTIONS_END,
};

static dp_status answer(int count, char **arguments, dp_error *error) {
    report_options chosen;
    char dir[DP_PATH_SIZE], path[DP_PATH_SIZE];
    int runs = 0;
    DP_OWNED(dp_text_clear) dp_text notices = {0};
    DP_TRY(dp_options_parse_arguments(options, &chosen, count, arguments, &runs, error));
    if (runs > 1)
        return dp_fail(error, DP_ERR_INPUT, "one run folder at a time, not also '%s'",
                       arguments[1]);
    DP_TRY(dp_run_folder_find_run(runs == 0 ? NULL : arguments[0], dir, error));
    if (chosen.out[0] != '\0')
        DP_TRY(dp_path_format(path, error, "%s", chosen.out));
    else
        DP_TRY(dp_path_format(path, error, "%s/report.html", dir));
    DP_TRY(dp_file_kind_check_output(path, DP_FILE_REPORT, error));
    DP_TRY(dp_html_report_write(dir, path, &notices, error));
    dp_text_print(stderr, "%s", dp_text_string(&notices));
    dp_text_print(stdout, "%s\n", path);
    return DP_OK;
}

const dp_command dp_command_report = {
    .name = "report",
    .arguments = "[RUN]",
    .purpose = "one HTML page of a run: results, plots, samples, config",
    .details = "RUN is a run folder, also of a run that goes on; none: the newest. The page is\n"
               "one file without references to others. Its plots are those of 'dptrain plot'.\n",
    .examples = "dptrain report runs/base\n",
    .options = options,
    .needs = DP_OUTLIVES_READER,
    .answer = answer,
};
