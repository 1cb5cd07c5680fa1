#include "run/run_folder.h"

#include "base/memory.h"
#include "base/text.h"
#include "run/checkpoint.h"
#include "run/run_lock.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHECKPOINT_PREFIX "step-"
#define CHECKPOINT_SUFFIX ".h5"
#define NAME_SIZE 40 /* of "step-" with up to 20 digits */

bool dp_run_folder_is(const char *path) {
    struct stat information;
    return stat(path, &information) == 0 && S_ISDIR(information.st_mode);
}

dp_status dp_run_folder_file(const char *dir, const char *name, char path[DP_PATH_SIZE],
                             dp_error *error) {
    return dp_path_format(path, error, "%s/%s", dir, name);
}

static void format_name(char name[NAME_SIZE], uint64_t step) {
    snprintf(name, NAME_SIZE, CHECKPOINT_PREFIX "%08" PRIu64 CHECKPOINT_SUFFIX, step);
}

dp_status dp_run_folder_checkpoint(const char *dir, uint64_t step, char path[DP_PATH_SIZE],
                                   dp_error *error) {
    char name[NAME_SIZE];
    format_name(name, step);
    return dp_path_format(path, error, "%s/checkpoints/%s", dir, name);
}

/* The step in "step-00010000.h5"; false for other names, "step-1.h5" too. */
static bool parse_name(const char *name, uint64_t *step) {
    char digits[32], canonical[NAME_SIZE];
    size_t prefix = strlen(CHECKPOINT_PREFIX), suffix = strlen(CHECKPOINT_SUFFIX);
    size_t length = strlen(name);
    if (length <= prefix + suffix || length - prefix - suffix >= sizeof digits)
        return false;
    memcpy(digits, name + prefix, length - prefix - suffix);
    digits[length - prefix - suffix] = '\0';
    if (!dp_text_parse_unsigned(digits, step))
        return false;
    format_name(canonical, *step);
    return strcmp(name, canonical) == 0;
}

/* The files of a run besides its checkpoints. */
static const char *const file_names[] = {"config.ini",   "metrics.csv", "log.txt",
                                         "summary.json", "best.h5",     "report.html"};
#define FILE_COUNT (sizeof file_names / sizeof file_names[0])

/* What plots/plot leaves in plots/: one of each name with each ending. */
static const char *const picture_names[] = {"loss", "train_dev", "embedding", "embedding_pca",
                                            "compare"};
static const char *const picture_endings[] = {"png", "svg", "gp", "tsv"};

static bool is_file_name(const char *name) {
    uint64_t step = 0;
    bool known = parse_name(name, &step);
    for (size_t i = 0; i < FILE_COUNT && !known; i++)
        known = strcmp(name, file_names[i]) == 0;
    return known;
}

/* Whether this is "NAME.PROCESS.tmp" (system/file) of one of our files. */
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
    DP_TRY(dp_run_folder_file(dir, "checkpoints", path, error));
    return dp_file_make_directories(path, error);
}

dp_status dp_run_folder_remove_leftovers(const char *dir, dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_TRY(dp_run_folder_file(dir, "checkpoints", path, error));
    DP_TRY(remove_temporaries(path, error));
    return remove_temporaries(dir, error);
}

dp_status dp_run_folder_name(const char *dir, char name[DP_PATH_SIZE], dp_error *error) {
    char path[DP_PATH_SIZE];
    dp_status status = dp_path_format(path, error, "%s", dir);
    size_t length = status == DP_OK ? strlen(path) : 0;
    while (length > 1 && path[length - 1] == '/')
        path[--length] = '\0';
    if (status == DP_OK)
        status = dp_path_format(name, error, "%s", length == 1 ? path : dp_path_base(path));
    return status;
}

static int newest_first(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

dp_status dp_run_folder_list(const char *dir, uint64_t **steps, size_t *count, dp_error *error) {
    dp_status status = DP_OK;
    char path[DP_PATH_SIZE];
    void *list = NULL;
    size_t capacity = 0;
    DIR *directory = NULL;
    *steps = NULL;
    *count = 0;
    DP_OR_DONE(dp_run_folder_file(dir, "checkpoints", path, error));
    directory = opendir(path);
    if (directory == NULL && errno != ENOENT)
        status = dp_fail_errno(error, errno, "cannot read the folder %s", path);
    if (directory == NULL)
        goto done;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        uint64_t step = 0;
        if (!parse_name(entry->d_name, &step))
            continue;
        DP_OR_DONE(dp_memory_grow(&list, &capacity, *count + 1, sizeof step, error));
        ((uint64_t *)list)[(*count)++] = step;
    }
    if (list != NULL)
        qsort(list, *count, sizeof(uint64_t), newest_first);
    *steps = list;
    list = NULL;
done:
    if (directory != NULL)
        closedir(directory);
    dp_memory_free(list);
    return status;
}

static dp_status remove_checkpoint(const char *dir, uint64_t step, dp_error *error) {
    char path[DP_PATH_SIZE];
    dp_status status = dp_run_folder_checkpoint(dir, step, path, error);
    return status == DP_OK ? dp_file_remove(path, error) : status;
}

static bool is_good(const char *dir, uint64_t step) {
    char path[DP_PATH_SIZE];
    dp_error ignored;
    return dp_run_folder_checkpoint(dir, step, path, &ignored) == DP_OK &&
           dp_checkpoint_check_seal(path, &ignored) == DP_OK;
}

dp_status dp_run_folder_prune(const char *dir, uint64_t step, uint64_t keep, dp_error *error) {
    dp_status status = DP_OK;
    uint64_t *steps = NULL;
    size_t count = 0, first = 0;
    uint64_t good = 0;
    DP_OR_DONE(dp_run_folder_list(dir, &steps, &count, error));
    while (first < count && steps[first] > step)
        first++;
    if (count - first <= keep)
        goto done;
    for (size_t i = first; i < count; i++) {
        if (good == keep)
            DP_OR_DONE(remove_checkpoint(dir, steps[i], error));
        else
            good += is_good(dir, steps[i]);
    }
done:
    dp_memory_free(steps);
    return status;
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
        DP_TRY(dp_run_folder_file(dir, file_names[i], path, error));
        DP_TRY(dp_file_remove(path, error));
    }
    return DP_OK;
}

/* The best checkpoint of a run folder, or else its newest. */
static dp_status find_in_folder(const char *dir, char path[DP_PATH_SIZE], dp_error *error) {
    dp_status status = DP_OK;
    uint64_t *steps = NULL;
    size_t count = 0;
    DP_OR_DONE(dp_run_folder_file(dir, "best.h5", path, error));
    if (dp_file_exists(path))
        goto done;
    DP_OR_DONE(dp_run_folder_list(dir, &steps, &count, error));
    if (count == 0)
        status =
            dp_fail(error, DP_ERR_INPUT,
                    "%s holds no checkpoint: give the folder of a run, such as runs/base", dir);
    else
        status = dp_run_folder_checkpoint(dir, steps[0], path, error);
done:
    dp_memory_free(steps);
    return status;
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
            find_in_folder(dir, candidate, &ignored) != DP_OK || stat(candidate, &information) != 0)
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
    if (user_path != NULL && user_path[0] != '\0' && !dp_run_folder_is(user_path))
        return dp_path_format(path, error, "%s", user_path);
    DP_TRY(dp_run_folder_find_run(user_path, dir, error));
    return find_in_folder(dir, path, error);
}

dp_status dp_run_folder_find_run(const char *user_path, char dir[DP_PATH_SIZE], dp_error *error) {
    if (user_path == NULL || user_path[0] == '\0')
        return find_newest(dir, error);
    if (!dp_file_exists(user_path))
        return dp_fail_errno(error, ENOENT, "cannot read the run folder %s", user_path);
    if (!dp_run_folder_is(user_path))
        return dp_fail(error, DP_ERR_INPUT, "%s is not a run folder: give the folder it is in",
                       user_path);
    size_t length = strlen(user_path);
    while (length > 1 && user_path[length - 1] == '/')
        length--;
    return dp_path_format(dir, error, "%.*s", (int)length, user_path);
}
