/* process: what the system says of this process. */
#ifndef DP_BASE_PROCESS_H
#define DP_BASE_PROCESS_H

#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes of memory in use, and our share of them where pages are shared with other processes (each
 * page divided by its users): the shares of all ranks of a node add up. 0 where the system does not
 * tell. */
size_t dp_process_resident_bytes(void);
size_t dp_process_proportional_bytes(void);

/* Seconds since the process was started; to a hundredth. 0 where the system does not tell. */
double dp_process_age(void);

/* Finds a program as a shell would, in PATH; false where there is none. */
bool dp_process_find_program(const char *name, char path[DP_PATH_SIZE]);

#endif
