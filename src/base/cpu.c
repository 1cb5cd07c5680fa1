#define _GNU_SOURCE /* sched_getaffinity */
#include "base/cpu.h"

#include <sched.h>

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

const char *dp_cpu_level_name(dp_cpu_level level) {
    switch (level) {
    case DP_CPU_GENERIC:
        return "generic";
    case DP_CPU_X86_64_V3:
        return "x86-64-v3";
    case DP_CPU_X86_64_V4:
        return "x86-64-v4";
    }
    return "unknown";
}

int dp_cpu_count(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}
