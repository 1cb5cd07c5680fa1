#include "cli/signals.h"

#include <stddef.h>

/* Set by the handler, read once a step. The one mutable variable of the program that is not passed
 * along, as a handler has no other way. */
static volatile sig_atomic_t caught_signal;

static void catch_signal(int signal) {
    caught_signal = signal;
}

const volatile sig_atomic_t *dp_signals_catch(void) {
    struct sigaction action = {.sa_handler = catch_signal,
                               .sa_flags = (int)(SA_RESTART | SA_RESETHAND)};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &caught_signal;
}
