#include "system/termination.h"

#include <stdbool.h>
#include <stddef.h>

/* Ctrl-C, kill, a closed terminal, what batch systems send before they end a job, and the soft
 * limit of processor time. */
static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};
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

/* Set by the handler, read once a step. The one mutable variable of the program that is not passed
 * along, as a handler has no other way. */
static volatile sig_atomic_t caught_signal;

/* The first one counts. A launcher and a batch system may both send the same one. */
static void catch_signal(int signal) {
    if (caught_signal == 0)
        caught_signal = signal;
}

const volatile sig_atomic_t *dp_termination_catch(void) {
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        const bool is_interrupt = SIGNALS[i] == SIGINT;
        /* Without SA_RESTART: a write to a reader who has stopped reading must not outlast it. */
        struct sigaction action = {.sa_handler = catch_signal,
                                   .sa_flags = is_interrupt ? (int)SA_RESETHAND : 0};
        sigemptyset(&action.sa_mask);
        if (is_interrupt || !is_ignored(SIGNALS[i]))
            sigaction(SIGNALS[i], &action, NULL);
    }
    return &caught_signal;
}
