/* signals: commands that end early, and in order, when they are asked to. */
#ifndef DP_CLI_SIGNALS_H
#define DP_CLI_SIGNALS_H

#include <signal.h>

/* From now on SIGINT, SIGTERM and SIGUSR1 are only noted. A second SIGINT ends the program at once:
 * somebody sits there and does not want to wait. A second SIGTERM or SIGUSR1 does not, as launchers
 * and batch systems send them twice. Returns where the number of the first one stands, 0 before. */
const volatile sig_atomic_t *dp_signals_catch(void);

#endif
