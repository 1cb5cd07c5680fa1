#include "system/launch.h"

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
                                        "SLURM_PROCID", "MPI_LOCALRANKID"};
    uint64_t rank = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (read_variable(names[i], &rank))
            return rank == 0;
    }
    return true;
}

bool dp_launch_is_shared(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS",
                                        "MPI_LOCALNRANKS"};
    uint64_t size = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (read_variable(names[i], &size) && size > 1)
            return true;
    }
    return false;
}

/* What launchers tell of a job. */
typedef struct launcher {
    const char *size; /* the variable that counts its processes */
    const char *rank; /* and the one that numbers them */
    const char *name;
    const char *remedy;
    bool of_allocation; /* the count stands in a whole allocation, in which a launcher may start
                           fewer: it means something only to a process that is alone */
} launcher;

#define ANOTHER_MPI                                                                                \
    "start it with the mpirun of Open MPI, which dptrain is built with (which mpirun; module "     \
    "list)"

static const launcher launchers[] = {
    {"SLURM_NTASKS", "SLURM_PROCID", "Slurm", "start it with 'srun --mpi=pmix' or mpirun", true},
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "the mpirun of another Open MPI", ANOTHER_MPI,
     false},
    {"PMI_SIZE", "PMI_RANK", "the launcher of another MPI", ANOTHER_MPI, false},
    {"MPI_LOCALNRANKS", "MPI_LOCALRANKID", "the launcher of another MPI", ANOTHER_MPI, false},
};

dp_status dp_launch_check(int ranks, dp_error *error) {
    for (size_t i = 0; i < sizeof launchers / sizeof launchers[0]; i++) {
        const launcher *one = &launchers[i];
        uint64_t count = 0, rank = 0;
        if (!read_variable(one->size, &count) || count <= (uint64_t)ranks ||
            (one->of_allocation && ranks > 1))
            continue;
        if (read_variable(one->rank, &rank) && rank > 0) /* said once */
            return dp_fail(error, DP_ERR_LAUNCH, "%s", "");
        return dp_fail(error, DP_ERR_LAUNCH,
                       "%s started %" PRIu64 " tasks but MPI sees only %d rank%s: %s; for one job "
                       "of %d on purpose unset %s",
                       one->name, count, ranks, ranks == 1 ? "" : "s", one->remedy, ranks,
                       one->size);
    }
    return DP_OK;
}
