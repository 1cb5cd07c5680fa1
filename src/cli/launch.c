#include "cli/launch.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>

/* The value of a variable as a number; false where it is not set or not one. */
static bool read_variable(const char *name, uint64_t *value) {
    const char *text = getenv(name);
    return text != NULL && dp_text_parse_unsigned(text, value);
}

bool dp_launch_is_first(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK",
                                        "SLURM_PROCID"};
    uint64_t rank = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (read_variable(names[i], &rank))
            return rank == 0;
    }
    return true;
}

dp_status dp_launch_check(int ranks, dp_error *error) {
    uint64_t tasks = 1, task = 0;
    if (ranks > 1 || !read_variable("SLURM_NTASKS", &tasks) || tasks <= 1)
        return DP_OK;
    if (read_variable("SLURM_PROCID", &task) && task > 0) /* said once */
        return dp_fail(error, DP_ERR_LAUNCH, "%s", "");
    return dp_fail(error, DP_ERR_LAUNCH,
                   "Slurm started %" PRIu64 " tasks but MPI sees only one rank: start it with "
                   "'srun --mpi=pmix' or mpirun; for one rank on purpose unset SLURM_NTASKS",
                   tasks);
}
