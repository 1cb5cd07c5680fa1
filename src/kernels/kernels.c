#include "kernels/kernels.h"

extern const dp_kernels dp_kernels_generic;
#if defined(__x86_64__)
extern const dp_kernels dp_kernels_v3;
extern const dp_kernels dp_kernels_v4;
#endif

const dp_kernels *dp_kernels_of(dp_cpu_level level) {
#if defined(__x86_64__)
    if (level >= DP_CPU_X86_64_V4)
        return &dp_kernels_v4;
    if (level >= DP_CPU_X86_64_V3)
        return &dp_kernels_v3;
#endif
    (void)level;
    return &dp_kernels_generic;
}

size_t dp_kernels_padded(size_t n) {
    const size_t lines = (n + DP_KERNEL_LANES - 1) / DP_KERNEL_LANES;
    return (lines < 8 ? lines : lines | 1) * DP_KERNEL_LANES;
}
