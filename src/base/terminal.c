#define _DEFAULT_SOURCE /* TIOCGWINSZ, which POSIX leaves out */

#include "base/terminal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Where standard output ends: the launcher's, to be closed, or our own. Negative where the launcher
 * runs on another host or is not ours to look at. */
static int open_output(void) {
    char path[64];
    if (getenv("OMPI_COMM_WORLD_RANK") == NULL) /* PMIX_RANK is set without mpirun, too */
        return dup(STDOUT_FILENO);
    snprintf(path, sizeof path, "/proc/%ld/fd/1", (long)getppid());
    return open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK);
}

bool dp_terminal_is_watched(void) {
    const char *kind = getenv("TERM");
    if (kind == NULL || strcmp(kind, "dumb") == 0 || isatty(STDOUT_FILENO) != 1)
        return false;
    int output = open_output();
    bool watched = output >= 0 && isatty(output) == 1;
    if (output >= 0)
        close(output);
    return watched;
}

dp_terminal_size dp_terminal_get_size(void) {
    dp_terminal_size size = {.columns = 80, .lines = 24};
    struct winsize window;
    int output = open_output();
    if (output >= 0 && ioctl(output, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 &&
        window.ws_row > 0)
        size = (dp_terminal_size){.columns = window.ws_col, .lines = window.ws_row};
    if (output >= 0)
        close(output);
    return size;
}
