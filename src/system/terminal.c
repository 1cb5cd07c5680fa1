#define _DEFAULT_SOURCE /* TIOCGWINSZ */
#include "system/terminal.h"

#include "base/text.h"
#include "system/output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define USUAL_COLUMNS 80
#define USUAL_LINES 24

static size_t size_from_environment(const char *name, size_t otherwise) {
    uint64_t size = 0;
    const char *value = getenv(name);
    return value != NULL && dp_text_parse_unsigned(value, &size) && size >= 1 && size <= 10000
               ? (size_t)size
               : otherwise;
}

/* What a terminal tells of itself: 0 and 0 where it tells nothing, or is none. */
static dp_terminal_size told_size(int descriptor) {
    struct winsize window;
    if (ioctl(descriptor, TIOCGWINSZ, &window) != 0)
        return (dp_terminal_size){0};
    return (dp_terminal_size){.columns = window.ws_col, .lines = window.ws_row};
}

/* 0 and 0 where it is no terminal. */
static dp_terminal_size size_of(int descriptor) {
    const dp_terminal_size told = told_size(descriptor);
    if (descriptor < 0 || !isatty(descriptor) || (told.columns > 0 && told.lines > 0))
        return told;
    return (dp_terminal_size){.columns = size_from_environment("COLUMNS", USUAL_COLUMNS),
                              .lines = size_from_environment("LINES", USUAL_LINES)};
}

void dp_terminal_open(dp_terminal *terminal, FILE *output) {
    const int descriptor = fileno(output);
    const char *kind = getenv("TERM");
    *terminal = (dp_terminal){.own = -1, .parents = -1};
    if (kind == NULL || strcmp(kind, "") == 0 || strcmp(kind, "dumb") == 0 ||
        size_of(descriptor).columns == 0)
        return;
    terminal->own = descriptor;
    terminal->parents = dp_output_open_of((long)getppid(), descriptor);
    if (terminal->parents >= 0 && size_of(terminal->parents).columns == 0) {
        close(terminal->parents); /* a pipe's other end must see it end */
        terminal->parents = -1;
    }
    const bool is_launched = getenv("OMPI_COMM_WORLD_RANK") != NULL; /* by mpirun */
    if (terminal->parents < 0 && is_launched && told_size(descriptor).columns == 0)
        terminal->own = -1;
}

void dp_terminal_close(dp_terminal *terminal) {
    if (terminal->parents >= 0)
        close(terminal->parents);
    *terminal = (dp_terminal){.own = -1, .parents = -1};
}

dp_terminal_size dp_terminal_get_size(const dp_terminal *terminal) {
    if (terminal->own < 0)
        return (dp_terminal_size){0};
    const dp_terminal_size own = size_of(terminal->own);
    if (terminal->parents < 0)
        return own;
    const dp_terminal_size parents = size_of(terminal->parents);
    return parents.columns > 0 && parents.columns < own.columns ? parents : own;
}

/* Whether what is written may reach a terminal, of whatever kind. */
static bool may_reach_one(FILE *output) {
    const int descriptor = fileno(output);
    if (!isatty(descriptor))
        return false;
    const int parents = dp_output_open_of((long)getppid(), descriptor);
    const bool is_passed_on = getenv("OMPI_COMM_WORLD_RANK") != NULL && parents >= 0;
    const bool shows = !is_passed_on || isatty(parents);
    if (parents >= 0)
        close(parents);
    return shows;
}

void dp_terminal_print_data(FILE *output, const char *lines, size_t length) {
    DP_OWNED(dp_text_clear) dp_text shown = {0};
    if (!may_reach_one(output)) {
        fwrite(lines, 1, length, output);
        return;
    }
    for (size_t at = 0; at <= length; at += strlen(lines + at) + 1)
        dp_text_append_shown_lines(&shown, lines + at);
    fputs(dp_text_string(&shown), output);
}

bool dp_terminal_is_watched(FILE *output) {
    dp_terminal terminal;
    dp_terminal_open(&terminal, output);
    bool watched = dp_terminal_get_size(&terminal).columns > 0;
    dp_terminal_close(&terminal);
    return watched;
}
