#define _GNU_SOURCE /* CLOCK_BOOTTIME, environ, memfd_create, posix_spawn_file_actions_addchdir_np \
                     */
#include "system/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* The number of kilobytes behind `key` of a process, in bytes. */
static size_t read_memory(long process, const char *key) {
    char path[64], text[4096];
    size_t kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", process);
    read_told(path, text, sizeof text);
    const char *line = strstr(text, key);
    if (line != NULL)
        (void)sscanf(line + strlen(key), "%zu", &kilobytes);
    return kilobytes * 1024;
}

size_t dp_process_resident_bytes(void) {
    return read_memory(getpid(), "\nRss:");
}

size_t dp_process_proportional_bytes(long process) {
    return read_memory(process == 0 ? getpid() : process, "\nPss:");
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

dp_status dp_process_random(uint64_t *number, dp_error *error) {
    return getentropy(number, sizeof *number) == 0
               ? DP_OK
               : dp_fail_errno(error, errno, "no random number of the system");
}

long dp_process_parent(long process) {
    char path[64], text[1024];
    long parent = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    read_told(path, text, sizeof text);
    const char *field = strrchr(text, ')'); /* behind which come its state and its parent */
    return field != NULL && sscanf(field + 1, " %*c %ld", &parent) == 1 ? parent : 0;
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

static bool is_program(const char *path) {
    struct stat information;
    return access(path, X_OK) == 0 && stat(path, &information) == 0 && S_ISREG(information.st_mode);
}

bool dp_process_find_program(const char *name, char path[DP_PATH_SIZE]) {
    dp_error ignored;
    for (const char *folder = getenv("PATH"); folder != NULL;) {
        const int length = (int)strcspn(folder, ":");
        if (dp_path_format(path, &ignored, "%.*s/%s", length == 0 ? 1 : length,
                           length == 0 ? "." : folder, name) == DP_OK &&
            is_program(path))
            return true;
        folder = folder[length] == ':' ? folder + length + 1 : NULL;
    }
    return false;
}

bool dp_process_find_beside(const char *name, char path[DP_PATH_SIZE]) {
    char own[DP_PATH_SIZE];
    dp_error ignored;
    const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    if (length <= 0)
        return false;
    own[length] = '\0';
    return dp_path_format(path, &ignored, "%.*s%s", (int)(dp_path_base(own) - own), own, name) ==
               DP_OK &&
           is_program(path);
}

/* --- another program ------------------------------------------------------------------------ */

/* Starts it, with what it says going to `out`. Returns an errno value. */
static int start(const char *folder, char *const *arguments, int out, pid_t *process) {
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0)
        return failed;
    if ((failed = posix_spawn_file_actions_addchdir_np(&actions, folder)) == 0 &&
        (failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) == 0 &&
        (failed = posix_spawn_file_actions_adddup2(&actions, out, 1)) == 0 &&
        (failed = posix_spawn_file_actions_adddup2(&actions, out, 2)) == 0)
        failed = posix_spawnp(process, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

int dp_process_run(const char *folder, char *const *arguments, char said[DP_PROCESS_SAID_SIZE],
                   int *ended) {
    const off_t most = DP_PROCESS_SAID_SIZE - 1;
    const int out = memfd_create("said", MFD_CLOEXEC);
    pid_t process = 0;
    said[0] = '\0';
    if (out < 0)
        return errno;
    const int failed = start(folder, arguments, out, &process);
    while (failed == 0 && waitpid(process, ended, 0) < 0 && errno == EINTR)
        continue;
    const off_t length = lseek(out, 0, SEEK_END);
    const ssize_t count = pread(out, said, (size_t)most, length > most ? length - most : 0);
    said[count > 0 ? count : 0] = '\0';
    close(out);
    return failed;
}
