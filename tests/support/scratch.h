/* scratch: a folder for a test's files, made below the working directory and removed at the end. */
#ifndef DP_TESTS_SCRATCH_H
#define DP_TESTS_SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_folder[] = "scratch.XXXXXX";

/* cmocka group setup. */
static int scratch_create(void **state) {
    (void)state;
    return mkdtemp(scratch_folder) == NULL ? -1 : 0;
}

static void scratch_remove_tree(const char *path) {
    DIR *folder = opendir(path);
    if (folder == NULL) {
        unlink(path);
        return;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char inner[4096];
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            scratch_remove_tree(inner);
    }
    closedir(folder);
    rmdir(path);
}

/* cmocka group teardown. */
static int scratch_remove(void **state) {
    (void)state;
    scratch_remove_tree(scratch_folder);
    return 0;
}

/* "folder/name", in a buffer that the next call but three overwrites. */
static inline const char *scratch_path(const char *name) {
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", scratch_folder, name);
    return path;
}

/* How many entries the folder has. */
static inline int scratch_count(void) {
    int count = 0;
    DIR *folder = opendir(scratch_folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

#endif
