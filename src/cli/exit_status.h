/* exit_status: what the exit statuses of dptrain mean (base/status has their names). */
#ifndef DP_CLI_EXIT_STATUS_H
#define DP_CLI_EXIT_STATUS_H

typedef struct dp_exit_status {
    const char *status; /* "5", "128+N"; NULL behind the last */
    const char *meaning;
} dp_exit_status;

extern const dp_exit_status dp_exit_statuses[];

#endif
