#include "engine/build_info.h"

#include "base/memory.h"
#include "revision.h"

#include <stdio.h>
#include <string.h>

typedef struct machine {
    dp_cpu_level level;
    char blas[DP_LINALG_NAME_SIZE];
} machine;

const char *dp_build_info_program(void) {
    return DP_REVISION[0] == '\0' ? "dptrain " DP_VERSION ", " DP_COMPILER
                                  : "dptrain " DP_VERSION " (" DP_REVISION "), " DP_COMPILER;
}

dp_status dp_build_info_gather(dp_comm *comm, dp_cpu_level highest, const dp_linalg *linalg,
                               dp_build_info *info, dp_error *error) {
    const size_t ranks = (size_t)dp_comm_size(comm);
    machine mine;
    memset(&mine, 0, sizeof mine);
    mine.level = dp_cpu_level_up_to(highest);
    dp_linalg_name(linalg, mine.blas);
    DP_OWNED(dp_memory_release) machine *machines = NULL;
    DP_TRY_NEW_ON_ALL(comm, machines, ranks);
    dp_comm_gather_all(comm, &mine, sizeof mine, machines);
    info->level = machines[0].level;
    info->uniform = true;
    for (size_t rank = 0; rank < ranks; rank++) {
        info->level = machines[rank].level < info->level ? machines[rank].level : info->level;
        info->uniform = info->uniform && memcmp(&machines[rank], &machines[0], sizeof mine) == 0;
    }
    const char *separator = machines[0].blas[0] == '\0' ? "" : ", ";
    snprintf(info->processor, sizeof info->processor, "dptrain " DP_VERSION ", %s%s%s",
             dp_cpu_level_name(info->level), separator, machines[0].blas);
    snprintf(info->text, sizeof info->text, "%s, %s%s%s", dp_build_info_program(),
             dp_cpu_level_name(info->level), separator, machines[0].blas);
    return DP_OK;
}
