/* cpu: the instruction set levels that kernels are chosen by, the processors we may use, and work
 * that is done by several of them. */
#ifndef DP_SYSTEM_CPU_H
#define DP_SYSTEM_CPU_H

#include "base/status.h"

#include <stddef.h>

/* Ordered: a processor of one level runs the kernels of the levels below it. The x86-64 levels are
 * those of the System V psABI, as far as kernels use them. */
typedef enum dp_cpu_level {
    DP_CPU_GENERIC,   /* whatever the compiler's baseline is (SSE2, or NEON on aarch64) */
    DP_CPU_X86_64_V3, /* AVX2, FMA */
    DP_CPU_X86_64_V4, /* AVX-512 F, BW, DQ, VL */
} dp_cpu_level;
#define DP_CPU_LEVEL_NAMES "generic", "x86-64-v3", "x86-64-v4"

dp_cpu_level dp_cpu_level_detect(void);
/* What the processor has, but at most this level. */
dp_cpu_level dp_cpu_level_up_to(dp_cpu_level highest);
/* "generic", "x86-64-v3", "x86-64-v4". */
const char *dp_cpu_level_name(dp_cpu_level level);

/* The processors this process may run on, one bit each, so that processes of one machine can put
 * their masks together. */
#define DP_CPU_MASK_SIZE 128
void dp_cpu_mask(unsigned char mask[DP_CPU_MASK_SIZE]);
/* How many a mask holds, at least 1. */
int dp_cpu_mask_count(const unsigned char mask[DP_CPU_MASK_SIZE]);

/* How many whole processors the control groups of this process (cgroups, of either version) let it
 * use together with all others in them, at least 1; INT_MAX where there is no limit. */
int dp_cpu_quota(void);
/* The same by a file such as /proc/self/cgroup and the folder where groups are mounted. */
int dp_cpu_quota_of(const char *groups, const char *mounted);

/* Does item `item`; `worker`, from 0 and below the number of threads, is who does it: no two items
 * are done at once under the same one. */
typedef dp_status (*dp_cpu_work)(void *context, size_t item, size_t worker, dp_error *error);

/* Calls work for items 0 to count - 1, side by side on up to `threads` threads, 1 to
 * DP_CPU_THREADS_MAX, which live for this call; the caller is one of them, and where the system
 * gives fewer, those that there are do all of it. Items are begun in their order, and none after
 * one has failed; what is returned is then the failure of the lowest one, as of a loop. */
#define DP_CPU_THREADS_MAX 64
dp_status dp_cpu_run(size_t threads, size_t count, dp_cpu_work work, void *context,
                     dp_error *error) DP_CHECKED;

#endif
