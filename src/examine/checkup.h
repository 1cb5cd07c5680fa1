/* checkup: what would go wrong in a run, looked for before it begins: at the ranks and their
 * machines, the dataset and the run folder. Leaves nothing behind but the stamp of a checked
 * dataset.
 */
#ifndef DP_EXAMINE_CHECKUP_H
#define DP_EXAMINE_CHECKUP_H

#include "engine/config.h"
#include "formats/findings.h"
#include "parallel/comm.h"

/* Collective: adds what is found of all that can be looked at, without a config (NULL) of what
 * needs none. Rank 0 has all lines. Fails only where there is no memory; agreed on. */
dp_status dp_checkup_run(dp_findings *findings, dp_comm *comm, const dp_config *config,
                         dp_error *error) DP_CHECKED;

#endif
