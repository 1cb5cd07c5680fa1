#include "pack/packing_request.h"

#include <stdio.h>
#include <stdlib.h>

dp_status dp_packing_request_init(dp_packing_request *request, const char *text, const char *output,
                                  uint64_t block_size, dp_error *error) {
    *request = (dp_packing_request){.block_size = block_size,
                                    .split = {.count = 3, .values = {0.8, 0.1, 0.1}},
                                    .seed = DP_PACKING_SEED_DEFAULT,
                                    .boundary = DP_PACKING_BOUNDARY_DEFAULT,
                                    .words = {.min_count = 1}};
    DP_TRY(dp_path_format(request->inputs[0], error, "%s", text));
    return dp_path_format(request->output, error, "%s", output);
}

double dp_packing_share_sum(double a, double b) {
    char text[32];
    snprintf(text, sizeof text, "%.15g", a + b);
    return strtod(text, NULL);
}
