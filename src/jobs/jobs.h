/* jobs: the commands that ranks run together, `run` of a dp_command. */
#ifndef DP_JOBS_JOBS_H
#define DP_JOBS_JOBS_H

#include "cli/command.h"

extern const dp_command dp_command_bench;
extern const dp_command dp_command_doctor;
extern const dp_command dp_command_eval;
extern const dp_command dp_command_lrfind;
extern const dp_command dp_command_score;
extern const dp_command dp_command_sweep;
extern const dp_command dp_command_train;

#endif
