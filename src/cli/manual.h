/* manual: man pages and bash completion of dptrain, made from its commands and option tables. */
#ifndef DP_CLI_MANUAL_H
#define DP_CLI_MANUAL_H

#include "cli/command.h"

/* Writes dptrain(1), a dptrain-COMMAND(1) each, dptrain-config(5) and the completion to where man
 * and bash-completion look below `folder`, which is created. */
dp_status dp_manual_write(dp_command_list list, const char *folder, dp_error *error) DP_CHECKED;

#endif
