#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include "examine/yardstick.h"

#include "base/memory.h"
#include "base/timer.h"
#include "system/process.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 1536, ANSWER_SECONDS = 20 };

static const char *const variables[] = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"};
enum { VARIABLES = sizeof variables / sizeof *variables };

void dp_yardstick_describe_environment(char text[DP_YARDSTICK_SET_SIZE]) {
    size_t length = 0;
    text[0] = '\0';
    for (int i = 0; i < VARIABLES; i++) {
        const char *value = getenv(variables[i]);
        if (value != NULL && length < DP_YARDSTICK_SET_SIZE)
            length += (size_t)snprintf(text + length, DP_YARDSTICK_SET_SIZE - length, "%s%s=%s",
                                       length > 0 ? " " : "", variables[i], value);
    }
}

dp_status dp_yardstick_open(dp_yardstick *self, dp_error *error) {
    DP_TRY(dp_linalg_open(&self->linalg, error));
    DP_TRY_NEW(self->square, (size_t)3 * SIZE * SIZE);
    for (size_t i = 0; i < (size_t)2 * SIZE * SIZE; i++)
        self->square[i] = (float)(i % 7) - 3.0f;
    return DP_OK;
}

double dp_yardstick_measure(const dp_yardstick *self) {
    const size_t n = SIZE, size = n * n;
    const double before = dp_timer_now();
    dp_linalg_multiply(&self->linalg, n, n, n, (dp_linalg_operand){self->square, n, false},
                       (dp_linalg_operand){self->square + size, n, false}, 0.0f,
                       (dp_linalg_result){self->square + 2 * size, n});
    return 2e-9 * (double)n * (double)n * (double)n / (dp_timer_now() - before);
}

/* --- without the variables ------------------------------------------------------------------ */

/* The other process: a rate for each byte that comes, until none can come any more. */
static _Noreturn void serve(int link) {
    dp_yardstick self = {0};
    dp_error error;
    char byte;
    for (int i = 0; i < VARIABLES; i++)
        unsetenv(variables[i]);
    if (dp_yardstick_open(&self, &error) != DP_OK)
        _exit(EXIT_FAILURE);
    while (read(link, &byte, 1) == 1) {
        const double rate = dp_yardstick_measure(&self);
        if (send(link, &rate, sizeof rate, MSG_NOSIGNAL) != (ssize_t)sizeof rate)
            break;
    }
    _exit(EXIT_SUCCESS);
}

void dp_yardstick_begin(dp_yardstick *self) {
    char set[DP_YARDSTICK_SET_SIZE];
    int links[2];
    dp_yardstick_describe_environment(set);
    if (set[0] == '\0' || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, links) != 0)
        return;
    const pid_t process = fork();
    if (process == 0) {
        close(links[0]);
        serve(links[1]);
    }
    close(links[1]);
    self->link = links[0];
    self->process = process > 0 ? process : 0;
    if (process < 0)
        close(links[0]);
}

size_t dp_yardstick_bytes(const dp_yardstick *self) {
    return self->process > 0 ? dp_process_proportional_bytes(self->process) : 0;
}

static void end_process(dp_yardstick *self) {
    if (self->process == 0)
        return;
    close(self->link);
    (void)kill((pid_t)self->process, SIGKILL); /* it has nothing to lose */
    (void)waitpid((pid_t)self->process, NULL, 0);
    self->process = 0;
}

double dp_yardstick_measure_unset(dp_yardstick *self) {
    double rate = 0.0;
    struct pollfd answer = {.fd = self->link, .events = POLLIN};
    if (self->process == 0)
        return 0.0;
    if (send(self->link, "", 1, MSG_NOSIGNAL) != 1 ||
        poll(&answer, 1, 1000 * ANSWER_SECONDS) != 1 ||
        read(self->link, &rate, sizeof rate) != (ssize_t)sizeof rate) {
        end_process(self);
        return 0.0;
    }
    return rate;
}

void dp_yardstick_close(dp_yardstick *self) {
    end_process(self);
    dp_memory_free(self->square);
}
