#include "run/run_folder.h"

#include "base/memory.h"
#include "base/text.h"
#include "engine/config.h"
#include "library/model_file.h"
#include "run/losses.h"
#include "run/run_lock.h"
#include "run/summary.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

dp_status dp_run_folder_write(const char *dir, const char *name, const dp_text *text,
                              dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/%s", dir, name));
    return dp_file_write_text(path, text, error);
}

/* The files of a run besides its checkpoints, and what they are known by; the last is not written
 * by training. */
static const struct file {
    const char *name;
    dp_file_kind kind;
} files[] = {
    {"config.ini", DP_FILE_CONFIG},
    {"metrics.csv", DP_FILE_METRICS},
    {DP_LOSSES_NAME, DP_FILE_LOSSES},
    {"log.txt", DP_FILE_LOG},
    {"summary.json", DP_FILE_SUMMARY},
    {"best.h5", DP_FILE_CHECKPOINT},
    {DP_BEST_BEFORE_END_NAME, DP_FILE_CHECKPOINT},
    {"report.html", DP_FILE_REPORT},
};
#define FILE_COUNT (sizeof files / sizeof files[0])
#define FILE_COUNT_TRAINED (FILE_COUNT - 1)

/* What plots/plot leaves in plots/: one of each name with each ending. */
static const char *const picture_names[] = {"loss", "train_dev", "embedding", "embedding_pca",
                                            "compare"};
static const char *const picture_endings[] = {"png", "svg", "gp", "tsv"};
#define PICTURE_COUNT (sizeof picture_names / sizeof picture_names[0])
#define ENDING_COUNT (sizeof picture_endings / sizeof picture_endings[0])

static bool is_file_name(const char *name) {
    uint64_t step = 0;
    bool known = dp_checkpoint_files_step(name, &step);
    for (size_t i = 0; i < FILE_COUNT && !known; i++)
        known = strcmp(name, files[i].name) == 0;
    return known;
}

/* Whether this is "NAME.NUMBER.tmp" (dp_path_temporary) of one of our files. */
static bool is_temporary(const char *name) {
    char stem[64];
    uint64_t process = 0;
    size_t length = strlen(name);
    if (length < 4 || strcmp(name + length - 4, ".tmp") != 0 || length - 4 >= sizeof stem)
        return false;
    memcpy(stem, name, length - 4);
    stem[length - 4] = '\0';
    char *dot = strrchr(stem, '.');
    if (dot == NULL || !dp_text_parse_unsigned(dot + 1, &process))
        return false;
    *dot = '\0';
    return is_file_name(stem) || strcmp(stem, DP_RUN_LOCK_NAME) == 0;
}

/* Removes what a program that was killed while it wrote has left in this folder. */
static dp_status remove_temporaries(const char *folder, dp_error *error) {
    dp_status status = DP_OK;
    DIR *directory = opendir(folder);
    if (directory == NULL)
        return dp_fail_errno(error, errno, "cannot read the folder %s", folder);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char path[DP_PATH_SIZE];
        if (!is_temporary(entry->d_name))
            continue;
        DP_OR_DONE(dp_path_format(path, error, "%s/%s", folder, entry->d_name));
        DP_OR_DONE(dp_file_remove(path, error));
    }
done:
    closedir(directory);
    return status;
}

/* --- whose files they are --------------------------------------------------------------------- */

/* A config is ours if we have written it: one to begin a run with is its user's. */
static bool is_written_config(const char *path) {
    DP_OWNED(dp_text_clear) dp_text content = {0};
    dp_error ignored;
    return dp_file_read(path, &content, &ignored) == DP_OK &&
           dp_config_is_written(content.data, content.length);
}

static bool is_own(const char *path, dp_file_kind kind) {
    const dp_file_kind found = dp_file_kind_of(path);
    return !dp_file_exists(path) || found == DP_FILE_EMPTY ||
           (found == kind && (kind != DP_FILE_CONFIG || is_written_config(path)));
}

static dp_status check_path(const char *path, dp_file_kind kind, bool fresh, dp_error *error) {
    if (is_own(path, kind))
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s is not a run's, and %s: give it another name, or choose another run.dir",
                   path, fresh ? "--fresh would remove it" : "a run there would replace it");
}

static dp_status check_file(const char *dir, const struct file *file, bool fresh, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/%s", dir, file->name));
    return check_path(path, file->kind, fresh, error);
}

dp_status dp_run_folder_check_figure(const char *folder, const char *name, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/%s.gp", folder, name));
    if (dp_file_kind_of(path) == DP_FILE_FIGURE)
        return DP_OK;
    for (size_t i = 0; i < ENDING_COUNT; i++) {
        DP_TRY(dp_path_format(path, error, "%s/%s.%s", folder, name, picture_endings[i]));
        if (dp_file_exists(path))
            return dp_fail(error, DP_ERR_INPUT,
                           "%s is not a picture of dptrain's: give it another name, or choose "
                           "another folder",
                           path);
    }
    return DP_OK;
}

/* Damaged ones, of which nothing is known, are ours by their names. */
static dp_status check_checkpoints(const char *dir, dp_error *error) {
    DP_OWNED(dp_memory_release) uint64_t *steps = NULL;
    size_t count = 0;
    char path[DP_PATH_SIZE];
    DP_TRY(dp_checkpoint_files_list(dir, &steps, &count, error));
    for (size_t i = 0; i < count; i++) {
        DP_TRY(dp_checkpoint_files_path(dir, steps[i], path, error));
        if (dp_file_kind_of(path) != DP_FILE_UNKNOWN)
            DP_TRY(check_path(path, DP_FILE_CHECKPOINT, true, error));
    }
    return DP_OK;
}

static dp_status check_pictures(const char *dir, dp_error *error) {
    char folder[DP_PATH_SIZE];
    DP_TRY(dp_path_format(folder, error, "%s/plots", dir));
    for (size_t i = 0; i < PICTURE_COUNT; i++)
        DP_TRY(dp_run_folder_check_figure(folder, picture_names[i], error));
    return DP_OK;
}

/* Where the folder cannot be read, going on there will tell. */
static bool has_checkpoint(const char *dir) {
    DP_OWNED(dp_memory_release) uint64_t *steps = NULL;
    size_t count = 0;
    char path[DP_PATH_SIZE];
    dp_error ignored;
    bool found = false;
    if (dp_checkpoint_files_list(dir, &steps, &count, &ignored) != DP_OK)
        return false;
    for (size_t i = 0; i < count && !found; i++)
        found = dp_checkpoint_files_path(dir, steps[i], path, &ignored) == DP_OK &&
                dp_file_kind_of(path) == DP_FILE_CHECKPOINT;
    return found;
}

/* Of a folder without checkpoints. Where none could be written the run starts over. */
static dp_status check_unfinished(const char *dir, dp_error *error) {
    char path[DP_PATH_SIZE];
    dp_summary_results results;
    dp_error ignored;
    DP_TRY(dp_path_format(path, error, "%s/summary.json", dir));
    if (dp_summary_read(&results, path, &ignored) != DP_OK || !results.has_checkpoint)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s says that the run has ended, but its checkpoints are gone: put the newest "
                   "back into %s/checkpoints, or start over with --fresh",
                   path, dir);
}

dp_status dp_run_folder_check(const char *dir, bool fresh, dp_error *error) {
    const bool is_of_a_run = !fresh && has_checkpoint(dir);
    for (size_t i = 0; i < (fresh ? FILE_COUNT : FILE_COUNT_TRAINED) && !is_of_a_run; i++)
        DP_TRY(check_file(dir, &files[i], fresh, error));
    if (fresh)
        DP_TRY(check_checkpoints(dir, error));
    if (fresh)
        return check_pictures(dir, error);
    return is_of_a_run ? DP_OK : check_unfinished(dir, error);
}

/* --- the folder ------------------------------------------------------------------------------- */

dp_status dp_run_folder_create(const char *dir, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/checkpoints", dir));
    return dp_file_make_directories(path, error);
}

dp_status dp_run_folder_remove_leftovers(const char *dir, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_path_format(path, error, "%s/checkpoints", dir));
    DP_TRY(remove_temporaries(path, error));
    return remove_temporaries(dir, error);
}

/* A folder's path without those at its end. */
static dp_status without_slashes(const char *dir, char path[DP_PATH_SIZE], dp_error *error) {
    size_t length = strlen(dir);
    while (length > 1 && dir[length - 1] == '/')
        length--;
    return dp_path_format(path, error, "%.*s", (int)length, dir);
}

dp_status dp_run_folder_name(const char *dir, char name[DP_PATH_SIZE], dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(without_slashes(dir, path, error));
    return dp_path_format(name, error, "%s", path[1] == '\0' ? path : dp_path_base(path));
}

dp_status dp_run_folder_prune(const char *dir, uint64_t step, uint64_t keep, dp_error *error) {
    DP_OWNED(dp_memory_release) uint64_t *steps = NULL;
    size_t count = 0, first = 0;
    uint64_t good = 0;
    char path[DP_PATH_SIZE];
    dp_error ignored;
    DP_TRY(dp_checkpoint_files_list(dir, &steps, &count, error));
    while (first < count && steps[first] > step)
        first++;
    if (count - first <= keep)
        return DP_OK;
    for (size_t i = first; i < count; i++) {
        DP_TRY(dp_checkpoint_files_path(dir, steps[i], path, error));
        if (good == keep)
            DP_TRY(dp_file_remove(path, error));
        else
            good += dp_model_file_check_seal(path, &ignored) == DP_OK;
    }
    return DP_OK;
}

static dp_status remove_pictures(const char *dir, dp_error *error) {
    for (size_t i = 0; i < PICTURE_COUNT; i++) {
        for (size_t k = 0; k < ENDING_COUNT; k++) {
            char path[DP_PATH_SIZE];
            DP_TRY(dp_path_format(path, error, "%s/plots/%s.%s", dir, picture_names[i],
                                  picture_endings[k]));
            DP_TRY(dp_file_remove(path, error));
        }
    }
    return DP_OK;
}

dp_status dp_run_folder_clear(const char *dir, dp_error *error) {
    DP_TRY(dp_run_folder_prune(dir, UINT64_MAX, 0, error)); /* all of them */
    DP_TRY(remove_pictures(dir, error));
    for (size_t i = 0; i < FILE_COUNT; i++) {
        char path[DP_PATH_SIZE];
        DP_TRY(dp_path_format(path, error, "%s/%s", dir, files[i].name));
        DP_TRY(dp_file_remove(path, error));
    }
    return DP_OK;
}

/* The folder in runs/ that was written to last: its checkpoint of the latest time. */
static dp_status find_newest(char newest_dir[DP_PATH_SIZE], dp_error *error) {
    struct timespec newest = {0};
    char candidate[DP_PATH_SIZE], dir[DP_PATH_SIZE];
    dp_error ignored;
    newest_dir[0] = '\0';
    DIR *directory = opendir(DP_RUNS_DIRECTORY);
    if (directory == NULL)
        return dp_fail(error, DP_ERR_INPUT,
                       "there is no folder " DP_RUNS_DIRECTORY
                       "/ here to take the newest run from: "
                       "give a checkpoint or a run folder");
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        struct stat information;
        if (entry->d_name[0] == '.' ||
            dp_path_format(dir, &ignored, DP_RUNS_DIRECTORY "/%s", entry->d_name) != DP_OK ||
            !dp_checkpoint_files_is_folder(dir) ||
            dp_checkpoint_files_find(dir, candidate, &ignored) != DP_OK ||
            stat(candidate, &information) != 0)
            continue;
        const struct timespec *time = &information.st_mtim;
        if (time->tv_sec > newest.tv_sec ||
            (time->tv_sec == newest.tv_sec && time->tv_nsec > newest.tv_nsec)) {
            newest = *time;
            memcpy(newest_dir, dir, sizeof dir);
        }
    }
    closedir(directory);
    if (newest_dir[0] == '\0')
        return dp_fail(error, DP_ERR_INPUT, "no run in " DP_RUNS_DIRECTORY "/ holds a checkpoint");
    return DP_OK;
}

dp_status dp_run_folder_find(const char *user_path, char path[DP_PATH_SIZE], dp_error *error) {
    char dir[DP_PATH_SIZE];
    if (user_path != NULL && user_path[0] != '\0')
        return dp_checkpoint_files_find(user_path, path, error);
    DP_TRY(find_newest(dir, error));
    return dp_checkpoint_files_find(dir, path, error);
}

dp_status dp_run_folder_find_run(const char *user_path, char dir[DP_PATH_SIZE], dp_error *error) {
    if (user_path == NULL || user_path[0] == '\0')
        return find_newest(dir, error);
    if (!dp_file_exists(user_path))
        return dp_fail_errno(error, ENOENT, "cannot read the run folder %s", user_path);
    DP_TRY(dp_file_kind_expect(user_path, DP_FILE_RUN, error));
    if (!dp_checkpoint_files_is_folder(user_path))
        return dp_fail(error, DP_ERR_INPUT, "%s is not a run folder: give the folder it is in",
                       user_path);
    return without_slashes(user_path, dir, error);
}
