/* losses: the loss of every step of a run, in losses.f32, where metrics.csv has a row only now and
 * then: small enough to keep for a run of any length, and all there is to draw its noise from.
 *
 *   bytes 0 to 15                "dptrain-losses1\n"
 *   bytes 16 + 4 (t - 1) on      float32, little-endian: the mean loss of the batch of step t, as
 *                                batch_loss in metrics.csv; NaN where it is not known, as of steps
 *                                that a version without this file has taken
 *
 * Nothing else, so that the size of the file says how many steps it holds, and
 * numpy.fromfile("losses.f32", "<f4", offset=16) reads it. The same at any rank count.
 *
 * Not collective; rank 0 writes.
 */
#ifndef DP_RUN_LOSSES_H
#define DP_RUN_LOSSES_H

#include "formats/file_kind.h"
#include "system/journal.h"

#define DP_LOSSES_NAME "losses.f32"
#define DP_LOSSES_HEADER_SIZE (sizeof DP_LOSSES_HEADER - 1)
#define DP_LOSSES_WAITING 4096 /* steps between two writes at most */

/* A file that is written. Start with {0}: not open, every call on it does nothing. */
typedef struct dp_losses {
    dp_journal file;
    uint64_t step; /* of the last loss that was added */
    size_t count;  /* of them, newest last, that the journal does not have yet */
    float waiting[DP_LOSSES_WAITING];
} dp_losses;

/* Opens the file to go on behind `step`: cut back to it, or filled up to it with NaN where it ends
 * before. *known is how many steps it held of these. DP_ERR_INPUT where it is something else. */
dp_status dp_losses_open(dp_losses *losses, const char *path, uint64_t step, uint64_t *known,
                         dp_error *error) DP_CHECKED;
/* Takes the loss of the next step: one store, and now and then a write. What cannot be written is
 * tried again with the next, and told by flush and sync. */
void dp_losses_add(dp_losses *losses, double loss);
/* Hands all to the system. */
dp_status dp_losses_flush(dp_losses *losses, dp_error *error) DP_CHECKED;
/* And waits for the disk: before a checkpoint that is to stand behind them. */
dp_status dp_losses_sync(dp_losses *losses, dp_error *error) DP_CHECKED;
/* Without a flush before, the last ones are lost. */
void dp_losses_close(dp_losses *losses);

/* A file that was read. */
typedef struct dp_loss_record {
    float *values; /* [count] owned: of steps 1 to count */
    size_t count;
} dp_loss_record;

/* Reads a file, also one that a run is still writing; one that is not there holds no step, as in
 * runs of earlier versions. DP_ERR_INPUT where it is something else. Release with
 * dp_loss_record_clear; on failure nothing is held. */
dp_status dp_losses_read(dp_loss_record *record, const char *path, dp_error *error) DP_CHECKED;
void dp_loss_record_clear(dp_loss_record *record);

/* The first step whose loss is known of both and is another one; 0: there is none. */
uint64_t dp_loss_record_parting(const dp_loss_record *a, const dp_loss_record *b);

#endif
