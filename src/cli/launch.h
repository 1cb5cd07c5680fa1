/* launch: what the environment says of how this process was started. */
#ifndef DP_CLI_LAUNCH_H
#define DP_CLI_LAUNCH_H

#include "base/status.h"

#include <stdbool.h>

/* Whether this is the first process of its job, told by the launcher's variables alone: for answers
 * that need no MPI. */
bool dp_launch_is_first(void);

/* DP_ERR_LAUNCH where Slurm started several tasks but MPI sees `ranks` = 1: each would believe to
 * be alone and they would overwrite one another's files. */
dp_status dp_launch_check(int ranks, dp_error *error) DP_CHECKED;

#endif
