#define _GNU_SOURCE /* sched_getaffinity */
#include "system/cpu.h"

#include <sched.h>
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
