#include "examine/lr_search.h"

#include "base/memory.h"
#include "base/real.h"
#include "engine/engine.h"
#include "train/init_from.h"

#include <math.h>

#define WINDOW 16 /* points a half-width of the smoothing: count / WINDOW */

#define FELL 4.0 /* standard errors that are more than chance */

/* The search ends where a running mean of the loss is BLOWN_UP times the lowest it has been. */
#define BLOWN_UP 4.0
#define RUNNING_KEPT 0.9

/* --- the steps -------------------------------------------------------------------------------- */

static double exponent_of(const dp_lr_request *request, size_t i) {
    const double steps = fmax(1.0, (double)request->count - 1.0);
    return request->from + (request->to - request->from) * (double)i / steps;
}

/* A mean that forgets; Kingma and Ba 2015 for the correction of its start. */
typedef struct running_mean {
    double sum;
    double weight;
    double lowest;
} running_mean;

static bool has_blown_up(running_mean *mean, double loss) {
    mean->sum = RUNNING_KEPT * mean->sum + (1.0 - RUNNING_KEPT) * loss;
    mean->weight = RUNNING_KEPT * mean->weight + (1.0 - RUNNING_KEPT);
    const double value = mean->sum / mean->weight;
    mean->lowest = mean->lowest == 0.0 || value < mean->lowest ? value : mean->lowest;
    return !(value <= BLOWN_UP * mean->lowest); /* also where it is no number */
}

/* Every rank has the same losses, so all come to the same end. */
static void try_rates(dp_comm *comm, dp_engine *engine, const dp_lr_request *request,
                      dp_lr_search *search) {
    running_mean mean = {0};
    for (size_t i = 0; i < request->count && !search->blown_up && search->signal == 0; i++) {
        dp_lr_point point = {.exponent = exponent_of(request, i)};
        point.lr = dp_real_exp10(point.exponent);
        const dp_step step = {.number = i,
                              .lr = point.lr,
                              .wants_stop = dp_engine_signal(engine, request->signal) != 0};
        const dp_step_result result = dp_engine_step(engine, &step);
        point.loss = result.loss;
        if (result.must_stop)
            search->signal = dp_comm_max(comm, dp_engine_signal(engine, request->signal));
        else
            search->blown_up = has_blown_up(&mean, point.loss);
        if (!isfinite(point.loss))
            break;
        search->points[search->count++] = point;
        if (request->watch != NULL && dp_comm_rank(comm) == 0)
            request->watch(request->context, &point);
    }
}

static dp_status search_at_work(dp_engine *engine, const dp_lr_request *request,
                                dp_lr_search *search, dp_error *error) {
    dp_report silent = {0};
    DP_TRY(dp_init_run(engine, &silent, error));
    dp_engine_publish(engine);
    try_rates(dp_engine_subject(engine)->comm, engine, request, search);
    DP_TRY(dp_engine_check_dataset(engine, error));
    dp_lr_search_conclude(search);
    return DP_OK;
}

dp_status dp_lr_search_run(dp_comm *comm, const dp_config *config, const dp_lr_request *request,
                           dp_lr_search *search, dp_error *error) {
    dp_status status = DP_OK;
    dp_engine *engine = NULL;
    *search = (dp_lr_search){0};
    DP_TRY_NEW_ON_ALL(comm, search->points, request->count);
    DP_OR_DONE(dp_engine_create(&engine, comm, config, error));
    if (!dp_engine_rests(engine))
        status = search_at_work(engine, request, search, error);
    else /* for all of it, which is short */
        (void)dp_engine_turn(engine, &(dp_turn){.signal = request->signal});
    DP_OR_DONE(dp_engine_end(engine, status, error));
    dp_comm_broadcast(comm, &search->signal, sizeof search->signal);
done:
    dp_engine_destroy(engine);
    return status;
}

void dp_lr_search_clear(dp_lr_search *search) {
    dp_memory_free(search->points);
    *search = (dp_lr_search){0};
}

/* --- what follows ----------------------------------------------------------------------------- */

static double mean_around(const dp_lr_search *search, size_t i) {
    const size_t width = search->count / WINDOW;
    const size_t first = i < width ? 0 : i - width;
    const size_t end = search->count - i <= width ? search->count : i + width + 1;
    double sum = 0.0;
    for (size_t k = first; k < end; k++)
        sum += search->points[k].loss;
    return sum / (double)(end - first);
}

/* Whether the smoothed loss has fallen by more than chance: by FELL standard errors, as far as the
 * losses scatter around it. */
static bool has_fallen(const dp_lr_search *search) {
    double squares = 0.0;
    for (size_t i = 0; i < search->count; i++) {
        const double difference = search->points[i].loss - search->points[i].smooth;
        squares += difference * difference;
    }
    const size_t averaged = 2 * (search->count / WINDOW) + 1;
    const double standard_error = sqrt(squares / (double)(search->count * averaged));
    return search->points[0].smooth - search->points[search->lowest].smooth > FELL * standard_error;
}

void dp_lr_search_conclude(dp_lr_search *search) {
    search->lowest = 0;
    search->suggested = NAN;
    for (size_t i = 0; i < search->count; i++) {
        search->points[i].smooth = mean_around(search, i);
        if (search->points[i].smooth < search->points[search->lowest].smooth)
            search->lowest = i;
    }
    if (search->count > 0 && has_fallen(search))
        search->suggested = 0.5 * search->points[search->lowest].lr;
}

dp_status dp_lr_search_write(const dp_lr_search *search, const char *path, dp_error *error) {
    DP_OWNED(dp_text_clear) dp_text csv = {0};
    dp_text_append(&csv, "step,exponent,lr,loss,smooth\n");
    for (size_t i = 0; i < search->count; i++) {
        const dp_lr_point *point = &search->points[i];
        dp_text_append_format(&csv, "%zu,%s,%s,%s,%s\n", i, DP_REAL_TEXT(point->exponent),
                              DP_REAL_TEXT(point->lr), DP_REAL_TEXT(point->loss),
                              DP_REAL_TEXT(point->smooth));
    }
    return dp_file_write_text(path, &csv, error);
}
