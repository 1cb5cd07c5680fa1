#include "train/lr_plot.h"

#include "train/run_folder.h"

#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

extern char **environ;

/* A file of the run in gnuplot's quotes. */
static void append_path(dp_text *script, const char *dir, const char *name) {
    dp_text_append(script, "'");
    for (const char *c = dir; *c != '\0'; c++)
        dp_text_append_bytes(script, *c == '\'' ? "''" : c, *c == '\'' ? 2 : 1);
    dp_text_append_format(script, "/%s'", name);
}

static void append_terminal(dp_text *script, const char *terminal, const char *dir,
                            const char *name) {
    dp_text_append_format(script, "set terminal %s background 'white'\nset output ", terminal);
    append_path(script, dir, name);
    dp_text_append(script, "\n");
}

/* The losses from end to end: left alone, a logarithmic axis would go to the next powers of ten. */
static void append_bounds(dp_text *script, const dp_lr_search *search) {
    double low = search->points[0].loss, high = low;
    for (size_t i = 1; i < search->count; i++) {
        low = fmin(low, search->points[i].loss);
        high = fmax(high, search->points[i].loss);
    }
    dp_text_append_format(script, "set yrange [%g:%g]\n", 0.9 * low, 1.1 * high);
}

/* A vertical line with its name. */
static void append_mark(dp_text *script, double exponent, const char *style, const char *label,
                        const char *place, const char *colour) {
    dp_text_append_format(script,
                          "set arrow from %g, graph 0 to %g, graph 1 nohead lc rgb '%s' %s\n"
                          "set label '%s' at %g, graph 0.97 %s tc rgb '%s'\n",
                          exponent, exponent, colour, style, label, exponent, place, colour);
}

static void append_marks(dp_text *script, const dp_lr_search *search) {
    char label[64];
    append_mark(script, search->points[search->lowest].exponent, "dt 2", "lowest",
                "left offset 0.5,0", "#888888");
    if (isnan(search->suggested))
        return;
    snprintf(label, sizeof label, "suggested %.2g", search->suggested);
    append_mark(script, log10(search->suggested), "lw 1.5", label, "right offset -0.5,0",
                "#e6550d");
}

static void append_script(dp_text *script, const dp_lr_search *search, const char *dir) {
    dp_text_append(script, "# Drawn by dptrain lrfind; again: gnuplot lrfind.gp\n"
                           "set datafile separator ','\n"
                           "set border 3 lc rgb '#555555'\n"
                           "set tics nomirror textcolor rgb '#333333'\n"
                           "set grid lc rgb '#dddddd'\n"
                           "set key bottom left\n"
                           "set xlabel 'exponent of the learning rate (10^x)'\n"
                           "set ylabel 'loss (nats)'\n"
                           "set logscale y\n"
                           "set ytics add (2, 3, 4, 5, 7, 10, 15, 20, 30, 50)\n");
    append_bounds(script, search);
    append_terminal(script, "svg size 720,440 font 'sans-serif,13'", dir, "lrfind.svg");
    append_marks(script, search);
    dp_text_append(script, "plot ");
    append_path(script, dir, "lrfind.csv");
    dp_text_append(script, " using 2:4 every ::1 with points pt 7 ps 0.25 lc rgb '#9ecae1' title "
                           "'one batch', '' using 2:5 every ::1 with lines lw 2 lc rgb '#3182bd' "
                           "title 'smoothed'\n");
    append_terminal(script, "pngcairo size 1080,660 font 'sans-serif,14'", dir, "lrfind.png");
    dp_text_append(script, "replot\n");
}

static bool run_gnuplot(char *path) {
    char *arguments[] = {(char[]){"gnuplot"}, path, NULL};
    pid_t process = 0;
    int result = 0;
    if (posix_spawnp(&process, arguments[0], NULL, NULL, arguments, environ) != 0)
        return false;
    return waitpid(process, &result, 0) == process && result == 0;
}

dp_status dp_lr_plot_draw(const dp_lr_search *search, const char *dir, bool *drawn,
                          dp_error *error) {
    dp_status status = DP_OK;
    dp_text script = {0};
    char path[DP_PATH_SIZE];
    *drawn = false;
    append_script(&script, search, dir);
    DP_TRY(dp_text_check(&script, error));
    DP_TRY(dp_run_folder_file(dir, "lrfind.gp", path, error));
    DP_TRY(dp_file_write(path, script.data, script.length, error));
    *drawn = run_gnuplot(path);
done:
    dp_text_clear(&script);
    return status;
}
