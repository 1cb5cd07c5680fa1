/* html_report: a run on one page, to be sent on or printed.
 *
 * The page is one file that refers to no other: its pictures are SVG within it, and it needs no
 * script. It holds a table of results, the figures of plots/plot, samples of the best checkpoint
 * and the config, as plots/report.html says; what a run does not have yet is said in its place. Not
 * collective; rank 0 works.
 */
#ifndef DP_PLOTS_HTML_REPORT_H
#define DP_PLOTS_HTML_REPORT_H

#include "system/file.h"

#define DP_REPORT_SAMPLES 20

/* Replaces the file at `path` by the page of the run in `dir`, whose plots are drawn anew, into
 * DIR/plots. DP_ERR_INPUT where the folder has no config.ini and so holds no run. Without gnuplot,
 * or without a checkpoint, the page says so; notices gets a line for each of that. */
dp_status dp_html_report_write(const char *dir, const char *path, dp_text *notices,
                               dp_error *error) DP_CHECKED;

#endif
