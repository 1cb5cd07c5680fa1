/* termination: lets a program that is asked to end (Ctrl-C, kill, a closed terminal) clean up
 * first.
 *
 * The signals are held back and looked for between two pieces of work, so that there is no handler,
 * and no state outside of the struct. A signal that the caller of the program ignores stays
 * ignored.
 */
#ifndef DP_SYSTEM_TERMINATION_H
#define DP_SYSTEM_TERMINATION_H

#include <signal.h>

typedef struct dp_termination {
    sigset_t watched;
} dp_termination;

/* Holds back SIGINT, SIGTERM and SIGHUP from now on. A write past the file size limit (SIGXFSZ)
 * becomes an ordinary error of the write. */
void dp_termination_watch(dp_termination *termination);

/* The signal that has asked to end, or 0. On a zeroed struct: 0. */
int dp_termination_pending(const dp_termination *termination);

#endif
