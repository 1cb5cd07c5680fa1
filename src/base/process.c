#define _GNU_SOURCE /* CLOCK_BOOTTIME */
#include "base/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The number of kilobytes behind `key` in a file of /proc, in bytes. */
static size_t read_kilobytes(const char *path, const char *key) {
    char line[256];
    size_t kilobytes = 0;
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        return 0;
    while (fgets(line, sizeof line, stream) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0 &&
            sscanf(line + strlen(key), ": %zu kB", &kilobytes) == 1)
            break;
    }
    fclose(stream);
    return kilobytes * 1024;
}

size_t dp_process_resident_bytes(void) {
    return read_kilobytes("/proc/self/smaps_rollup", "Rss");
}

size_t dp_process_proportional_bytes(void) {
    return read_kilobytes("/proc/self/smaps_rollup", "Pss");
}

double dp_process_age(void) {
    char text[1024] = "";
    unsigned long long started = 0;
    struct timespec now;
    FILE *stream = fopen("/proc/self/stat", "r");
    if (stream == NULL)
        return 0.0;
    size_t length = fread(text, 1, sizeof text - 1, stream);
    fclose(stream);
    text[length] = '\0';
    /* Field 22, counted behind the name in brackets, which is field 2. */
    const char *field = strrchr(text, ')');
    for (int i = 2; i < 22 && field != NULL; i++)
        field = strchr(field + 1, ' ');
    if (field == NULL || sscanf(field, "%llu", &started) != 1)
        return 0.0;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec -
           (double)started / (double)sysconf(_SC_CLK_TCK);
}

bool dp_process_find_program(const char *name, char path[DP_PATH_SIZE]) {
    const char *folders = getenv("PATH");
    for (const char *folder = folders; folder != NULL;) {
        dp_error ignored;
        struct stat information;
        size_t length = strcspn(folder, ":");
        if (dp_path_format(path, &ignored, "%.*s/%s", (int)(length == 0 ? 1 : length),
                           length == 0 ? "." : folder, name) == DP_OK &&
            access(path, X_OK) == 0 && stat(path, &information) == 0 &&
            S_ISREG(information.st_mode))
            return true;
        folder = folder[length] == ':' ? folder + length + 1 : NULL;
    }
    return false;
}
