#include "cli/signals.h"

#include <stddef.h>

/* Set by the handler, read once a step. The one mutable variable of the program that is not passed
 * along, as a handler has no other way. */
static volatile sig_atomic_t caught_signal;

/* The first one counts. A launcher and a batch system may both send the same one. */
static void catch_signal(int signal) {
    if (caught_signal == 0)
        caught_signal = signal;
}

/* Without SA_RESTART: a write to a reader who has stopped reading must not outlast the signal. */
static void catch_with(int signal, int flags) {
    struct sigaction action = {.sa_handler = catch_signal, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, NULL);
}

const volatile sig_atomic_t *dp_signals_catch(void) {
    catch_with(SIGINT, (int)SA_RESETHAND);
    catch_with(SIGTERM, 0);
    catch_with(SIGUSR1, 0);
    return &caught_signal;
}
