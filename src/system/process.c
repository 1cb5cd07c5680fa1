#define _GNU_SOURCE /* CLOCK_BOOTTIME */
#include "system/process.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What is in a file of /proc, up to size - 1 bytes, 0-terminated; "" where it cannot be read. */
static void read_told(const char *path, char *text, size_t size) {
    size_t length = 0;
    FILE *stream = fopen(path, "r");
    if (stream != NULL) {
        length = fread(text, 1, size - 1, stream);
        fclose(stream);
    }
    text[length] = '\0';
}

/* The number of kilobytes behind `key`, in bytes. */
static size_t read_memory(const char *key) {
    char text[4096];
    size_t kilobytes = 0;
    read_told("/proc/self/smaps_rollup", text, sizeof text);
    const char *line = strstr(text, key);
    if (line != NULL)
        (void)sscanf(line + strlen(key), "%zu", &kilobytes);
    return kilobytes * 1024;
}

size_t dp_process_resident_bytes(void) {
    return read_memory("\nRss:");
}

size_t dp_process_proportional_bytes(void) {
    return read_memory("\nPss:");
}

/* The state of a process ('Z': ended, but its parent has not yet looked) and when it was started,
 * in clock ticks since the boot; false where the system does not tell. */
static bool read_stat(const char *path, char *state, unsigned long long *started) {
    char text[1024];
    read_told(path, text, sizeof text);
    /* Fields are counted behind the name in brackets, which is field 2. */
    const char *field = strrchr(text, ')');
    if (field == NULL || sscanf(field + 1, " %c", state) != 1)
        return false;
    for (int i = 2; i < 22 && field != NULL; i++)
        field = strchr(field + 1, ' ');
    return field != NULL && sscanf(field, "%llu", started) == 1;
}

double dp_process_age(void) {
    char state = 0;
    unsigned long long started = 0;
    struct timespec now;
    if (!read_stat("/proc/self/stat", &state, &started))
        return 0.0;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec -
           (double)started / (double)sysconf(_SC_CLK_TCK);
}

/* --- which process -------------------------------------------------------------------------- */

/* "-" where the system does not tell, or what it tells is not one word. */
static void take_word(char *word, size_t size, const char *text) {
    if (text[0] == '\0' || strchr(text, ' ') != NULL || !dp_text_copy(word, size, text))
        memcpy(word, "-", sizeof "-");
}

void dp_process_identify(dp_process_identity *identity) {
    char text[256], state = 0;
    unsigned long long started = 0;
    *identity = (dp_process_identity){.number = (uint64_t)getpid()};
    if (gethostname(text, sizeof text) != 0 || memchr(text, '\0', sizeof text) == NULL)
        text[0] = '\0';
    take_word(identity->host, sizeof identity->host, text);
    read_told("/proc/sys/kernel/random/boot_id", text, sizeof text);
    text[strcspn(text, "\n")] = '\0';
    take_word(identity->boot, sizeof identity->boot, text);
    const ssize_t length = readlink("/proc/self/ns/pid", text, sizeof text - 1);
    text[length < 0 ? 0 : length] = '\0';
    take_word(identity->space, sizeof identity->space, text);
    if (read_stat("/proc/self/stat", &state, &started))
        identity->started = started;
}

dp_process_state dp_process_look(const dp_process_identity *identity) {
    dp_process_identity here;
    char path[64], state = 0;
    unsigned long long started = 0;
    dp_process_identify(&here);
    if (strcmp(identity->host, here.host) != 0)
        return DP_PROCESS_UNKNOWN;
    if (strcmp(identity->boot, here.boot) != 0)
        return DP_PROCESS_ENDED;
    if (strcmp(identity->space, here.space) != 0)
        return DP_PROCESS_UNKNOWN;
    if (kill((pid_t)identity->number, 0) != 0 && errno == ESRCH)
        return DP_PROCESS_ENDED;
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/stat", identity->number);
    if (read_stat(path, &state, &started) &&
        (state == 'Z' || (identity->started != 0 && identity->started != started)))
        return DP_PROCESS_ENDED;
    return DP_PROCESS_RUNS;
}

bool dp_process_find_program(const char *name, char path[DP_PATH_SIZE]) {
    dp_error ignored;
    struct stat information;
    for (const char *folder = getenv("PATH"); folder != NULL;) {
        const int length = (int)strcspn(folder, ":");
        if (dp_path_format(path, &ignored, "%.*s/%s", length == 0 ? 1 : length,
                           length == 0 ? "." : folder, name) == DP_OK &&
            access(path, X_OK) == 0 && stat(path, &information) == 0 &&
            S_ISREG(information.st_mode))
            return true;
        folder = folder[length] == ':' ? folder + length + 1 : NULL;
    }
    return false;
}
