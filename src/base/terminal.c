#define _DEFAULT_SOURCE /* TIOCGWINSZ */
#include "base/terminal.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static size_t width_of(int descriptor) {
    struct winsize size;
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static bool is_dumb(void) {
    const char *kind = getenv("TERM");
    return kind == NULL || strcmp(kind, "") == 0 || strcmp(kind, "dumb") == 0;
}

/* The same output of our parent; -1 where we may not see it. */
static int open_parents(int descriptor) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)getppid(), descriptor);
    return open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

void dp_terminal_open(dp_terminal *terminal, FILE *output) {
    int descriptor = fileno(output);
    *terminal = (dp_terminal){.own = -1, .parents = -1};
    if (is_dumb() || width_of(descriptor) == 0)
        return;
    terminal->own = descriptor;
    terminal->parents = open_parents(descriptor);
    if (terminal->parents >= 0 && width_of(terminal->parents) == 0) {
        close(terminal->parents); /* a pipe's other end must see it end */
        terminal->parents = -1;
    }
}

void dp_terminal_close(dp_terminal *terminal) {
    if (terminal->parents >= 0)
        close(terminal->parents);
    *terminal = (dp_terminal){.own = -1, .parents = -1};
}

size_t dp_terminal_width(const dp_terminal *terminal) {
    if (terminal->own < 0)
        return 0;
    size_t own = width_of(terminal->own);
    size_t parents = terminal->parents < 0 ? 0 : width_of(terminal->parents);
    return parents > 0 && parents < own ? parents : own;
}
