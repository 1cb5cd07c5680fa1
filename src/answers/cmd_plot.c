
#include "answers/answers.h"
#include "plot_txt.h"
#include "plots/plot.h"
#include "run/run_folder.h"

#include <stdio.h>

typedef struct plot_options {
    char out[DP_PATH_SIZE];
    bool pca;
} plot_options;

static const dp_option options[] = {
    DP_PATH(plot_options, out, "out", "", "DIR",
            "folder for the files; none: plots in the (first) run folder"),
    DP_SWITCH(plot_options, pca, "pca",
              "embedding: first two principal components, not dimensions 0 and 1"),
    DP_OPTIONS_END,
};

static void print_outcome(const dp_plot_outcome *outcome) {
    dp_text_print(stderr, "%s", dp_text_string(&outcome->notices));
    for (size_t i = 0; i < outcome->count; i++)
        dp_text_print(stdout, "%s/%s.png and %s.svg\n", outcome->folder, outcome->figures[i],
                      outcome->figures[i]);
}

static dp_status check_runs(int count, char *const *dirs, dp_error *error) {
    dp_status status = DP_OK;
    char dir[DP_PATH_SIZE];
    if (count > DP_PLOT_RUNS_MAX)
        return dp_fail(error, DP_ERR_INPUT, "%d runs are too many for one picture: at most %d",
                       count, DP_PLOT_RUNS_MAX);
    for (int i = 0; i < count && status == DP_OK; i++)
        status = dp_run_folder_find_run(dirs[i], dir, error);
    return status;
}

static dp_status answer(int count, char **arguments, dp_error *error) {
    plot_options chosen;
    char dir[DP_PATH_SIZE];
    int runs = 0;
    DP_OWNED(dp_plot_clear) dp_plot_outcome outcome = {0};
    DP_TRY(dp_options_parse_arguments(options, &chosen, count, arguments, &runs, error));
    if (runs > 1) {
        DP_TRY(check_runs(runs, arguments, error));
        DP_TRY(dp_plot_compare((size_t)runs, arguments, chosen.out, &outcome, error));
    } else {
        DP_TRY(dp_run_folder_find_run(runs == 1 ? arguments[0] : NULL, dir, error));
        DP_TRY(dp_plot_run(dir, chosen.out, chosen.pca, &outcome, error));
    }
    print_outcome(&outcome);
    return DP_OK;
}

const dp_command dp_command_plot = {
    .name = "plot",
    .arguments = "[RUN ...]",
    .purpose = "draw a run's curves and embedding, or several runs in one picture",
    .details = plot_txt,
    .examples = "dptrain plot runs/base\n"
                "dptrain plot runs/base runs/lower --out plots\n",
    .options = options,
    .needs = DP_OUTLIVES_READER,
    .answer = answer,
};
