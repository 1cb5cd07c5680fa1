#include "system/output.h"

#include "system/file.h"
#include "system/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void dp_output_begin(void) {
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        /* Opened the other way round, so that its use fails. The lowest free number is this one. */
        if (fcntl(stream, F_GETFD) < 0)
            (void)!open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
    signal(SIGXFSZ, SIG_IGN);
}

/* What is written to it goes nowhere. False where that cannot be. */
static bool discard(int descriptor) {
    DP_OWNED(dp_file_close) const int nowhere = dp_file_open("/dev/null", O_WRONLY);
    return nowhere >= 0 && dup2(nowhere, descriptor) >= 0;
}

void dp_output_outlive_reader(const char *program) {
    const int mode = fcntl(STDOUT_FILENO, F_GETFL);
    signal(SIGPIPE, SIG_IGN);
    if (mode < 0 || (mode & O_ACCMODE) != O_RDONLY)
        return;
    fprintf(stderr, "%s: notice: standard output is closed, so what belongs there is not shown\n",
            program);
    (void)discard(STDOUT_FILENO);
}

static void format_path(char path[64], long process, int descriptor) {
    snprintf(path, 64, "/proc/%ld/fd/%d", process, descriptor);
}

int dp_output_open_of(long process, int descriptor) {
    char path[64];
    format_path(path, process, descriptor);
    return dp_file_open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK);
}

/* Whether the other end of a pipe or a terminal is closed. */
static bool is_cut_off(int descriptor) {
    struct pollfd output = {.fd = descriptor};
    return poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

/* The nearest process above us whose output is another one than ours: where a launcher has started
 * us, be it by way of a script, the one that reads ours. 0: none is seen. */
static long find_reader(int descriptor) {
    char path[64];
    struct stat ours, theirs;
    if (fstat(descriptor, &ours) != 0)
        return 0;
    for (long process = (long)getppid(); process > 1; process = dp_process_parent(process)) {
        format_path(path, process, descriptor);
        if (stat(path, &theirs) != 0)
            return 0;
        if (theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino)
            return process;
    }
    return 0;
}

/* Whether mpirun, if it has started us, cannot pass on what it reads. */
static bool is_launcher_cut_off(int descriptor) {
    const long process = getenv("OMPI_COMM_WORLD_RANK") == NULL ? 0 : find_reader(descriptor);
    if (process == 0)
        return false;
    DP_OWNED(dp_file_close) const int theirs = dp_output_open_of(process, descriptor);
    return theirs < 0 ? errno == ENXIO : is_cut_off(theirs);
}

void dp_output_look(FILE *output) {
    const int descriptor = fileno(output);
    if ((is_cut_off(descriptor) || is_launcher_cut_off(descriptor)) && discard(descriptor))
        clearerr(output);
}

void dp_output_flush(FILE *output) {
    dp_output_look(output);
    if (fflush(output) == 0 && ferror(output) == 0)
        return;
    dp_output_look(output);
    (void)fflush(output);
}

dp_status dp_output_finish(dp_error *error) {
    dp_output_flush(stdout);
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return DP_OK;
    return dp_fail_errno(error, errno, "cannot write the output");
}
