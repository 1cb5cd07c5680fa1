
#include "base/real.h"
#include "examine/lr_search.h"
#include "formats/file_kind.h"
#include "jobs/jobs.h"
#include "lrfind_gp.h"
#include "lrfind_txt.h"
#include "plots/axis.h"
#include "plots/gnuplot.h"
#include "run/run_folder.h"
#include "system/filesystem.h"
#include "system/output.h"
#include "system/termination.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define EXPONENT_MAX 30.0
#define STRETCHES 10 /* lines of the table */

static const dp_option options[] = {
    DP_REAL(dp_lr_request, from, "from", "-3", -EXPONENT_MAX, EXPONENT_MAX, "X",
            "exponent of the first rate: 10 to the power of X"),
    DP_REAL(dp_lr_request, to, "to", "0", -EXPONENT_MAX, EXPONENT_MAX, "X",
            "exponent of the last rate"),
    DP_UNSIGNED(dp_lr_request, count, "count", "1000", 20, 1e8, "N", "rates, one a step"),
    DP_OPTIONS_END_BEFORE(dp_config_options),
};

static dp_status check_options(const dp_lr_request *chosen, dp_error *error) {
    if (chosen->from < chosen->to)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT, "--from %g must be below --to %g, as in --from -3 --to 0",
                   chosen->from, chosen->to);
}

/* Whether the files can be written; the folder is made when they are. */
static dp_status check_outputs(const char *dir, dp_error *error) {
    char path[DP_PATH_SIZE], folder[DP_PATH_SIZE];
    DP_TRY(dp_filesystem_nearest(dir, folder, error));
    DP_TRY(dp_path_format(path, error, "%s/lrfind.csv", folder));
    if (strcmp(folder, dir) != 0)
        return dp_file_check_writable(path, error);
    DP_TRY(dp_file_kind_check_output(path, DP_FILE_RATES, error));
    return dp_run_folder_check_figure(dir, "lrfind", error);
}

/* --- the table while it runs ------------------------------------------------------------------ */

/* A line each count / STRETCHES steps: the rates have come to this, and the mean loss was that. */
typedef struct progress {
    uint64_t stretch; /* steps */
    uint64_t steps;   /* of the current one */
    double sum;       /* of their losses */
    dp_lr_point last;
} progress;

static void end_stretch(progress *self) {
    if (self->steps > 0)
        printf("%11.2f %11.3g %11.4f\n", self->last.exponent, self->last.lr,
               self->sum / (double)self->steps);
    dp_output_flush(stdout);
    self->steps = 0;
    self->sum = 0.0;
}

static void show_point(void *context, const dp_lr_point *point) {
    progress *self = context;
    self->last = *point;
    self->sum += point->loss;
    if (++self->steps == self->stretch)
        end_stretch(self);
}

/* --- what was found --------------------------------------------------------------------------- */

static void print_end(const dp_lr_search *search, const dp_lr_request *chosen) {
    if (search->blown_up)
        printf("ended after %zu of %" PRIu64 " rates: the loss blew up\n", search->count,
               chosen->count);
    if (search->signal != 0)
        printf("stopped after %zu of %" PRIu64 " rates\n", search->count, chosen->count);
}

/* Where the lowest is at an end of the range, there may be a lower one beyond. */
static void print_suggestion(const dp_lr_search *search) {
    const dp_lr_point *lowest = &search->points[search->lowest];
    const size_t edge = search->count / 50;
    const double lower = search->points[0].exponent - 2.0;
    const double higher = search->points[search->count - 1].exponent + 1.0;
    if (isnan(search->suggested)) {
        printf("none of these rates has made the loss fall: try others, with --from and --to\n");
        return;
    }
    printf("the smoothed loss is lowest, %.4f, at rate %.3g (exponent %.2f)\n", lowest->smooth,
           lowest->lr, lowest->exponent);
    if (search->lowest <= edge && lower >= -EXPONENT_MAX)
        printf("that is among the first rates: begin lower, with --from %g\n", lower);
    else if (search->lowest + edge + 1 >= search->count && !search->blown_up &&
             search->signal == 0 && higher <= EXPONENT_MAX)
        printf("that is among the last rates: go on higher, with --to %g\n", higher);
    else
        printf("suggested: train.lr=%.2g, half the rate of the lowest smoothed loss\n",
               search->suggested);
}

static void append_points(dp_text *data, const dp_lr_search *search) {
    dp_text_append(data, "# search\n");
    for (size_t i = 0; i < search->count; i++)
        dp_text_append_format(data, "%.9g\t%.9g\t%.9g\n", search->points[i].exponent,
                              search->points[i].loss, search->points[i].smooth);
}

static void assign_axes(dp_text *values, const dp_lr_search *search) {
    double low = search->points[0].loss, high = low;
    for (size_t i = 1; i < search->count; i++) {
        low = fmin(low, search->points[i].loss);
        high = fmax(high, search->points[i].loss);
    }
    const double from = search->points[0].exponent, to = search->points[search->count - 1].exponent;
    const dp_axis exponents = dp_axis_linear(from, to, 0.0);
    const dp_axis losses = dp_axis_logarithmic(low, high, 0.04);
    dp_axis_assign(&exponents, "exponents", "x", DP_AXIS_NUMBERS, values);
    dp_axis_assign(&losses, "losses", "y", DP_AXIS_NUMBERS, values);
    dp_text_append_format(values, "first = %.17g\nlast = %.17g\n", exponents.low, exponents.high);
}

/* DIR/lrfind.svg and DIR/lrfind.png from the script DIR/lrfind.gp, which stays. */
static dp_status draw(const dp_lr_search *search, const char *dir, dp_error *error) {
    DP_OWNED(dp_gnuplot_clear)
    dp_gnuplot_figure figure = {.name = "lrfind", .width = 800, .height = 500, .script = lrfind_gp};
    append_points(&figure.data, search);
    assign_axes(&figure.values, search);
    dp_text_append_format(&figure.values, "lowest = %g\n", search->points[search->lowest].exponent);
    dp_gnuplot_assign(&figure.values, "suggestion", "%s", "");
    if (!isnan(search->suggested)) {
        dp_gnuplot_assign(&figure.values, "suggestion", "suggested %.2g", search->suggested);
        dp_text_append_format(&figure.values, "suggested = %g\n", dp_real_log10(search->suggested));
    }
    return dp_gnuplot_draw(&figure, dir, error);
}

/* Rank 0's part: the files, and what they say. */
static dp_status tell(const dp_lr_search *search, const dp_lr_request *chosen, const char *dir,
                      dp_error *error) {
    char path[DP_PATH_SIZE];
    dp_error undrawn;
    print_end(search, chosen);
    if (search->count == 0)
        return dp_fail(error, DP_ERR_DIVERGED,
                       "the first loss is no number: nothing can be said of rates");
    print_suggestion(search);
    DP_TRY(dp_file_make_directories(dir, error));
    DP_TRY(dp_path_format(path, error, "%s/lrfind.csv", dir));
    DP_TRY(dp_lr_search_write(search, path, error));
    if (draw(search, dir, &undrawn) == DP_OK)
        dp_text_print(stdout, "%s/lrfind.csv, lrfind.png and lrfind.svg\n", dir);
    else /* the numbers are what was asked for */
        dp_text_print(stdout, "%s/lrfind.csv; notice: %s\n", dir, undrawn.message);
    return DP_OK;
}

static void print_heading(const dp_lr_request *chosen, const dp_config *config) {
    printf("%s rates from 10^%g to 10^%g, one a step, batches of %" PRIu64 "\n",
           DP_COUNT_TEXT(chosen->count), chosen->from, chosen->to, config->batch_size);
    printf("%11s %11s %11s\n", "exponent", "rate", "loss");
    dp_output_flush(stdout);
}

static dp_status run(dp_comm *comm, int count, char **arguments, int *signal, dp_error *error) {
    DP_OWNED(dp_lr_search_clear) dp_lr_search found = {0};
    dp_lr_request request = {0};
    dp_config config;
    DP_TRY(dp_command_parse_config(comm, options, &request, count, arguments, &config, error));
    DP_TRY(dp_comm_agree(comm, check_options(&request, error), error));
    DP_TRY(DP_ON_ROOT(comm, check_outputs(config.run_dir, error)));
    progress shown = {.stretch = (request.count + STRETCHES - 1) / STRETCHES};
    request.signal = dp_termination_catch();
    request.watch = show_point;
    request.context = &shown;
    if (dp_comm_rank(comm) == 0)
        print_heading(&request, &config);
    DP_TRY(dp_lr_search_run(comm, &config, &request, &found, error));
    end_stretch(&shown); /* on the other ranks it is empty */
    *signal = found.signal;
    return DP_ON_ROOT(comm, tell(&found, &request, config.run_dir, error));
}

const dp_command dp_command_lrfind = {
    .name = "lrfind",
    .arguments = "CONFIG [section.key=value ...]",
    .purpose = "search for a learning rate, by trying all in one short run",
    .details = lrfind_txt,
    .examples = "dptrain lrfind configs/base.ini\n"
                "mpirun -np 2 dptrain lrfind configs/base.ini --from -4 --to 1\n",
    .options = options,
    .needs = DP_NEEDS_JOB | DP_NEEDS_LAUNCH | DP_OUTLIVES_READER,
    .run = run,
};
