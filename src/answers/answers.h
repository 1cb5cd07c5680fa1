/* answers: the commands that one process answers without a job, `answer` of a dp_command. */
#ifndef DP_ANSWERS_ANSWERS_H
#define DP_ANSWERS_ANSWERS_H

#include "cli/command.h"

extern const dp_command dp_command_check;
extern const dp_command dp_command_info;
extern const dp_command dp_command_nearest;
extern const dp_command dp_command_plot;
extern const dp_command dp_command_predict;
extern const dp_command dp_command_report;
extern const dp_command dp_command_sample;
extern const dp_command dp_command_verify;

#endif
