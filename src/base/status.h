/* status: what a call that can fail returns, and the message that goes with it.
 *
 * Decides the kinds of failure and the exit status each one ends a program with. Leaves printing
 * to the command line (`cli`) and the agreement of several ranks on one failure to `parallel/comm`.
 *
 * A function that can fail takes a `dp_error *` as its last parameter, never NULL, and stores there
 * the message at the place where the failure happened, with the file, line or key of the user's
 * input that caused it. Callers pass both on unchanged:
 *
 *     DP_OWNED(dp_file_map_close) dp_file_map map = {0};
 *     DP_TRY(dp_file_map_open(&map, path, error));
 *     ...
 *     return DP_OK;
 */
#ifndef DP_BASE_STATUS_H
#define DP_BASE_STATUS_H

/* The value of a status is the exit status of a program that ends with it. */
typedef enum dp_status {
    DP_OK = 0,
    DP_ANSWER_NO = 1,     /* no failure: two runs differ (verify), something is wrong (doctor) */
    DP_ERR_INPUT = 2,     /* arguments, config or a file's content: the user's input is wrong */
    DP_ERR_IO = 3,        /* the system refused: missing file, no space, no permission */
    DP_ERR_MEMORY = 4,    /* out of memory */
    DP_ERR_MISMATCH = 5,  /* a checkpoint of another config, dataset or numerics contract */
    DP_ERR_LAUNCH = 6,    /* the ranks were not started as one job, or MPI failed */
    DP_ERR_DEADLINE = 7,  /* a rank did not arrive within parallel.deadline */
    DP_ERR_DIVERGED = 8,  /* the loss is no longer a finite number */
    DP_ERR_REPLICA = 9,   /* ranks hold different weights */
    DP_ERR_UNSAVED = 10,  /* the run went on, but some of its files could not be written */
    DP_ERR_LOCKED = 11,   /* another run works in the folder */
    DP_ERR_INTERNAL = 70, /* a defect of the program */
    DP_OUT_OF_TIME = 75   /* no failure: --max-time was over, with a checkpoint */
} dp_status;

#define DP_ERROR_MESSAGE_SIZE 1024

typedef struct dp_error {
    dp_status status;
    char message[DP_ERROR_MESSAGE_SIZE]; /* one line for a terminal; "" when another rank speaks */
} dp_error;

#define DP_CHECKED __attribute__((warn_unused_result))
#define DP_PRINTF(format_index, first_index)                                                       \
    __attribute__((format(printf, format_index, first_index)))

/* In front of a local variable: release(&variable) when it goes out of scope, on whichever way. */
#define DP_OWNED(release) __attribute__((cleanup(release)))

/* Leave the function unless OK: by returning the status, */
#define DP_TRY(call)                                                                               \
    do {                                                                                           \
        const dp_status tried_status = (call);                                                     \
        if (tried_status != DP_OK)                                                                 \
            return tried_status;                                                                   \
    } while (0)

/* and where there is more to do than to release what is owned, at its label `done` with its
 * variable `status` set. */
#define DP_OR_DONE(call)                                                                           \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != DP_OK)                                                                       \
            goto done;                                                                             \
    } while (0)

/* Stores status and message in *error and returns the status, for `return dp_fail(...)`. What a
 * terminal might take for a command becomes '?'. */
dp_status dp_fail(dp_error *error, dp_status status, const char *format, ...) DP_PRINTF(3, 4);

/* Fails with the message and, behind ": ", the text of the system's errno value, which also says
 * whether memory was short (DP_ERR_MEMORY) or something else (DP_ERR_IO). */
dp_status dp_fail_errno(dp_error *error, int system_errno, const char *format, ...) DP_PRINTF(3, 4);

/* Puts "prefix: " before the message already in *error; returns its status. A failure without a
 * message, which another rank tells of, stays without. */
dp_status dp_fail_prefix(dp_error *error, const char *format, ...) DP_PRINTF(2, 3);

#endif
