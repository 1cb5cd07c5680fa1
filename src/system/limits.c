#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "system/limits.h"

#include "base/text.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MB 1000000

static uint64_t limit_of(int resource) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return (uint64_t)limit.rlim_cur;
}

void dp_limits_look(dp_limits *limits) {
    *limits = (dp_limits){.address_space = limit_of(RLIMIT_AS),
                          .data = limit_of(RLIMIT_DATA),
                          .file_size = limit_of(RLIMIT_FSIZE),
                          .files = limit_of(RLIMIT_NOFILE)};
}

static uint64_t left_of(uint64_t limit, uint64_t used) {
    return limit == UINT64_MAX ? limit : limit < used ? 0 : limit - used;
}

uint64_t dp_limits_memory_left(const dp_limits *limits) {
    uint64_t mapped = 0, data = 0;
    FILE *stream = fopen("/proc/self/statm", "r"); /* pages: all, resident, shared, text, 0, data */
    if (stream != NULL) {
        if (fscanf(stream, "%" SCNu64 " %*u %*u %*u %*u %" SCNu64, &mapped, &data) != 2)
            mapped = data = 0;
        fclose(stream);
    }
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const uint64_t of_all = left_of(limits->address_space, mapped * page);
    const uint64_t of_data = left_of(limits->data, data * page);
    return of_all < of_data ? of_all : of_data;
}

uint64_t dp_limits_open_files(void) {
    uint64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 0;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count - 3; /* the folder itself, . and .. */
}

static void append_limit(dp_text *out, uint64_t limit, const char *what, const char *option) {
    if (limit != UINT64_MAX)
        dp_text_append_format(out, "%s%s is limited to %" PRIu64 " MB (ulimit %s)",
                              out->length == 0 ? "" : ", ", what, limit / MB, option);
}

static bool can_map(size_t bytes, size_t data) {
    void *room = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return false;
    const bool works = mprotect(room, data, PROT_READ | PROT_WRITE) == 0;
    munmap(room, bytes);
    return works;
}

dp_status dp_limits_check_memory(size_t bytes, size_t data, const char *what, dp_error *error) {
    dp_limits limits;
    DP_OWNED(dp_text_clear) dp_text reasons = {0};
    if (can_map(bytes, data))
        return DP_OK;
    dp_limits_look(&limits);
    append_limit(&reasons, limits.address_space, "address space", "-v");
    append_limit(&reasons, limits.data, "data", "-d");
    return dp_fail(error, DP_ERR_MEMORY, "%s needs %zu MB of memory, which the system refuses%s%s",
                   what, bytes / MB, reasons.length == 0 ? "" : ": ", dp_text_string(&reasons));
}
