/* launch: how this process was started, told by the variables that launchers set. */
#ifndef DP_SYSTEM_LAUNCH_H
#define DP_SYSTEM_LAUNCH_H

#include "base/status.h"

#include <stdbool.h>

/* Whether this is the first process of its job: for work that needs no MPI, and is done once. */
bool dp_launch_is_first(void);

/* Whether a launcher has started this process together with others: for work that ranks may share
 * and that is done without MPI where there is but one. */
bool dp_launch_is_shared(void);

/* DP_ERR_LAUNCH where a launcher has started more processes than the `ranks` that MPI sees, as one
 * does that belongs to another MPI: each would believe to be alone, and they would overwrite one
 * another's files. The message is that of the first of them, and "" for the others. */
dp_status dp_launch_check(int ranks, dp_error *error) DP_CHECKED;

#endif
