#include "cli/exit_status.h"

#include <stddef.h>

const dp_exit_status dp_exit_statuses[] = {
    {"0", "done"},
    {"1", "the answer is no (verify, doctor)"},
    {"2", "bad input: arguments, config, or the content of a file"},
    {"3", "the system refused: missing file, no space, no permission"},
    {"4", "out of memory"},
    {"5", "checkpoint and config, or checkpoint and dataset, do not go together"},
    {"6", "not launched as one job, or MPI failed"},
    {"7", "a rank did not arrive within parallel.deadline"},
    {"8", "the loss is no longer a finite number"},
    {"9", "ranks hold different weights"},
    {"10", "trained, but a file of the run could not be written"},
    {"11", "another run works in the run folder"},
    {"75", "--max_time was over: ended with a checkpoint, the same command goes on"},
    {"128+N", "ended by signal N, with a checkpoint"},
    {NULL, NULL},
};
