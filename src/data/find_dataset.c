#define _DEFAULT_SOURCE /* realpath */
#include "data/find_dataset.h"

#include <stdlib.h>
#include <string.h>

static bool is_of_identity(const char *path, const char *sha256) {
    DP_OWNED(dp_dataset_close) dp_dataset dataset = {0};
    dp_error ignored;
    return dp_file_exists(path) && dp_dataset_open(&dataset, path, &ignored) == DP_OK &&
           strcmp(dataset.info.sha256, sha256) == 0;
}

/* Looks from the folder that `folder` names and those above it; cuts it. */
static bool find_above(char *folder, const char *path, const char *sha256,
                       char found[DP_PATH_SIZE]) {
    dp_error ignored;
    for (char *end; (end = strrchr(folder, '/')) != NULL;) {
        *end = '\0';
        if (dp_path_format(found, &ignored, "%s/%s", folder, path) == DP_OK &&
            is_of_identity(found, sha256))
            return true;
    }
    return false;
}

static void release(char **memory) {
    free(*memory);
}

dp_status dp_dataset_find(const char *path, const char *checkpoint, const char *sha256,
                          char found[DP_PATH_SIZE], dp_error *error) {
    DP_OWNED(release)
    char *place =
        path[0] == '/' || is_of_identity(path, sha256) ? NULL : realpath(checkpoint, NULL);
    if (place != NULL && find_above(place, path, sha256, found))
        return DP_OK;
    return dp_path_format(found, error, "%s", path);
}
