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

/* Set by the handler, read once a step. The one mutable variable of the program that is not passed
 * along, as a handler has no other way. */
static volatile sig_atomic_t caught_signal;

/* The first one counts. A launcher and a batch system may both send the same one. */
static void catch_signal(int signal) {
    if (caught_signal == 0)
        caught_signal = signal;
}

/* Without SA_RESTART: a write to a reader who has stopped reading must not outlast the signal. */
static void catch_with(int signal, int flags) {
    struct sigaction action = {.sa_handler = catch_signal, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, NULL);
}

const volatile sig_atomic_t *dp_signals_catch(void) {
    catch_with(SIGINT, (int)SA_RESETHAND);
    catch_with(SIGTERM, 0);
    catch_with(SIGUSR1, 0);
    return &caught_signal;
}
