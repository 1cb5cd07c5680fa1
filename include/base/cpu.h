/* cpu: the instruction set levels that kernels are chosen by, and how many processors we may use.
 */
#ifndef DP_BASE_CPU_H
#define DP_BASE_CPU_H

/* Ordered: a processor of one level runs the kernels of the levels below it. The x86-64 levels are
 * those of the System V psABI, as far as kernels use them. */
typedef enum dp_cpu_level {
    DP_CPU_GENERIC = 0,   /* whatever the compiler's baseline is (SSE2, or NEON on aarch64) */
    DP_CPU_X86_64_V3 = 3, /* AVX2, FMA */
    DP_CPU_X86_64_V4 = 4, /* AVX-512 F, BW, DQ, VL */
} dp_cpu_level;

dp_cpu_level dp_cpu_level_detect(void);
/* "generic", "x86-64-v3", "x86-64-v4". */
const char *dp_cpu_level_name(dp_cpu_level level);
/* Processors that this process may run on (its affinity mask), at least 1. */
int dp_cpu_count(void);

#endif
