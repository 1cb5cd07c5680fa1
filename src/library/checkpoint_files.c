#include "library/checkpoint_files.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PREFIX "step-"
#define NAME_SIZE 40 /* of "step-" with up to 20 digits */

bool dp_checkpoint_files_is_folder(const char *path) {
    struct stat information;
    return stat(path, &information) == 0 && S_ISDIR(information.st_mode);
}

static void format_name(char name[NAME_SIZE], uint64_t step) {
    snprintf(name, NAME_SIZE, PREFIX "%08" PRIu64 ".h5", step);
}

dp_status dp_checkpoint_files_path(const char *dir, uint64_t step, char path[DP_PATH_SIZE],
                                   dp_error *error) {
    char name[NAME_SIZE];
    format_name(name, step);
    return dp_path_format(path, error, "%s/checkpoints/%s", dir, name);
}

bool dp_checkpoint_files_step(const char *name, uint64_t *step) {
    char canonical[NAME_SIZE];
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return false;
    *step = strtoull(name + strlen(PREFIX), NULL, 10);
    format_name(canonical, *step); /* which no other name is, whatever was read of it */
    return strcmp(name, canonical) == 0;
}

static int newest_first(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

static void close_directory(DIR **directory) {
    if (*directory != NULL)
        closedir(*directory);
}

dp_status dp_checkpoint_files_list(const char *dir, uint64_t **steps, size_t *count,
                                   dp_error *error) {
    char path[DP_PATH_SIZE];
    DP_OWNED(dp_memory_release) uint64_t *list = NULL;
    DP_OWNED(close_directory) DIR *directory = NULL;
    size_t capacity = 0;
    *steps = NULL;
    *count = 0;
    DP_TRY(dp_path_format(path, error, "%s/checkpoints", dir));
    directory = opendir(path);
    if (directory == NULL && errno == ENOENT)
        return DP_OK;
    if (directory == NULL)
        return dp_fail_errno(error, errno, "cannot read the folder %s", path);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        uint64_t step = 0;
        if (!dp_checkpoint_files_step(entry->d_name, &step))
            continue;
        DP_TRY_GROW(list, &capacity, *count + 1);
        list[(*count)++] = step;
    }
    if (list != NULL)
        qsort(list, *count, sizeof(uint64_t), newest_first);
    *steps = list;
    list = NULL;
    return DP_OK;
}

static dp_status find_newest(const char *dir, char path[DP_PATH_SIZE], dp_error *error) {
    DP_OWNED(dp_memory_release) uint64_t *steps = NULL;
    size_t count = 0;
    DP_TRY(dp_checkpoint_files_list(dir, &steps, &count, error));
    if (count > 0)
        return dp_checkpoint_files_path(dir, steps[0], path, error);
    return dp_fail(error, DP_ERR_INPUT,
                   "%s holds no checkpoint: give the folder of a run, such as runs/base", dir);
}

dp_status dp_checkpoint_files_find(const char *user_path, char path[DP_PATH_SIZE],
                                   dp_error *error) {
    char dir[DP_PATH_SIZE];
    if (!dp_checkpoint_files_is_folder(user_path))
        return dp_path_format(path, error, "%s", user_path);
    size_t length = strlen(user_path);
    while (length > 1 && user_path[length - 1] == '/')
        length--;
    DP_TRY(dp_path_format(dir, error, "%.*s", (int)length, user_path));
    DP_TRY(dp_path_format(path, error, "%s/best.h5", dir));
    return dp_file_exists(path) ? DP_OK : find_newest(dir, path, error);
}
