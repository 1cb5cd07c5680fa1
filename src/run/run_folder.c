#include "run/run_folder.h"

#include "base/memory.h"
#include "base/text.h"
#include "library/model_file.h"
#include "run/losses.h"
#include "run/run_lock.h"

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

/* The files of a run besides its checkpoints. */
static const char *const file_names[] = {
    "config.ini",   "metrics.csv", DP_LOSSES_NAME,          "log.txt",
    "summary.json", "best.h5",     DP_BEST_BEFORE_END_NAME, "report.html"};
#define FILE_COUNT (sizeof file_names / sizeof file_names[0])

/* What plots/plot leaves in plots/: one of each name with each ending. */
static const char *const picture_names[] = {"loss", "train_dev", "embedding", "embedding_pca",
                                            "compare"};
static const char *const picture_endings[] = {"png", "svg", "gp", "tsv"};

static bool is_file_name(const char *name) {
    uint64_t step = 0;
    bool known = dp_checkpoint_files_step(name, &step);
    for (size_t i = 0; i < FILE_COUNT && !known; i++)
        known = strcmp(name, file_names[i]) == 0;
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
    for (size_t i = 0; i < sizeof picture_names / sizeof picture_names[0]; i++) {
        for (size_t k = 0; k < sizeof picture_endings / sizeof picture_endings[0]; k++) {
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
        DP_TRY(dp_path_format(path, error, "%s/%s", dir, file_names[i]));
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
