/* launch: how this process was started, by its environment, and how it is asked to end. */
#ifndef DP_CLI_LAUNCH_H
#define DP_CLI_LAUNCH_H

#include "base/status.h"

#include <signal.h>
#include <stdbool.h>

/* Whether this is the first process of its job, told by the launcher's variables alone: for answers
 * that need no MPI. */
bool dp_launch_is_first(void);

/* DP_ERR_LAUNCH where Slurm started several tasks but MPI sees `ranks` = 1: each would believe to
 * be alone and they would overwrite one another's files. */
dp_status dp_launch_check(int ranks, dp_error *error) DP_CHECKED;

/* From now on SIGINT, SIGTERM and SIGUSR1 are only noted. A second SIGINT ends the program at once:
 * somebody sits there and does not want to wait. A second SIGTERM or SIGUSR1 does not, as launchers
 * and batch systems send them twice. Returns where the number of the first one stands, 0 before. */
const volatile sig_atomic_t *dp_signals_catch(void);

#endif
