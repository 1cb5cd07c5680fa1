#define _GNU_SOURCE /* sched_getaffinity */
#include "system/cpu.h"

#include "base/size.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

dp_cpu_level dp_cpu_level_detect(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return DP_CPU_GENERIC;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return DP_CPU_X86_64_V4;
    return DP_CPU_X86_64_V3;
#else
    return DP_CPU_GENERIC;
#endif
}

dp_cpu_level dp_cpu_level_up_to(dp_cpu_level highest) {
    const dp_cpu_level detected = dp_cpu_level_detect();
    return detected < highest ? detected : highest;
}

const char *dp_cpu_level_name(dp_cpu_level level) {
    static const char *const names[] = {DP_CPU_LEVEL_NAMES};
    return names[level];
}

void dp_cpu_mask(unsigned char mask[DP_CPU_MASK_SIZE]) {
    cpu_set_t set;
    CPU_ZERO(&set);
    memset(mask, 0, DP_CPU_MASK_SIZE);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return;
    for (size_t cpu = 0; cpu < 8 * DP_CPU_MASK_SIZE && cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &set))
            mask[cpu / 8] = (unsigned char)(mask[cpu / 8] | 1u << cpu % 8);
    }
}

int dp_cpu_mask_count(const unsigned char mask[DP_CPU_MASK_SIZE]) {
    int count = 0;
    for (size_t i = 0; i < DP_CPU_MASK_SIZE; i++)
        count += __builtin_popcount(mask[i]);
    return count > 0 ? count : 1;
}

/* --- quotas --------------------------------------------------------------------------------- */

/* What a group may use of a period, in a file of "QUOTA PERIOD" (version 2) or in two (1); "max" or
 * -1 is no limit. */
typedef struct quota_files {
    const char *quota;
    const char *period; /* NULL: in the same file */
} quota_files;

/* Reads one number of a file, or two, as far as there are such. Returns how many. */
static int read_numbers(const char *folder, const char *name, double *first, double *second) {
    char path[1024];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return 0;
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        return 0;
    const int count = fscanf(stream, "%lf %lf", first, second);
    fclose(stream);
    return count < 0 ? 0 : count;
}

/* Whole processors of the group in this folder. */
static int quota_of_folder(const char *folder, const quota_files *files) {
    double quota = -1.0, period = -1.0, ignored;
    (void)read_numbers(folder, files->quota, &quota, &period);
    if (files->period != NULL)
        (void)read_numbers(folder, files->period, &period, &ignored);
    if (quota <= 0.0 || period <= 0.0 || quota / period >= INT_MAX)
        return INT_MAX;
    return quota < period ? 1 : (int)(quota / period);
}

/* The least of a group and those that it is in, up to the folder where they are mounted. In a
 * container the path may be one that only its host knows: then those that are there count. */
static int quota_of_path(const char *mounted, const char *path, const quota_files *files) {
    char folder[512];
    int least = INT_MAX;
    const int length = snprintf(folder, sizeof folder, "%s%s", mounted, path);
    if (length < 0 || length >= (int)sizeof folder)
        return INT_MAX;
    for (;;) {
        const int quota = quota_of_folder(folder, files);
        least = quota < least ? quota : least;
        if (strlen(folder) <= strlen(mounted))
            return least;
        *strrchr(folder, '/') = '\0';
    }
}

static bool has_controller(const char *list, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = list; *at != '\0'; at += strcspn(at, ","), at += *at == ',') {
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* By a line "NUMBER:CONTROLLERS:/PATH", of version 2 without controllers. */
static int quota_of_line(const char *mounted, char *line) {
    static const quota_files old = {"cpu.cfs_quota_us", "cpu.cfs_period_us"};
    static const quota_files new = {"cpu.max", NULL};
    char folder[256], *controllers = strchr(line, ':');
    char *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (path == NULL || path[1] != '/')
        return INT_MAX;
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    controllers++;
    if (*controllers == '\0')
        return quota_of_path(mounted, path, &new);
    if (!has_controller(controllers, "cpu") ||
        snprintf(folder, sizeof folder, "%s/cpu", mounted) >= (int)sizeof folder)
        return INT_MAX;
    return quota_of_path(folder, path, &old);
}

int dp_cpu_quota_of(const char *groups, const char *mounted) {
    char line[768];
    int least = INT_MAX;
    FILE *stream = fopen(groups, "re");
    while (stream != NULL && fgets(line, sizeof line, stream) != NULL) {
        const int quota = quota_of_line(mounted, line);
        least = quota < least ? quota : least;
    }
    if (stream != NULL)
        fclose(stream);
    return least;
}

int dp_cpu_quota(void) {
    return dp_cpu_quota_of("/proc/self/cgroup", "/sys/fs/cgroup");
}

/* --- work side by side -------------------------------------------------------------------------
 */

typedef struct dp_crew {
    dp_cpu_work work;
    void *context;
    size_t count;
    atomic_size_t next; /* item; count or above: none is left, or one has failed */
} dp_crew;

typedef struct member {
    dp_crew *crew;
    size_t worker;
    size_t failed_item; /* where status is not DP_OK */
    dp_status status;
    dp_error error;
    pthread_t thread;
} member;

/* Whatever is below an item that failed was begun before it, so that the lowest failure is the one
 * that a loop would meet. */
static void *take_items(void *argument) {
    member *self = argument;
    dp_crew *crew = self->crew;
    size_t item;
    while (self->status == DP_OK && (item = atomic_fetch_add(&crew->next, 1)) < crew->count) {
        self->failed_item = item;
        self->status = crew->work(crew->context, item, self->worker, &self->error);
        if (self->status != DP_OK)
            atomic_store(&crew->next, crew->count);
    }
    return NULL;
}

dp_status dp_cpu_run(size_t threads, size_t count, dp_cpu_work work, void *context,
                     dp_error *error) {
    dp_crew crew = {.work = work, .context = context, .count = count};
    member members[DP_CPU_THREADS_MAX];
    const size_t wanted = dp_size_min(dp_size_min(threads, count), DP_CPU_THREADS_MAX);
    size_t started = 1;
    const member *failed = NULL;
    for (size_t i = 0; i == 0 || i < wanted; i++) {
        members[i].crew = &crew;
        members[i].worker = i;
        members[i].status = DP_OK;
    }
    while (started < wanted &&
           pthread_create(&members[started].thread, NULL, take_items, &members[started]) == 0)
        started++;
    (void)take_items(&members[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(members[i].thread, NULL);
    for (size_t i = 0; i < started; i++) {
        if (members[i].status != DP_OK &&
            (failed == NULL || members[i].failed_item < failed->failed_item))
            failed = &members[i];
    }
    if (failed == NULL)
        return DP_OK;
    *error = failed->error;
    return failed->status;
}
