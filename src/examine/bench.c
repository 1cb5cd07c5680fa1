#include "examine/bench.h"

#include "base/text.h"
#include "base/timer.h"
#include "base/workspace.h"
#include "engine/engine.h"
#include "examine/yardstick.h"
#include "kernels/kernels.h"
#include "system/process.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STRETCHES_MAX = 1000, PROFILED_STEPS_MAX = 200, IDLE_STEPS = 100 };

/* How long a stretch of steps is meant to take at least: long against a clock's tick, short against
 * what else the machine does. */
#define STRETCH_SECONDS_MIN 0.02

/* At most so long are the steps that warm up and those that are profiled. */
#define WARM_UP_SECONDS 1.0
#define PROFILE_SECONDS_MAX 2.0

typedef struct samples {
    double values[STRETCHES_MAX];
    size_t count;
} samples;

typedef struct spread {
    double min, p10, median, p90, max;
} spread;

/* What each rank tells: of its profiled steps, and of its memory before anything is measured. */
typedef struct report {
    double seconds[DP_PHASE_COUNT];
    double bytes_sent;
    double resident_bytes, proportional_bytes;
} report;

typedef struct bench {
    dp_comm *comm; /* the ranks at work */
    const dp_config *config;
    const dp_params_layout *layout;
    const dp_kernels *kernels;
    dp_schedule schedule;
    dp_engine *engine;
    dp_yardstick yardstick; /* rank 0 */
    dp_exchange *idle; /* an exchange of the same size, with nothing to compute; NULL if split */
    float *slab;       /* [length], for MPI_Allreduce; NULL likewise */
    void *memory;      /* of it */
    uint64_t step;
    uint64_t stretch; /* steps */
    double us;        /* a step takes about; the same on all ranks */
    report mine;
    samples steps, exchange, allreduce, sgemm;
    samples sgemm_unset; /* without what the environment sets; empty where that is nothing */
    double seconds_to_first_step;
} bench;

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static spread spread_of(double *values, size_t count) {
    qsort(values, count, sizeof *values, ascending);
    return (spread){.min = values[0],
                    .p10 = values[count / 10],
                    .median = 0.5 * (values[(count - 1) / 2] + values[count / 2]),
                    .p90 = values[count - 1 - count / 10],
                    .max = values[count - 1]};
}

static void add_sample(samples *self, double value) {
    if (self->count < STRETCHES_MAX)
        self->values[self->count++] = value;
}

/* --- the candidates ------------------------------------------------------------------------- */

static dp_step_result take_step(bench *self, bool wants_look, dp_profile *profile) {
    const dp_step step = {.number = self->step,
                          .lr = dp_schedule_lr(&self->schedule, self->step),
                          .wants_look = wants_look,
                          .profile = profile};
    self->step++;
    return dp_engine_step(self->engine, &step);
}

/* Microseconds a step over `count` steps. Steps wait for each other, so any rank may hold the
 * clock. */
static double time_steps(bench *self, uint64_t count, dp_profile *profile) {
    double before = dp_timer_now();
    for (uint64_t i = 0; i < count; i++)
        (void)take_step(self, false, profile);
    return 1e6 * (dp_timer_now() - before) / (double)count;
}

/* What a gradient leaves behind it: a slab that this rank's processor has just written. */
static void write_slab(const bench *self, float *slab) {
    for (size_t i = 0; i < self->layout->length; i++)
        slab[i] = 1e-9f;
}

static void no_work(void *context, dp_tree_range grains, float *sums) {
    (void)grains;
    write_slab(context, sums);
}

static void update_idle(void *context, size_t first, size_t count, const float *gradient) {
    bench *self = context;
    self->kernels->descend(count, 0.1f, gradient, dp_exchange_parameters(self->idle) + first);
}

static double time_exchange(bench *self) {
    const dp_exchange_work work = {.grains = no_work, .update = update_idle, .context = self};
    double before = dp_timer_now();
    for (int i = 0; i < IDLE_STEPS; i++)
        dp_exchange_step(self->idle, &work);
    return 1e6 * (dp_timer_now() - before) / IDLE_STEPS;
}

static double time_allreduce(bench *self) {
    const size_t length = self->layout->length;
    double before = dp_timer_now();
    for (int i = 0; i < IDLE_STEPS; i++) {
        write_slab(self, self->slab);
        dp_comm_sum_blocking(self->comm, self->slab, length);
        self->kernels->descend(length, 0.1f, self->slab, dp_exchange_parameters(self->idle));
    }
    return 1e6 * (dp_timer_now() - before) / IDLE_STEPS;
}

/* --- the run -------------------------------------------------------------------------------- */

/* Where the output is split nothing but sums at the hidden layer goes through the exchange, mixed
 * with the computation of blocks: there is nothing to hold against MPI_Allreduce of a gradient, and
 * no slab for it is allocated, as a large vocabulary would make it one of gigabytes. */
static dp_status prepare(bench *self, dp_error *error) {
    const dp_exchange_size size = {.kind = self->config->exchange,
                                   .grains = self->config->grains,
                                   .at_once = DP_KERNEL_GRAINS_MAX,
                                   .length = self->layout->length,
                                   .extras = 2};
    dp_workspace room = {0};
    if (!self->layout->shape.split) {
        DP_TRY(dp_exchange_create(&self->idle, self->comm, &size, error));
        DP_RESERVE(&room, self->slab, self->layout->length);
    }
    DP_TRY(DP_ON_ROOT(self->comm, dp_yardstick_open(&self->yardstick, error)));
    DP_TRY_ALLOCATE_ON_ALL(self->comm, self->memory, &room);
    return DP_OK;
}

/* Steps that take about so long, from 1 to `most`; the same on all ranks. */
static uint64_t steps_in(const bench *self, double seconds, double most) {
    return (uint64_t)fmin(most, fmax(1.0, ceil(1e6 * seconds / fmax(self->us, 1e-3))));
}

/* Sets `us` from some steps. */
static void look_at_the_clock(bench *self, uint64_t count) {
    int us = (int)fmin(1e9, time_steps(self, count, NULL));
    self->us = (double)dp_comm_max(self->comm, us);
}

/* Warms up, and finds how many steps make a stretch: such that there is room for all of them. */
static void warm_up(bench *self, double seconds) {
    const double stretch = fmax(STRETCH_SECONDS_MIN, seconds / STRETCHES_MAX);
    look_at_the_clock(self, 1);
    look_at_the_clock(self, steps_in(self, 0.3 * WARM_UP_SECONDS, 20));
    look_at_the_clock(self, steps_in(self, 0.7 * WARM_UP_SECONDS, 50));
    self->stretch = steps_in(self, stretch, 1e9);
}

/* On rank 0, while the others wait. */
static void measure_sgemm(bench *self) {
    add_sample(&self->sgemm, dp_yardstick_measure(&self->yardstick));
    const double unset = dp_yardstick_measure_unset(&self->yardstick);
    if (unset > 0.0)
        add_sample(&self->sgemm_unset, unset);
}

/* All candidates in turn, until the time is up on rank 0. */
static void measure(bench *self, double seconds) {
    const bool is_root = dp_comm_rank(self->comm) == 0;
    double end = dp_timer_now() + seconds;
    for (int go_on = 1; go_on != 0;) {
        for (int i = 0; i < 4; i++)
            add_sample(&self->steps, time_steps(self, self->stretch, NULL));
        if (self->idle != NULL) {
            add_sample(&self->exchange, time_exchange(self));
            add_sample(&self->allreduce, time_allreduce(self));
        }
        if (is_root)
            measure_sgemm(self);
        go_on = dp_comm_max(self->comm, is_root && dp_timer_now() < end);
    }
}

static double nominal_flops(const dp_config *config, const dp_model_shape *shape) {
    double inputs = (double)dp_shape_inputs(shape);
    double hidden = (double)shape->hidden_dim, vocab = (double)shape->vocab;
    double seen = hidden + (shape->direct ? inputs : 0.0);
    /* Each layer multiplies three times: forward, and for the gradients of weights and inputs. */
    return 2.0 * 3.0 * (double)config->batch_size * (inputs * hidden + seen * vocab);
}

static double median_of(samples *self) {
    return spread_of(self->values, self->count).median;
}

/* The rate of a large sgemm: the faster one, where the environment sets what OpenBLAS is to do. */
static double add_sgemm(bench *self, dp_facts *facts) {
    char set[DP_YARDSTICK_SET_SIZE];
    const double rate = median_of(&self->sgemm);
    const double unset = self->sgemm_unset.count > 0 ? median_of(&self->sgemm_unset) : 0.0;
    dp_yardstick_describe_environment(set);
    dp_facts_real(facts, "sgemm_gflops", fmax(rate, unset));
    if (set[0] != '\0') {
        dp_facts_text(facts, "openblas_set", set);
        dp_facts_real(facts, "sgemm_gflops_set", rate);
        dp_facts_real(facts, "sgemm_gflops_unset", unset > 0.0 ? unset : NAN);
    }
    return fmax(rate, unset);
}

static void add_rates(bench *self, dp_facts *facts) {
    const spread us = spread_of(self->steps.values, self->steps.count);
    const double flops = nominal_flops(self->config, &self->layout->shape);
    const double gflops = 1e-3 * flops / us.median;
    dp_facts_begin(facts, "us_per_step");
    dp_facts_real(facts, "median", us.median);
    dp_facts_real(facts, "p10", us.p10);
    dp_facts_real(facts, "p90", us.p90);
    dp_facts_end(facts);
    dp_facts_real(facts, "examples_per_s", 1e6 * (double)self->config->batch_size / us.median);
    dp_facts_real(facts, "nominal_flops", flops);
    dp_facts_note(facts, "mflop", "%.4g", 1e-6 * flops);
    dp_facts_real(facts, "gflops", gflops);
    dp_facts_real(facts, "fraction_of_sgemm", gflops / add_sgemm(self, facts));
    if (self->idle == NULL)
        return;
    const double exchange = median_of(&self->exchange), allreduce = median_of(&self->allreduce);
    dp_facts_real(facts, "exchange_us", exchange);
    dp_facts_real(facts, "allreduce_us", allreduce);
    dp_facts_real(facts, "exchange_vs_mpi_allreduce", exchange / allreduce);
}

static void add_facts(bench *self, dp_facts *facts) {
    DP_OWNED(dp_text_clear) dp_text at_work = {0};
    const dp_work *work = dp_engine_subject(self->engine)->work;
    dp_facts_unsigned(facts, "ranks", (uint64_t)dp_comm_size(work->job));
    dp_facts_unsigned(facts, "at_work", (uint64_t)work->count);
    dp_facts_unsigned(facts, "nodes", (uint64_t)dp_comm_node_count(work->job));
    dp_work_describe(work, &at_work);
    if (at_work.length > 0)
        dp_facts_note(facts, "work", "%s", dp_text_string(&at_work));
    dp_facts_text(facts, "exchange", dp_exchange_name(self->config->exchange));
    dp_facts_unsigned(facts, "batch_size", self->config->batch_size);
    if (self->layout->shape.split) /* what the ranks share among them */
        dp_facts_unsigned(facts, "blocks", self->layout->output_blocks);
    else
        dp_facts_unsigned(facts, "grains", self->config->grains);
    dp_facts_unsigned(facts, "parameters", self->layout->parameter_count);
    dp_facts_text(facts, "build", dp_engine_subject(self->engine)->build->text);
    add_rates(self, facts);
}

/* What all ranks have sent in a step and hold, and the spread of its phases over them. */
static void add_reports(const bench *self, const report *all, double steps, double *column,
                        dp_facts *facts) {
    const size_t ranks = (size_t)dp_comm_size(self->comm);
    double sent = 0.0, largest = 0.0, node = 0.0;
    for (size_t rank = 0; rank < ranks; rank++) {
        sent += all[rank].bytes_sent / steps;
        largest = fmax(largest, all[rank].resident_bytes);
        if (rank < (size_t)dp_comm_node_first(self->comm, 1))
            node += all[rank].proportional_bytes;
    }
    dp_facts_real(facts, "bytes_sent", sent);
    dp_facts_real(facts, "resident_bytes_rank", largest);
    dp_facts_real(facts, "resident_bytes_node", node);
    dp_facts_real(facts, "seconds_to_first_step", self->seconds_to_first_step);
    dp_facts_begin(facts, "phases");
    for (int phase = 0; phase < DP_PHASE_COUNT; phase++) {
        for (size_t rank = 0; rank < ranks; rank++)
            column[rank] = 1e6 * all[rank].seconds[phase] / steps;
        const spread us = spread_of(column, ranks);
        dp_facts_begin(facts, dp_phase_name((dp_phase)phase));
        dp_facts_real(facts, "min", us.min);
        dp_facts_real(facts, "median", us.median);
        dp_facts_real(facts, "max", us.max);
        dp_facts_end(facts);
    }
    dp_facts_end(facts);
}

/* Profiles some steps, and gathers what each rank has to tell. */
static dp_status measure_phases(bench *self, double seconds, dp_facts *facts, dp_error *error) {
    const uint64_t steps = steps_in(self, fmin(seconds, PROFILE_SECONDS_MAX), PROFILED_STEPS_MAX);
    const size_t ranks = (size_t)dp_comm_size(self->comm);
    dp_profile profile = {0};
    report *mine = &self->mine, *all = NULL;
    double *column = NULL;
    DP_OWNED(dp_memory_release) void *memory = NULL;
    dp_workspace room = {0};
    DP_RESERVE(&room, all, ranks);
    DP_RESERVE(&room, column, ranks);
    DP_TRY_ALLOCATE_ON_ALL(self->comm, memory, &room);
    const uint64_t before = dp_comm_bytes_sent(self->comm);
    (void)time_steps(self, steps, &profile);
    mine->bytes_sent = (double)(dp_comm_bytes_sent(self->comm) - before);
    memcpy(mine->seconds, profile.seconds, sizeof mine->seconds);
    dp_comm_gather_all(self->comm, mine, sizeof *mine, all);
    if (dp_comm_rank(self->comm) == 0) {
        add_facts(self, facts);
        add_reports(self, all, (double)steps, column, facts);
    }
    return DP_OK;
}

static void clear(bench *self) {
    dp_exchange_destroy(self->idle);
    dp_engine_destroy(self->engine);
    dp_yardstick_close(&self->yardstick);
    dp_memory_free(self->memory);
}

/* The first step, and the parameters. */
static dp_status begin(bench *self, dp_error *error) {
    (void)time_steps(self, 1, NULL);
    self->step = 0;
    self->seconds_to_first_step = dp_process_age();
    self->mine.resident_bytes = (double)dp_process_resident_bytes();
    self->mine.proportional_bytes =
        (double)(dp_process_proportional_bytes(0) + dp_yardstick_bytes(&self->yardstick));
    DP_TRY(dp_engine_initialise(self->engine, error));
    dp_engine_publish(self->engine);
    return DP_OK;
}

/* Steps until the number of ranks at work is found. Whether this rank is among them. */
static bool settle(bench *self) {
    dp_turn turn = {.state = &self->step, .size = sizeof self->step};
    while (dp_engine_turn(self->engine, &turn) && dp_engine_is_trying(self->engine)) {
        const dp_work *work = dp_engine_subject(self->engine)->work;
        const double before = dp_timer_now();
        turn.must_look =
            take_step(self, dp_work_wants_look(work, self->step + 1, turn.seconds), NULL).must_look;
        turn.steps = self->step;
        turn.seconds += dp_timer_now() - before;
    }
    if (dp_engine_rests(self->engine))
        return false;
    self->comm = dp_engine_subject(self->engine)->comm;
    return true;
}

/* What is done by whoever is at work. */
static dp_status work(bench *self, double seconds, dp_facts *facts, dp_error *error) {
    if (!dp_engine_rests(self->engine))
        DP_TRY(begin(self, error));
    if (!settle(self))
        return DP_OK;
    DP_TRY(prepare(self, error));
    warm_up(self, seconds);
    measure(self, seconds);
    return measure_phases(self, seconds, facts, error);
}

dp_status dp_bench_run(dp_comm *comm, const dp_config *config, double seconds, dp_facts *facts,
                       dp_error *error) {
    DP_OWNED(clear)
    bench self = {.config = config, .schedule = dp_config_schedule(config)};
    if (dp_comm_rank(comm) == 0)
        dp_yardstick_begin(&self.yardstick);
    DP_TRY(dp_engine_create(&self.engine, comm, config, error));
    self.comm = dp_engine_subject(self.engine)->comm;
    self.layout = dp_engine_subject(self.engine)->layout;
    self.kernels = dp_kernels_of(dp_engine_subject(self.engine)->build->level);
    return dp_engine_end(self.engine, work(&self, seconds, facts, error), error);
}
