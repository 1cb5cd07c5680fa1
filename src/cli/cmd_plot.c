#include "cli/command.h"
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
    fprintf(stderr, "%s", dp_text_string(&outcome->notices));
    for (size_t i = 0; i < outcome->count; i++)
        printf("%s/%s.png and %s.svg\n", outcome->folder, outcome->figures[i], outcome->figures[i]);
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

/* On rank 0. */
static dp_status plot(const plot_options *chosen, int count, char *const *dirs, dp_error *error) {
    char dir[DP_PATH_SIZE];
    DP_OWNED(dp_plot_clear) dp_plot_outcome outcome = {0};
    if (count > 1) {
        DP_TRY(check_runs(count, dirs, error));
        DP_TRY(dp_plot_compare((size_t)count, dirs, chosen->out, &outcome, error));
    } else {
        DP_TRY(dp_run_folder_find_run(count == 1 ? dirs[0] : NULL, dir, error));
        DP_TRY(dp_plot_run(dir, chosen->out, chosen->pca, &outcome, error));
    }
    print_outcome(&outcome);
    return DP_OK;
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    dp_status status = DP_OK;
    plot_options chosen;
    int positional_count = 0;
    (void)signal;
    DP_TRY(dp_command_parse(comm, options, &chosen, count, arguments, &positional_count, error));
    if (dp_comm_rank(comm) == 0)
        status = plot(&chosen, positional_count, arguments, error);
    DP_TRY(dp_comm_agree(comm, status, error));
    return status;
}

const dp_command dp_command_plot = {
    .name = "plot",
    .arguments = "[RUN ...]",
    .purpose = "draw a run's curves and embedding, or several runs in one picture",
    .details = "RUN is a run folder, also of a run that goes on; none: the newest. Draws with\n"
               "gnuplot (Debian, Ubuntu: apt-get install gnuplot-nox), as PNG and SVG: loss and\n"
               "learning rate, train against dev, the embedding; of several runs compare. Data\n"
               "and scripts stay beside the pictures: change a script, draw it with gnuplot.\n",
    .options = options,
    .run = run,
};
