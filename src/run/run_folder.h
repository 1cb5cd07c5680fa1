/* run_folder: where a run keeps its files, and how commands find a checkpoint.
 *
 *   runs/NAME/config.ini                       the resolved config
 *   runs/NAME/metrics.csv                      run/metrics
 *   runs/NAME/losses.f32                       run/losses
 *   runs/NAME/log.txt                          what the terminal showed
 *   runs/NAME/summary.json                     the end of a finished run
 *   runs/NAME/checkpoints/step-00010000.h5     the newest `keep`
 *   runs/NAME/best.h5                          the best on dev
 *   runs/NAME/best-before-end.h5               the best of the evaluations that a run of more steps
 *                                              has, too, where that of the end is better
 *   runs/NAME/run.lock                         run/run_lock, while a run works there
 *   runs/NAME/plots/                           plots/plot: pictures, their scripts and data
 *   runs/NAME/report.html                      plots/html_report
 *
 * Not collective; rank 0 owns the folder.
 */
#ifndef DP_RUN_RUN_FOLDER_H
#define DP_RUN_RUN_FOLDER_H

#include "library/checkpoint_files.h"

#define DP_RUNS_DIRECTORY "runs" /* where commands look for the newest run */

#define DP_BEST_BEFORE_END_NAME "best-before-end.h5"

/* Whether a run may begin or go on there: DP_ERR_INPUT names a file that is not a run's and that a
 * run would replace, unless the folder has a checkpoint, or that dp_run_folder_clear would remove,
 * if `fresh`; and a finished run whose checkpoints are gone, unless `fresh`. Nothing is changed,
 * and the folder need not be there. */
dp_status dp_run_folder_check(const char *dir, bool fresh, dp_error *error) DP_CHECKED;

/* Whether the pictures NAME.png and NAME.svg of that folder, NAME.gp and NAME.tsv, may be replaced:
 * DP_ERR_INPUT where one is there and the script is none of ours. */
dp_status dp_run_folder_check_figure(const char *folder, const char *name,
                                     dp_error *error) DP_CHECKED;

/* Creates the folder and its checkpoints folder. */
dp_status dp_run_folder_create(const char *dir, dp_error *error) DP_CHECKED;

/* Removes the temporary files that a program left there that was killed while it wrote. To be
 * called by who holds the lock, as those of a living run look alike. */
dp_status dp_run_folder_remove_leftovers(const char *dir, dp_error *error) DP_CHECKED;

/* Removes what a run left in it (the files above), nothing else; for --fresh. */
dp_status dp_run_folder_clear(const char *dir, dp_error *error) DP_CHECKED;

/* Replaces the file by the text, as dp_file_write_text. */
dp_status dp_run_folder_write(const char *dir, const char *name, const dp_text *text,
                              dp_error *error) DP_CHECKED;

/* Removes the checkpoints up to `step` that are older than its `keep` newest good ones; these are
 * read for it, so that no good one is removed for the sake of one that is damaged. Those beyond
 * `step` are damaged ones that a resumed run has skipped: they must not crowd out the good. */
dp_status dp_run_folder_prune(const char *dir, uint64_t step, uint64_t keep,
                              dp_error *error) DP_CHECKED;

/* The checkpoint file that a user's PATH means: the file itself; of a run folder its best, or
 * without one its newest; of NULL or "" that of the newest run in runs/. */
dp_status dp_run_folder_find(const char *user_path, char path[DP_PATH_SIZE],
                             dp_error *error) DP_CHECKED;

/* The run folder that a user's PATH means: the folder itself; of NULL or "" the newest in runs/.
 * DP_ERR_INPUT where it is no folder. */
dp_status dp_run_folder_find_run(const char *user_path, char dir[DP_PATH_SIZE],
                                 dp_error *error) DP_CHECKED;

/* What a run is called: the last part of its folder's path. */
dp_status dp_run_folder_name(const char *dir, char name[DP_PATH_SIZE], dp_error *error) DP_CHECKED;

#endif
