/* sweep: many trainings, by groups of ranks that take them from a queue.
 *
 * The ranks of the job are divided into groups of ranks_per_trial; those left over stay idle, as
 * ranks do for which there is no trial. Or, as many trials side by side are done sooner than one
 * after the other by more ranks each, into as many groups as there are trials, at most one a rank,
 * that share all ranks: how many of a group are at work is chosen as in any run. A group takes the
 * next trial, trains it as `dptrain train` would, in a run folder of its own, and takes the next.
 * Nobody serves the queue: it is a number on a board of comm. So results depend neither on the
 * number of ranks nor on who trained what, and the same command goes on where an earlier one was
 * stopped.
 *
 * A trial that fails keeps its message and the others go on. A signal ends the trials of the ranks
 * that it reaches, with checkpoints, and closes the queue.
 */
#ifndef DP_SWEEP_SWEEP_H
#define DP_SWEEP_SWEEP_H

#include "parallel/comm.h"
#include "run/summary.h"
#include "sweep/sweep_plan.h"

#include <signal.h>

typedef enum dp_sweep_state {
    DP_SWEEP_WAITING,
    DP_SWEEP_RUNNING,
    DP_SWEEP_DONE,
    DP_SWEEP_FAILED,
    DP_SWEEP_STOPPED, /* by a signal, with a checkpoint */
} dp_sweep_state;

typedef struct dp_sweep_outcome {
    dp_sweep_state state;
    dp_error error;             /* of a failed one */
    dp_summary_results results; /* of one that is done */
} dp_sweep_outcome;

typedef struct dp_sweep_request {
    bool fresh; /* start over: what the trials' folders hold is removed, before the first trial */
    bool quiet; /* prints nothing but failures */
    /* As in dp_train_request. */
    const volatile sig_atomic_t *signal;
} dp_sweep_request;

/* Collective. The plan is that of rank 0; the others pass a zeroed one, which is filled and theirs
 * to clear. outcomes[plan->count] are allocated, the same on every rank, and the caller's to free
 * with dp_memory_free. *signal is the one that ended the sweep, or 0. Errors are those of the sweep
 * itself, agreed on; failed trials are none. */
dp_status dp_sweep_run(dp_comm *comm, dp_sweep_plan *plan, const dp_sweep_request *request,
                       dp_sweep_outcome **outcomes, int *signal, dp_error *error) DP_CHECKED;

#endif
