#include "engine/build_info.h"

#include "base/memory.h"
#include "revision.h"

#include <stdio.h>
#include <string.h>

const char *dp_build_info_program(void) {
    return DP_REVISION[0] == '\0' ? "dptrain " DP_VERSION ", " DP_COMPILER
                                  : "dptrain " DP_VERSION " (" DP_REVISION "), " DP_COMPILER;
}

dp_status dp_build_info_gather(dp_comm *comm, dp_cpu_level highest, dp_build_info *info,
                               dp_error *error) {
    const size_t ranks = (size_t)dp_comm_size(comm);
    const dp_cpu_level mine = dp_cpu_level_up_to(highest);
    DP_OWNED(dp_memory_release) dp_cpu_level *levels = NULL;
    DP_TRY_NEW_ON_ALL(comm, levels, ranks);
    dp_comm_gather_all(comm, &mine, sizeof mine, levels);
    info->level = levels[0];
    info->uniform = true;
    for (size_t rank = 0; rank < ranks; rank++) {
        info->level = levels[rank] < info->level ? levels[rank] : info->level;
        info->uniform = info->uniform && levels[rank] == levels[0];
    }
    snprintf(info->processor, sizeof info->processor, "dptrain " DP_VERSION ", %s",
             dp_cpu_level_name(info->level));
    snprintf(info->text, sizeof info->text, "%s, %s", dp_build_info_program(),
             dp_cpu_level_name(info->level));
    return DP_OK;
}
