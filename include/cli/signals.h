/* signals: commands that end early, and in order, when they are asked to. */
#ifndef DP_CLI_SIGNALS_H
#define DP_CLI_SIGNALS_H

#include <signal.h>

/* From now on SIGINT and SIGTERM are only noted, once each: a second one of the kind ends the
 * program at once. Returns where the number of the last one stands, 0 before. */
const volatile sig_atomic_t *dp_signals_catch(void);

#endif
