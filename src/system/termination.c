#include "system/termination.h"

#include <stdbool.h>
#include <stddef.h>

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP};
#define SIGNAL_COUNT (sizeof SIGNALS / sizeof SIGNALS[0])

/* A signal that is held back becomes pending even where it is ignored. */
static bool is_ignored(int number) {
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void dp_termination_watch(dp_termination *termination) {
    sigemptyset(&termination->watched);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        if (!is_ignored(SIGNALS[i]))
            sigaddset(&termination->watched, SIGNALS[i]);
    }
    sigprocmask(SIG_BLOCK, &termination->watched, NULL);
    signal(SIGXFSZ, SIG_IGN);
}

int dp_termination_pending(const dp_termination *termination) {
    sigset_t pending;
    if (sigpending(&pending) != 0)
        return 0;
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        if (sigismember(&termination->watched, SIGNALS[i]) == 1 &&
            sigismember(&pending, SIGNALS[i]) == 1)
            return SIGNALS[i];
    }
    return 0;
}
