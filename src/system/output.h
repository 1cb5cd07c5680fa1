/* output: standard output, and readers of it who go away.
 *
 * A pipe's reader may end (`| head`, a pager that is quit), a terminal may be closed. Of a program
 * that answers, this is the end: SIGPIPE. Of one that works, what it prints is the least, so it
 * goes on as if somebody read. mpirun reads from its ranks and writes to such a reader itself;
 * after some ten failures it ends the job. So its output is looked at before it is given more.
 */
#ifndef DP_SYSTEM_OUTPUT_H
#define DP_SYSTEM_OUTPUT_H

#include "base/status.h"

#include <stdio.h>

/* To be called first of all: where the program was started with a standard stream closed, something
 * that refuses every use takes its place, so that no file of ours is taken for it. And a write past
 * the file size limit (SIGXFSZ) becomes an ordinary error of the write. */
void dp_output_begin(void);

/* From now on a reader may go: SIGPIPE is ignored, and dp_output_flush drops what nobody reads.
 * Where standard output was closed from the start, `program` says so on standard error. */
void dp_output_outlive_reader(const char *program);

/* Where there is no reader any more, all that is written from now on goes nowhere. */
void dp_output_look(FILE *output);

/* fflush, after such a look; what could not be written for want of a reader is no failure. Others
 * are left to the stream. */
void dp_output_flush(FILE *output);

/* Opens what another process has as the output of this descriptor. -1 where we may not see it;
 * errno is then ENXIO where it has no reader. */
int dp_output_open_of(long process, int descriptor) DP_CHECKED;

/* What was printed must have arrived: DP_ERR_IO, unless there is nobody to miss it. */
dp_status dp_output_finish(dp_error *error) DP_CHECKED;

#endif
