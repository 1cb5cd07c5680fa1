#include "run/losses.h"

#include "base/memory.h"
#include "base/size.h"

#include <math.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "losses are copied as they are");
_Static_assert(DP_LOSSES_HEADER_SIZE == 16, "and lie aligned behind the header");

/* Whether a file begins as ours does; one that a crash has left too short for that is taken for
 * ours, too. */
static dp_status check_header(const dp_file_map *map, const char *path, dp_error *error) {
    const size_t size = dp_size_min(map->size, DP_LOSSES_HEADER_SIZE);
    if (size == 0 || memcmp(map->data, DP_LOSSES_HEADER, size) == 0)
        return DP_OK;
    return dp_fail(error, DP_ERR_INPUT,
                   "%s is not the losses of a run, which begin with '%.*s': move it away", path,
                   (int)DP_LOSSES_HEADER_SIZE - 1, DP_LOSSES_HEADER);
}

static uint64_t steps_in(uint64_t size) {
    return size < DP_LOSSES_HEADER_SIZE ? 0 : (size - DP_LOSSES_HEADER_SIZE) / sizeof(float);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* How many steps are in the file or on the way to it. */
static uint64_t steps_written(const dp_losses *losses) {
    return steps_in(losses->file.size + losses->file.pending.length);
}

/* Hands over NaN for the steps up to this one that are missing: of a version without this file, or
 * where there was no memory to keep them while the disk was full. */
static dp_status fill_up(dp_losses *losses, uint64_t step, dp_error *error) {
    enum { AT_ONCE = 1024 };
    float unknown[AT_ONCE];
    for (size_t i = 0; i < AT_ONCE; i++)
        unknown[i] = NAN;
    for (uint64_t at = steps_written(losses); at < step; at += AT_ONCE)
        DP_TRY(dp_journal_add(&losses->file, (const char *)unknown,
                              dp_size_min(step - at, AT_ONCE) * sizeof unknown[0], error));
    return DP_OK;
}

/* Makes the file one that has this header and whole losses up to `step` at most. */
static dp_status cut_back(dp_losses *losses, uint64_t step, dp_error *error) {
    const uint64_t kept = steps_in(losses->file.size) < step ? steps_in(losses->file.size) : step;
    if (losses->file.size >= DP_LOSSES_HEADER_SIZE)
        return dp_journal_cut(&losses->file, DP_LOSSES_HEADER_SIZE + kept * sizeof(float), error);
    DP_TRY(dp_journal_cut(&losses->file, 0, error));
    return dp_journal_add(&losses->file, DP_LOSSES_HEADER, DP_LOSSES_HEADER_SIZE, error);
}

static dp_status check_ours(const char *path, dp_error *error) {
    DP_OWNED(dp_file_map_close) dp_file_map map = {0};
    if (!dp_file_exists(path))
        return DP_OK;
    DP_TRY(dp_file_map_open(&map, path, error));
    return check_header(&map, path, error);
}

dp_status dp_losses_open(dp_losses *losses, const char *path, uint64_t step, uint64_t *known,
                         dp_error *error) {
    losses->count = 0;
    losses->step = step;
    DP_TRY(check_ours(path, error));
    DP_TRY(dp_journal_open(&losses->file, path, error));
    DP_TRY(cut_back(losses, step, error));
    *known = steps_written(losses);
    return fill_up(losses, step, error);
}

void dp_losses_add(dp_losses *losses, double loss) {
    dp_error told_later;
    if (!losses->file.is_open)
        return;
    losses->waiting[losses->count++] = (float)loss;
    losses->step++;
    if (losses->count == DP_LOSSES_WAITING)
        (void)!dp_losses_flush(losses, &told_later);
}

dp_status dp_losses_flush(dp_losses *losses, dp_error *error) {
    const size_t count = losses->count;
    if (!losses->file.is_open)
        return DP_OK;
    losses->count = 0;
    DP_TRY(fill_up(losses, losses->step - count, error));
    return dp_journal_add(&losses->file, (const char *)losses->waiting,
                          count * sizeof losses->waiting[0], error);
}

dp_status dp_losses_sync(dp_losses *losses, dp_error *error) {
    if (!losses->file.is_open)
        return DP_OK;
    DP_TRY(dp_losses_flush(losses, error));
    return dp_journal_sync(&losses->file, error);
}

void dp_losses_close(dp_losses *losses) {
    dp_journal_close(&losses->file);
}

/* --- reading ---------------------------------------------------------------------------------- */

dp_status dp_losses_read(dp_loss_record *record, const char *path, dp_error *error) {
    DP_OWNED(dp_file_map_close) dp_file_map map = {0};
    *record = (dp_loss_record){0};
    if (!dp_file_exists(path))
        return DP_OK;
    DP_TRY(dp_file_map_open(&map, path, error));
    DP_TRY(check_header(&map, path, error));
    const size_t count = steps_in(map.size);
    DP_TRY_NEW(record->values, count);
    if (count > 0)
        memcpy(record->values, map.data + DP_LOSSES_HEADER_SIZE, count * sizeof(float));
    record->count = count;
    return DP_OK;
}

void dp_loss_record_clear(dp_loss_record *record) {
    dp_memory_free(record->values);
    *record = (dp_loss_record){0};
}

uint64_t dp_loss_record_parting(const dp_loss_record *a, const dp_loss_record *b) {
    const size_t count = dp_size_min(a->count, b->count);
    for (size_t i = 0; i < count; i++) {
        const float x = a->values[i], y = b->values[i];
        if (x < y || x > y)
            return i + 1;
    }
    return 0;
}
