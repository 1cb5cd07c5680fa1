/* limits: what the system lets this process have (ulimit, setrlimit, a batch system). */
#ifndef DP_SYSTEM_LIMITS_H
#define DP_SYSTEM_LIMITS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* UINT64_MAX where there is no limit. */
typedef struct dp_limits {
    uint64_t address_space; /* bytes of all that is mapped (RLIMIT_AS) */
    uint64_t data;          /* bytes of memory of its own (RLIMIT_DATA) */
    uint64_t file_size;     /* bytes of a file that it writes (RLIMIT_FSIZE) */
    uint64_t files;         /* that are open at once (RLIMIT_NOFILE) */
} dp_limits;

void dp_limits_look(dp_limits *limits);

/* Bytes that may still be mapped, by both limits of memory; UINT64_MAX where there is no limit. */
uint64_t dp_limits_memory_left(const dp_limits *limits);

/* How many files are open; 0 where the system does not tell. */
uint64_t dp_limits_open_files(void);

/* Whether so many bytes could be mapped now, of which `data` are memory of our own, for `what`,
 * which would not say so itself. Nothing is kept. DP_ERR_MEMORY names the limit that stands in the
 * way. */
dp_status dp_limits_check_memory(size_t bytes, size_t data, const char *what,
                                 dp_error *error) DP_CHECKED;

#endif
