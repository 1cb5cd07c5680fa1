/* process: what the system says of this process, and of other programs. */
#ifndef DP_SYSTEM_PROCESS_H
#define DP_SYSTEM_PROCESS_H

#include "system/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of memory in use, and our share of them where pages are shared with other processes (each
 * page divided by its users): the shares of all ranks of a node add up. 0 where the system does not
 * tell. */
size_t dp_process_resident_bytes(void);
size_t dp_process_proportional_bytes(long process); /* 0: of this one */

/* Seconds since the process was started; to a hundredth. 0 where the system does not tell. */
double dp_process_age(void);

/* A number of 64 random bits that nobody can foresee; DP_ERR_IO where the system has none. */
dp_status dp_process_random(uint64_t *number, dp_error *error) DP_CHECKED;

/* The process that has started another one of this host; 0 where the system does not tell. */
long dp_process_parent(long process);

/* Which process of all hosts it is: what tells it from a later one of the same number. */
typedef struct dp_process_identity {
    char host[256];   /* name of the machine, or of the container */
    char boot[64];    /* of the machine: another one after it was started anew; "-": not known */
    char space[64];   /* in which the number counts (of a container); "-": not known */
    uint64_t number;  /* the process id */
    uint64_t started; /* clock ticks since the boot; 0: not known */
} dp_process_identity;

/* Of this process. */
void dp_process_identify(dp_process_identity *identity);

typedef enum dp_process_state {
    DP_PROCESS_RUNS,
    DP_PROCESS_ENDED,
    DP_PROCESS_UNKNOWN /* it is, or was, where we cannot see it */
} dp_process_state;

dp_process_state dp_process_look(const dp_process_identity *identity);

/* Finds a program as a shell would, in PATH; false where there is none. */
bool dp_process_find_program(const char *name, char path[DP_PATH_SIZE]);
/* Finds one in the folder of this program. */
bool dp_process_find_beside(const char *name, char path[DP_PATH_SIZE]);

/* Runs a program of PATH to its end, without a shell and without input, in a folder. The first of
 * the arguments, which end with NULL, is its name. Returns an errno value of starting it; *ended is
 * then what waitpid says, `said` the last part of what the program does, on both its outputs. */
#define DP_PROCESS_SAID_SIZE 4097
int dp_process_run(const char *folder, char *const *arguments, char said[DP_PROCESS_SAID_SIZE],
                   int *ended);

#endif
