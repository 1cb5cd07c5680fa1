/* termination: lets a program that is asked to end (Ctrl-C, kill, a closed terminal, a batch
 * system) bring its work to an end first.
 *
 * In one of two ways: between two long pieces of work it looks for signals that are held back, so
 * that there is no handler, and no state outside of the struct; between many short ones it looks at
 * a variable, which a handler sets. A signal that the caller of the program ignores, as nohup does
 * SIGHUP, stays ignored; but not SIGINT of a handler, as shells ignore it for what they start in
 * the background.
 */
#ifndef DP_SYSTEM_TERMINATION_H
#define DP_SYSTEM_TERMINATION_H

#include <signal.h>

typedef struct dp_termination {
    sigset_t watched;
} dp_termination;

/* Holds back SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 and SIGXCPU from now on. */
void dp_termination_watch(dp_termination *termination);

/* The signal that has asked to end, or 0. On a zeroed struct: 0. */
int dp_termination_pending(const dp_termination *termination);

/* From now on these signals are only noted. A second SIGINT ends the program at once: somebody sits
 * there and does not want to wait. Of the others a second one does not, as launchers and batch
 * systems send them twice. Returns where the number of the first one stands, 0 before. */
const volatile sig_atomic_t *dp_termination_catch(void);

#endif
